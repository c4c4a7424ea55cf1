"""Training losses, and the times they draw."""

import math

import pytest
import scipy.stats
import torch

from espnet_prodiff.diffusion import (
    Denoiser,
    NoiseSchedule,
    diffusion_loss,
    draw_times,
    squared_error,
)
from espnet_prodiff.diffusion.loss import mean_error


def test_snr_weighted_loss_is_the_eps_loss():
    torch.manual_seed(0)
    conv = torch.nn.Conv1d(3, 3, 1).double()
    denoiser = Denoiser(
        lambda x_t, noise_cond, cond, mask: conv(x_t), NoiseSchedule.cosine(8)
    )
    x_0, noise = torch.randn(2, 4, 3, 6, dtype=torch.float64)
    mask = torch.ones(4, 1, 6).double()
    mask[0, :, 3:] = 0
    same = dict(mask=mask, distance=squared_error, t=torch.tensor([1, 3, 5, 7]))
    by_weight = diffusion_loss(denoiser, x_0, noise=noise, weight="snr", **same)
    by_error = diffusion_loss(denoiser, x_0, noise=noise, error_of="eps", **same)
    # The mask hides the padding of both predictions but not of the drawn noise.
    torch.testing.assert_close(by_weight, by_error)


def test_padding_does_not_change_the_loss():
    torch.manual_seed(0)
    denoiser = Denoiser(
        lambda x_t, noise_cond, cond, mask: 0.5 * x_t, NoiseSchedule.cosine(8)
    )
    x_0, noise = torch.randn(2, 1, 3, 6)
    t = torch.tensor([4])
    alone = diffusion_loss(denoiser, x_0, t=t, noise=noise)
    padded = diffusion_loss(
        denoiser,
        torch.nn.functional.pad(x_0, (0, 4), value=7.0),
        mask=torch.tensor([1.0] * 6 + [0.0] * 4).view(1, 1, -1),
        t=t,
        noise=torch.nn.functional.pad(noise, (0, 4), value=-3.0),
    )
    torch.testing.assert_close(alone, padded)


def test_continuous_times_are_uniform_and_stay_off_the_clean_end():
    schedule = NoiseSchedule.vpsde(4)
    generator = torch.Generator().manual_seed(0)
    t = draw_times(schedule, 20000, "continuous", generator)
    assert schedule.log_snr(t).max() <= 20 and t.max() <= 4
    low = t.min().item()
    assert scipy.stats.kstest(t, "uniform", (low, 4 - low)).pvalue > 0.01
    whole = draw_times(schedule, 400, "discrete", generator)
    assert set(whole.tolist()) == {1, 2, 3, 4}
    with pytest.raises(ValueError, match="one of discrete, continuous.*'even'"):
        draw_times(schedule, 1, "even")


def test_continuous_times_are_wavegrads_noise_levels():
    """s ~ U{1 ... T}, then sqrt(alpha_bar) ~ U(l_s, l_{s-1}): V14."""
    schedule = NoiseSchedule.linear(10, 0.01, 0.3)
    levels = schedule.alpha(torch.arange(11))
    random = torch.Generator().manual_seed(0)
    times = draw_times(schedule, 40_000, "continuous", random)
    alphas = schedule.alpha(times)
    steps = torch.searchsorted(-levels, -alphas)  # l_s <= alpha < l_{s-1}
    counts = torch.bincount(steps, minlength=11)[1:]
    assert (counts / 40_000 - 0.1).abs().max() < 4 * math.sqrt(0.09 / 40_000)
    for s in range(1, 11):
        inside = alphas[steps == s]
        u = ((inside - levels[s]) / (levels[s - 1] - levels[s])).sort().values
        n = len(u)
        grid = torch.arange(1, n + 1) / n
        ks = torch.maximum(grid - u, u - (grid - 1 / n)).max()
        assert ks < 1.95 / math.sqrt(n)  # the 0.1 % point


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_errors_stay_in_float32_under_autocast(dtype):
    """eps that is off by .1 at a log-SNR of -20 is an x_0 that is off by 2,200."""
    torch.manual_seed(0)
    target = torch.randn(2, 4, 6)
    prediction = target + 2200.0
    product = torch.nn.Parameter(torch.eye(4))

    def distance(x, y, mask):  # with a product, as SSIM has one
        return (product @ (x - y).square()).flatten(1).mean(1)

    arguments = (target, None, "snr", torch.tensor([-20.0, -19.0]))
    expected = mean_error(distance, prediction, *arguments)
    with torch.autocast("cpu", dtype):
        assert torch.equal(mean_error(distance, prediction, *arguments), expected)
        rounded = mean_error(distance, prediction.to(dtype), *arguments)
    torch.testing.assert_close(rounded, expected, rtol=0.01, atol=0)
