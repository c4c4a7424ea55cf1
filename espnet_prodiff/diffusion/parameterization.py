"""Conversions between clean data x_0, noise eps and v (Salimans & Ho 2022, app. D).

Everywhere x_t = alpha * x_0 + sigma * eps with alpha^2 + sigma^2 = 1.
"""

from typing import NamedTuple

from torch import Tensor

from espnet_prodiff.errors import check_choice

PREDICTION_TYPES = ("x_0", "eps", "v")


class Prediction(NamedTuple):
    """A prediction from x_t: the clean data and the noise, of the same shape."""

    x_0: Tensor
    eps: Tensor

    def v(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """v = alpha * eps - sigma * x_0."""
        return alpha * self.eps - sigma * self.x_0


def to_prediction(
    output: Tensor, x_t: Tensor, prediction_type: str, *, alpha: Tensor, sigma: Tensor
) -> Prediction:
    """Read a network's output of the ``prediction_type`` as x_0 and eps.

    From x_0, eps = (x_t - alpha * x_0) / sigma; from eps, x_0 = (x_t - sigma * eps) /
    alpha; from v, x_0 = alpha * x_t - sigma * v and eps = sigma * x_t + alpha * v.

    Raises:
        UserError: If ``prediction_type`` is none of ``PREDICTION_TYPES``.
    """
    check_choice("prediction_type", prediction_type, PREDICTION_TYPES)
    if prediction_type == "x_0":
        return Prediction(output, (x_t - alpha * output) / sigma)
    if prediction_type == "eps":
        return Prediction((x_t - sigma * output) / alpha, output)
    return Prediction(alpha * x_t - sigma * output, sigma * x_t + alpha * output)
