import math

import pytest
import torch

from espnet_prodiff.diffusion import (
    Denoiser,
    NoiseSchedule,
    distillation_loss,
    distillation_plan,
    distillation_target,
    sample,
)
from espnet_prodiff.diffusion.distillation import noisy_on_grid
from tests.diffusion.oracles import (
    GaussianOracle,
    MixtureOracle,
    Slopes,
    exact_cosine,
    oracle,
)


def one_step(schedule, x_0, x_t, t, s):
    """DDIM from t to s with a given x_0."""
    eps = (x_t - schedule.alpha(t) * x_0) / schedule.sigma(t)
    return schedule.alpha(s) * x_0 + schedule.sigma(s) * eps


@pytest.mark.parametrize(
    "schedule", [NoiseSchedule.cosine(8), NoiseSchedule.vpsde(8)], ids=["cos", "vp"]
)
@pytest.mark.parametrize("t, s", [(8.0, 6.0), (6.0, 2.0), (5.0, 4.0), (2.0, 0.0)])
def test_a_student_step_lands_on_the_teachers_two_steps(schedule, t, s):
    teacher = oracle(MixtureOracle(), schedule)
    x_t = torch.randn(3, 2, 5, dtype=torch.float64)
    times = torch.tensor([t] * 3), torch.tensor([s] * 3)
    target = distillation_target(teacher, x_t, *times)
    twice = sample(teacher, x_t, torch.tensor([t, (t + s) / 2, s]))
    once = one_step(schedule, target, x_t, t, s) if s > 0 else target
    torch.testing.assert_close(once, twice, rtol=0, atol=1e-10)


def test_the_last_target_is_the_teachers_prediction_at_the_middle():
    schedule = NoiseSchedule.cosine(8)
    teacher = oracle(MixtureOracle(), schedule)
    x_t = torch.randn(1, 2, 5, dtype=torch.float64)
    target = distillation_target(teacher, x_t, torch.tensor([2.0]), torch.zeros(1))
    seen = []
    sample(teacher, x_t, torch.tensor([2.0, 1.0, 0.0]), callback=seen.append)
    assert torch.equal(target, seen[1]["x_0"])


def test_share_of_the_first_prediction():
    # W of algorithms' case V3 for N = 4, i = 4, 3, 2; it vanishes at i = 1.
    schedule = exact_cosine(8)
    shares = []
    for i in (4, 3, 2, 1):

        def network(x_t, noise_cond, cond, mask, t=2.0 * i):  # 1 at t, 0 at t_mid
            return torch.ones_like(x_t) * (noise_cond.view(-1, 1, 1) == t)

        teacher = Denoiser(network, schedule)
        x_t = torch.zeros(1, 1, 1, dtype=torch.float64)
        times = torch.tensor([2.0 * i]), torch.tensor([2.0 * i - 2])
        shares.append(distillation_target(teacher, x_t, *times).item())
    assert shares == pytest.approx([0.480, 0.434, 0.351, 0], abs=5e-4)


def test_distilled_chain_keeps_the_teachers_gain():
    schedule = exact_cosine(8)
    teacher = oracle(GaussianOracle(), schedule)
    one = torch.ones(1, 1, 1, dtype=torch.float64)
    total = math.cos(math.pi / 16) ** 8
    slopes_seen = {}
    for num_steps in (4, 2, 1):
        slopes = {}
        for i in range(1, num_steps + 1):
            t, s = 8 * i / num_steps, 8 * (i - 1) / num_steps
            target = distillation_target(
                teacher, one, torch.tensor([t]), torch.tensor([s])
            )
            slopes[t] = target.item()  # linear data: a perfect student
        student = Denoiser(Slopes(slopes), schedule)
        got = sample(student, one, schedule.timesteps(num_steps)).item()
        assert got == pytest.approx(total, abs=1e-12)
        undistilled = oracle(GaussianOracle(), schedule)
        plain = sample(undistilled, one, schedule.timesteps(num_steps)).item()
        expected = math.cos(math.pi / 2 / num_steps) ** num_steps
        assert plain == pytest.approx(expected, abs=1e-12)
        slopes_seen[num_steps] = list(slopes.values())
        teacher = student
    assert slopes_seen[4] == pytest.approx(
        [0.961940, 0.777433, 0.474569, 0.099456], abs=1e-6
    )
    assert slopes_seen[2] == pytest.approx([0.925328, 0.308612], abs=1e-6)
    assert slopes_seen[1] == pytest.approx([total], abs=1e-6)


