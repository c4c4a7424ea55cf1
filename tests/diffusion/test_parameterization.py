import pytest
import torch

from espnet_prodiff.diffusion import (
    Denoiser,
    NoiseSchedule,
    diffusion_loss,
    loss_weight,
)
from espnet_prodiff.diffusion.loss import squared_error
from espnet_prodiff.diffusion.parameterization import to_prediction


@pytest.fixture
def point():
    generator = torch.Generator().manual_seed(0)
    x_0, eps = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=generator)
    alpha, sigma = torch.tensor(0.6).double(), torch.tensor(0.8).double()
    return x_0, eps, alpha, sigma


@pytest.mark.parametrize("prediction_type", ["x_0", "eps", "v"])
def test_every_prediction_type_tells_the_same_story(point, prediction_type):
    x_0, eps, alpha, sigma = point
    x_t = alpha * x_0 + sigma * eps
    output = {"x_0": x_0, "eps": eps, "v": alpha * eps - sigma * x_0}[prediction_type]
    prediction = to_prediction(output, x_t, prediction_type, alpha=alpha, sigma=sigma)
    torch.testing.assert_close(prediction.x_0, x_0)
    torch.testing.assert_close(prediction.eps, eps)
    torch.testing.assert_close(prediction.v(alpha, sigma), alpha * eps - sigma * x_0)


def test_unknown_prediction_type_is_refused_with_the_choices():
    with pytest.raises(ValueError, match="x_0, eps, v.*'noise'"):
        Denoiser(torch.nn.Identity(), NoiseSchedule.vpsde(4), "noise")
    with pytest.raises(ValueError, match="step, alpha, log_snr.*'sigma'"):
        Denoiser(torch.nn.Identity(), NoiseSchedule.vpsde(4), noise_cond="sigma")


@pytest.mark.parametrize("noise_cond", ["step", "alpha", "log_snr"])
def test_network_is_told_of_the_noise_in_its_own_unit(noise_cond):
    schedule, told = NoiseSchedule.cosine(8), []

    def network(x_t, noise_cond, cond, mask):
        told.append(noise_cond)
        return x_t

    t = torch.tensor([2.0, 5.0])
    Denoiser(network, schedule, noise_cond=noise_cond)(torch.zeros(2, 1, 3), t)
    expected = {"step": lambda t: t, "alpha": schedule.alpha}.get(
        noise_cond, schedule.log_snr
    )(t)
    torch.testing.assert_close(told[0], expected.float())


def test_weights_turn_the_x_0_error_into_the_eps_and_v_errors(point):
    x_0, eps, alpha, sigma = point
    x_t = alpha * x_0 + sigma * eps
    guess = to_prediction(x_0 + 0.3, x_t, "x_0", alpha=alpha, sigma=sigma)
    log_snr = torch.log(alpha**2 / sigma**2)
    x_error = ((guess.x_0 - x_0) ** 2).mean()
    eps_error = ((guess.eps - eps) ** 2).mean()
    v = alpha * eps - sigma * x_0
    v_error = ((guess.v(alpha, sigma) - v) ** 2).mean()
    weighted = {
        name: (loss_weight(name, log_snr) * x_error).item()
        for name in ("uniform", "snr", "truncated_snr", "snr_plus_one")
    }
    assert weighted["uniform"] == pytest.approx(x_error.item(), rel=1e-6)
    assert weighted["snr"] == pytest.approx(eps_error.item(), rel=1e-6)
    assert weighted["snr_plus_one"] == pytest.approx(v_error.item(), rel=1e-6)
    larger = max(x_error.item(), eps_error.item())
    assert weighted["truncated_snr"] == pytest.approx(larger, rel=1e-6)
    with pytest.raises(ValueError, match="uniform, snr, truncated_snr, snr_plus_one"):
        loss_weight("min_snr", log_snr)


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


def test_loss_does_not_see_padding():
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
