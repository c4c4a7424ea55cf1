"""A figure is a mean with its spread and its number of samples."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy import stats

from espnet_prodiff.errors import UserError


@dataclass(frozen=True)
class Measurement:
    """A mean, and of its ``n`` samples, as a rule utterances, the spread.

    ``std`` is their standard deviation (n - 1), ``ci95`` half of the 95 % confidence
    interval of the mean; both are nan for one sample.
    """

    mean: float
    std: float
    ci95: float
    n: int

    def as_dict(self) -> dict[str, float | int | None]:
        """Return plain numbers for JSON; what is undefined becomes None."""
        return {k: v if np.isfinite(v) else None for k, v in asdict(self).items()}


def measure(values: Sequence[float]) -> Measurement | None:
    """Summarise one value per utterance: Student's t interval of the mean.

    Values that are not finite (an utterance without voiced frames has no F0 error) are
    left out and not counted in ``n``; without any finite one the figure is None.
    """
    x = np.asarray(values, dtype=float)
    x = x[np.isfinite(x)]
    n = len(x)
    if n == 0:
        return None
    if n == 1:
        return Measurement(float(x[0]), np.nan, np.nan, 1)
    std = float(x.std(ddof=1))
    ci95 = float(stats.t.ppf(0.975, n - 1)) * std / np.sqrt(n)
    return Measurement(float(x.mean()), std, float(ci95), n)


def measure_ratio(
    numerators: Sequence[float], denominators: Sequence[float]
) -> Measurement | None:
    """Summarise sum(numerators) / sum(denominators), one pair per utterance.

    The standard deviation is that of the residuals ``(a - ratio * b) / mean(b)``: the
    delta method for a ratio of means. Without samples the figure is None.

    Raises:
        UserError: The two differ in length, or a denominator is not positive.
    """
    a, b = np.asarray(numerators, dtype=float), np.asarray(denominators, dtype=float)
    if a.shape != b.shape or (b <= 0).any():
        raise UserError("Expected as many numerators as positive denominators.")
    if len(a) == 0:
        return None
    ratio = float(a.sum() / b.sum())
    residuals = measure((a - ratio * b) / b.mean())
    if residuals is None:  # none of them is finite
        return None
    return Measurement(ratio, residuals.std, residuals.ci95, len(a))
