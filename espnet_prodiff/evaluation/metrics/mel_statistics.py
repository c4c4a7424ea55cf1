"""Statistics of normalised log-mels.

L1 to a recording rewards blur: read it beside the variance ratio and the spread over
seeds, which blur loses.
"""

from collections.abc import Callable

import numpy as np

from espnet_prodiff.errors import UserError
from espnet_prodiff.evaluation.metrics.metric import Metric
from espnet_prodiff.evaluation.metrics.subjects import MelSamples


def mel_l1(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean absolute difference of two mels (T, n_mels) of one length.

    Raises:
        UserError: The shapes differ.
    """
    if a.shape != b.shape:
        raise UserError(f"Mels of shapes {a.shape} and {b.shape} cannot be compared.")
    return float(np.abs(a - b).mean())


def variance_ratio(generated: np.ndarray, recorded: np.ndarray) -> float:
    """Return the variance over time of a generated mel divided by the recording's.

    Of both, (T, n_mels) and (T', n_mels), the variance of every bin is averaged over
    bins first. 1 is right, 0 is a constant frame.

    Raises:
        UserError: The recording does not vary.
    """
    reference = recorded.var(axis=0).mean()
    if not reference > 0:
        raise UserError("The recorded mel does not vary over time.")
    return float(generated.var(axis=0).mean() / reference)


def seed_spread(samples: np.ndarray) -> float:
    """Return the standard deviation (n - 1) over samples from different noise.

    It is the mean over bins and frames of mels (num_seeds, T, n_mels) of one utterance.

    Raises:
        UserError: Fewer than two samples.
    """
    if len(samples) < 2:
        raise UserError("The spread over seeds needs at least two samples.")
    return float(samples.std(axis=0, ddof=1).mean())


def _mean_over_seeds(
    statistic: Callable[[np.ndarray, np.ndarray], float],
) -> Callable[[MelSamples], dict[str, float]]:
    return lambda mels: {
        utt: float(np.mean([statistic(s, mels.recorded[utt]) for s in samples]))
        for utt, samples in mels.samples.items()
    }


def _spread(mels: MelSamples) -> dict[str, float]:
    if len(mels.seeds) < 2:
        return {}
    return {utt: seed_spread(samples) for utt, samples in mels.samples.items()}


def _distance(mels: MelSamples) -> dict[str, float]:
    if mels.first is None:
        return {}
    return {u: mel_l1(samples, mels.first[u]) for u, samples in mels.samples.items()}


MEL_L1 = Metric(
    "mel_l1",
    "L1",
    ".3f",
    "mean absolute difference to the recording's normalised log-mel; rewards blur",
    _mean_over_seeds(mel_l1),
)
VARIANCE_RATIO = Metric(
    "variance_ratio",
    "variance ratio",
    ".3f",
    "variance over time, averaged over bins, divided by the recording's",
    _mean_over_seeds(variance_ratio),
)
SPREAD = Metric(
    "spread",
    "spread over seeds",
    ".4f",
    "standard deviation over draws from different noise, averaged over bins and frames",
    _spread,
)
DISTANCE = Metric(
    "distance",
    "distance to the first",
    ".4f",
    "L1 to the first model's draw from the same noise",
    _distance,
)
