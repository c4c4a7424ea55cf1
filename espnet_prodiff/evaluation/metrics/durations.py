"""Errors of predicted durations."""

from collections.abc import Callable

import numpy as np

from espnet_prodiff.errors import UserError
from espnet_prodiff.evaluation.metrics.metric import Metric
from espnet_prodiff.evaluation.metrics.subjects import SpeechPair


def token_error(predicted: np.ndarray, reference: np.ndarray) -> float:
    """Return the mean absolute error of frames per token (T_text + 1,), eos included.

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

    Raises:
        UserError: The reference has no frames.
    """
    if reference.sum() == 0:
        raise UserError("its reference durations sum to 0")
    return float((predicted.sum() - reference.sum()) / reference.sum())


def _if_predicted(
    error: Callable[[np.ndarray, np.ndarray], float], in_ms: bool
) -> Callable[[SpeechPair], float | None]:
    def compute(pair: SpeechPair) -> float | None:
        if pair.durations is None or pair.reference_durations is None:
            return None
        unit = pair.frame_ms if in_ms else 1.0
        return error(pair.durations, pair.reference_durations) * unit

    return compute


DURATION_ERROR = Metric(
    "duration_ms",
    "duration error (ms)",
    ".1f",
    "mean absolute error per token, eos included, to the reference durations",
    _if_predicted(token_error, in_ms=True),
)
LENGTH_ERROR = Metric(
    "length_error",
    "length error (%)",
    "+.1f",
    "total duration against the reference; above 0 is slower",
    _if_predicted(length_error, in_ms=False),
    scale=100,
)
