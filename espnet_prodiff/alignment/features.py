"""Audio to the log-mel frames that the aligner sees."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank
from torch import Tensor

from espnet_prodiff.alignment.errors import AlignmentError


@dataclass(frozen=True)
class MelConfig:
    """Mel parameters, those of the model that will use the durations.

    Attributes:
        fs: Sampling rate in Hz.
        n_fft: FFT size.
        n_shift: Hop in samples.
        win_length: Window in samples, None for n_fft.
        fmin: Lowest frequency in Hz, None for 0.
        fmax: Highest frequency in Hz, None for fs / 2.
        n_mels: Mel bands.
    """

    fs: int = 22050
    n_fft: int = 1024
    n_shift: int = 256
    win_length: int | None = None
    fmin: int | None = 80
    fmax: int | None = 7600
    n_mels: int = 80

    def num_frames(self, num_samples: int) -> int:
        """Frames of the model, which the durations have to sum to."""
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
        """Return log10 mels (n_samples // n_shift + 1, n_mels) of a wave (n_samples,).

        Raises:
            ValueError: The wave is not finite, or shorter than the padding of its FFT.
        """
        if len(wav) <= self.config.n_fft // 2:
            raise ValueError(
                f"{len(wav)} samples, shorter than half an FFT ({self.config.n_fft})"
            )
        if not torch.isfinite(wav).all():
            raise ValueError("the audio holds NaN or infinite samples")
        half = self.config.n_shift // 2
        shifted = torch.nn.functional.pad(wav[half:], (0, half))
        mel = self.extractor(shifted[None])[0][0]
        if not torch.isfinite(mel).all():
            raise ValueError("the mel spectrum of the audio is not finite")
        return mel


def read_audio(path: str, utt: str, fs: int) -> Tensor:
    """Read mono audio, float32 (n_samples,).

    Args:
        path: Sound file, or "file.ark:offset" of ESPnet's flac.ark and wav.ark.
        utt: The utterance, for messages.
        fs: The sampling rate that is expected, in Hz.

    Raises:
        AlignmentError: Missing, unreadable, not mono, or of another rate.
    """
    where = f"utterance {utt}: audio {path}"
    try:
        if re.search(r"\.ark:\d+$", path):
            import kaldiio

            rate, samples = kaldiio.load_mat(path)
            if np.issubdtype(samples.dtype, np.integer):
                samples = samples / -float(np.iinfo(samples.dtype).min)
        elif path.endswith("|"):
            raise AlignmentError(f"{where} is a command: run stage 2 first")
        elif not Path(path).is_file():
            raise AlignmentError(f"{where} does not exist: run stage 2 again")
        else:
            samples, rate = soundfile.read(path, dtype="float32")
    except (soundfile.SoundFileError, OSError, ValueError, RuntimeError) as error:
        if isinstance(error, AlignmentError):
            raise
        raise AlignmentError(
            f"{where} cannot be read ({error}): replace the file, or take the "
            "utterance out of the data directory"
        ) from error
    if samples.ndim != 1:
        raise AlignmentError(
            f"{where} has {samples.shape[1]} channels, expected 1: convert it to mono "
            "(stage 2 does it from data/)"
        )
    if rate != fs:
        raise AlignmentError(
            f"{where} has a sampling rate of {rate} Hz, expected {fs} Hz: run stage 2 "
            f"with --fs {fs}, or pass --fs {rate}"
        )
    return torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32))
