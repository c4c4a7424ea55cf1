from functools import partial

import pytest
import torch

from espnet_prodiff.diffusion import Denoiser, NoiseSchedule, sample
from espnet_prodiff.diffwave.network import DiffWaveNetwork
from espnet_prodiff.diffwave.tiling import TiledNetwork

N_MELS, HOP = 5, 15


def make_network(dtype=torch.float64, **options):
    torch.manual_seed(0)
    sizes = dict(channels=8, layers=6, dilation_cycle=3)
    network = DiffWaveNetwork(**{**sizes, **options})
    torch.nn.init.normal_(network.out_proj.weight, std=0.5)
    for module in network.modules():
        if getattr(module, "bias", None) is not None:
            torch.nn.init.normal_(module.bias, std=0.3)
    return network.to(dtype)


def make_vocoder(**options):
    return make_network(n_mels=N_MELS, hop_length=HOP, **options)


def inputs(length, batch=2):
    torch.manual_seed(1)
    return (
        torch.randn(batch, 1, length, dtype=torch.float64),
        torch.tensor([1.0, 42.9186], dtype=torch.float64)[:batch],
    )


def mel_for(x_t):
    return torch.randn(len(x_t), N_MELS, x_t.shape[-1] // HOP, dtype=torch.float64)


@pytest.mark.parametrize("tile", [1, 8, 13, 16, 64, 1000])
@pytest.mark.parametrize("frames", [1, 2, 9, 60])
def test_tiles_make_up_the_whole(frames, tile):
    network = make_vocoder()
    x_t, t = inputs(frames * HOP)
    mel = mel_for(x_t)
    tiled = TiledNetwork(network, tile)
    torch.testing.assert_close(
        tiled(x_t, t, tiled.prepare_cond(mel)),
        network(x_t, t, mel),
        rtol=0,
        atol=1e-12,
    )


@pytest.mark.parametrize("length", [1, 7, 16, 17, 101, 400])
def test_any_length_without_a_mel(length):
    x_t, t = inputs(length)
    labels = torch.tensor([2, 0])
    for network, cond in (
        (make_network(), None),
        (make_network(num_labels=3), labels),
    ):
        torch.testing.assert_close(
            TiledNetwork(network, 16)(x_t, t, cond),
            network(x_t, t, cond),
            rtol=0,
            atol=1e-12,
        )


@pytest.mark.parametrize("frames", [17, 60, 91])
def test_threads_share_a_wave(frames):
    network = make_vocoder()
    x_t, t = inputs(frames * HOP)
    mel = mel_for(x_t)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        tiled = TiledNetwork(network, 16)(x_t, t, mel)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    assert not tiled.requires_grad
    torch.testing.assert_close(tiled, network(x_t, t, mel), rtol=0, atol=1e-12)


def test_base_in_float32_is_the_whole_to_1e_5():
    torch.manual_seed(0)
    network = DiffWaveNetwork(n_mels=80, hop_length=256)
    torch.nn.init.normal_(network.out_proj.weight, std=0.1)
    mel, x_t = torch.randn(1, 80, 36), torch.randn(1, 1, 36 * 256)
    t = torch.tensor([10.4518])
    whole = network(x_t, t, mel)
    assert whole.std() > 0.3  # a difference would show
    tiled = TiledNetwork(network)(x_t, t, mel)  # three tiles
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-5)


def test_current_weights_are_used():
    network = make_vocoder()
    tiled = TiledNetwork(network, 16)
    x_t, t = inputs(4 * HOP)
    mel = mel_for(x_t)
    before = tiled(x_t, t, mel)
    with torch.no_grad():
        network.layers[0].out.weight.mul_(2)
    torch.testing.assert_close(tiled(x_t, t, mel), network(x_t, t, mel))
    assert (tiled(x_t, t, mel) - before).abs().max() > 1e-3


def test_padded_batch_is_each_alone():
    network = make_vocoder()
    tiled = TiledNetwork(network, 16)
    x_t, t = inputs(9 * HOP)
    mel = mel_for(x_t)
    mask = torch.ones_like(x_t)
    mask[1, :, 4 * HOP :] = 0
    together = tiled(x_t, t, mel, mask)
    torch.testing.assert_close(together * mask, network(x_t, t, mel, mask) * mask)
    alone = tiled(x_t[1:, :, : 4 * HOP], t[1:], mel[1:, :, :4])
    torch.testing.assert_close(together[1:, :, : 4 * HOP], alone)
    assert (together[1:, :, 4 * HOP :] == 0).all()


def test_sampling_in_tiles_is_sampling_the_whole():
    network = make_vocoder()
    schedule = NoiseSchedule.linear(50, 1e-4, 0.05)
    x_T, _ = inputs(20 * HOP)
    mel = mel_for(x_T)
    waves = []
    for of in (network, TiledNetwork(network, 16)):
        torch.manual_seed(2)
        denoiser = Denoiser(of, schedule, "eps")
        waves.append(sample(denoiser, x_T, schedule.timesteps(6), mel, eta=1))
    torch.testing.assert_close(*waves, rtol=0, atol=1e-9)


def test_memory_is_that_of_a_tile(peak_memory):
    network = make_vocoder()
    peaks = {}
    for name, of in (("tiled", TiledNetwork(network, 64)), ("whole", network)):
        for frames in (40, 400):
            x_t, t = inputs(frames * HOP, batch=1)
            mel = mel_for(x_t)
            peak = peak_memory(partial(of, x_t, t, mel))
            peaks[name, frames] = peak - x_t.nbytes  # the output is kept whole
    assert peaks["tiled", 400] < 1.05 * peaks["tiled", 40]
    assert peaks["whole", 400] > 9 * peaks["whole", 40]  # the measurement sees it


@pytest.mark.parametrize(
    "options, cond, message",
    [
        (dict(n_mels=5, hop_length=15), torch.zeros(2, 4, 2), "for 5 mel bins"),
        (dict(n_mels=5, hop_length=15), torch.zeros(2, 5, 3), "but it has 30"),
        (dict(num_labels=3), torch.tensor([0, 3]), "0 ... 2"),
        ({}, torch.zeros(2, 5, 2), "unconditional"),
    ],
)
def test_conditioning_that_does_not_fit_is_refused(options, cond, message):
    tiled = TiledNetwork(make_network(**options))
    x_t, t = inputs(30)
    with pytest.raises(ValueError, match=message):
        tiled(x_t, t, cond)


def test_empty_tiles_are_refused():
    with pytest.raises(ValueError, match="tile_length must be positive, but it is 0"):
        TiledNetwork(make_network(), 0)


def test_it_moves_as_any_module():
    network = make_network(torch.float32)
    x_t, t = inputs(60)
    whole = make_network()(x_t, t)
    tiled = TiledNetwork(network, 16).to(torch.float64)(x_t, t)
    assert torch.allclose(tiled, whole, atol=1e-5)
