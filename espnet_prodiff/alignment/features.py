"""Audio to the log-mel frames of the aligner."""

from dataclasses import dataclass

import torch
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank
from torch import Tensor

from espnet_prodiff.errors import UserError, check_positive


@dataclass(frozen=True)
class MelConfig:
    """Mel parameters, those of the model that will use the durations.

    ``fs``, ``fmin`` (None: 0) and ``fmax`` (None: fs / 2) are in Hz; ``n_fft``,
    ``n_shift`` and ``win_length`` (None: n_fft) in samples.

    Raises:
        UserError: A value is not a whole number above 0.
    """

    fs: int = 22050
    n_fft: int = 1024
    n_shift: int = 256
    win_length: int | None = None
    fmin: int | None = 80
    fmax: int | None = 7600
    n_mels: int = 80

    def __post_init__(self) -> None:
        for name in ("fs", "n_fft", "n_shift", "win_length", "fmax", "n_mels"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name))

    def num_frames(self, num_samples: int) -> int:
        """Return the model's frames, to which the durations have to sum."""
        return num_samples // self.n_shift + 1


class MelExtractor:
    """ESPnet's LogMelFbank, tuned for boundaries.

    Frame i is centred on the middle of samples [i * hop, (i + 1) * hop), so that a
    boundary after i frames means sample i * hop, and its window is half the model's:
    a boundary needs resolution in time. The number of frames is the model's.
    """

    def __init__(self, config: MelConfig) -> None:
        self.config = config
        self.extractor = LogMelFbank(
            fs=config.fs,
            n_fft=config.n_fft,
            win_length=(config.win_length or config.n_fft) // 2,
            hop_length=config.n_shift,
            fmin=config.fmin,
            fmax=config.fmax,
            n_mels=config.n_mels,
        )

    @torch.no_grad()
    def __call__(self, wav: Tensor) -> Tensor:
        """Return log10 mels (T_wav // n_shift + 1, n_mels) of audio (T_wav,).

        Raises:
            UserError: The audio is not finite, or shorter than the padding of its FFT.
        """
        if len(wav) <= self.config.n_fft // 2:
            raise UserError(
                f"{len(wav)} samples, shorter than half an FFT ({self.config.n_fft})"
            )
        if not torch.isfinite(wav).all():
            raise UserError("the audio holds NaN or infinite samples")
        half = self.config.n_shift // 2
        shifted = torch.nn.functional.pad(wav[half:], (0, half))
        mel = self.extractor(shifted[None])[0][0]
        if not torch.isfinite(mel).all():
            raise UserError("the mel spectrum of the audio is not finite")
        return mel
