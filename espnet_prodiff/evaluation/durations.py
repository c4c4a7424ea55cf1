"""Errors of predicted durations."""

from dataclasses import dataclass

import numpy as np

from espnet_prodiff.errors import DataError


@dataclass(frozen=True)
class DurationError:
    """How far predicted durations are from reference ones.

    Attributes:
        token: Mean absolute error per token in frames, the closing eos included.
        total: Relative error of the total length, signed: above 0 is too slow.
    """

    token: float
    total: float


def duration_error(
    predicted: np.ndarray, reference: np.ndarray, utt: str
) -> DurationError:
    """Compare one utterance's durations.

    Args:
        predicted: Frames per token (T_text + 1,).
        reference: Frames per token (T_text + 1,).
        utt: The utterance, for the error message.

    Raises:
        DataError: The two have different numbers of tokens, or the reference
            has no frames.
    """
    if len(predicted) != len(reference):
        raise DataError(
            f"Utterance {utt}: {len(predicted)} predicted durations, "
            f"{len(reference)} in the reference: were both made from the same tokens?"
        )
    if reference.sum() == 0:
        raise DataError(f"Utterance {utt}: its reference durations sum to 0.")
    token = np.abs(predicted - reference).mean()
    total = (predicted.sum() - reference.sum()) / reference.sum()
    return DurationError(float(token), float(total))
