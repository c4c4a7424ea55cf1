"""Progressive distillation: one student step learns several teacher steps.

Salimans & Ho 2022. Distillation changes the target, not the trainer: the student's
loss is the diffusion loss with another x_0 to aim at. The student is trained at the
very times at which it will be sampled, the last of them down to the clean end.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from espnet_prodiff.diffusion.denoiser import Denoiser
from espnet_prodiff.diffusion.loss import (
    Distance,
    draw_noise,
    mean_error,
    squared_error,
)
from espnet_prodiff.errors import UserError, check_choice

GRID_TIMES = ("uniform", "landing")
DISTILL_FROM = ("previous", "first")


@torch.no_grad()
def distillation_target(
    teacher: Denoiser,
    x_t: Tensor,
    t: Tensor,
    s: Tensor,
    cond: Tensor | None = None,
    mask: Tensor | None = None,
    *,
    teacher_steps: int = 2,
    times: Sequence[Tensor] | None = None,
) -> Tensor:
    """The x_0, (B, C, L), whose DDIM step t -> s lands where the teacher's steps do.

    The teacher goes t = t_0 > ... > t_k = s in k steps. NOTE: any k, of which 2 is
    Salimans & Ho's halving. With rho = alpha / sigma a DDIM step is linear,

        x_{j+1} / sigma_{j+1} = x_j / sigma_j + (rho_{j+1} - rho_j) x_0(t_j),

    so the student's x_0 (their eq. 8) is a mean of the teacher's predictions, and
    nothing is divided by a vanishing alpha:

        x_target = sum_j w_j x_0(t_j),  w_j = (rho_{j+1} - rho_j) / (rho_s - rho_t)

    At s = 0 all the weight is on the teacher's last prediction.

    Args:
        teacher: The teacher.
        x_t: Noisy data, (B, C, L).
        t: Times of ``x_t``, (B,).
        s: Times that the student's step leads to, s < t, (B,).
        cond: The teacher's conditioning, (B, C_cond, L).
        mask: (B, 1, L), 1 = valid.
        teacher_steps: k, at least 1; 1 only hands the teacher's step on, as when a
            smaller student takes over the same number of steps.
        times: t_0, t_1, ... t_k, (B,) each; default: ``teacher_steps`` even ones.
    """
    if times is None:
        shares = torch.linspace(0, 1, teacher_steps + 1, dtype=torch.float64).tolist()
        times = [torch.lerp(t.double(), s.double(), share) for share in shares]
    weights = _target_weights(teacher, times)
    cond = teacher.prepare_cond(cond)
    target = torch.zeros_like(x_t)
    for time, next_time, weight in zip(times, times[1:], weights, strict=False):
        x_0, eps = teacher(x_t, time, cond, mask)
        alpha, sigma = teacher.alpha_sigma(next_time, x_t)
        target = target + weight.to(x_t.dtype).view(alpha.shape) * x_0
        x_t = alpha * x_0 + sigma * eps
    return target


def _target_weights(teacher: Denoiser, times: Sequence[Tensor]) -> list[Tensor]:
    """w_j of ``distillation_target``, in float64, (B,) each."""
    alpha, sigma = teacher.schedule.alpha, teacher.schedule.sigma
    # rho times sigma_s, which is finite at s = 0 too.
    rho = [alpha(time) * sigma(times[-1]) / sigma(time) for time in times[:-1]]
    rho.append(alpha(times[-1]))
    steps = zip(rho[:-1], rho[1:], strict=True)
    return [(after - before) / (rho[-1] - rho[0]) for before, after in steps]


def distillation_loss(
    student: Denoiser,
    teacher: Denoiser,
    x_0: Tensor,
    num_steps: int,
    cond: Tensor | None = None,
    mask: Tensor | None = None,
    *,
    teacher_steps: int = 2,
    timesteps: Tensor | None = None,
    teacher_cond: Tensor | None = None,
    distance: Distance = squared_error,
    weight: str = "uniform",
    times: str = "uniform",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Mean weighted error of the student's x_0 against its target, a scalar.

    Args:
        student: The student, to be sampled in ``num_steps`` steps.
        teacher: The teacher, good at ``teacher_steps * num_steps`` steps.
        x_0: Clean data, (B, C, L).
        num_steps: Steps of the student, N.
        cond: The student's conditioning, (B, C_cond, L).
        mask: (B, 1, L), 1 = valid.
        teacher_steps: Teacher's steps for one of the student's.
        timesteps: Times of the teacher, decreasing to 0, (teacher_steps * num_steps +
            1,); the student's are every ``teacher_steps``-th. Default: even ones.
        teacher_cond: The teacher's conditioning; default: the student's.
        distance: Error of each utterance.
        weight: Name of the weight of each utterance's error, see ``loss_weight``.
        times: How often each of the student's times is drawn, see ``noisy_on_grid``.
        generator: Source of the drawn times and noise.

    Raises:
        UserError: If ``times`` is none of its values, or there are not as many
            ``timesteps``.
    """
    if timesteps is None:
        timesteps = student.schedule.timesteps(num_steps * teacher_steps)
    if len(timesteps) != num_steps * teacher_steps + 1:
        raise UserError(
            f"{num_steps} steps of the student and {teacher_steps} of the teacher for "
            f"each take {num_steps * teacher_steps + 1} times, but there are "
            f"{len(timesteps)}"
        )
    timesteps = timesteps.to(x_0.device)
    grid = timesteps[::teacher_steps]
    x_t, step = noisy_on_grid(student, x_0, grid, generator, times)
    between = [timesteps[step * teacher_steps + j] for j in range(teacher_steps + 1)]
    t, s = grid[step], grid[step + 1]
    teacher_cond = cond if teacher_cond is None else teacher_cond
    target = distillation_target(teacher, x_t, t, s, teacher_cond, mask, times=between)
    prediction, log_snr = student(x_t, t, cond, mask).x_0, student.schedule.log_snr(t)
    return mean_error(distance, prediction, target, mask, weight, log_snr)


