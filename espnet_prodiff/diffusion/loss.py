"""The diffusion loss: draw a time and noise, predict, measure the error."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from espnet_prodiff.diffusion.denoiser import Denoiser
from espnet_prodiff.diffusion.schedule import NoiseSchedule
from espnet_prodiff.diffusion.weighting import loss_weight
from espnet_prodiff.errors import check_choice

# (prediction (B, C, L), target (B, C, L), mask (B, 1, L) or None) -> errors (B,)
Distance: TypeAlias = Callable[[Tensor, Tensor, Tensor | None], Tensor]

TRAIN_TIMES = ("discrete", "continuous")


def masked_mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """Mean over channels and valid frames of each utterance, (B, C, L) -> (B,)."""
    if mask is None:
        return values.flatten(1).mean(1)
    count = mask.flatten(1).sum(1) * values.shape[1]
    return (values * mask).flatten(1).sum(1) / count


def widened(tensor: Tensor) -> Tensor:
    """``tensor`` in float32, unless it is wider: sums of errors are too much for half.

    Errors of x_0 are those of eps divided by alpha, up to 20,000 times as large.
    """
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def mean_error(
    distance: Distance,
    prediction: Tensor,
    target: Tensor,
    mask: Tensor | None,
    weight: str,
    log_snr: Tensor,
) -> Tensor:
    """Mean over a batch of weighted errors, a scalar; in float32 under autocast too.

    Args:
        distance: Error of each utterance.
        prediction: (B, C, L).
        target: (B, C, L).
        mask: (B, 1, L), 1 = valid.
        weight: Name of the weight of each utterance's error, see ``loss_weight``.
        log_snr: Of each utterance, (B,).
    """
    with torch.autocast(prediction.device.type, enabled=False):
        errors = distance(widened(prediction), widened(target), mask)
        weights = loss_weight(weight, log_snr)
        return (weights.to(errors.dtype) * errors).mean()


def absolute_error(prediction: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
    """Mean absolute error of each utterance, (B,)."""
    return masked_mean((prediction - target).abs(), mask)


def squared_error(prediction: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
    """Mean squared error of each utterance, (B,)."""
    return masked_mean((prediction - target) ** 2, mask)


def draw_noise(x_0: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standard normal noise like ``x_0``, from ``generator`` where one is given."""
    return torch.randn(
        x_0.shape, generator=generator, device=x_0.device, dtype=x_0.dtype
    )


def draw_times(
    schedule: NoiseSchedule,
    num: int,
    times: str = "discrete",
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw training times, (B,).

    Args:
        schedule: The noise schedule.
        num: How many, B.
        times: "discrete" (1 ... T, equally likely) or "continuous" (uniform on [0, T]
            but for the clean end, where the log-SNR would exceed 20: Salimans & Ho
            2022, appendix).
        generator: Source of the draws.
        device: Where the result lies.

    Raises:
        UserError: If ``times`` is neither.
    """
    check_choice("training times", times, TRAIN_TIMES)
    total = schedule.num_train_steps
    if times == "discrete":
        t = torch.randint(1, total + 1, (num,), generator=generator, device=device)
        return t.double()
    cleanest = schedule.cleanest_time
    u = torch.rand(num, generator=generator, dtype=torch.float64, device=device)
    return cleanest + (total - cleanest) * u


def diffusion_loss(
    denoiser: Denoiser,
    x_0: Tensor,
    cond: Tensor | None = None,
    mask: Tensor | None = None,
    *,
    distance: Distance = squared_error,
    error_of: str = "x_0",
    weight: str = "uniform",
    times: str = "discrete",
    t: Tensor | None = None,
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Mean weighted error of a prediction at a random time (Ho 2020, Alg. 1).

    Args:
        denoiser: The model.
        x_0: Clean data, (B, C, L).
        cond: Conditioning, (B, C_cond, L).
        mask: (B, 1, L), 1 = valid.
        distance: Error of each utterance; masked, so that padding does not count.
        error_of: What is compared: "x_0" or "eps".
        weight: Name of the weight of each utterance's error, see ``loss_weight``.
        times: Which times are drawn, see ``draw_times``.
        t: Times, (B,), instead of drawing them.
        noise: eps, (B, C, L). Default: drawn from N(0, I).
        generator: Source of the drawn times and noise.

    Raises:
        UserError: If an option is none of its values.
    """
    if t is None:
        t = draw_times(denoiser.schedule, len(x_0), times, generator, x_0.device)
    eps = draw_noise(x_0, generator) if noise is None else noise
    alpha, sigma = denoiser.alpha_sigma(t, x_0)
    prediction = denoiser(alpha * x_0 + sigma * eps, t, cond, mask)
    check_choice("error_of", error_of, ("x_0", "eps"))
    pair = (prediction.x_0, x_0) if error_of == "x_0" else (prediction.eps, eps)
    return mean_error(distance, *pair, mask, weight, denoiser.schedule.log_snr(t))
