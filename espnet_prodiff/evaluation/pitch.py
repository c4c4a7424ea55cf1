"""Log-F0 error over frames that are voiced in both signals."""

import numpy as np


def log_f0_rmse(f0_a: np.ndarray, f0_b: np.ndarray, path: np.ndarray) -> float:
    """Compare two pitch tracks along a warping path.

    Args:
        f0_a: F0 in Hz (T_a,), 0 where unvoiced.
        f0_b: F0 in Hz (T_b,), 0 where unvoiced.
        path: Pairs of frame indices (T_path, 2), from ``cepstrum.align``.

    Returns:
        Root mean square of ln(F0_a / F0_b) over the pairs of which both are voiced
        (0.058 is a semitone); nan if there is none.
    """
    a, b = f0_a[path[:, 0]], f0_b[path[:, 1]]
    voiced = (a > 0) & (b > 0)
    if not voiced.any():
        return float("nan")
    return float(np.sqrt(np.mean(np.log(a[voiced] / b[voiced]) ** 2)))
