"""Denoiser and ClippedDenoiser."""

import pytest
import torch

from espnet_prodiff.diffusion import ClippedDenoiser, Denoiser, NoiseSchedule, sample

SCHEDULE = NoiseSchedule.linear(8, 1e-3, 0.5)


def loud(x_t, noise_cond, cond, mask):
    """A network whose output is at least ten times its input."""
    return 10 * x_t + x_t**3


def test_unknown_options_are_refused_with_the_choices():
    with pytest.raises(ValueError, match="x_0, eps, v.*'noise'"):
        Denoiser(torch.nn.Identity(), NoiseSchedule.vpsde(4), "noise")
    with pytest.raises(ValueError, match="step, alpha, log_snr.*'sigma'"):
        Denoiser(torch.nn.Identity(), NoiseSchedule.vpsde(4), noise_cond="sigma")


@pytest.mark.parametrize("noise_cond", ["step", "alpha", "log_snr"])
def test_noise_condition_has_its_unit(noise_cond):
    schedule, noise_conds = NoiseSchedule.cosine(8), []

    def network(x_t, noise_cond, cond, mask):
        noise_conds.append(noise_cond)
        return x_t

    t = torch.tensor([2.0, 5.0])
    Denoiser(network, schedule, noise_cond=noise_cond)(torch.zeros(2, 1, 3), t)
    expected = {"step": lambda t: t, "alpha": schedule.alpha}.get(
        noise_cond, schedule.log_snr
    )(t)
    torch.testing.assert_close(noise_conds[0], expected.float())


def test_predictions_in_the_range_are_unchanged():
    x_t = torch.randn(2, 1, 9)
    plain = Denoiser(lambda x, *_: 0.1 * x, SCHEDULE, "x_0")
    clipped = ClippedDenoiser(lambda x, *_: 0.1 * x, SCHEDULE, "x_0", limit=1.0)
    for ours, theirs in zip(clipped(x_t, 3.0), plain(x_t, 3.0), strict=True):
        assert torch.equal(ours, theirs)


def test_clipped_predictions_still_make_up_x_t():
    x_t = torch.randn(4, 1, 50)
    clipped = ClippedDenoiser(loud, SCHEDULE, "v", limit=0.5)
    t = torch.tensor([1.0, 2.5, 7.0, 8.0])
    x_0, eps = clipped(x_t, t)
    assert x_0.abs().max() == 0.5
    alpha, sigma = clipped.alpha_sigma(t.double(), x_t)
    torch.testing.assert_close(alpha * x_0 + sigma * eps, x_t, rtol=1e-4, atol=1e-4)


def test_a_clipped_prediction_knows_its_condition_and_padding():
    mask = torch.tensor([[[1.0, 1.0, 0.0]]])
    clipped = ClippedDenoiser(
        lambda x, t, cond, mask: cond * mask + 9 * (1 - mask), SCHEDULE, limit=0.5
    )
    cond = torch.tensor([[[0.25, -3.0, 1.0]]])
    x_0, eps = clipped(torch.zeros(1, 1, 3), 4.0, cond, mask)
    assert x_0.tolist() == [[[0.25, -0.5, 0.0]]]
    assert eps[..., 2] == 0 and (eps[..., :2] != 0).all()


def test_huge_predictions_keep_x_s_small():
    # 1e12 in float32: a difference of such numbers is off by tens of thousands.
    x_t = torch.randn(4, 1, 50)
    clipped = ClippedDenoiser(lambda x, *_: 1e12 * x, SCHEDULE, "v", limit=1.0)
    x_s = sample(clipped, x_t, torch.tensor([4.0, 2.0, 1.0]))
    assert x_s.abs().max() < 2 + x_t.abs().max()


def test_clipped_samples_stay_in_the_range():
    x_T = torch.randn(1, 1, 50)
    times = SCHEDULE.timesteps(8)
    plain = sample(Denoiser(loud, SCHEDULE, "eps"), x_T, times)
    assert not plain.isfinite().all()
    clipped = sample(ClippedDenoiser(loud, SCHEDULE, "eps", limit=1.0), x_T, times)
    assert clipped.abs().max() <= 1
