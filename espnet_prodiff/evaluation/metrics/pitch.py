"""Log-F0 error over frames that are voiced in both signals."""

import numpy as np

from espnet_prodiff.evaluation.metrics.metric import Metric
from espnet_prodiff.evaluation.metrics.subjects import SpeechPair


def log_f0_rmse(f0_a: np.ndarray, f0_b: np.ndarray, path: np.ndarray) -> float:
    """Compare two pitch tracks (T_a,), (T_b,) in Hz, 0 where unvoiced, along a path.

    Returns:
        Root mean square of ln(F0_a / F0_b) over the pairs (T_path, 2), from
        ``analysis.align``, with both voiced (0.058 is a semitone); nan without any.
    """
    a, b = f0_a[path[:, 0]], f0_b[path[:, 1]]
    voiced = (a > 0) & (b > 0)
    if not voiced.any():
        return float("nan")
    return float(np.sqrt(np.mean(np.log(a[voiced] / b[voiced]) ** 2)))


LOG_F0_RMSE: Metric[SpeechPair] = Metric(
    "log_f0_rmse",
    "log-F0 RMSE",
    ".3f",
    "natural log, over frames voiced in both along the same path (DIO and "
    "StoneMask); 0.058 is a semitone",
    lambda pair: log_f0_rmse(pair.recorded.f0, pair.decoded.f0, pair.path),
)
