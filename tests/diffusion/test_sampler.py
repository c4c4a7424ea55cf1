import math

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler

from espnet_prodiff.diffusion import Denoiser, NoiseSchedule, sample
from tests.diffusion.oracles import GaussianOracle, exact_cosine, oracle

VPSDE_BETAS = [0.558687, 0.910543, 0.981867, 0.996324, 0.999255]


def gain(denoiser, num_steps):
    x_T = torch.ones(1, 1, 1, dtype=torch.float64)
    return sample(denoiser, x_T, denoiser.schedule.timesteps(num_steps)).item()


@pytest.mark.parametrize(
    "num_steps, expected",
    [(1, 0), (2, 0.5), (4, 0.728553), (8, 0.856232), (16, 0.925676), (64, 0.9809)],
)
def test_ddim_gain_on_gaussian_data(num_steps, expected):
    # Each step multiplies by cos(pi / 2N): verification case V1.
    got = gain(oracle(GaussianOracle(), exact_cosine(64)), num_steps)
    assert got == pytest.approx(math.cos(math.pi / 2 / num_steps) ** num_steps)
    assert got == pytest.approx(expected, abs=1e-4)


def test_relative_spread_is_symmetric_in_the_variance():
    small = gain(oracle(GaussianOracle(variance=0.25), exact_cosine(4)), 4)
    large = gain(oracle(GaussianOracle(variance=4.0), exact_cosine(4)), 4)
    # .666927 with the log-SNR clipped at both ends, as in the paper's code.
    assert small / 0.5 == pytest.approx(0.666927, abs=1e-4)
    assert small / 0.5 == pytest.approx(large / 2.0, abs=1e-12)


@pytest.mark.parametrize("solver", ["ddim", "dpmsolver++"])
@pytest.mark.parametrize("num_steps", [1, 2, 5, 8])
def test_perfect_predictions_give_the_data_in_any_number_of_steps(solver, num_steps):
    x_0 = torch.randn(2, 3, 4, dtype=torch.float64)
    schedule = NoiseSchedule.cosine(8)
    denoiser = Denoiser(lambda x_t, *_: x_0, schedule)
    x_T = torch.randn_like(x_0)
    got = sample(denoiser, x_T, schedule.timesteps(num_steps), solver=solver)
    torch.testing.assert_close(got, x_0)


def run_diffusers(scheduler, num_steps, x_T, predict, noises=None):
    """Drive a diffusers scheduler with ``predict(x_t, index)``."""
    scheduler.set_timesteps(num_steps)
    x_t = x_T
    for step, index in enumerate(scheduler.timesteps):
        output = predict(x_t, int(index))
        if isinstance(scheduler, DDPMScheduler):
            variance = scheduler._get_variance(int(index)) if index > 0 else 0.0
            mean = scheduler_mean(scheduler, output, int(index), x_t)
            x_t = mean + math.sqrt(variance) * noises[step]
        else:
            x_t = scheduler.step(output, index, x_t).prev_sample
    return x_t


def scheduler_mean(scheduler, output, index, x_t):
    """The posterior mean: diffusers' step with its noise taken out."""
    generator = torch.Generator().manual_seed(0)
    previous = scheduler.step(output, index, x_t, generator=generator).prev_sample
    if index == 0:
        return previous
    generator.manual_seed(0)
    noise = torch.randn(x_t.shape, generator=generator, dtype=x_t.dtype)
    return previous - math.sqrt(scheduler._get_variance(index)) * noise


def test_ddim_agrees_with_diffusers():
    schedule = NoiseSchedule.from_betas(torch.tensor(VPSDE_BETAS).double())
    network = GaussianOracle(mean=0.3, variance=0.7)
    denoiser = oracle(network, schedule)
    scheduler = DDIMScheduler(
        num_train_timesteps=5,
        trained_betas=VPSDE_BETAS,
        prediction_type="sample",
        clip_sample=False,
        set_alpha_to_one=True,
        timestep_spacing="leading",
        steps_offset=0,
    )
    x_T = torch.randn(2, 3, 4, dtype=torch.float64)
    theirs = run_diffusers(
        scheduler, 5, x_T, lambda x_t, i: denoiser(x_t, float(i + 1)).x_0
    )
    ours = sample(denoiser, x_T, schedule.timesteps(5))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-6)


def test_eta_one_is_the_ddpm_posterior_of_diffusers():
    schedule = NoiseSchedule.from_betas(torch.tensor(VPSDE_BETAS).double())
    denoiser = oracle(GaussianOracle(mean=0.3, variance=0.7), schedule)
    scheduler = DDPMScheduler(
        num_train_timesteps=5,
        trained_betas=VPSDE_BETAS,
        prediction_type="sample",
        clip_sample=False,
        variance_type="fixed_small",
    )
    x_T, *noises = torch.randn(6, 2, 3, 4, dtype=torch.float64)
    theirs = run_diffusers(
        scheduler, 5, x_T, lambda x_t, i: denoiser(x_t, float(i + 1)).x_0, noises
    )
    draws = iter(noises)
    ours = sample(
        denoiser, x_T, schedule.timesteps(5), eta=1.0, noise_fn=lambda _: next(draws)
    )
    torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-6)


