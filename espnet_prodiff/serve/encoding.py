"""Waves as the bytes of the formats that OpenAI's clients ask for."""

from __future__ import annotations

import io

import numpy as np
import soundfile

from espnet_prodiff.errors import InputError
from espnet_prodiff.fileio.speech_file import WavStream, pcm_16

# Media type, and soundfile's format and sample format.
FORMATS = {
    "wav": ("audio/wav", "WAV", "PCM_16"),
    "pcm": ("audio/pcm", "RAW", "PCM_16"),
    "flac": ("audio/flac", "FLAC", "PCM_16"),
    "opus": ("audio/ogg", "OGG", "OPUS"),
    "mp3": ("audio/mpeg", "MP3", "MPEG_LAYER_III"),
}
STREAMED = ("wav", "pcm")


def check_rate(kind: str, fs: int) -> None:
    """Refuse a format that has no such sampling rate (`InputError`)."""
    _, container, subtype = FORMATS[kind]
    rates = (8000, 12000, 16000, 24000, 48000)
    if kind == "opus" and fs not in rates:
        raise InputError(
            f"opus has no {fs} Hz, only {', '.join(map(str, rates))}: ask for wav, "
            "flac or mp3"
        )


def encode(kind: str, wav: np.ndarray, fs: int) -> bytes:
    """Return a wave (T_wav,) as a file of a format of `FORMATS`."""
    if kind == "pcm":
        return pcm_16(wav)
    _, container, subtype = FORMATS[kind]
    file = io.BytesIO()
    samples = np.frombuffer(pcm_16(wav), "<i2")  # the same in every format without loss
    soundfile.write(file, samples, fs, subtype, format=container)
    return file.getvalue()


def head(kind: str, fs: int) -> bytes:
    """Return what comes before the samples of a stream in a format of `STREAMED`."""
    file = io.BytesIO()
    if kind == "wav":
        WavStream(file, fs)
    return file.getvalue()
