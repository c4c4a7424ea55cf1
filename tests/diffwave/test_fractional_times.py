"""A trained network between the times that it was trained at.

A closed form cannot show this: the embedding of t = 6.5 was exact, yet the network had
never seen it.
"""

import pytest
import torch

from espnet_prodiff.diffusion import Denoiser, NoiseSchedule, diffusion_loss
from espnet_prodiff.diffwave.network import DiffWaveNetwork


def tones(num: int) -> torch.Tensor:
    """Waves of one tone each, power 1, (num, 1, 128)."""
    n = torch.arange(128)
    frequency = 0.05 + 0.5 * torch.rand(num, 1, 1)
    return 2**0.5 * torch.sin(frequency * n + 6.3 * torch.rand(num, 1, 1))


@pytest.fixture(scope="module", params=["discrete", "continuous"])
def trained(request):
    torch.manual_seed(0)
    network = DiffWaveNetwork(16, 6, 6, train_times=request.param)
    denoiser = Denoiser(network, NoiseSchedule.linear(50, 1e-4, 0.3), "v")
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=300)
    for _ in range(300):
        loss = diffusion_loss(
            denoiser, tones(16), weight="snr_plus_one", times=request.param
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return denoiser


@torch.no_grad()
def error(denoiser: Denoiser, t: float) -> float:
    """Squared error of v at t; 1 for a network that predicts nothing."""
    torch.manual_seed(1)
    times = torch.full((256,), t, dtype=torch.float64)
    loss = diffusion_loss(denoiser, tones(256), weight="snr_plus_one", t=times)
    return loss.item()


@pytest.mark.parametrize("t", [5.0, 10.0, 20.0])
def test_the_error_between_two_times_is_that_at_them(trained, t):
    here = error(trained, t)
    assert here < 0.6  # much better than no prediction
    for shift in (-1 / 3, 1 / 3):
        assert error(trained, t + shift) < 1.2 * here
