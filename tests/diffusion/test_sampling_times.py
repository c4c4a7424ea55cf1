import math
import warnings

import pytest
import torch

from espnet_prodiff.diffusion import Denoiser, NoiseSchedule, sample
from espnet_prodiff.diffusion.sampling_times import (
    FAST_SCHEDULES,
    SPEECH_POWER,
    decibels,
    resolve,
    snr_times,
)
from espnet_prodiff.diffwave.network import DiffWaveNetwork
from tests.diffusion.oracles import GaussianOracle, oracle

BASE = NoiseSchedule.linear(50, 1e-4, 0.05)
LARGE = NoiseSchedule.linear(200, 1e-4, 0.02)


@pytest.mark.parametrize(
    "name, schedule, t_align",
    [
        ("base6", BASE, [0, 0.8941, 4.0867, 10.4518, 22.9925, 42.9186]),
        ("large6", LARGE, [0, 3.2007, 13.4303, 33.8203, 73.9825, 170.6051]),
    ],
)
def test_named_schedules_align_as_published(name, schedule, t_align):
    # The paper counts the training's times from 0, we from 1.
    expected = torch.tensor([-1.0, *t_align], dtype=torch.float64).flip(0) + 1
    torch.testing.assert_close(resolve(name, schedule), expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("steps, last", [(50, 0.05), (200, 0.02), (4, 0.5)])
def test_training_betas_are_the_training_times(steps, last, dtype):
    schedule = NoiseSchedule.linear(steps, 1e-4, last)
    betas = torch.linspace(1e-4, last, steps, dtype=torch.float64)
    times = resolve(betas.to(dtype).tolist(), schedule)
    if dtype == torch.float64:
        assert times.tolist() == list(range(steps, -1, -1))
    torch.testing.assert_close(
        times, torch.arange(steps, -1, -1.0).double(), rtol=0, atol=1e-2
    )


def reference_sampler(denoiser, betas, times, x, noises):
    """The paper's fast sampler, from its own formulas (app. B and Algorithm 2)."""
    gammas = [1 - beta for beta in betas]
    bars = [1.0]
    for gamma in gammas:
        bars.append(bars[-1] * gamma)
    for s in range(len(betas), 0, -1):
        t = torch.tensor([times[len(betas) - s]], dtype=x.dtype)
        eps = denoiser.network(x, t)
        x = (x - betas[s - 1] / (1 - bars[s]) ** 0.5 * eps) / gammas[s - 1] ** 0.5
        if s > 1:
            variance = (1 - bars[s - 1]) / (1 - bars[s]) * betas[s - 1]
            x = x + variance**0.5 * noises[s]
    return x


@pytest.fixture
def double():
    """Numbers become float64 tensors, so that two formulas can be compared closely."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    "betas",
    [
        FAST_SCHEDULES["base6"],
        (0.01, 0.3),
        torch.linspace(1e-4, 0.05, 50, dtype=torch.float64).tolist(),
    ],
)
@torch.no_grad()
def test_sampling_is_the_papers_fast_sampler(betas, double):
    torch.manual_seed(0)
    network = DiffWaveNetwork(4, 3, 3).double()
    torch.nn.init.normal_(network.out_proj.weight, std=0.1)
    denoiser = Denoiser(network, BASE, "eps")
    times = resolve(betas, BASE)
    noises = torch.randn(len(betas) + 1, 1, 1, 40, dtype=torch.float64)
    x_T = torch.randn(1, 1, 40, dtype=torch.float64)
    expected = reference_sampler(denoiser, betas, times, x_T, noises)
    remaining = iter(noises.flip(0)[:-2])
    got = sample(denoiser, x_T, times, eta=1, noise_fn=lambda _: next(remaining))
    assert next(remaining, None) is None
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-9)


@pytest.mark.filterwarnings("ignore:the sampling schedule starts")
def test_schedules_as_lists_and_as_texts():
    by_betas = resolve([1e-4, 0.01, 0.3], BASE)
    assert len(by_betas) == 4 and by_betas[-1] == 0 and (by_betas.diff() < 0).all()
    for text in ("0.0001, 0.01, 0.3", "[1e-4 0.01 0.3]", "(0.0001,0.01,0.3)"):
        assert (resolve(text, BASE) == by_betas).all()
    for times in ([50, 10.5, 1, 0], (50, 10.5, 1), "50 10.5 1", "[50, 10.5, 1, 0]"):
        assert resolve(times, BASE).tolist() == [50, 10.5, 1, 0]
    torch.testing.assert_close(resolve(by_betas.tolist(), BASE), by_betas)


@pytest.mark.parametrize(
    "value, schedule, message",
    [
        # The schedule that makes another implementation fail with an IndexError.
        (
            "base6",
            NoiseSchedule.linear(20, 1e-4, 0.05),
            r"0.99995 \(t = 1, .*to 0.774996 \(t = 20\).* at least 0.600619",
        ),
        ([1e-5, 0.1], BASE, "the first beta must be at least 0.0001"),
        ([0.5, 0.5], BASE, "the product .* at least 0.279673"),
        ([51, 10], BASE, r"at most 50.*but they are \[51.0, 10.0, 0.0\]"),
        ([1, 10], BASE, "must decrease strictly"),
        ([10, 10], BASE, "must decrease strictly"),
        ([10, 0, 0], BASE, "must decrease strictly"),
        ([0], BASE, "must decrease strictly"),
        (
            [10, 0.5],
            BASE,
            "betas, each between 0 and 1, or of times, each from 1 to 50",
        ),
        ([-0.1, 0.2], BASE, "betas, each between 0 and 1"),
        ([], BASE, "base6, large6"),
        ("base7", BASE, "must be one of base6, large6.*but it is 'base7'"),
        ("", BASE, "base6, large6"),
        ([0.1, float("nan")], BASE, "base6, large6"),
        (None, BASE, "base6, large6"),
        (6, BASE, "base6, large6"),
    ],
)
def test_impossible_schedules_are_refused(value, schedule, message):
    with pytest.raises(ValueError, match=message):
        resolve(value, schedule)


WAVEGRAD = NoiseSchedule.linear(1000, 1e-6, 0.01)


@pytest.mark.parametrize(
    "name, steps, alpha",
    [
        ("wavegrad1000", 1000, 0.279),
        ("wavegrad50", 50, 0.529),
        ("wavegrad25", 25, 0.848),
    ],
)
def test_wavegrads_schedules_end_where_their_betas_do(name, steps, alpha):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        times = resolve(name, WAVEGRAD)
    assert len(times) == steps + 1
    assert float(WAVEGRAD.alpha(times[0])) == pytest.approx(alpha, abs=2e-3)


@pytest.mark.parametrize(
    "betas, warns",
    [
        ("wavegrad50", False),  # .529
        ([3.2176e-4, 2.5743e-3, 2.5376e-2, 0.63], False),  # .600
        (torch.linspace(1e-6, 0.01, 50).tolist(), True),  # .882
        ("wavegrad25", True),
    ],
)
def test_a_start_far_from_the_noise_prior_warns(betas, warns):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        resolve(betas, WAVEGRAD)
    assert (
        [w for w in caught if "starts where the wave still has" in str(w.message)]
        if warns
        else not caught
    )


def test_betas_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match="the least noisy step comes first"):
        resolve([0.5, 0.1, 0.01], BASE)


COSINE = NoiseSchedule.cosine(1000)
MELS = decibels(-30), decibels(30)


def test_steps_are_even_in_log_snr_and_halves_are_nested():
    times = snr_times(COSINE, 8, MELS)
    assert times[0] == 1000 and times[-1] == 0 and len(times) == 9
    levels = COSINE.log_snr(times[1:-1]) / decibels(1)
    expected = torch.tensor([-30 + 60 * j / 8 for j in range(1, 8)]).double()
    torch.testing.assert_close(levels, expected, rtol=0, atol=1e-6)
    for num_steps in (4, 2, 1):
        fewer = snr_times(COSINE, num_steps, MELS)
        torch.testing.assert_close(fewer, times[:: 8 // num_steps])


def test_no_step_is_cleaner_than_the_training():
    # t = 1 of BASE has an SNR of 40 dB, of which speech keeps 16.
    ends = decibels(4), decibels(64)
    for num_steps in (2, 6, 12, 25, 49):
        times = snr_times(BASE, num_steps, ends, whole=True)
        assert times[-2] >= 1 and (times == times.round()).all()
        assert (times.diff() < 0).all() and len(times) == num_steps + 1
        assert num_steps < 4 or times[-2] == 1
    everything = snr_times(BASE, 50, ends, whole=True)
    assert everything.tolist() == list(range(50, -1, -1))
    for num_steps in (2, 12, 40):  # the last one is the cleanest that was trained
        last = snr_times(BASE, num_steps, (decibels(4), decibels(640)))[-2]
        assert math.isclose(last, BASE.cleanest_time, rel_tol=1e-6)
    continuous = snr_times(BASE, 12, ends)
    assert 0 < continuous[-2] < 1  # trained too, and cleaner than t = 1
    with pytest.raises(ValueError, match="between 1 and 50"):
        snr_times(BASE, 51, ends, whole=True)


def test_steps_from_the_middle():
    times = snr_times(BASE, 3, MELS, start=6.25)
    assert times[0] == 6.25 and times[-1] == 0 and (times.diff() < 0).all()
    whole = snr_times(BASE, 3, MELS, start=6.25, whole=True)
    assert whole[0] == 6.25 and (whole[1:] == whole[1:].round()).all()
    with pytest.raises(ValueError, match="8 steps from t = 6.25 are more"):
        snr_times(BASE, 8, MELS, start=6.25, whole=True)


def test_steps_from_beyond_the_ends():
    start = float(COSINE.t_from_alpha(torch.sigmoid(torch.tensor(decibels(45))) ** 0.5))
    times = snr_times(COSINE, 3, MELS, start=start)
    assert times[0] == start and times[-1] == 0 and (times.diff() < 0).all()


def share_kept(schedule, times, sd):
    """Share of a Gaussian's standard deviation that its exact denoiser keeps."""
    denoiser = oracle(GaussianOracle(variance=sd**2), schedule)
    x_T = torch.ones(1, 1, 1, dtype=torch.float64)  # all is linear
    return sample(denoiser, x_T, times).item() / sd


def test_four_steps_keep_most_of_the_standard_deviation():
    # The schedule that was the default until version 0.2 kept a fifth.
    old = NoiseSchedule.vpsde(4)
    assert share_kept(old, old.timesteps(4), 0.35) == pytest.approx(0.21, abs=0.01)
    published = NoiseSchedule(NoiseSchedule.vpsde(5).alpha(torch.arange(5)))
    share = share_kept(published, published.timesteps(4), 0.35)
    assert share == pytest.approx(0.29, abs=0.01)
    four = snr_times(COSINE, 4, MELS)
    for sd, least in ((0.1, 0.44), (0.2, 0.58), (0.35, 0.61), (1.0, 0.65)):
        assert share_kept(COSINE, four, sd) > least


@pytest.mark.parametrize("scale", [1.0, 4.0, 16.0])
def test_named_schedules_mean_the_same_snr_whatever_the_scale(scale):
    power = scale**2 * SPEECH_POWER
    times = resolve("base6", COSINE, power)
    levels = COSINE.log_snr(times[:-1]) + math.log(power)
    of_paper = BASE.log_snr(resolve("base6", BASE)[:-1]) + math.log(SPEECH_POWER)
    torch.testing.assert_close(levels, of_paper, rtol=0, atol=0.02)


def test_a_start_with_speech_in_the_noise_warns():
    # alpha .613 is nearly noise for a wave as it is, and speech for a wave times 16.
    betas = FAST_SCHEDULES["base6"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resolve(betas, BASE)
        resolve("base6", COSINE, 16**2 * SPEECH_POWER)
    with pytest.warns(UserWarning, match=r"-2 dB beside the noise"):
        resolve(betas, COSINE, 16**2 * SPEECH_POWER)
