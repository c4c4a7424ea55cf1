import pytest
import torch

from espnet_prodiff.diffusion import (
    loss_weight,
)
from espnet_prodiff.diffusion.parameterization import to_prediction


@pytest.fixture
def point():
    generator = torch.Generator().manual_seed(0)
    x_0, eps = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=generator)
    alpha, sigma = torch.tensor(0.6).double(), torch.tensor(0.8).double()
    return x_0, eps, alpha, sigma


@pytest.mark.parametrize("prediction_type", ["x_0", "eps", "v"])
def test_prediction_types_agree(point, prediction_type):
    x_0, eps, alpha, sigma = point
    x_t = alpha * x_0 + sigma * eps
    output = {"x_0": x_0, "eps": eps, "v": alpha * eps - sigma * x_0}[prediction_type]
    prediction = to_prediction(output, x_t, prediction_type, alpha=alpha, sigma=sigma)
    torch.testing.assert_close(prediction.x_0, x_0)
    torch.testing.assert_close(prediction.eps, eps)
    torch.testing.assert_close(prediction.v(alpha, sigma), alpha * eps - sigma * x_0)


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
