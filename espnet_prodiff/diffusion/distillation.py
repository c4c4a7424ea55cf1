"""Progressive distillation: one student step learns two teacher steps.

Salimans & Ho 2022. Distillation changes the target, not the trainer: the student's
loss is the diffusion loss with another x_0 to aim at. The student is trained at the
very times at which it will be sampled, the last of them down to the clean end.
"""

import torch
from torch import Tensor

from espnet_prodiff.diffusion.denoiser import Denoiser
from espnet_prodiff.diffusion.loss import Distance, draw_noise, squared_error
from espnet_prodiff.diffusion.weighting import loss_weight


@torch.no_grad()
def distillation_target(
    teacher: Denoiser,
    x_t: Tensor,
    t: Tensor,
    s: Tensor,
    cond: Tensor | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The x_0 with which one DDIM step t -> s lands where two of the teacher's do.

    The teacher steps t -> t_mid -> s with t_mid = (t + s) / 2. Solving the student's
    step for x_0 (Salimans & Ho, eq. 8 and app. G) gives a mean of the teacher's two
    predictions, which needs no division by a vanishing alpha:

        x_target = W x_0(t) + (1 - W) x_0(t_mid)
        W = (alpha_mid sigma_s / sigma_mid - r alpha_t) / (alpha_s - r alpha_t)
        r = sigma_s / sigma_t

    At s = 0 both sigma_s and W vanish: the target is the teacher's x_0 at t_mid.

    Args:
        teacher: The teacher.
        x_t: Noisy data, (B, C, L).
        t: Times of ``x_t``, (B,).
        s: Times that the student's step leads to, s < t, (B,).
        cond: The teacher's conditioning, (B, C_cond, L).
        mask: (B, 1, L), 1 = valid.

    Returns:
        Target for the student's x_0, (B, C, L).
    """
    t_mid = (t + s) / 2
    at_t = teacher(x_t, t, cond, mask)
    alpha_mid, sigma_mid = teacher.alpha_sigma(t_mid, x_t)
    x_mid = alpha_mid * at_t.x_0 + sigma_mid * at_t.eps
    at_mid = teacher(x_mid, t_mid, cond, mask)
    share = _share_of_first_prediction(teacher, t, t_mid, s)
    share = share.to(x_t.dtype).view(-1, *[1] * (x_t.dim() - 1))
    return share * at_t.x_0 + (1 - share) * at_mid.x_0


def _share_of_first_prediction(
    teacher: Denoiser, t: Tensor, t_mid: Tensor, s: Tensor
) -> Tensor:
    """W of ``distillation_target``, in float64, (B,)."""
    alpha, sigma = teacher.schedule.alpha, teacher.schedule.sigma
    r = sigma(s) / sigma(t)
    numerator = alpha(t_mid) * sigma(s) / sigma(t_mid) - r * alpha(t)
    return numerator / (alpha(s) - r * alpha(t))


def distillation_loss(
    student: Denoiser,
    teacher: Denoiser,
    x_0: Tensor,
    num_steps: int,
    cond: Tensor | None = None,
    mask: Tensor | None = None,
    *,
    teacher_cond: Tensor | None = None,
    distance: Distance = squared_error,
    weight: str = "uniform",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Error of the student's x_0 against the teacher's two-step target.

    Args:
        student: The student, to be sampled in ``num_steps`` steps.
        teacher: The teacher, good at ``2 * num_steps`` steps.
        x_0: Clean data, (B, C, L).
        num_steps: Steps of the student, N.
        cond: The student's conditioning, (B, C_cond, L).
        mask: (B, 1, L), 1 = valid.
        teacher_cond: The teacher's conditioning; default: the student's.
        distance: Error of each utterance.
        weight: Name of the weight of each utterance's error, see ``loss_weight``.
        generator: Source of the drawn times and noise.

    Returns:
        Mean weighted error over the batch, a scalar.
    """
    total = student.schedule.num_train_steps
    # i ~ U{1..N}: the student steps from t = T i/N to s = T (i-1)/N.
    i = torch.randint(
        1, num_steps + 1, (len(x_0),), generator=generator, device=x_0.device
    ).double()
    t, s = total * i / num_steps, total * (i - 1) / num_steps
    alpha, sigma = student.alpha_sigma(t, x_0)
    x_t = alpha * x_0 + sigma * draw_noise(x_0, generator)
    target = distillation_target(
        teacher, x_t, t, s, cond if teacher_cond is None else teacher_cond, mask
    )
    errors = distance(student(x_t, t, cond, mask).x_0, target, mask)
    weights = loss_weight(weight, student.schedule.log_snr(t))
    return (weights.to(errors.dtype) * errors).mean()


def halving_plan(teacher_steps: int, visit: list[int]) -> list[tuple[int, int]]:
    """Pairs (teacher steps, student steps) of the phases that lead to ``visit``.

    Args:
        teacher_steps: Steps that the first teacher is sampled with.
        visit: Step counts of the students, each half of the one before.

    Raises:
        ValueError: If a step count is not half of the one before it.
    """
    chain = [teacher_steps, *visit]
    for before, after in zip(chain[:-1], chain[1:], strict=True):
        if after < 1 or before != 2 * after:
            halves = [teacher_steps]
            while halves[-1] % 2 == 0:
                halves.append(halves[-1] // 2)
            raise ValueError(
                "each student needs half the steps of its teacher: from a teacher of "
                f"{teacher_steps} steps the students may have "
                f"{', '.join(map(str, halves[1:])) or 'none'} steps in this order, but "
                f"{' '.join(map(str, visit))} were asked for"
            )
    return list(zip(chain[:-1], chain[1:], strict=True))
