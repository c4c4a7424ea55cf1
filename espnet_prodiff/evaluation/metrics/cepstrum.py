r"""Mel-cepstral distortion along a warping path.

The distance of two frames is, in dB,

    MCD = 10 / ln(10) * sqrt(sum_{m=1}^{24} (c_m - c'_m)^2)

where c_m are the cepstra of ``analysis``. That makes it the RMS difference of the two
smoothed log envelopes over the mel axis without its mean, which is what the usual
``10 / ln(10) * sqrt(2 * sum ...)`` of SPTK's mel-cepstra (log *amplitude*, cosine
series) measures too. c_0, the level, is left out.
"""

import numpy as np

from espnet_prodiff.evaluation.metrics.metric import Metric
from espnet_prodiff.evaluation.metrics.subjects import SpeechPair

DECIBELS = 10.0 / np.log(10.0)


def frame_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the mel-cepstral distance in dB of frames (..., 24) taken pairwise."""
    return DECIBELS * np.sqrt(((a - b) ** 2).sum(axis=-1))


def mel_cepstral_distortion(a: np.ndarray, b: np.ndarray, path: np.ndarray) -> float:
    """Return the mean distance in dB of cepstra (T_a, 24) and (T_b, 24) along a path.

    ``path`` holds pairs of frame indices (T_path, 2), from ``analysis.align``.
    """
    return float(frame_distance(a[path[:, 0]], b[path[:, 1]]).mean())


MCD: Metric[SpeechPair] = Metric(
    "mcd",
    "MCD (dB)",
    ".2f",
    "mel-cepstral distortion, c_1 to c_24 of WORLD's envelopes, mean along a "
    "dynamic time warping path, 5 ms frames, floor 60 dB below the loudest",
    lambda x: mel_cepstral_distortion(x.recorded.cepstra, x.decoded.cepstra, x.path),
)