def test_perfect_predictions_are_their_own_target():
    x_0 = torch.randn(2, 3, 4, dtype=torch.float64)
    teacher = Denoiser(lambda x_t, *_: x_0, NoiseSchedule.cosine(8))
    for i in (1, 2, 3, 4):
        t, s = torch.full((2,), 2.0 * i), torch.full((2,), 2.0 * i - 2)
        target = distillation_target(teacher, torch.randn_like(x_0), t, s)
        torch.testing.assert_close(target, x_0)


def test_loss_uses_the_times_at_which_the_student_is_sampled():
    noise_conds = {"student": set(), "teacher": set()}

    def network(name):
        def forward(x_t, noise_cond, cond, mask):
            noise_conds[name].update(noise_cond.tolist())
            return x_t

        return forward

    schedule = NoiseSchedule.vpsde(4)
    student = Denoiser(network("student"), schedule)
    teacher = Denoiser(network("teacher"), schedule)
    distillation_loss(student, teacher, torch.randn(64, 1, 2), 2)
    assert noise_conds["student"] == set(schedule.timesteps(2)[:-1].tolist())
    assert noise_conds["teacher"] == set(schedule.timesteps(4)[:-1].tolist())


def test_plan_by_halves_and_through_other_divisors():
    assert distillation_plan(8, [4, 2, 1]) == [(8, 4), (4, 2), (2, 1)]
    assert distillation_plan(8, [8, 4, 2, 1]) == [(8, 4), (4, 2), (2, 1)]
    assert distillation_plan(8) == [(8, 4), (4, 2), (2, 1)]
    assert distillation_plan(6) == [(6, 3)]
    assert all(isinstance(n, int) for step in distillation_plan(8) for n in step)
    with pytest.raises(ValueError, match="distill_from must be one of"):
        distillation_plan(8, distill_from="last")
    assert distillation_plan(4, [1]) == [(4, 1)]
    assert distillation_plan(12, [6, 3, 2, 1]) == [(12, 6), (6, 3), (6, 2), (2, 1)]
    for visit in ([3], [2, 2], [1, 2], [2, 1, 0], [8], [-2]):
        with pytest.raises(ValueError, match="may have 2, 1 steps, fewer each time"):
            distillation_plan(4, visit)


@pytest.mark.parametrize("teacher_steps", [1, 2, 3, 4])
@pytest.mark.parametrize("s", [2.0, 0.0])
def test_a_student_step_lands_where_several_teacher_steps_do(teacher_steps, s):
    schedule = NoiseSchedule.vpsde(8)
    teacher = oracle(MixtureOracle(), schedule)
    x_t = torch.randn(2, 2, 5, dtype=torch.float64)
    t = 8.0
    target = distillation_target(
        teacher,
        x_t,
        torch.tensor([t, t]),
        torch.tensor([s, s]),
        teacher_steps=teacher_steps,
    )
    times = torch.linspace(t, s, teacher_steps + 1, dtype=torch.float64)
    slow = sample(teacher, x_t, times)
    once = one_step(schedule, target, x_t, t, s) if s > 0 else target
    torch.testing.assert_close(once, slow, rtol=0, atol=1e-10)


@pytest.mark.parametrize("prediction_type", ["x_0", "eps", "v"])
def test_weighted_distance_is_that_of_eps_and_v(prediction_type):
    # snr makes the error of x_0 that of eps, snr_plus_one that of v, whatever the
    # student's network predicts.
    torch.manual_seed(0)
    schedule = NoiseSchedule.cosine(8)
    student = Denoiser(lambda x_t, *_: 0.3 * x_t, schedule, prediction_type)
    teacher = oracle(MixtureOracle(), schedule)
    x_0 = torch.randn(6, 2, 3, dtype=torch.float64)

    def loss(weight):
        generator = torch.Generator().manual_seed(1)
        return distillation_loss(
            student, teacher, x_0, 4, weight=weight, generator=generator
        )

    grid = schedule.timesteps(4)
    x_t, step = noisy_on_grid(student, x_0, grid, torch.Generator().manual_seed(1))
    t, s = grid[step], grid[step + 1]
    target = distillation_target(teacher, x_t, t, s)
    alpha, sigma = student.alpha_sigma(t, x_t)
    eps = (x_t - alpha * target) / sigma
    got = student(x_t, t)
    by_eps = ((got.eps - eps) ** 2).mean()
    by_v = ((got.v(alpha, sigma) - (alpha * eps - sigma * target)) ** 2).mean()
    torch.testing.assert_close(loss("snr"), by_eps)
    torch.testing.assert_close(loss("snr_plus_one"), by_v)
    by_x_0 = ((got.x_0 - target) ** 2).flatten(1).mean(1)
    larger = torch.maximum(by_x_0, ((got.eps - eps) ** 2).flatten(1).mean(1))
    torch.testing.assert_close(loss("truncated_snr"), larger.mean())


