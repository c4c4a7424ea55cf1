"""Losses of the spectral vocoder."""

import torch
from torch import Tensor, nn

from espnet_prodiff.common.mel_matrix import mel_matrix

FLOOR = 1e-4  # magnitude below which nothing is heard: -128 dB of full scale


def log_magnitude_loss(log_magnitudes: Tensor, spectra: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute error of log-magnitudes.

    Args:
        log_magnitudes: Predicted, natural, (B, F, bins).
        spectra: Complex, of the recordings, alike.
        mask: (B, F, 1), 1 = counts.
    """
    error = (log_magnitudes - spectra.abs().clamp(min=FLOOR).log()).abs() * mask
    return error.sum() / (mask.sum() * error.shape[-1]).clamp(min=1)


def phase_losses(
    steps: tuple[Tensor, Tensor], spectra: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """Squared errors of phase steps in time and in frequency, as complex numbers.

    Their mean is that of the step's phasor, shorter than 1 where the mel leaves the
    step open. Louder bins count more, by the root of their magnitude.

    Args:
        steps: Predicted phasors, see `phasor_steps`, (B, F, bins) each.
        spectra: Complex, of the recordings, alike.
        mask: (B, F, 1), 1 = counts.
    """
    weight = spectra.abs().sqrt() * mask
    weight = weight / weight.mean((1, 2), keepdim=True).clamp(min=FLOOR)
    in_time, in_frequency = phasor_steps(spectra)
    over_time = (steps[0][:, 1:] - in_time).abs().square() * weight[:, 1:]
    over_bins = (steps[1][..., 1:] - in_frequency).abs().square() * weight[..., 1:]
    return over_time.mean(), over_bins.mean()


def phasor_steps(spectra: Tensor) -> tuple[Tensor, Tensor]:
    """exp(i step) of phases from frame to frame and from bin to bin.

    Args:
        spectra: Complex, (B, F, bins).

    Returns:
        (B, F - 1, bins) and (B, F, bins - 1).
    """
    phasors = spectra / spectra.abs().clamp(min=1e-7)
    in_time = phasors[:, 1:] * phasors[:, :-1].conj()
    in_frequency = phasors[..., 1:] * phasors[..., :-1].conj()
    return in_time, in_frequency


class MultiResolutionLoss(nn.Module):
    """Distance of waves by their spectra at half, once and twice the FFT size.

    Spectral convergence and log-magnitudes (Yamamoto et al. 2020, 1910.11480) and
    log-mels over all frequencies, each averaged over the resolutions.

    Args:
        n_fft: The features' FFT size in samples.
        sampling_rate: In Hz.
    """

    MELS = (40, 80, 128)

    def __init__(self, n_fft: int, sampling_rate: int) -> None:
        super().__init__()
        self.sizes = (n_fft // 2, n_fft, 2 * n_fft)
        for size, n_mels in zip(self.sizes, self.MELS, strict=True):
            window = torch.hann_window(size)
            self.register_buffer(f"window{size}", window, persistent=False)
            matrix = torch.from_numpy(mel_matrix(sampling_rate, size, n_mels).T.copy())
            self.register_buffer(f"mels{size}", matrix, persistent=False)

    def forward(self, fake: Tensor, real: Tensor) -> dict[str, Tensor]:
        """The distance's parts, for waves (B, T_wav) at least a frame long."""
        # Logarithms of what is nearly 0 have no place in half precision.
        with torch.autocast(fake.device.type, enabled=False):
            return self._parts(fake, real)

    def _parts(self, fake: Tensor, real: Tensor) -> dict[str, Tensor]:
        names = ("spectral_convergence", "log_magnitude", "log_mel")
        parts = {name: fake.new_zeros(()) for name in names}
        for size in self.sizes:
            ours, theirs = self._magnitudes(fake, size), self._magnitudes(real, size)
            error = (ours - theirs).flatten(1).norm(dim=1)
            error = error / theirs.flatten(1).norm(dim=1).clamp(min=1)
            parts["spectral_convergence"] += error.mean() / len(self.sizes)
            error = (ours.log() - theirs.log()).abs().mean()
            parts["log_magnitude"] += error / len(self.sizes)
            mels = (x @ getattr(self, f"mels{size}") for x in (ours, theirs))
            ours, theirs = (mel.clamp(min=FLOOR).log() for mel in mels)
            parts["log_mel"] += (ours - theirs).abs().mean() / len(self.sizes)
        return parts

    def _magnitudes(self, wave: Tensor, size: int) -> Tensor:
        window = getattr(self, f"window{size}")
        spectra = torch.stft(
            wave, size, size // 4, window=window, center=False, return_complex=True
        )
        # The gradient of a magnitude is not defined at 0.
        return spectra.transpose(1, 2).abs().clamp(min=FLOOR)


class SpectralObjective:
    """The loss of waves without discriminators: all parts of `MultiResolutionLoss`.

    Args:
        n_fft: See there.
        sampling_rate: See there.
    """

    def __init__(self, n_fft: int, sampling_rate: int) -> None:
        self.distance = MultiResolutionLoss(n_fft, sampling_rate)

    def __call__(self, fake: Tensor, real: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss and statistics of waves (B, T_wav)."""
        parts = self.distance.to(fake.device)(fake, real)
        loss = sum(parts.values())
        stats = {name: part.detach() for name, part in parts.items()}
        return loss, {"loss": loss.detach(), "spectral_loss": loss.detach(), **stats}
