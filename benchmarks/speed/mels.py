"""The mels that vocoders get."""

from functools import cache

import torch
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank
from torch import Tensor

from speed.subject import FS, HOP, N_MELS

FBANK = {"fs": FS, "n_fft": 1024, "hop_length": HOP, "fmin": 80, "fmax": 7600}


@cache
def speech_like_mel(frames: int) -> Tensor:
    """Log-mel (frames, N_MELS) of a voice that glides and pauses.

    The work of a vocoder that follows the peaks of a spectrum depends on it.
    """
    generator = torch.Generator().manual_seed(0)
    seconds = torch.arange(frames * HOP, dtype=torch.float64) / FS
    pitch = 140 + 40 * torch.sin(2 * torch.pi * 0.7 * seconds)
    phase = 2 * torch.pi * torch.cumsum(pitch, 0) / FS
    voice = sum(torch.sin(k * phase) / k for k in range(1, 30))
    loudness = torch.sin(2 * torch.pi * 1.3 * seconds).clamp(min=0)
    noise = torch.randn(len(seconds), generator=generator)
    wave = 0.1 * loudness * voice + 0.003 * noise
    mel = LogMelFbank(n_mels=N_MELS, **FBANK)(wave.float()[None])[0][0]
    return mel[:frames].contiguous()
