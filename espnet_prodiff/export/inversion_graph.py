"""The built-in vocoder as one graph, for runtimes that have no code of ours.

What `common.mel_inversion` does, in operations that every ONNX runtime has: transforms
are convolutions with sines and cosines, and the phases, which frame by frame hang on
those of the frame before, are summed up by doubling (Hillis & Steele 1986). It takes
two to three times as long as the numpy of the runtime.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_prodiff.common.mel_inversion import MOMENTUM, SMALLEST, MelInversion

MOST_FRAMES = 4096  # of a sentence
TURN = 2 * math.pi


class InversionGraph(nn.Module):
    """From log-mels to a wave.

    Args:
        inversion: The vocoder's.
        log_base: Natural logarithm of the base of the mels.
        scale: Factor on the magnitudes.
    """

    def __init__(self, inversion: MelInversion, log_base: float, scale: float) -> None:
        super().__init__()
        self.inversion, self.log_base, self.scale = inversion, log_base, scale
        size = inversion.n_fft
        self.bins = size // 2 + 1
        window = inversion.window.double()
        angles = torch.arange(self.bins)[:, None].double() * torch.arange(size)
        angles = TURN / size * angles
        forth = torch.cat([angles.cos(), -angles.sin()]) * window
        twice = torch.full((self.bins, 1), 2.0, dtype=torch.float64)
        twice[0] = twice[-1] = 1.0
        back = torch.cat([twice * angles.cos(), -twice * angles.sin()]) * window / size
        self.forth = nn.Buffer(forth.float()[:, None])
        self.back = nn.Buffer(back.float()[:, None])
        self.square = nn.Buffer((window**2).float()[None, None])

    def forward(self, mel: Tensor) -> Tensor:
        """Turn log-mels (1, n_mels, F) into a wave (1, 1, (F - 1) * hop_length)."""
        inversion, edge = self.inversion, self.inversion.overlap
        magnitudes = torch.exp(mel[0].T * self.log_base) * self.scale
        spectrum = self._first(magnitudes)
        around = (0, 0, 2 * edge, 2 * edge)
        spectrum, target = F.pad(spectrum, around), F.pad(magnitudes, around)
        ones = torch.ones_like(magnitudes[:, :1])
        spoken = F.pad(ones, around) > 0
        heard = F.pad(F.pad(ones, (0, 0, edge, edge), value=1.0), (0, 0, edge, edge))
        spectrum, before = spectrum.T[None], None
        for _ in range(inversion.rounds):
            now = self._stft(self._istft(spectrum))
            ahead = now
            if before is not None:
                ahead = before + (1 + MOMENTUM) * (now - before)
            before = now
            size = self._square(now).clamp(min=SMALLEST**2).sqrt()
            size = torch.where(spoken, inversion.agree(size, target), size) * heard
            factor = size * self._square(ahead).clamp(min=SMALLEST**2).rsqrt()
            spectrum = ahead * torch.cat([factor, factor], 1).T[None]
        begin = 2 * edge * inversion.hop_length
        length = (magnitudes.shape[0] - 1) * inversion.hop_length
        return self._istft(spectrum)[:, :, begin : begin + length]

    def _first(self, mel: Tensor) -> Tensor:
        """First spectrum of magnitude mels (F, n_mels): (F, 2 bins)."""
        start = self.inversion.analytic(self.inversion.magnitudes(mel))
        peak = self._uphill(start.salience)
        along = start.difference.cumsum(1)
        step = along + (start.advance - along).gather(1, peak)
        # phase[n, k] = phase[n - 1, peak[n, k]] + step[n, k], in jumps of 1, 2, 4 ...
        # Of a length that the graph does not know, or its repetitions would be stored.
        own = torch.zeros_like(peak[:1]) + torch.arange(self.bins)
        jump = 1
        while jump < MOST_FRAMES:
            shifted = torch.cat([own.expand(jump, -1), peak])[: peak.shape[0]]
            nothing = torch.zeros_like(step[:1]).expand(jump, -1)
            earlier = torch.cat([nothing, step])[: step.shape[0]]
            step = earlier.gather(1, peak) + step
            step = step - TURN * torch.floor(step / TURN)
            peak = shifted.gather(1, peak)
            jump *= 2
        spectrum = (start.magnitudes * step.cos(), start.magnitudes * step.sin())
        return torch.cat(spectrum, 1)

    def _uphill(self, magnitudes: Tensor) -> Tensor:
        """See ``mel_inversion``; a hill has as many bins as the spectrum at most."""
        lower = F.pad(magnitudes[:, :-1], (1, 0), value=-1.0)
        upper = F.pad(magnitudes[:, 1:], (0, 1), value=-1.0)
        up = (upper > magnitudes) & (upper >= lower)
        down = (lower > magnitudes) & (lower > upper)
        bins = torch.arange(self.bins) + up.long() - down.long()
        for _ in range(self.bins.bit_length()):
            bins = bins.gather(1, bins)
        return bins

    def _square(self, spectrum: Tensor) -> Tensor:
        """(1, 2 bins, T) -> (T, bins)."""
        return (spectrum[0, : self.bins] ** 2 + spectrum[0, self.bins :] ** 2).T

    def _stft(self, wave: Tensor) -> Tensor:
        """(1, 1, T_wav) -> (1, 2 bins, T)."""
        half = self.inversion.n_fft // 2
        padded = F.pad(wave, (half, half), mode="reflect")
        return F.conv1d(padded, self.forth, stride=self.inversion.hop_length)

    def _istft(self, spectrum: Tensor) -> Tensor:
        """(1, 2 bins, T) -> (1, 1, (T - 1) * hop_length)."""
        hop, half = self.inversion.hop_length, self.inversion.n_fft // 2
        wave = F.conv_transpose1d(spectrum, self.back, stride=hop)
        ones = torch.ones_like(spectrum[:, :1])
        weight = F.conv_transpose1d(ones, self.square, stride=hop)
        return (wave / weight.clamp(min=SMALLEST))[:, :, half:-half]
