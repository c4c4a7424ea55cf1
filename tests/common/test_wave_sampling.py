"""What is shared by the samplers of waves."""

import torch

from espnet_prodiff.common.wave_model import ClippedDenoiser
from espnet_prodiff.diffusion import Denoiser, NoiseSchedule, sample

SCHEDULE = NoiseSchedule.linear(8, 1e-3, 0.5)


def loud(x_t, noise_cond, cond, mask):
    """A network that makes everything ten times as loud, and more."""
    return 10 * x_t + x_t**3


def test_what_lies_in_the_range_is_left_alone():
    x_t = torch.randn(2, 1, 9)
    plain = Denoiser(lambda x, *_: 0.1 * x, SCHEDULE, "x_0")
    clipped = ClippedDenoiser(lambda x, *_: 0.1 * x, SCHEDULE, "x_0", limit=1.0)
    for ours, theirs in zip(clipped(x_t, 3.0), plain(x_t, 3.0), strict=True):
        assert torch.equal(ours, theirs)


def test_what_is_clipped_still_explains_x_t():
    x_t = torch.randn(4, 1, 50)
    clipped = ClippedDenoiser(loud, SCHEDULE, "v", limit=0.5)
    t = torch.tensor([1.0, 2.5, 7.0, 8.0])
    x_0, eps = clipped(x_t, t)
    assert x_0.abs().max() == 0.5
    alpha, sigma = clipped.alpha_sigma(t.double(), x_t)
    torch.testing.assert_close(alpha * x_0 + sigma * eps, x_t, rtol=1e-4, atol=1e-4)


def test_a_prediction_beyond_all_bounds_leaves_x_t_in_bounds():
    # 1e12 in float32: a difference of such numbers is off by tens of thousands.
    x_t = torch.randn(4, 1, 50)
    clipped = ClippedDenoiser(lambda x, *_: 1e12 * x, SCHEDULE, "v", limit=1.0)
    x_s = sample(clipped, x_t, torch.tensor([4.0, 2.0, 1.0]))
    assert x_s.abs().max() < 2 + x_t.abs().max()


def test_sampling_stays_finite_whatever_the_network_says():
    x_T = torch.randn(1, 1, 50)
    times = SCHEDULE.timesteps(8)
    plain = sample(Denoiser(loud, SCHEDULE, "eps"), x_T, times)
    assert not plain.isfinite().all()
    kept = sample(ClippedDenoiser(loud, SCHEDULE, "eps", limit=1.0), x_T, times)
    assert kept.abs().max() <= 1
