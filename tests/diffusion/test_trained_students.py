"""Small networks on points in the plane, trained and distilled."""

import math
from functools import partial

import torch
from torch import nn

from espnet_prodiff.diffusion import (
    Denoiser,
    NoiseSchedule,
    absolute_error,
    consistency_loss,
    diffusion_loss,
    distillation_loss,
    sample,
    squared_error,
)


class Mlp(nn.Module):
    """A small network on points in the plane, (B, 2, 1)."""

    def __init__(self, width=96, scale=8):
        super().__init__()
        self.scale = scale
        self.layers = nn.Sequential(
            nn.Linear(2 + 4, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 2),
        )

    def forward(self, x_t, noise_cond, cond, mask):
        angle = noise_cond[:, None] / self.scale * math.pi / 2
        time = [angle.sin(), angle.cos(), (2 * angle).sin(), (4 * angle).sin()]
        return self.layers(torch.cat([x_t.squeeze(-1), *time], dim=1)).unsqueeze(-1)


def sample_mixture(n):
    """Eight tight Gaussians on a circle."""
    angle = torch.randint(0, 8, (n,)) * (2 * math.pi / 8)
    centre = torch.stack([angle.cos(), angle.sin()], dim=1)
    return (centre + 0.05 * torch.randn(n, 2)).unsqueeze(-1)


def train(denoiser, loss, updates, lr):
    optimizer = torch.optim.Adam(denoiser.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, updates)
    losses = []
    for _ in range(updates):
        optimizer.zero_grad()
        value = loss(sample_mixture(512))
        value.backward()
        optimizer.step()
        scheduler.step()
        losses.append(value.item())
    return sum(losses[-50:]) / 50


def energy_distance(a, b):
    a, b = a.flatten(1), b.flatten(1)
    cross = torch.cdist(a, b).mean()
    return (2 * cross - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()


def test_a_trained_student_is_closer_to_its_teacher_than_fewer_teacher_steps():
    torch.manual_seed(0)
    schedule = NoiseSchedule.cosine(8)
    teacher = Denoiser(Mlp(), schedule, noise_cond="step")
    floor_teacher = train(teacher, lambda x: diffusion_loss(teacher, x), 1500, 3e-3)
    student = Denoiser(Mlp(), schedule, noise_cond="step")
    student.load_state_dict(teacher.state_dict())
    floor_student = train(
        student, lambda x: distillation_loss(student, teacher, x, 4), 1000, 2e-3
    )
    # The teacher's floor is the posterior variance of the data; the student's target
    # is determined by its input, so its floor is near zero.
    assert floor_student < 0.1 * floor_teacher
    x_T = torch.randn(2000, 2, 1)
    eight = sample(teacher, x_T, schedule.timesteps(8))
    four = sample(teacher, x_T, schedule.timesteps(4))
    distilled = sample(student, x_T, schedule.timesteps(4))
    assert energy_distance(distilled, eight) < 0.5 * energy_distance(four, eight)
    near = (distilled - eight).norm(dim=1).mean()
    assert near < 0.5 * (four - eight).norm(dim=1).mean()


def test_a_continuous_time_teacher_is_distilled_by_halves():
    torch.manual_seed(0)
    schedule = NoiseSchedule.cosine(1000)
    teacher = Denoiser(Mlp(scale=1000), schedule)
    train(teacher, lambda x: diffusion_loss(teacher, x, times="continuous"), 1500, 3e-3)
    student = Denoiser(Mlp(scale=1000), schedule)
    student.load_state_dict(teacher.state_dict())
    train(student, lambda x: distillation_loss(student, teacher, x, 4), 1000, 2e-3)
    x_T = torch.randn(2000, 2, 1)
    eight = sample(teacher, x_T, schedule.timesteps(8))
    four = sample(teacher, x_T, schedule.timesteps(4))
    distilled = sample(student, x_T, schedule.timesteps(4))
    assert energy_distance(distilled, eight) < 0.5 * energy_distance(four, eight)


def test_a_consistency_student_is_closer_in_one_step_than_its_teacher():
    torch.manual_seed(0)
    schedule = NoiseSchedule.cosine(8)
    teacher = Denoiser(Mlp(), schedule)
    train(teacher, lambda x: diffusion_loss(teacher, x), 1000, 3e-3)
    student = Denoiser(Mlp(), schedule)
    student.load_state_dict(teacher.state_dict())
    train(student, lambda x: consistency_loss(student, teacher, x, 8), 1000, 2e-3)
    x_T = torch.randn(2000, 2, 1)
    eight = sample(teacher, x_T, schedule.timesteps(8))
    one = sample(teacher, x_T, schedule.timesteps(1))
    distilled = sample(student, x_T, schedule.timesteps(1))
    assert energy_distance(distilled, eight) < 0.2 * energy_distance(one, eight)


def distance_after_consistency(teacher, schedule, distance, decay):
    """One step's distance to the teacher's four; 1 is that of no distillation."""
    torch.manual_seed(1)
    student, averaged = Denoiser(Mlp(), schedule), Denoiser(Mlp(), schedule)
    for denoiser in (student, averaged):
        denoiser.load_state_dict(teacher.state_dict())

    def loss(x_0):
        with torch.no_grad():
            for mean, current in zip(
                averaged.parameters(), student.parameters(), strict=True
            ):
                mean.lerp_(current, 1 - decay)
        return consistency_loss(
            student, teacher, x_0, 4, averaged=averaged, distance=distance
        )

    train(student, loss, 300, 1e-2)
    x_T = torch.randn(2000, 2, 1)
    four = sample(teacher, x_T, schedule.timesteps(4))
    one = sample(teacher, x_T, schedule.timesteps(1))
    distilled = sample(averaged, x_T, schedule.timesteps(1))
    return ((distilled - four).abs().mean() / (one - four).abs().mean()).item()


def test_l1_needs_an_averaged_target():
    torch.manual_seed(0)
    schedule = NoiseSchedule.cosine(4)
    teacher = Denoiser(Mlp(scale=4), schedule)
    train(teacher, lambda x: diffusion_loss(teacher, x), 1000, 3e-3)
    share = partial(distance_after_consistency, teacher, schedule)
    assert share(squared_error, 0.95) < 0.1 and share(absolute_error, 0.95) < 0.1
    # L1 pulls as hard at a small error as at a large one: the target runs away.
    assert share(absolute_error, 0.0) > 0.5
