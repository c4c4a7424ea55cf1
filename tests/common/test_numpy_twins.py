"""Noise and mel inversion in numpy against torch's."""

import numpy as np
import pytest
import torch

from espnet_prodiff.common import mel_inversion, mel_inversion_numpy
from espnet_prodiff.common.mel_matrix import mel_matrix
from espnet_prodiff.common.noise_numpy import Noise


@pytest.mark.parametrize("seed", [0, 777, 2**31 + 5, 2**40 + 3])
@pytest.mark.parametrize("length", [33, 7])
def test_a_seed_is_the_same_noise(seed, length):
    generator, noise = torch.Generator().manual_seed(seed), Noise(seed, 0.5)
    for channels in (80, 5):  # one after the other, whole groups and not
        expected = 0.5 * torch.randn(channels, length, generator=generator).numpy()
        assert np.abs(noise(channels, length) - expected).max() < 1e-6


def test_without_a_seed_noise_is_new():
    assert not np.array_equal(Noise(None)(2, 8), Noise(None)(2, 8))


@pytest.mark.parametrize(("frames", "hop", "rounds"), [(1, 256, 2), (40, 200, 8)])
def test_the_same_wave_from_a_mel(frames, hop, rounds):
    matrix = mel_matrix(16000, 1024, 80, 80, 7600)
    window = torch.hann_window(1024)
    time = np.arange((frames + 4) * hop) / 16000
    wave = sum(np.sin(2 * np.pi * f * time * (1 + time)) / f for f in (120, 240, 990))
    theirs = mel_inversion.MelInversion(torch.from_numpy(matrix), window, hop, rounds)
    mine = mel_inversion_numpy.MelInversion(matrix, window.numpy(), hop, rounds)
    spectra = theirs.stft(torch.tensor(wave[None], dtype=torch.float32))[0]
    mel = spectra.abs() @ torch.from_numpy(matrix).T
    expected = theirs([mel[:frames]])[0].numpy()
    found = mine(mel[:frames].numpy())
    assert found.shape == expected.shape and found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()
