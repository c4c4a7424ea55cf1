"""Statistics of log-mel spectrograms: arrays in, numbers out.

All take normalised features (zero mean and unit variance per bin over the training
set), so that every bin weighs the same. L1 to a recording rewards blur: read it beside
the variance ratio and the spread over seeds, which blur loses.
"""

import numpy as np

from espnet_prodiff.errors import UserError


def mel_l1(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean absolute difference of two mels (T, n_mels) of one length.

    Raises:
        UserError: The shapes differ.
    """
    if a.shape != b.shape:
        raise UserError(f"Mels of shapes {a.shape} and {b.shape} cannot be compared.")
    return float(np.abs(a - b).mean())


def variance_ratio(generated: np.ndarray, recorded: np.ndarray) -> float:
    """Return how much of a recording's movement in time the generated mel has.

    For each, the variance over time of every bin, averaged over bins; the ratio of the
    two averages. 1 is right, 0 is a constant frame.

    Args:
        generated: Mel (T, n_mels).
        recorded: Mel of the same utterance (T', n_mels).

    Raises:
        UserError: The recording does not vary.
    """
    reference = recorded.var(axis=0).mean()
    if not reference > 0:
        raise UserError("The recorded mel does not vary over time.")
    return float(generated.var(axis=0).mean() / reference)


def seed_spread(draws: np.ndarray) -> float:
    """Return how much draws from different noise differ.

    Args:
        draws: Mels of one utterance (num_seeds, T, n_mels), num_seeds >= 2.

    Returns:
        Standard deviation over the draws (n - 1), averaged over bins and frames.

    Raises:
        UserError: Fewer than two draws.
    """
    if len(draws) < 2:
        raise UserError("The spread over seeds needs at least two draws.")
    return float(draws.std(axis=0, ddof=1).mean())
