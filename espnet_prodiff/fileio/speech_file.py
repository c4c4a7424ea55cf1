"""Speech written as it is made: to a file, or as a WAV stream."""

from __future__ import annotations

import errno
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage
from typing import BinaryIO, Protocol

import numpy as np
import soundfile

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.atomic import atomic_path

FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}
UNKNOWN_SIZE = 0xFFFFFFFF  # of a stream; players read to its end
FULL = 2**16  # bytes left on a disk, or fewer


class Sink(Protocol):
    """Takes speech in [-1, 1], float (T_wav,), piece by piece."""

    def write(self, wav: np.ndarray) -> None:
        """Take the next samples."""


def check_format(path: Path) -> None:
    """Refuse a name whose ending is no format (`UserError`)."""
    if path.suffix.lower() not in FORMATS:
        raise UserError(
            f"{path} ends in no format that can be written: expected "
            f"{', '.join(FORMATS)}"
        )


@contextmanager
def speech_file(path: str | Path, fs: int) -> Iterator[Sink]:
    """Write a sound file in the format of its ending, whole or not at all.

    ``-`` is the standard output, and what is no ordinary file (a device, a pipe) is
    written as it is: both get a 16-bit WAV stream.

    Raises:
        UserError: The format is unknown, or the file cannot be written.
    """
    path = Path(path)
    try:
        if str(path) == "-":
            if sys.stdout.isatty():
                raise UserError(
                    "the standard output is a terminal: pipe it into a player "
                    "(| aplay), or take -o hello.wav"
                )
            yield WavStream(sys.stdout.buffer, fs)
            sys.stdout.buffer.flush()
        elif path.exists() and not path.is_file():
            if path.is_dir():
                raise UserError(f"{path} is a folder, expected a file")
            with path.open("wb", buffering=0) as file:
                yield WavStream(file, fs)
        else:
            check_format(path)
            kind, subtype = FORMATS[path.suffix.lower()]
            form = {"samplerate": fs, "channels": 1, "format": kind, "subtype": subtype}
            with atomic_path(path) as temporary, _full_disk_said(temporary.parent):
                with soundfile.SoundFile(temporary, "w", **form) as file:
                    yield _FileSink(file)
    except BrokenPipeError:
        raise
    except (OSError, soundfile.SoundFileError) as error:
        raise UserError(f"{path} cannot be written: {error}") from error


@contextmanager
def _full_disk_said(folder: Path) -> Iterator[None]:
    """Name a full disk where libsndfile fails: it has no word for that.

    soundfile's assertion is that all samples were written.
    """
    try:
        yield
    except (soundfile.SoundFileError, AssertionError) as error:
        if isinstance(error, AssertionError) or disk_usage(folder).free < FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise


class WavStream:
    """A WAV of a length that is not known: 16 bits, one channel."""

    def __init__(self, file: BinaryIO, fs: int) -> None:
        """Write the head to ``file``, at ``fs`` Hz."""
        self.file = file
        form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, fs, 2 * fs, 2, 16)
        head = struct.pack("<4sI4s", b"RIFF", UNKNOWN_SIZE, b"WAVE")
        self._write(head + form + struct.pack("<4sI", b"data", UNKNOWN_SIZE))

    def write(self, wav: np.ndarray) -> None:
        """Write samples; see `Sink`."""
        self._write(pcm_16(wav))

    def _write(self, data: bytes) -> None:
        self.file.write(data)
        self.file.flush()


class _FileSink:
    def __init__(self, file: soundfile.SoundFile) -> None:
        self.file = file

    def write(self, wav: np.ndarray) -> None:
        self.file.write(np.clip(wav, -1, 1))
        self.file.flush()


def pcm_16(wav: np.ndarray) -> bytes:
    """Return samples in [-1, 1] as 16-bit little-endian PCM; others are clipped."""
    samples = np.clip(np.asarray(wav, np.float64) * 2**15, -(2**15), 2**15 - 1)
    return np.rint(samples).astype("<i2").tobytes()


def drop_stdout() -> None:
    """Send what is left for a closed standard output nowhere, so that Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
