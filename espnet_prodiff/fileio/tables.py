"""Kaldi's and ESPnet's tables: a line "key value" for each utterance."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from espnet_prodiff.errors import DataError
from espnet_prodiff.fileio.atomic import write_text

# Utterances give files their names; most file systems allow 255 bytes with the suffix.
ID = re.compile(r"(?!\.{1,2}$)[^/\\\x00-\x1f\x7f\ud800-\udfff]+")
MAX_ID_BYTES = 200


def check_id(utt: str, where: str = "") -> None:
    """Refuse an utterance whose files would lie elsewhere or could not be written.

    Args:
        utt: Its name.
        where: The table that it is in, for the message.

    Raises:
        DataError: The name has a slash or a control character, or is too long.
    """
    if ID.fullmatch(utt) and len(utt.encode()) <= MAX_ID_BYTES:
        return
    shown = utt if len(utt) <= 60 else f"{utt[:60]}..."
    raise DataError(
        f"{where}{': ' * bool(where)}utterance {shown!r}: files are named after it, so "
        f"a slash, a control character, '..' or more than {MAX_ID_BYTES} bytes are "
        "refused: rename it in every table"
    )


def read_table(path: str | Path) -> dict[str, str]:
    """Read ``key value`` lines, of ``text``, ``wav.scp`` or ``durations`` for example.

    Returns the rest of each line by its key, in the order of the file; runs of blanks
    count as one, and it may be empty.

    Raises:
        DataError: The file is missing, is not UTF-8, has an empty line or a key twice.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: run the stage that makes it") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: {error}") from None
    table: dict[str, str] = {}
    for number, line in enumerate(lines if lines[-1] else lines[:-1], 1):
        key, *rest = line.split(None, 1) or [""]
        if not key:
            raise DataError(f"{path}: line {number} is empty, expected 'key value'")
        if key in table:
            raise DataError(f"{path}: line {number} has '{key}' a second time")
        table[key] = _one_space(rest[0]) if rest else ""
    return table


def _one_space(text: str) -> str:
    """Make runs of blanks one; fast where there are none, in long tables."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.rstrip(" ")
    return " ".join(text.split())


def write_table(path: str | Path, table: Mapping[str, str]) -> None:
    """Write ``key value`` lines in the order of the mapping."""
    write_text(path, "".join(f"{k} {v}".rstrip() + "\n" for k, v in table.items()))


def read_durations(path: str | Path) -> dict[str, np.ndarray]:
    """Read an ESPnet ``durations`` file ("utt d1 d2 ... d_eos").

    Returns integers (T_text + 1,), the frames of each token, by utterance.

    Raises:
        DataError: See `read_table`, or a line is not made of integers >= 0.
    """
    durations = {}
    for utt, line in read_table(path).items():
        try:
            frames = np.array([int(value) for value in line.split()])
        except ValueError:
            frames = np.array([])
        if frames.size == 0 or frames.min() < 0:
            raise DataError(
                f"{path}, utterance {utt}: expected integers >= 0, found {line!r}"
            )
        durations[utt] = frames
    return durations