@pytest.mark.parametrize("prediction_type", ["x_0", "eps", "v"])
@pytest.mark.parametrize("solver", ["ddim", "dpmsolver++"])
def test_every_prediction_type_is_distilled_and_sampled_alike(prediction_type, solver):
    # The teacher's x_0 is k(t) x_t: each student is fitted to its targets exactly, in
    # its own terms, and all of them end where the teacher does.
    schedule = NoiseSchedule.linear(50, 1e-3, 0.12)  # alpha(T) is not 0: eps works
    teacher = oracle(GaussianOracle(), schedule)
    one = torch.ones(1, 1, 1, dtype=torch.float64)
    slopes = {}
    for t in (50.0, 25.0):
        times = torch.tensor([t]), torch.tensor([t - 25])
        x_0 = distillation_target(teacher, one, *times)
        alpha, sigma = schedule.alpha(t), schedule.sigma(t)
        eps = (one - alpha * x_0) / sigma
        raw = {"x_0": x_0, "eps": eps, "v": alpha * eps - sigma * x_0}
        slopes[t] = raw[prediction_type].item()
    student = Denoiser(Slopes(slopes), schedule, prediction_type)
    got = sample(student, one, schedule.timesteps(2))
    torch.testing.assert_close(got, sample(teacher, one, schedule.timesteps(4)))
    if solver == "dpmsolver++":  # the same checkpoint; in one step it is DDIM
        first = sample(student, one, torch.tensor([50.0, 25.0]), solver=solver)
        torch.testing.assert_close(
            first, sample(student, one, torch.tensor([50.0, 25.0]))
        )
        assert torch.isfinite(
            sample(student, one, schedule.timesteps(2), solver=solver)
        )


def test_landing_times_are_drawn_as_often_as_they_count():
    # Halfway in vpsde(4) alpha is 0.08: a step from pure noise to there hardly shows
    # the x_0 that it was made with.
    schedule = NoiseSchedule.vpsde(4)
    denoiser = Denoiser(lambda x_t, *_: x_t, schedule)
    generator = torch.Generator().manual_seed(0)
    x_0 = torch.zeros(20000, 1, 1)
    grid = schedule.timesteps(2)
    _, step = noisy_on_grid(denoiser, x_0, grid, generator, "landing")
    t, s = grid[step], grid[step + 1]
    movements = {}
    for start, end in ((4.0, 2.0), (2.0, 0.0)):
        one = torch.ones(1, 1, 1, dtype=torch.float64)
        x_t = torch.zeros_like(one)
        landed = one_step(schedule, one, x_t, start, end) if end else one
        movements[start] = landed.item()  # where x_0 = 1 takes a step that starts at 0
    share = (t == 4).double().mean().item()
    expected = movements[4.0] / (movements[4.0] + movements[2.0])
    assert expected == pytest.approx(0.0745, abs=1e-3)
    assert share == pytest.approx(expected, abs=0.006)
    assert set(s[t == 4].tolist()) == {2.0} and set(s[t == 2].tolist()) == {0.0}
    with pytest.raises(ValueError, match="one of uniform, landing.*'late'"):
        noisy_on_grid(denoiser, x_0, grid, generator, "late")


def test_every_student_from_the_first_teacher():
    assert distillation_plan(8, [4, 2, 1], "first") == [(8, 4), (8, 2), (8, 1)]
    assert distillation_plan(6, [3, 2, 1], "first") == [(6, 3), (6, 2), (6, 1)]
    with pytest.raises(ValueError, match="one of previous, first.*'last'"):
        distillation_plan(8, [4], "last")
