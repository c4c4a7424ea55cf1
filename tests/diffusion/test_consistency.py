"""Consistency distillation: one x_0 for a whole path of the teacher."""

import math

import pytest
import torch

from espnet_prodiff.diffusion import (
    Denoiser,
    NoiseSchedule,
    consistency_loss,
    consistency_target,
    sample,
)
from tests.diffusion.oracles import (
    GaussianOracle,
    MixtureOracle,
    Slopes,
    exact_cosine,
    oracle,
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


def test_mask_and_conditions_reach_teacher_and_student():
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
