"""Read what a recipe left on disk with clear errors, write results atomically."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile as sf


class EvaluationError(RuntimeError):
    """Bad input to the evaluation; the message says what to do about it."""


def read_table(path: str | Path) -> dict[str, str]:
    """Read a Kaldi-style file: one "key value ..." line per utterance.

    Args:
        path: The file, e.g. ``text``, ``wav.scp`` or ``durations``.

    Returns:
        The rest of each line by its key, in the order of the file.

    Raises:
        EvaluationError: The file is missing, empty, or names a key twice.
    """
    path = Path(path)
    if not path.is_file():
        raise EvaluationError(f"{path} does not exist: run the stage that makes it.")
    table: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip():
            continue
        key, _, value = line.strip().partition(" ")
        if key in table:
            raise EvaluationError(f"{path} has the utterance {key} twice.")
        table[key] = value.strip()
    if not table:
        raise EvaluationError(f"{path} is empty.")
    return table


def read_durations(path: str | Path) -> dict[str, np.ndarray]:
    """Read an ESPnet ``durations`` file ("utt d1 d2 ... d_eos").

    Returns:
        Frames per token, integers (T_text + 1,), by utterance.

    Raises:
        EvaluationError: The file is missing, or a line is not made of integers >= 0.
    """
    durations = {}
    for utt, line in read_table(path).items():
        try:
            values = np.array([int(value) for value in line.split()])
        except ValueError:
            values = np.array([])
        if values.size == 0 or values.min() < 0:
            raise EvaluationError(
                f"{path}, utterance {utt}: expected integers >= 0, found {line!r}."
            )
        durations[utt] = values
    return durations


def read_audio(path: str | Path, utt: str, fs: int | None = None) -> np.ndarray:
    """Read one mono utterance.

    Args:
        path: A sound file.
        utt: The utterance, for the error message.
        fs: The expected sampling rate in Hz; None accepts any.

    Returns:
        Samples in [-1, 1], float64 (T_wav,).

    Raises:
        EvaluationError: Missing, unreadable, empty, non-finite, not mono, or another
            sampling rate.
    """
    path = Path(path)
    if not path.is_file():
        raise EvaluationError(f"Utterance {utt}: {path} does not exist.")
    try:
        wav, rate = sf.read(str(path), dtype="float64")
    except sf.LibsndfileError as error:
        raise EvaluationError(f"Utterance {utt}: {path} is no sound file.") from error
    if wav.ndim != 1:
        raise EvaluationError(
            f"Utterance {utt}: {path} has {wav.shape[1]} channels, expected 1."
        )
    if wav.size == 0 or not np.isfinite(wav).all():
        raise EvaluationError(f"Utterance {utt}: {path} is empty or not finite.")
    if fs is not None and rate != fs:
        raise EvaluationError(
            f"Utterance {utt}: {path} has {rate} Hz, expected {fs} Hz: "
            "compare systems at one sampling rate."
        )
    return wav


def audio_rate(path: str | Path, utt: str) -> int:
    """Return the sampling rate of a sound file in Hz."""
    read_audio(path, utt)
    return sf.info(str(path)).samplerate


def write_atomically(path: str | Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file, then move it to ``path``.

    The temporary name keeps the suffix, so that writers which go by it still work.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically."""
    write_atomically(path, lambda p: p.write_text(text, encoding="utf-8"))


def write_audio(path: str | Path, wav: np.ndarray, fs: int) -> None:
    """Write a 16-bit sound file atomically. Samples beyond [-1, 1] are clipped."""
    write_atomically(path, lambda p: sf.write(str(p), wav, fs, "PCM_16"))
