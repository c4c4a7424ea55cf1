import math

import pytest
import torch

from espnet_prodiff.diffusion import NoiseSchedule

SCHEDULES = {
    "linear": NoiseSchedule.linear(50, 1e-4, 0.05),
    "cosine": NoiseSchedule.cosine(8),
    "vpsde": NoiseSchedule.vpsde(4),
    "betas": NoiseSchedule.from_betas(torch.tensor([0.1, 0.5, 0.9])),
}


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_schedule_is_clean_at_zero_and_preserves_variance(schedule):
    t = torch.linspace(0, schedule.num_train_steps, 101, dtype=torch.float64)
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    assert alpha[0] == 1 and sigma[0] == 0
    assert (alpha.diff() < 0).all()
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones_like(t))
    torch.testing.assert_close(
        schedule.log_snr(t[1:]), torch.log(alpha[1:] ** 2 / sigma[1:] ** 2)
    )
    torch.testing.assert_close(schedule.t_from_alpha(alpha), t, rtol=0, atol=1e-9)


def test_vpsde_has_the_published_table():
    # The official code's table for four steps and the one before them.
    alpha = NoiseSchedule.vpsde(5).alpha(torch.arange(1, 6))
    expected = [0.664314, 0.198692, 0.0267559, 1.62215e-3, 4.4279e-5]
    assert alpha.tolist() == pytest.approx(expected, rel=1e-4)


def test_cosine_is_clipped_at_the_noisy_end_only():
    schedule = NoiseSchedule.cosine(8)
    expected = [math.cos(math.pi / 2 * t / 8) for t in range(8)]
    assert schedule.alpha(torch.arange(8)).tolist() == pytest.approx(expected)
    assert schedule.log_snr(8).item() == pytest.approx(-20)
    assert schedule.log_snr(0).item() == math.inf


def test_diffwave_fast_steps_are_points_on_the_time_axis():
    # DiffWave appendix B: t_align of the 6-step schedules, counted from 0 there.
    def aligned(train, eta):
        fast = NoiseSchedule.from_betas(torch.tensor(eta, dtype=torch.float64))
        times = train.t_from_alpha(fast.alpha(torch.arange(1, len(eta) + 1)))
        return (times - 1).tolist()

    base = aligned(
        NoiseSchedule.linear(50, 1e-4, 0.05), [1e-4, 1e-3, 1e-2, 0.05, 0.2, 0.5]
    )
    expected = [0, 0.8941, 4.0867, 10.4518, 22.9925, 42.9186]
    assert base == pytest.approx(expected, abs=1e-3)
    large = aligned(
        NoiseSchedule.linear(200, 1e-4, 0.02), [1e-4, 1e-3, 1e-2, 0.05, 0.2, 0.7]
    )
    expected = [0, 3.2007, 13.4303, 33.8203, 73.9825, 170.6051]
    assert large == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("num_steps", [1, 2, 3, 4])
def test_timesteps_run_evenly_from_the_end_to_zero(num_steps):
    times = NoiseSchedule.vpsde(4).timesteps(num_steps)
    assert len(times) == num_steps + 1
    assert times[0] == 4 and times[-1] == 0
    torch.testing.assert_close(
        times.diff(), torch.full((num_steps,), -4 / num_steps).double()
    )


@pytest.mark.parametrize("num_steps", [0, -1, 5, 2.0, True])
def test_impossible_step_counts_are_refused(num_steps):
    with pytest.raises(ValueError, match="num_steps must be"):
        NoiseSchedule.vpsde(4).timesteps(num_steps)


def test_wrong_schedules_and_times_are_refused():
    with pytest.raises(ValueError, match="decrease strictly"):
        NoiseSchedule(torch.tensor([1.0, 0.5, 0.5]))
    with pytest.raises(ValueError, match="start at 1"):
        NoiseSchedule(torch.tensor([0.9, 0.5]))
    with pytest.raises(ValueError, match="whole number of at least 1"):
        NoiseSchedule.cosine(0)
    schedule = NoiseSchedule.vpsde(4)
    with pytest.raises(ValueError, match=r"\[0, 4\]"):
        schedule.alpha(4.5)
    with pytest.raises(ValueError, match="range of this schedule"):
        schedule.t_from_alpha(1e-9)


def test_betas_are_variances_of_steps():
    schedule = NoiseSchedule.from_betas([0.19, 0.64, 1.0])
    alphas = schedule.alpha(torch.arange(4))
    assert alphas.dtype == torch.float64
    assert alphas.tolist() == pytest.approx([1, 0.9, 0.54, 0], rel=1e-12)
    for betas in ([0.5, 0.0], [1.1], [0.1, -0.1], [[0.1, 0.2]], [float("nan")]):
        with pytest.raises(ValueError, match=r"betas must be a vector of .*\(0, 1\]"):
            NoiseSchedule.from_betas(betas)


def test_linear_betas_have_both_ends():
    schedule = NoiseSchedule.linear(3, 0.1, 0.5)
    alphas = schedule.alpha(torch.arange(4)).square().tolist()
    assert alphas == pytest.approx([1, 0.9, 0.9 * 0.7, 0.9 * 0.7 * 0.5], rel=1e-12)


def test_vpsde_is_the_integral_of_its_rate():
    # The sum of the rates up to t is beta_min t/T + (beta_max - beta_min) (t/T)^2 / 2.
    steps, share = 7, torch.arange(8, dtype=torch.float64) / 7
    alphas = NoiseSchedule.vpsde(steps, 0.3, 30.0).alpha(torch.arange(8))
    expected = torch.exp(-(0.3 * share + 29.7 * share**2 / 2) / 2)
    torch.testing.assert_close(alphas, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    "make",
    [
        NoiseSchedule.cosine,
        NoiseSchedule.vpsde,
        lambda steps: NoiseSchedule.linear(steps, 0.1, 0.5),
    ],
)
@pytest.mark.parametrize("steps", [0, -1, 2.0, True])
def test_the_number_of_training_steps_is_named(make, steps):
    with pytest.raises(ValueError, match="^num_train_steps must be a whole number"):
        make(steps)


def test_the_cleanest_time_has_a_log_snr_of_20():
    schedule = NoiseSchedule.linear(50, 1e-12, 0.05)
    assert float(schedule.log_snr(schedule.cleanest_time)) == pytest.approx(20)


def test_a_time_keeps_its_shape_and_one_that_is_a_number_is_one():
    schedule = NoiseSchedule.cosine(8)
    t = torch.tensor([[1.0, 2.0], [3.0, 4.5]])
    assert schedule.alpha(t).shape == schedule.log_snr(t).shape == t.shape
    assert schedule.alpha(2).shape == ()
    assert float(schedule.alpha(2.5)) == pytest.approx(
        (float(schedule.alpha(2)) + float(schedule.alpha(3))) / 2
    )
