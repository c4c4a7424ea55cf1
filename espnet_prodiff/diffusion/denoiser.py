"""Denoiser: a raw network, read as a prediction of the clean data and of the noise."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from espnet_prodiff.diffusion.parameterization import (
    PREDICTION_TYPES,
    Prediction,
    to_prediction,
)
from espnet_prodiff.diffusion.schedule import NoiseSchedule, Time
from espnet_prodiff.errors import check_choice

NOISE_CONDS = ("step", "alpha", "log_snr")


class Denoiser(nn.Module):
    """A network with its noise schedule and the meaning of its output.

    Losses, samplers and distillation speak to this class only, so they never learn
    what the network predicts or what its noise condition is.

    Args:
        network: Called as ``network(x_t, noise_cond, cond, mask)`` with x_t (B, C, L)
            and noise_cond (B,); returns (B, C, L). It may offer ``prepare_cond(cond)``
            for what does not depend on the step.
        schedule: The noise schedule.
        prediction_type: What the output is: "x_0", "eps" or "v".
        noise_cond: The noise condition of the network: "step" (the time t), "alpha"
            or "log_snr".

    Raises:
        UserError: If an option is none of its values.
    """

    def __init__(
        self,
        network: Callable[..., Tensor],
        schedule: NoiseSchedule,
        prediction_type: str = "x_0",
        noise_cond: str = "step",
    ) -> None:
        super().__init__()
        check_choice("noise_cond", noise_cond, NOISE_CONDS)
        check_choice("prediction_type", prediction_type, PREDICTION_TYPES)
        self.network: Any = network  # models read what theirs has
        self.schedule = schedule
        self.prediction_type = prediction_type
        self.noise_cond = noise_cond

    def forward(
        self,
        x_t: Tensor,
        t: Time,
        cond: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Prediction:
        """Predict x_0 and eps, (B, C, L) each, from x_t at time t > 0.

        Args:
            x_t: Noisy data, (B, C, L).
            t: Time, a number or (B,).
            cond: Conditioning, (B, C_cond, L), or what ``prepare_cond`` made of it.
            mask: (B, 1, L), 1 = valid. Both predictions are 0 where it is 0.
        """
        t = torch.as_tensor(t, dtype=torch.float64, device=x_t.device)
        t = t.expand(len(x_t))
        alpha, sigma = self.alpha_sigma(t, x_t)
        condition = {
            "step": lambda: t,
            "alpha": lambda: self.schedule.alpha(t),
            "log_snr": lambda: self.schedule.log_snr(t),
        }[self.noise_cond]()
        # In half precision neighbouring times and alphas would be the same number.
        wide = torch.promote_types(x_t.dtype, torch.float32)
        output = self.network(x_t, condition.to(wide), cond, mask).to(x_t.dtype)
        prediction = to_prediction(
            output, x_t, self.prediction_type, alpha=alpha, sigma=sigma
        )
        if mask is None:
            return prediction
        return Prediction(prediction.x_0 * mask, prediction.eps * mask)

    def alpha_sigma(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """alpha(t) and sigma(t) of times (B,), shaped and typed to scale ``like``."""
        shape = (-1, *[1] * (like.dim() - 1))
        alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
        return alpha.to(like.dtype).view(shape), sigma.to(like.dtype).view(shape)

    def prepare_cond(self, cond: Tensor | None) -> Tensor | None:
        """Do once what the network does to ``cond`` at every step alike."""
        prepare = getattr(self.network, "prepare_cond", None)
        return cond if cond is None or prepare is None else prepare(cond)


class ClippedDenoiser(Denoiser):
    """A Denoiser of what is known to lie within a range, as samples of a wave do.

    NOTE: the papers' samplers do not clip, known implementations do. Without it a
    network that has not learnt enough grows the wave from step to step, to infinity.

    Args:
        *args: Of Denoiser.
        limit: Largest size of the clean data.
    """

    def __init__(self, *args: Any, limit: float) -> None:
        super().__init__(*args)
        self.limit = limit

    def forward(
        self,
        x_t: Tensor,
        t: Time,
        cond: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Prediction:
        """Predict, with x_0 in the range and the eps that goes with it."""
        x_0, eps = super().forward(x_t, t, cond, mask)
        clipped = x_0.clamp(-self.limit, self.limit)
        times = torch.as_tensor(t, dtype=torch.float64, device=x_t.device)
        alpha, sigma = self.alpha_sigma(times.expand(len(x_t)), x_t)
        # x_t = alpha x_0 + sigma eps, before and after. From x_t itself: the prediction
        # of a network that has not learnt enough may be too large to be subtracted.
        of_clipped = (x_t - alpha * clipped) / sigma
        return Prediction(clipped, torch.where(clipped == x_0, eps, of_clipped))
