"""Consistency distillation: one x_0 for a whole path of the teacher."""

import math
from functools import partial

import pytest
import torch

from espnet_prodiff.diffusion import (
    Denoiser,
    NoiseSchedule,
    absolute_error,
    consistency_loss,
    consistency_target,
    diffusion_loss,
    sample,
    squared_error,
)
from tests.diffusion.oracles import GaussianOracle, MixtureOracle, exact_cosine, oracle
from tests.diffusion.test_distillation import (
    Mlp,
    Slopes,
    energy_distance,
    train,
)


@pytest.mark.parametrize("schedule", [NoiseSchedule.cosine(8), NoiseSchedule.vpsde(8)])
def test_the_end_of_the_teachers_path_is_a_fixed_point(schedule):
    # A student that knows where the teacher's path ends is its own target.
    teacher = oracle(MixtureOracle(), schedule)

    def end_of_path(x_t, noise_cond, cond, mask):
        rows = [
            sample(teacher, x[None], torch.arange(round(t), -1.0, -1.0))
            for x, t in zip(x_t, noise_cond.tolist(), strict=True)
        ]
        return torch.cat(rows)

    student = Denoiser(end_of_path, schedule)
    x_t = torch.randn(4, 2, 3, dtype=torch.float64)
    t = torch.tensor([8.0, 5.0, 2.0, 1.0])
    target = consistency_target(student, teacher, x_t, t, t - 1)
    torch.testing.assert_close(target, student(x_t, t).x_0, rtol=0, atol=1e-10)


def test_gaussian_chain_keeps_the_teachers_gain_in_one_step():
    # v = 1, 8 steps: the slope at each time is the gain from there to the clean end;
    # cos(pi/16)^8 = 0.856232 from pure noise.
    schedule = exact_cosine(8)
    teacher = oracle(GaussianOracle(), schedule)
    one = torch.ones(1, 1, 1, dtype=torch.float64)
    slopes = {8.0: 0.0}  # stands in at s = 0, where nothing is predicted
    for i in range(1, 9):
        slopes |= {float(i): slopes.get(float(i), 0.0)}
        student = Denoiser(Slopes(slopes), schedule)
        times = torch.tensor([float(i)]), torch.tensor([i - 1.0])
        slopes[float(i)] = consistency_target(student, teacher, one, *times).item()
    got = sample(Denoiser(Slopes(slopes), schedule), one, schedule.timesteps(1))
    assert got.item() == pytest.approx(math.cos(math.pi / 16) ** 8, abs=1e-9)
    assert got.item() == pytest.approx(0.856232, abs=1e-6)


def test_a_trained_student_is_closer_in_one_step_than_the_teacher():
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


def distilled_by_consistency(teacher, schedule, distance, decay):
    """One step's distance to the teacher's four; 1 is that of no distillation."""
    torch.manual_seed(1)
    student, averaged = Denoiser(Mlp(), schedule), Denoiser(Mlp(), schedule)
    for denoiser in (student, averaged):
        denoiser.load_state_dict(teacher.state_dict())

    def loss(x_0):
        with torch.no_grad():
            for mean, own in zip(
                averaged.parameters(), student.parameters(), strict=True
            ):
                mean.lerp_(own, 1 - decay)
        return consistency_loss(
            student, teacher, x_0, 4, averaged=averaged, distance=distance
        )

    train(student, loss, 300, 1e-2)
    x_T = torch.randn(2000, 2, 1)
    four = sample(teacher, x_T, schedule.timesteps(4))
    one = sample(teacher, x_T, schedule.timesteps(1))
    distilled = sample(averaged, x_T, schedule.timesteps(1))
    return ((distilled - four).abs().mean() / (one - four).abs().mean()).item()


def test_an_averaged_target_is_caught_up_with():
    torch.manual_seed(0)
    schedule = NoiseSchedule.cosine(4)
    teacher = Denoiser(Mlp(scale=4), schedule)
    train(teacher, lambda x: diffusion_loss(teacher, x), 1000, 3e-3)
    share = partial(distilled_by_consistency, teacher, schedule)
    assert share(squared_error, 0.95) < 0.1 and share(absolute_error, 0.95) < 0.1
    # L1 pulls as hard at a small error as at a large one: the target runs away.
    assert share(absolute_error, 0.0) > 0.5


def test_mask_and_conditions_reach_both():
    seen = []

    def network(name):
        def forward(x_t, noise_cond, cond, mask):
            seen.append((name, cond.item()))
            return x_t

        return forward

    schedule = NoiseSchedule.vpsde(4)
    student = Denoiser(network("student"), schedule)
    teacher = Denoiser(network("teacher"), schedule)
    mask = torch.tensor([[[1.0, 1.0, 0.0]]])
    ones = torch.ones(1, 1, 1)
    x_0 = torch.randn(1, 2, 3)
    x_0[..., 2] = 1e6  # padding
    loss = consistency_loss(
        student, teacher, x_0 * mask, 4, ones, mask, teacher_cond=2 * ones
    )
    assert loss < 1e3
    assert set(seen) == {("student", 1.0), ("teacher", 2.0)}