@pytest.mark.parametrize("order, expected", [(1, 0.133), (2, 0.0288)])
def test_dpmsolver_agrees_with_diffusers_and_with_theory(order, expected):
    # N(0, .5), linear betas: relative error of the standard deviation (V11).
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    schedule = NoiseSchedule.from_betas(betas)
    denoiser = oracle(GaussianOracle(variance=0.5), schedule)
    scheduler = DPMSolverMultistepScheduler(
        num_train_timesteps=1000,
        trained_betas=betas.tolist(),
        solver_order=order,
        algorithm_type="dpmsolver++",
        prediction_type="sample",
        final_sigmas_type="zero",
        timestep_spacing="trailing",
    )
    x_T = torch.ones(1, 1, 1, dtype=torch.float64)
    theirs = run_diffusers(
        scheduler, 16, x_T, lambda x_t, i: denoiser(x_t, float(i + 1)).x_0
    )
    times = torch.cat([scheduler.timesteps.double() + 1, torch.zeros(1).double()])
    solver = {1: "ddim", 2: "dpmsolver++"}[order]
    ours = sample(denoiser, x_T, times, solver=solver)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    exact = math.sqrt(
        0.5 / (schedule.alpha(1000) ** 2 * 0.5 + schedule.sigma(1000) ** 2)
    )
    assert abs(ours.item() / exact - 1) == pytest.approx(expected, rel=0.05)


def test_ancestral_variance_follows_its_recursion():
    schedule = NoiseSchedule.vpsde(4)
    denoiser = oracle(GaussianOracle(), schedule)
    variance = 1.0
    for t in range(4, 0, -1):
        alpha_t, alpha_s = schedule.alpha(t).item(), schedule.alpha(t - 1).item()
        sigma_t2, sigma_s2 = 1 - alpha_t**2, 1 - alpha_s**2
        beta = 1 - (alpha_t / alpha_s) ** 2
        c_1 = beta * alpha_s / sigma_t2
        c_2 = sigma_s2 * (alpha_t / alpha_s) / sigma_t2
        variance = (c_1 * alpha_t + c_2) ** 2 * variance + beta * sigma_s2 / sigma_t2
    torch.manual_seed(0)
    n = 200_000
    got = sample(denoiser, torch.randn(1, 1, n), schedule.timesteps(4), eta=1.0).var()
    assert abs(got.item() - variance) < 3 * variance * math.sqrt(2 / n)


def test_ddim_is_deterministic_and_makes_one_evaluation_a_step():
    evaluations = []

    def network(x_t, noise_cond, cond, mask):
        evaluations.append(noise_cond[0].item())
        return 0.5 * x_t

    schedule = NoiseSchedule.vpsde(4)
    denoiser = Denoiser(network, schedule)
    x_T = torch.randn(1, 2, 3)
    seen = []
    first = sample(denoiser, x_T, schedule.timesteps(2), callback=seen.append)
    assert evaluations == [4, 2]
    assert [(c["step"], c["t"], c["s"]) for c in seen] == [(0, 4, 2), (1, 2, 0)]
    assert seen[0]["x_t"] is x_T and seen[1]["x_s"] is first
    torch.manual_seed(1)
    assert torch.equal(first, sample(denoiser, x_T, schedule.timesteps(2)))


def test_conditioning_is_prepared_once():
    class Network(torch.nn.Module):
        prepared = 0

        def prepare_cond(self, cond):
            self.prepared += 1
            return cond * 2

        def forward(self, x_t, noise_cond, cond, mask):
            return cond

    schedule = NoiseSchedule.vpsde(4)
    denoiser = Denoiser(Network(), schedule)
    cond = torch.randn(1, 2, 3)
    got = sample(denoiser, torch.randn(1, 2, 3), schedule.timesteps(4), cond)
    assert denoiser.network.prepared == 1
    assert torch.equal(got, cond * 2)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(solver="euler"), "ddim, dpmsolver\\+\\+"),
        (dict(eta=1.5), "eta must be between 0 and 1"),
        (dict(eta=0.5, solver="dpmsolver++"), "deterministic"),
        (dict(timesteps=torch.tensor([4.0, 4.0, 0.0])), "decrease strictly"),
        (dict(timesteps=torch.tensor([4.0])), "at least two"),
    ],
)
def test_impossible_options_are_refused(options, message):
    schedule = NoiseSchedule.vpsde(4)
    denoiser = Denoiser(lambda x_t, *_: x_t, schedule)
    times = options.pop("timesteps", schedule.timesteps(2))
    with pytest.raises(ValueError, match=message):
        sample(denoiser, torch.zeros(1, 1, 1), times, **options)
