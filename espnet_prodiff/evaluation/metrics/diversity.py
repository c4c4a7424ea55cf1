"""NDB and JSD: distances of the histograms of generated and of recorded frames.

Richardson & Weiss, "On GANs and GMMs" (2018), section 4, as used by the ProDiff paper:
k-means bins are fitted on recorded mel frames; NDB is the share of bins in which the
proportions of generated and recorded frames differ significantly (two-proportion
z-test, 5 %), JSD the Jensen-Shannon divergence of the two histograms. Neighbouring
frames are not independent as the test assumes, so NDB compares systems measured
alike; its absolute value means little.
"""

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import norm
from sklearn.cluster import KMeans

from espnet_prodiff.errors import UserError
from espnet_prodiff.evaluation.metrics.metric import Metric
from espnet_prodiff.evaluation.metrics.subjects import MelSamples


class Diversity(NamedTuple):
    """Share of different bins, and Jensen-Shannon divergence in nats, 0 to ln 2."""

    ndb: float
    jsd: float


def fit_bins(frames: np.ndarray, num_bins: int = 50, seed: int = 0) -> KMeans:
    """Fit k-means bins on recorded frames (N, n_mels); ``seed`` is that of the centres.

    Raises:
        UserError: Fewer frames than bins.
    """
    if len(frames) < num_bins:
        raise UserError(f"{len(frames)} frames are too few for {num_bins} bins.")
    bins = KMeans(num_bins, n_init=1, random_state=seed)
    return bins.fit(np.asarray(frames, dtype=np.float64))


def histogram(bins: KMeans, frames: np.ndarray) -> np.ndarray:
    """Count the frames (N, n_mels) that fall into each bin, (num_bins,)."""
    labels = bins.predict(np.asarray(frames, dtype=np.float64))
    return np.bincount(labels, minlength=bins.n_clusters)


def compare_histograms(
    generated: np.ndarray, recorded: np.ndarray, significance: float = 0.05
) -> Diversity:
    """Compare two histograms of counts (num_bins,).

    Raises:
        UserError: Different numbers of bins, or an empty histogram.
    """
    if generated.shape != recorded.shape:
        raise UserError("The histograms have different numbers of bins.")
    n, m = generated.sum(), recorded.sum()
    if n == 0 or m == 0:
        raise UserError("A histogram is empty.")
    p, q = generated / n, recorded / m
    pooled = (generated + recorded) / (n + m)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    different = np.abs(p - q) > norm.ppf(1 - significance / 2) * error
    return Diversity(float(different.mean()), float(jensenshannon(p, q) ** 2))


def compare_frames(mels: MelSamples) -> dict[str, Diversity]:
    """Compare the frames of all utterances, sampled and recorded, seed by seed."""
    recorded = histogram(mels.bins, np.concatenate(list(mels.recorded.values())))
    by_seed = {}
    for number, seed in enumerate(mels.seeds):
        counts = [histogram(mels.bins, s[number]) for s in mels.samples.values()]
        generated = np.sum(counts, axis=0)
        by_seed[f"seed {seed}"] = compare_histograms(generated, recorded)
    return by_seed


NDB: Metric[MelSamples] = Metric(
    "ndb",
    "NDB",
    ".3f",
    "share of k-means bins whose frequency differs from the recordings' (5 %); "
    "mean over seeds",
    lambda mels: {seed: both.ndb for seed, both in compare_frames(mels).items()},
)
JSD: Metric[MelSamples] = Metric(
    "jsd",
    "JSD",
    ".4f",
    "Jensen-Shannon divergence over the same bins, nats; mean over seeds",
    lambda mels: {seed: both.jsd for seed, both in compare_frames(mels).items()},
)
