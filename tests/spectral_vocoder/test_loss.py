import math

import pytest
import torch

from espnet_prodiff.spectral_vocoder.loss import (
    MultiResolutionLoss,
    log_magnitude_loss,
)


def test_log_magnitudes_count_where_the_mask_says():
    spectra = torch.full((1, 2, 3), math.e + 0j)
    predicted = torch.tensor([[[1.0, 1.5, 1.0], [9.0, 9.0, 9.0]]])
    mask = torch.tensor([[[1.0], [0.0]]])
    assert float(log_magnitude_loss(predicted, spectra, mask)) == pytest.approx(0.5 / 3)


def test_a_factor_on_the_wave_is_what_its_spectra_differ_by():
    wave = torch.randn(2, 6000, generator=torch.Generator().manual_seed(0))
    parts = MultiResolutionLoss(512, 16000)(wave / 2, wave)
    assert float(parts["spectral_convergence"]) == pytest.approx(0.5, abs=1e-4)
    assert float(parts["log_magnitude"]) == pytest.approx(math.log(2), abs=1e-3)
    assert float(parts["log_mel"]) == pytest.approx(math.log(2), abs=1e-3)


def test_silence_has_finite_gradients():
    wave = torch.zeros(1, 4000, requires_grad=True)
    sum(MultiResolutionLoss(512, 16000)(wave, torch.zeros(1, 4000)).values()).backward()
    assert wave.grad.isfinite().all()


def test_distances_stay_in_float32_under_autocast():
    waves = torch.randn(2, 1, 6000, generator=torch.Generator().manual_seed(0))
    distance = MultiResolutionLoss(512, 16000)
    expected = distance(*waves)
    with torch.autocast("cpu", torch.bfloat16):
        assert distance(*waves) == expected
