"""Recordings: read with clear errors, written atomically."""

import io
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from espnet_prodiff.errors import DataError
from espnet_prodiff.fileio.atomic import atomic_path

LOUDEST = 2  # of samples in [-1, 1]
ARCHIVE = re.compile(r".*\.ark:\d+")


class Recording(NamedTuple):
    """A mono recording.

    Attributes:
        samples: In [-1, 1], float64, (T_wav,).
        fs: Sampling rate in Hz.
        subtype: The file's sample format as soundfile names it; empty for an archive.
    """

    samples: np.ndarray
    fs: int
    subtype: str


def read_recording(
    source: str | Path, utt: str, fs: int | None = None, commands: bool = False
) -> Recording:
    """Read one mono recording.

    Args:
        source: A sound file, or ``file.ark:offset`` as in ESPnet's wav.ark and
            flac.ark.
        utt: The utterance, for the error message.
        fs: The expected sampling rate in Hz; None accepts any.
        commands: A ``source`` that ends in ``|`` is run, and its output is the sound
            file, if `allow_pipes` was called.

    Raises:
        DataError: It is missing, unreadable, not mono or of another sampling rate.
    """
    source = str(source)
    where = f"utterance {utt} ({source})"
    try:
        if ARCHIVE.fullmatch(source):
            samples, rate, subtype = *_read_archive(source, utt), ""
        else:
            with soundfile.SoundFile(_open(source, utt, where, commands)) as file:
                samples, rate, subtype = file.read(), file.samplerate, file.subtype
    except DataError:
        raise
    except (soundfile.SoundFileError, OSError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{where} cannot be read ({error}), expected a sound file: replace it, or "
            "take the utterance out of the data directory"
        ) from error
    if samples.ndim > 1:
        raise DataError(
            f"{where} has {samples.shape[1]} channels, expected 1 (mono): make it "
            "one channel"
        )
    if fs is not None and rate != fs:
        raise DataError(
            f"{where} has {rate} Hz, expected {fs} Hz: resample it (stage 2 does, with "
            f"--fs {fs})"
        )
    return Recording(samples, rate, subtype)


def read_audio(source: str | Path, utt: str, fs: int | None = None) -> np.ndarray:
    """Read the samples of one mono recording, in [-1, 1], float64 (T_wav,).

    The arguments are those of `read_recording`.

    Raises:
        DataError: See `read_recording` and `check_samples`.
    """
    samples = read_recording(source, utt, fs).samples
    check_samples(samples, f"utterance {utt} ({source})")
    return samples


def check_samples(samples: np.ndarray, where: str) -> None:
    """Refuse audio (T_wav,) that cannot be trained on; ``where`` names it.

    Raises:
        DataError: No samples, NaN or infinite samples, or none of a wave in [-1, 1].
    """
    if not len(samples):
        raise DataError(f"{where}: found 0 samples, expected speech (it is empty)")
    bad = np.flatnonzero(~np.isfinite(samples))
    if len(bad):
        raise DataError(
            f"{where}: found {len(bad)} NaN or infinite samples (first at {bad[0]}), "
            "expected finite ones"
        )


def check_loudness(samples: np.ndarray, where: str) -> None:
    """Refuse audio (T_wav,) that is no wave in [-1, 1], or one number all through.

    Raises:
        DataError: What was found.
    """
    loudest = float(np.abs(samples).max())
    if loudest > LOUDEST:
        raise DataError(
            f"{where}: its audio reaches {loudest:.6g}, expected samples from -1 to 1: "
            "divide integers by their full scale"
        )
    if float(np.ptp(samples)) == 0:
        raise DataError(
            f"{where}: all of its samples are {samples[0]:.6g}, expected speech"
        )


def _require_whole(source: str) -> None:
    """Refuse a WAV file that is shorter than its header says.

    libsndfile reads what there is.
    """
    with open(source, "rb") as file:
        head = file.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        told = int.from_bytes(head[4:8], "little") + 8
        size = Path(source).stat().st_size
        # Streams say 0 or the largest number; some writers forget the padding.
        if 8 < told < 2**32 - 2**16 and size + 1 < told:
            raise ValueError(f"it is cut off: {size} of {told} bytes")


def write_audio(path: str | Path, wav: np.ndarray, fs: int, kind: str = "WAV") -> None:
    """Write a 16-bit file, WAV or FLAC. Samples beyond [-1, 1] are clipped.

    Raises:
        OSError: As Python has it; libsndfile says nothing of a full disk.
    """
    buffer = io.BytesIO()
    soundfile.write(buffer, wav, fs, "PCM_16", format=kind)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def _open(source: str, utt: str, where: str, commands: bool) -> io.BytesIO | str:
    if source.endswith("|"):
        if not commands:
            raise DataError(f"{where} is a command: run stage 2 first")
        from espnet_prodiff.fileio.kaldi import require_pipes

        require_pipes(source[:-1], f"utterance {utt}")
        result = subprocess.run(source[:-1], shell=True, stdout=subprocess.PIPE)
        if result.returncode:
            raise DataError(f"{where}: the command ended with {result.returncode}")
        return io.BytesIO(result.stdout)
    if not Path(source).is_file():
        raise DataError(f"{where} does not exist: no such file, expected audio")
    _require_whole(source)
    return source


def _read_archive(source: str, utt: str) -> tuple[np.ndarray, int]:
    from espnet_prodiff.fileio.kaldi import read_array

    recording = read_array(source, utt)
    if not isinstance(recording, tuple):
        raise DataError(f"utterance {utt} ({source}) is an array, expected a recording")
    fs, samples = recording
    if np.issubdtype(samples.dtype, np.integer):
        samples = samples / -float(np.iinfo(samples.dtype).min)
    return samples, fs
