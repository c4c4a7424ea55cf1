"""Sampling: from noise to data along a decreasing list of times."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from espnet_prodiff.diffusion.denoiser import Denoiser
from espnet_prodiff.diffusion.parameterization import Prediction
from espnet_prodiff.diffusion.schedule import NoiseSchedule
from espnet_prodiff.errors import UserError, check_choice

SOLVERS = ("ddim", "dpmsolver++")


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    x_T: Tensor,
    timesteps: Tensor,
    cond: Tensor | None = None,
    mask: Tensor | None = None,
    *,
    eta: float = 0.0,
    solver: str = "ddim",
    noise_fn: Callable[[Tensor], Tensor] = torch.randn_like,
    callback: Callable[[dict[str, Any]], None] | None = None,
) -> Tensor:
    """Denoise ``x_T`` to the last of ``timesteps``: one network evaluation a step.

    Args:
        denoiser: The model.
        x_T: Data at the first time, usually N(0, I), (B, C, L).
        timesteps: Strictly decreasing times, (num_steps + 1,); usually they end at 0,
            where the result is the last prediction of x_0 itself.
        cond: Conditioning, (B, C_cond, L).
        mask: (B, 1, L), 1 = valid.
        eta: Share of the ancestral noise in "ddim": 0 is deterministic, 1 is the DDPM
            posterior at whatever stride (Song et al. 2021, eq. 12 and 16).
        solver: "ddim" or "dpmsolver++" (multistep, second order, deterministic).
        noise_fn: Draws noise like its argument; called only where eta > 0.
        callback: Called after each step with a dict of step (0, 1, ...), t, s (the
            times from and to), x_t (before the step), x_0 (the prediction) and x_s.

    Raises:
        UserError: If the times do not decrease or an option is none of its values.
    """
    times = _check_times(timesteps)
    check_choice("solver", solver, SOLVERS)
    if not 0 <= eta <= 1:
        raise UserError(f"eta must be between 0 and 1, but it is {eta}")
    if solver == "dpmsolver++" and eta != 0:
        raise UserError(f"dpmsolver++ is deterministic: eta must be 0, not {eta}")

    cond = denoiser.prepare_cond(cond)
    schedule = denoiser.schedule
    x_t = x_T
    previous: tuple[float, Tensor] | None = None  # time and x_0 of the step before
    for step, (t, s) in enumerate(zip(times[:-1], times[1:], strict=True)):
        prediction = denoiser(x_t, t, cond, mask)
        if solver == "ddim":
            x_s = _ddim_step(schedule, prediction, t, s, eta, noise_fn)
        else:
            x_s = _dpmsolver_step(schedule, x_t, prediction.x_0, t, s, previous)
            previous = (t, prediction.x_0)
        if callback is not None:
            x_0 = prediction.x_0
            callback({"step": step, "t": t, "s": s, "x_t": x_t, "x_0": x_0, "x_s": x_s})
        x_t = x_s
    return x_t


def _ddim_step(
    schedule: NoiseSchedule,
    prediction: Prediction,
    t: float,
    s: float,
    eta: float,
    noise_fn: Callable[[Tensor], Tensor],
) -> Tensor:
    """Go from t to s, a share ``eta`` of the noise drawn afresh (Song 2021, eq. 12)."""
    if s == 0:
        return prediction.x_0
    alpha_t, sigma_t = schedule.alpha(t), schedule.sigma(t)
    alpha_s, sigma_s = schedule.alpha(s), schedule.sigma(s)
    if eta == 0:
        return alpha_s * prediction.x_0 + sigma_s * prediction.eps
    # Song eq. 16: with eta = 1 the variance of the posterior q(x_s | x_t, x_0).
    fresh = eta * sigma_s / sigma_t * (1 - (alpha_t / alpha_s) ** 2).sqrt()
    kept = (sigma_s**2 - fresh**2).sqrt()
    noise = noise_fn(prediction.eps)
    return alpha_s * prediction.x_0 + kept * prediction.eps + fresh * noise


def _dpmsolver_step(
    schedule: NoiseSchedule,
    x_t: Tensor,
    x_0: Tensor,
    t: float,
    s: float,
    previous: tuple[float, Tensor] | None,
) -> Tensor:
    """DPM-Solver++(2M) from t to s (Lu et al. 2022, Alg. 2); lambda = log_snr / 2."""
    if s == 0:
        return x_0  # the limit of the first-order step: lambda(0) is infinite
    log_ratio_t, log_ratio_s = schedule.log_snr(t) / 2, schedule.log_snr(s) / 2
    h = log_ratio_s - log_ratio_t
    direction = x_0
    if previous is not None:
        t_before, x_0_before = previous
        r = (log_ratio_t - schedule.log_snr(t_before) / 2) / h
        direction = x_0 + (x_0 - x_0_before) / (2 * r)
    scale = schedule.sigma(s) / schedule.sigma(t)
    return scale * x_t - schedule.alpha(s) * torch.expm1(-h) * direction


def _check_times(timesteps: Tensor) -> list[float]:
    times = [float(t) for t in timesteps]
    steps = zip(times[:-1], times[1:], strict=True)
    if len(times) < 2 or not all(t > s >= 0 for t, s in steps):
        raise UserError(
            "timesteps must be at least two times that decrease strictly and stay at "
            f"or above 0, but they are {times}"
        )
    return times
