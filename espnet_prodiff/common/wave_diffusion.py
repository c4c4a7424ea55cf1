"""Noise schedule and objective of the waveform models, by name."""

from functools import partial

import torch
from torch import Tensor

from espnet_prodiff.diffusion import (
    Denoiser,
    NoiseSchedule,
    absolute_error,
    diffusion_loss,
    squared_error,
)
from espnet_prodiff.errors import UserError, check_choice, check_positive

DIFFUSION_SCHEDULERS = ("linear", "cosine", "vpsde")
LOSSES = {"l2": squared_error, "l1": absolute_error}


def noise_schedule(
    scheduler: str, steps: int, beta_start: float, beta_end: float
) -> NoiseSchedule:
    """The schedule that the ``diffusion_*`` and ``beta_*`` options describe; T = steps.

    The betas are those of "linear", the papers'; "cosine" and "vpsde" do without.

    Raises:
        UserError: If an option is outside its range.
    """
    check_choice("diffusion_scheduler", scheduler, DIFFUSION_SCHEDULERS)
    check_positive("diffusion_steps", steps)
    if scheduler == "cosine":
        return NoiseSchedule.cosine(steps)
    if scheduler == "vpsde":
        return NoiseSchedule.vpsde(steps)
    if not 0 < beta_start <= beta_end < 1:
        raise UserError(
            "beta_start and beta_end must be 0 < beta_start <= beta_end < 1, but they "
            f"are {beta_start} and {beta_end}"
        )
    return NoiseSchedule.linear(steps, beta_start, beta_end)


def denoising_objective(
    denoiser: Denoiser,
    x_0: Tensor,
    cond: Tensor | None,
    mask: Tensor | None,
    generator: torch.Generator | None,
    cond_inputs: dict[str, Tensor | None],
    *,
    loss: str,
    times: str = "discrete",
) -> Tensor:
    """The teacher's objective: the error of what the network predicts.

    For "eps" this is the unweighted loss of Ho et al. (2020): with "l2" DiffWave's
    (Algorithm 1), with "l1" and continuous times WaveGrad's (Algorithm 1).
    For "v" it is the squared error of v, which is that of x_0 times SNR + 1 (Salimans
    & Ho 2022, section 4): unlike that of eps it does not fade where the data are noise.
    """
    error_of, weight = denoiser.prediction_type, "uniform"
    if error_of == "v":
        error_of, weight = "x_0", "snr_plus_one"
    return diffusion_loss(
        denoiser,
        x_0,
        cond,
        mask,
        distance=LOSSES[loss],
        error_of=error_of,
        weight=weight,
        times=times,
        generator=generator,
    )


def objective_of(loss: str, prediction_type: str, times: str = "discrete") -> partial:
    """The teacher's objective with one of `LOSSES`.

    Raises:
        UserError: If the loss is unknown or does not go with what is predicted.
    """
    check_choice("loss", loss, LOSSES)
    if loss == "l1" and prediction_type == "v":
        raise UserError(
            "loss must be l2 with prediction_type v, but it is l1: use "
            "prediction_type eps or x_0 for l1"
        )
    return partial(denoising_objective, loss=loss, times=times)