def noisy_on_grid(
    denoiser: Denoiser,
    x_0: Tensor,
    timesteps: Tensor,
    generator: torch.Generator | None,
    times: str = "uniform",
) -> tuple[Tensor, Tensor]:
    """x_t at a random time of a grid, and its index (B,) there: t = timesteps[index].

    The step of an index leads from there to the next time of the grid. With "uniform"
    times every step is as likely.

    NOTE: with "landing" times a step is drawn as often as its x_0 counts where the step
    lands, alpha_s - alpha_t sigma_s / sigma_t. Steps that lead from noise to noise
    hardly change anything, and the uniform draw of the paper spends its share on them.

    Raises:
        UserError: If ``times`` is neither.
    """
    check_choice("times", times, GRID_TIMES)
    schedule = denoiser.schedule
    before, after = timesteps[:-1], timesteps[1:]
    shares = torch.ones_like(before)
    if times == "landing":
        ratio = schedule.sigma(after) / schedule.sigma(before)
        shares = schedule.alpha(after) - schedule.alpha(before) * ratio
    step = torch.multinomial(shares, len(x_0), replacement=True, generator=generator)
    alpha, sigma = denoiser.alpha_sigma(timesteps[step], x_0)
    return alpha * x_0 + sigma * draw_noise(x_0, generator), step


def distillation_plan(
    teacher_steps: int,
    visit: Sequence[int] | None = None,
    distill_from: str = "previous",
) -> list[tuple[int, int]]:
    """Pairs (teacher's steps, student's steps) of the phases that lead to ``visit``.

    A student's teacher is the latest model before it whose steps are a multiple of its
    own: "6 3 2 1" from 12 steps is 12 -> 6 -> 3, 6 -> 2, 2 -> 1. Or it is the first
    teacher for all of them.

    Args:
        teacher_steps: Steps that the first teacher is sampled with.
        visit: Step counts of the students; default: half the teacher's, half of that
            and so on as long as it is even. ``teacher_steps`` may lead the list.
        distill_from: "previous" or "first".

    Raises:
        UserError: If the step counts do not decrease, a student has no teacher or
            ``distill_from`` is neither.
    """
    check_choice("distill_from", distill_from, DISTILL_FROM)
    if visit is None:
        visit, halved = [], teacher_steps
        while halved % 2 == 0:
            halved //= 2
            visit.append(halved)
    if visit and visit[0] == teacher_steps:
        visit = visit[1:]
    chain, pairs = [teacher_steps], []
    for steps in visit:
        multiples = [n for n in chain if steps > 0 and n % steps == 0]
        if not multiples or steps >= chain[-1]:
            divisors = [n for n in range(1, teacher_steps) if teacher_steps % n == 0]
            raise UserError(
                f"a student's steps have to divide those of a model before it: from a "
                f"teacher of {teacher_steps} steps the students may have "
                f"{', '.join(map(str, divisors[::-1])) or 'none'} steps, fewer each "
                f"time, but {' '.join(map(str, visit))} were asked for"
            )
        pairs.append((multiples[0 if distill_from == "first" else -1], steps))
        chain.append(steps)
    return pairs
