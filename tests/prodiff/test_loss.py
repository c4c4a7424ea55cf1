import numpy as np
import pytest
import torch
from espnet2.gan_tts.jets.loss import VarianceLoss

from espnet_prodiff.common.padding import length_mask
from espnet_prodiff.prodiff.loss import l1_ssim_error, ssim_error, variance_errors
from tests.prodiff.factory import make_batch, make_prodiff


def test_ssim_of_equal_mels_is_perfect_and_of_opposite_ones_is_not():
    mel = torch.randn(2, 80, 30, dtype=torch.float64)
    torch.testing.assert_close(
        ssim_error(mel, mel, None), torch.zeros(2).double(), rtol=0, atol=1e-12
    )
    assert (ssim_error(-mel, mel, None) > 1).all()


def test_ssim_agrees_with_its_definition():
    # Window by window, zeros outside, as Wang et al. 2004 write it.
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 9, 14))
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    padded_x, padded_y = np.pad(x + 6, 5), np.pad(y + 6, 5)
    values = []
    for row, column in np.ndindex(9, 14):
        a = padded_x[row : row + 11, column : column + 11]
        b = padded_y[row : row + 11, column : column + 11]
        mean_a, mean_b = (window * a).sum(), (window * b).sum()
        variance_a = (window * (a - mean_a) ** 2).sum()
        variance_b = (window * (b - mean_b) ** 2).sum()
        covariance = (window * (a - mean_a) * (b - mean_b)).sum()
        luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
        structure = (2 * covariance + 0.03**2) / (variance_a + variance_b + 0.03**2)
        values.append(luminance * structure)
    got = ssim_error(torch.tensor(x)[None], torch.tensor(y)[None], None)
    assert got.item() == pytest.approx(1 - np.mean(values), abs=1e-10)


def test_padding_changes_nothing():
    torch.manual_seed(0)
    x, y = torch.randn(2, 1, 80, 25, dtype=torch.float64)
    alone = l1_ssim_error(x, y, None)
    pad = torch.nn.functional.pad
    mask = torch.ones(1, 1, 40).double()
    mask[..., 25:] = 0
    padded = l1_ssim_error(pad(x, (0, 15), value=4.0), pad(y, (0, 15)), mask)
    torch.testing.assert_close(padded, alone)


def test_every_utterance_counts_alike():
    x = torch.zeros(2, 80, 30)
    y = torch.zeros(2, 80, 30)
    y[1, :, :5] = 1.0
    mask = torch.ones(2, 1, 30)
    mask[1, :, 5:] = 0
    l1 = l1_ssim_error(x, y, mask)
    assert l1[0] < 1e-6 and l1[1] > 0.5


@pytest.mark.parametrize("alike", [False, True])
def test_errors_of_the_predictors_are_those_of_espnet(alike):
    torch.manual_seed(0)
    lengths = torch.tensor([7, 4, 1])
    frames = torch.randint(0, 9, (3, 7, 1))
    targets = (frames, torch.randn(3, 7, 1), torch.randn(3, 7, 1))
    predicted = [torch.randn(3, 7, 1) for _ in targets]
    mask = length_mask(lengths, 7, torch.float32).transpose(1, 2)
    ours = variance_errors(predicted, targets, mask, alike)
    pairs = [x for pair in zip(predicted, targets, strict=True) for x in pair]
    pairs[:2] = [x.squeeze(2) for x in pairs[:2]]
    theirs = VarianceLoss(not alike, alike)(*pairs, lengths)
    torch.testing.assert_close(ours, theirs)


def test_ssim_under_float16_autocast_is_that_of_float32():
    """Its windows are a product, where squares of a bad x_0 pass what float16 holds."""
    torch.manual_seed(0)
    model = make_prodiff(
        prediction_type="eps",
        noise_cond="log_snr",
        diffusion_scheduler="cosine",
        diffusion_steps=1,
    ).train()
    batch = make_batch()
    losses, gradients = [], []
    for enabled in (False, True):
        torch.manual_seed(7)
        with torch.autocast("cpu", torch.float16, enabled=enabled):
            loss, _, _ = model(**batch)
        model.zero_grad()
        loss.backward()
        losses.append(loss.detach())
        gradients.append(model.denoiser.network.out_proj.weight.grad.clone())
    torch.testing.assert_close(losses[1], losses[0], rtol=0.01, atol=0)
    assert (gradients[1] - gradients[0]).norm() < 0.05 * gradients[0].norm()
