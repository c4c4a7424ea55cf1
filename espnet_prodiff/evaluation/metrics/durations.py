"""Errors of predicted durations."""

import numpy as np

from espnet_prodiff.errors import UserError
from espnet_prodiff.evaluation.metrics.metric import Metric
from espnet_prodiff.evaluation.metrics.subjects import SpeechPair


def token_error(predicted: np.ndarray, reference: np.ndarray) -> float:
    """Return the mean absolute error per token in frames, the closing eos included.

    Args:
        predicted: Frames per token (T_text + 1,).
        reference: Frames per token (T_text + 1,).

    Raises:
        UserError: The two have different numbers of tokens.
    """
    if len(predicted) != len(reference):
        raise UserError(
            f"{len(predicted)} predicted durations, {len(reference)} in the "
            "reference: were both made from the same tokens?"
        )
    return float(np.abs(predicted - reference).mean())


def length_error(predicted: np.ndarray, reference: np.ndarray) -> float:
    """Return the relative error of the total length, signed: above 0 is too slow.

    Args:
        predicted: Frames per token (T_text + 1,).
        reference: Frames per token (T_text + 1,).

    Raises:
        UserError: The reference has no frames.
    """
    if reference.sum() == 0:
        raise UserError("its reference durations sum to 0")
    return float((predicted.sum() - reference.sum()) / reference.sum())


def _token_error_ms(pair: SpeechPair) -> float | None:
    if pair.durations is None or pair.reference_durations is None:
        return None
    return token_error(pair.durations, pair.reference_durations) * pair.frame_ms


def _length_error(pair: SpeechPair) -> float | None:
    if pair.durations is None or pair.reference_durations is None:
        return None
    return length_error(pair.durations, pair.reference_durations)


DURATION_ERROR = Metric(
    "duration_ms",
    "duration error (ms)",
    ".1f",
    "mean absolute error per token, eos included, to the reference durations",
    _token_error_ms,
)
LENGTH_ERROR = Metric(
    "length_error",
    "length error (%)",
    "+.1f",
    "total duration against the reference; above 0 is slower",
    _length_error,
    scale=100,
)
