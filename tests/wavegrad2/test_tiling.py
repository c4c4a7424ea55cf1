from functools import partial

import pytest
import torch

from espnet_prodiff.diffusion import Denoiser, NoiseSchedule, sample
from espnet_prodiff.wavegrad2.network import WaveGradNetwork
from espnet_prodiff.wavegrad2.tiling import TiledNetwork

COND, FACTORS, HOP = 5, (3, 2, 2, 1, 1), 12


def make_network(size="base", factors=FACTORS):
    torch.manual_seed(0)
    network = WaveGradNetwork(
        COND,
        factors,
        channels=(8, 8, 6, 6, 4),
        in_channels=4,
        pre_channels=7,
        size=size,
    )
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    network.double()
    with torch.no_grad():  # an output of the size of the noise
        x_t, alpha, cond = inputs(10, batch=1, hop=network.hop_length)
        network.out_proj.weight.div_(network(x_t, alpha, cond).std())
    return network


def inputs(frames, batch=2, hop=HOP):
    torch.manual_seed(1)
    return (
        torch.randn(batch, 1, frames * hop, dtype=torch.float64),
        torch.tensor([0.2, 0.95], dtype=torch.float64)[:batch],
        torch.randn(batch, COND, frames, dtype=torch.float64),
    )


@pytest.mark.parametrize(
    "frames, tile, size",
    [
        (1, 1, "base"),
        (1, None, "large"),
        (2, 1, "base"),
        (2, 1000, "large"),
        (21, 1, "base"),
        (21, 2, "large"),
        (41, 7, "base"),
        (41, 7, "large"),
        (41, None, "base"),
    ],
)
def test_tiles_make_up_the_whole(frames, tile, size):
    network = make_network(size)
    x_t, alpha, cond = inputs(frames, batch=1 + (frames == 2))
    tiled = TiledNetwork(network, tile)
    whole = network(x_t, alpha, cond)
    for prepared_or_not in (cond, tiled.prepare_cond(cond)):
        torch.testing.assert_close(
            tiled(x_t, alpha, prepared_or_not), whole, rtol=0, atol=1e-12
        )


@pytest.mark.parametrize("factors", [(4, 4, 4, 2, 2), (5, 5, 2, 2, 2)])
def test_tiles_of_real_hops(factors):
    network = make_network(factors=factors)
    x_t, alpha, cond = inputs(9, batch=1, hop=network.hop_length)
    torch.testing.assert_close(
        TiledNetwork(network, 3)(x_t, alpha, cond),
        network(x_t, alpha, cond),
        rtol=0,
        atol=1e-12,
    )


@pytest.mark.parametrize("frames, tile", [(97, 30), (145, None)])
def test_threads_share_a_wave(frames, tile):
    network = make_network(factors=(4, 4, 4, 2, 2))
    assert frames // (8 * network.halo) == (2 if frames == 97 else 3)
    x_t, alpha, cond = inputs(frames, batch=1, hop=256)
    whole = network(x_t, alpha, cond)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        tiled = TiledNetwork(network, tile)(x_t, alpha, cond)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    assert not tiled.requires_grad
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-12)


def test_float32_is_the_whole_to_1e_5():
    torch.manual_seed(0)
    network = WaveGradNetwork(
        COND, (4, 4, 4, 2, 2), channels=(64, 64, 48, 32, 16), pre_channels=64
    )
    x_t, alpha, cond = (x.float() for x in inputs(30, batch=1, hop=256))
    with torch.no_grad():
        whole = network(x_t, alpha, cond)
    tiled = TiledNetwork(network, 12)(x_t, alpha, cond)
    torch.testing.assert_close(
        tiled / whole.std(), whole / whole.std(), rtol=0, atol=1e-5
    )


def test_padded_batch_is_each_alone():
    network = make_network()
    tiled = TiledNetwork(network, 4)
    x_t, alpha, cond = inputs(15)
    mask = torch.ones_like(x_t)
    mask[1, :, 9 * HOP :] = 0
    cond[1, :, 9:] = 0
    together = tiled(x_t, alpha, cond, mask)
    torch.testing.assert_close(together, network(x_t, alpha, cond, mask))
    alone = tiled(x_t[1:, :, : 9 * HOP], alpha[1:], cond[1:, :, :9])
    torch.testing.assert_close(together[1:, :, : 9 * HOP], alone)
    assert (together[1:, :, 9 * HOP :] == 0).all()


def test_an_item_of_padding_alone_is_zero():
    network = make_network()
    x_t, alpha, cond = inputs(3)
    mask = torch.ones_like(x_t)
    mask[1] = 0
    output = TiledNetwork(network, 2)(x_t, alpha, cond, mask)
    assert (output[1] == 0).all() and (output[0] != 0).any()


def test_current_weights_and_no_gradient():
    network = make_network()
    tiled = TiledNetwork(network, 4)
    x_t, alpha, cond = inputs(9)
    before = tiled(x_t, alpha, cond)
    assert not before.requires_grad
    with torch.no_grad():
        network.up_blocks[0][0].residual.weight.mul_(2)
    after = tiled(x_t, alpha, cond)
    torch.testing.assert_close(after, network(x_t, alpha, cond))
    assert (after - before).abs().max() > 1e-3


def test_sampling_in_tiles_is_sampling_the_whole():
    network = make_network()
    schedule = NoiseSchedule.linear(50, 1e-4, 0.05)
    x_T, _, cond = inputs(12, batch=1)
    waves = []
    for of in (network, TiledNetwork(network, 6)):
        torch.manual_seed(2)
        denoiser = Denoiser(of, schedule, "eps", noise_cond="alpha")
        waves.append(sample(denoiser, x_T, schedule.timesteps(3), cond, eta=1))
    torch.testing.assert_close(*waves, rtol=1e-9, atol=1e-9)


def test_memory_is_that_of_a_tile(peak_memory):
    network = make_network()
    peaks = {}
    for name, of in (("tiled", TiledNetwork(network, 20)), ("whole", network)):
        for frames in (80, 400):
            x_t, alpha, cond = inputs(frames, batch=1)
            prepared = network.prepare_cond(cond)
            peak = peak_memory(partial(of, x_t, alpha, prepared))
            peaks[name, frames] = peak - x_t.nbytes  # the output is kept whole
    assert peaks["tiled", 400] < 1.05 * peaks["tiled", 80]
    assert peaks["whole", 400] > 4.5 * peaks["whole", 80]  # the measurement sees it


def test_tiles_and_conditioning_that_do_not_fit_are_refused():
    network = make_network()
    with pytest.raises(ValueError, match="tile_frames must be positive, but it is 0"):
        TiledNetwork(network, 0)
    tiled = TiledNetwork(network)
    x_t, alpha, cond = inputs(3)
    with pytest.raises(ValueError, match="24 samples, but the wave has 36"):
        tiled(x_t, alpha, cond[..., :2])
    with pytest.raises(ValueError, match=r"\(B, 5, F\)"):
        tiled(x_t, alpha, cond[:, :4])
