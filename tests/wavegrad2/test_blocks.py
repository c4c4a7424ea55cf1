"""Blocks of WaveGrad's U-net: FiLM and upsampling."""

import math

import pytest
import torch
from torch.nn import functional as F

from espnet_prodiff.diffusion import Denoiser, NoiseSchedule
from espnet_prodiff.wavegrad2.blocks import FiLM, UBlock


@pytest.mark.parametrize("factor", [1, 2, 3, 5])
@pytest.mark.parametrize("length", [1, 2, 9])
def test_upsampling_at_the_low_rate_is_repeating_and_convolving(factor, length):
    torch.manual_seed(0)
    block = UBlock(4, 6, factor, (1, 2, 1, 2)).double()
    conv = block.convs[0]
    torch.nn.init.normal_(conv.bias)
    hidden = torch.randn(2, 4, length, dtype=torch.float64)
    torch.testing.assert_close(
        block.upsample(conv, hidden), conv(hidden.repeat_interleave(factor, -1))
    )


def test_scale_1_and_shift_0_are_plain_residual_blocks():
    torch.manual_seed(0)
    block = UBlock(6, 6, 2, (1, 2, 4, 8)).double()
    hidden = torch.randn(1, 6, 20, dtype=torch.float64)
    scale = torch.ones(1, 6, 40, dtype=torch.float64)
    output = block(hidden, scale, torch.zeros_like(scale))
    repeated = hidden.repeat_interleave(2, -1)
    plain = block.residual(repeated)
    for pair, start in ((block.convs[:2], repeated), (block.convs[2:], None)):
        inner = plain if start is None else start
        for conv in pair:
            inner = conv(F.leaky_relu(inner, 0.2))
        plain = plain + inner
    torch.testing.assert_close(output, plain)
    # With weights of 0 but the residual's, the block only repeats what comes in.
    for conv in block.convs:
        torch.nn.init.zeros_(conv.weight)
    output = block(hidden, scale, torch.zeros_like(scale))
    torch.testing.assert_close(output, block.residual(repeated))


def test_close_alphas_are_far_apart():
    film = FiLM(128, 4)
    alphas = torch.tensor([0.9, 0.9002, 0.91, 0.3])
    embedded = film.embed(alphas)
    assert embedded.shape == (4, 128)
    torch.testing.assert_close(embedded[0, 0], torch.tensor(4500.0).sin())
    torch.testing.assert_close(embedded[0, 64], torch.tensor(4500.0).cos())
    angle = torch.tensor(4500 * 10 ** (-4 * 63 / 64))
    torch.testing.assert_close(embedded[0, 63], angle.sin())
    length = math.sqrt(64)  # of every embedding: 64 pairs of sine and cosine
    torch.testing.assert_close(embedded.norm(dim=1), torch.full((4,), length))
    distance = (embedded - embedded[0]).norm(dim=1) / length
    assert 0.2 < distance[1] < 1.2 and distance[2] > 0.8 and distance[3] > 1
    unscaled = film.embed(alphas / 5000)  # without the factor they would be one
    assert (unscaled - unscaled[0]).norm(dim=1)[2] / length < 0.01


def test_film_takes_alpha_in_float32_in_half_precision():
    alphas = []

    def network(x_t, noise_cond, cond, mask):
        alphas.append(noise_cond)
        return x_t

    schedule = NoiseSchedule.linear(8, 1e-3, 0.5)
    denoiser = Denoiser(network, schedule, "eps", "alpha")
    denoiser(torch.zeros(1, 1, 4, dtype=torch.float16), 2.5)
    assert alphas[0].dtype == torch.float32
    assert alphas[0][0] == schedule.alpha(2.5).float()
    film = FiLM(4, 8).half()
    scale, _ = film(torch.randn(1, 4, 8, dtype=torch.float16), alphas[0])
    assert scale.dtype == torch.float16
