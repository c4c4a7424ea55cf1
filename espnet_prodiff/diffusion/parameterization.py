"""Conversions between clean data x_0, noise eps and v (Salimans & Ho 2022, app. D).

Everywhere x_t = alpha * x_0 + sigma * eps with alpha^2 + sigma^2 = 1.
"""

from typing import NamedTuple

from torch import Tensor

from espnet_prodiff.errors import UserError

PREDICTION_TYPES = ("x_0", "eps", "v")


class Prediction(NamedTuple):
    """A prediction from x_t: the clean data and the noise, of the same shape."""

    x_0: Tensor
    eps: Tensor

    def v(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """v = alpha * eps - sigma * x_0."""
        return alpha * self.eps - sigma * self.x_0


def prediction_from_x_0(
    x_0: Tensor, x_t: Tensor, *, alpha: Tensor, sigma: Tensor
) -> Prediction:
    """eps = (x_t - alpha * x_0) / sigma."""
    return Prediction(x_0, (x_t - alpha * x_0) / sigma)


def prediction_from_eps(
    eps: Tensor, x_t: Tensor, *, alpha: Tensor, sigma: Tensor
) -> Prediction:
    """x_0 = (x_t - sigma * eps) / alpha."""
    return Prediction((x_t - sigma * eps) / alpha, eps)


def prediction_from_v(
    v: Tensor, x_t: Tensor, *, alpha: Tensor, sigma: Tensor
) -> Prediction:
    """x_0 = alpha * x_t - sigma * v and eps = sigma * x_t + alpha * v."""
    return Prediction(alpha * x_t - sigma * v, sigma * x_t + alpha * v)


def to_prediction(
    output: Tensor, x_t: Tensor, prediction_type: str, *, alpha: Tensor, sigma: Tensor
) -> Prediction:
    """Read a network output of the given ``prediction_type`` as x_0 and eps.

    Raises:
        UserError: If ``prediction_type`` is none of ``PREDICTION_TYPES``.
    """
    convert = {
        "x_0": prediction_from_x_0,
        "eps": prediction_from_eps,
        "v": prediction_from_v,
    }[check_prediction_type(prediction_type)]
    return convert(output, x_t, alpha=alpha, sigma=sigma)


def check_prediction_type(prediction_type: str) -> str:
    """Return ``prediction_type`` if it is one, raise ValueError otherwise."""
    if prediction_type not in PREDICTION_TYPES:
        raise UserError(
            f"prediction_type must be one of {', '.join(PREDICTION_TYPES)}, but it is "
            f"{prediction_type!r}"
        )
    return prediction_type
