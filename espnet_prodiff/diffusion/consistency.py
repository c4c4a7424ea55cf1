"""Consistency distillation: from any time of the teacher's grid to the clean end.

Song et al. 2023, *Consistency Models*, 2303.01469, algorithm 2: all times of one path
of the teacher share one x_0. The student learns that of a time from a moving average of
itself at the next time of the path, and that of the last time from the teacher.

Without the average, or with errors whose gradient does not vanish with them, the target
runs away from the student that aims at it.
"""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from espnet_prodiff.diffusion.denoiser import Denoiser
from espnet_prodiff.diffusion.distillation import noisy_on_grid
from espnet_prodiff.diffusion.loss import Distance, mean_error, squared_error
from espnet_prodiff.diffusion.parameterization import Prediction

# Called as a Denoiser is: (x_t, t, cond, mask) -> Prediction
Predict: TypeAlias = Callable[..., Prediction]


@torch.no_grad()
def consistency_target(
    averaged: Predict,
    teacher: Denoiser,
    x_t: Tensor,
    t: Tensor,
    s: Tensor,
    cond: Tensor | None = None,
    mask: Tensor | None = None,
    teacher_cond: Tensor | None = None,
) -> Tensor:
    """The averaged student's x_0 one teacher step later; at s = 0 the teacher's x_0.

    Args:
        averaged: The student with a moving average of its weights.
        teacher: The teacher.
        x_t: Noisy data, (B, C, L), as the result.
        t: Times of ``x_t``, (B,).
        s: Next times of the teacher's grid, s < t, (B,).
        cond: The student's conditioning, (B, C_cond, L).
        mask: (B, 1, L), 1 = valid.
        teacher_cond: The teacher's conditioning; default: the student's.
    """
    cond_of_teacher = cond if teacher_cond is None else teacher_cond
    prediction = teacher(x_t, t, cond_of_teacher, mask)
    alpha, sigma = teacher.alpha_sigma(s, x_t)
    x_s = alpha * prediction.x_0 + sigma * prediction.eps
    ends = (s == 0).view(-1, *[1] * (x_t.dim() - 1))
    # There is no prediction at s = 0; what is computed in its place is not used.
    later = averaged(x_s, torch.where(s == 0, t, s), cond, mask)
    return torch.where(ends, prediction.x_0, later.x_0)


def consistency_loss(
    student: Denoiser,
    teacher: Denoiser,
    x_0: Tensor,
    num_steps: int,
    cond: Tensor | None = None,
    mask: Tensor | None = None,
    *,
    timesteps: Tensor | None = None,
    averaged: Predict | None = None,
    teacher_cond: Tensor | None = None,
    distance: Distance = squared_error,
    weight: str = "uniform",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Mean error of the student's x_0 against ``consistency_target``, a scalar.

    The arguments are those of ``distillation_loss``, but ``num_steps`` are the
    teacher's, whose times ``timesteps``, (num_steps + 1,), are the grid, and
    ``averaged`` is the student with a moving average of its weights, which gives the
    target; default: the student itself, which is to be sampled in one step.
    """
    if timesteps is None:
        timesteps = student.schedule.timesteps(num_steps)
    timesteps = timesteps.to(x_0.device)
    x_t, step = noisy_on_grid(student, x_0, timesteps, generator)
    t, s = timesteps[step], timesteps[step + 1]
    target = consistency_target(
        averaged or student, teacher, x_t, t, s, cond, mask, teacher_cond
    )
    prediction, log_snr = student(x_t, t, cond, mask).x_0, student.schedule.log_snr(t)
    return mean_error(distance, prediction, target, mask, weight, log_snr)
