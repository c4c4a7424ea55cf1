"""ProDiff's objective, and distances between mels: L1 and SSIM, masked."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from espnet_prodiff.diffusion import Denoiser, diffusion_loss
from espnet_prodiff.diffusion.loss import absolute_error, masked_mean, widened

# Normalised log-mels are centred on 0; SSIM compares luminances, which are positive.
BIAS = 6.0
C_1, C_2 = 0.01**2, 0.03**2


def ssim_error(prediction: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
    """1 - SSIM of mels seen as pictures (Wang et al. 2004), window 11, sigma 1.5.

    The mean over bins and valid frames of each utterance, (B, n_mels, L) -> (B,), with
    a mask (B, 1, L), 1 = valid. Padding is zeroed, so that it looks like the edge.
    """
    x, y = prediction + BIAS, target + BIAS
    if mask is not None:
        x, y = x * mask, y * mask
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = _window_means(
        torch.stack([x, y, x * x, y * y, x * y], dim=1)
    ).unbind(1)
    variance_x, variance_y = mean_xx - mean_x**2, mean_yy - mean_y**2
    covariance = mean_xy - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + C_1) / (mean_x**2 + mean_y**2 + C_1)
    structure = (2 * covariance + C_2) / (variance_x + variance_y + C_2)
    return masked_mean(1 - luminance * structure, mask)


def l1_ssim_error(prediction: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
    """0.5 L1 + 0.5 (1 - SSIM): the teacher's loss, (B,)."""
    l1 = absolute_error(prediction, target, mask)
    return 0.5 * l1 + 0.5 * ssim_error(prediction, target, mask)


def clean_data_objective(
    denoiser: Denoiser,
    mel: Tensor,
    cond: Tensor,
    mask: Tensor,
    generator: torch.Generator | None,
    cond_inputs: dict[str, Tensor | None],
    *,
    times: str = "discrete",
) -> Tensor:
    """The teacher's objective: recover the mel from x_t, 0.5 L1 + 0.5 SSIM."""
    return diffusion_loss(
        denoiser,
        mel,
        cond,
        mask,
        distance=l1_ssim_error,
        times=times,
        generator=generator,
    )


def variance_errors(
    predicted: Sequence[Tensor],
    targets: Sequence[Tensor],
    mask: Tensor,
    alike: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Mean squared errors of log(frames + 1), pitch and energy over all tokens.

    As ESPnet's ``VarianceLoss``, but for a GPU that is never waited for.

    Args:
        predicted: Log-durations, pitch and energy of each token, (B, N, 1) each.
        targets: Frames, pitch and energy, alike.
        mask: (B, N, 1), 1 = valid.
        alike: Whether every utterance counts alike, and not every token.
    """
    frames, *others = targets
    weight = mask / mask.sum()
    if alike:
        weight = mask / mask.sum(1, keepdim=True) / len(mask)
    pairs = zip(predicted, ((frames + 1.0).log(), *others), strict=True)
    errors = [(widened(error) - target).square() for error, target in pairs]
    duration, pitch, energy = ((error * weight).sum() for error in errors)
    return duration, pitch, energy


def _window_means(maps: Tensor) -> Tensor:
    """Means under a Gaussian window of 11 x 11, zeros outside, (B, K, n_mels, L).

    The window is separable: a product with a banded matrix along the bins and a sum of
    shifted maps along the frames, several times faster than convolutions of one
    channel.
    """
    bins, frames = maps.shape[-2:]
    offsets = torch.arange(-5, 6, device=maps.device, dtype=maps.dtype)
    window = torch.exp(-(offsets**2) / (2 * 1.5**2))
    window = window / window.sum()
    padded = F.pad(maps, (5, 5))
    along_frames = sum(
        weight * padded[..., shift : shift + frames]
        for shift, weight in enumerate(window)
    )
    index = torch.arange(bins, device=maps.device)
    distance = (index[:, None] - index).abs()
    band = torch.where(distance <= 5, window[(distance + 5).clamp(max=10)], 0.0)
    return band @ along_frames
