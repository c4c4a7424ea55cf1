"""What the spectral vocoder knows of the features: how a mel is made."""

import math
from collections.abc import Callable

import torch
from espnet2.layers.abs_normalize import AbsNormalize
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank
from torch import Tensor, nn

from espnet_prodiff.common.mel_inversion import MelInversion, Start


class LinearMels:
    """Magnitude mels of normalised log-mels.

    Args:
        feats_extract: Takes the log-mels of recordings.
        normalize: Normalises them, or None.
    """

    def __init__(
        self, feats_extract: LogMelFbank, normalize: AbsNormalize | None
    ) -> None:
        base = feats_extract.logmel.log_base
        self.log_base = 1.0 if base is None else math.log(base)
        # torch's normalised spectra are smaller by the root of the FFT size.
        normalized = feats_extract.stft.normalized
        self.scale = math.sqrt(feats_extract.n_fft) if normalized else 1.0
        self.normalize = normalize

    def __call__(self, feats: Tensor) -> Tensor:
        """Turn feats (..., F, n_mels) into magnitudes alike."""
        if self.normalize is not None:
            # ESPnet's inverse is in place.
            rows = feats.detach().float().clone().flatten(0, -2)[None]
            feats = self.normalize.inverse(rows)[0][0].view(feats.shape)
        return (feats.float() * self.log_base).exp() * self.scale


def inversion_of(
    feats_extract: LogMelFbank,
    rounds: int,
    first: Callable[[Tensor, int, int], Start | Tensor] | None = None,
) -> MelInversion:
    """The inversion of the mels of ESPnet's extractor; see `MelInversion`."""
    window = getattr(torch, f"{feats_extract.window or 'hann'}_window")
    window = window(feats_extract.win_length or feats_extract.n_fft)
    missing = feats_extract.n_fft - len(window)
    window = nn.functional.pad(window, (missing // 2, missing - missing // 2))
    matrix = feats_extract.logmel.melmat.T
    return MelInversion(matrix, window, feats_extract.hop_length, rounds, first)
