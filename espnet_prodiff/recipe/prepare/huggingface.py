"""A data set of Hugging Face on this machine (the extra ``datasets``)."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from espnet_prodiff.errors import DataError, InputError
from espnet_prodiff.extras import install_command
from espnet_prodiff.recipe.prepare.columns import Columns
from espnet_prodiff.recipe.prepare.sources import ONE_SPEAKER, Row, Source
from espnet_prodiff.recipe.prepare.tables import (
    SPEAKER_NAMES,
    TEXT_NAMES,
)

MARKERS = ("state.json", "dataset_dict.json", "dataset_info.json")
ENDS = (".parquet", ".arrow")
IDS = ("id", "utt_id", "utterance_id", "file", "path")


def is_dataset(folder: Path) -> bool:
    """Return whether a folder is what ``save_to_disk`` or parquet files make."""
    names = [path.name for path in folder.rglob("*") if path.is_file()]
    return any(name in MARKERS or name.endswith(ENDS) for name in names)


def read_dataset(folder: Path, asked: Columns, speakers: str) -> Source:
    """Read the rows of all its splits.

    Args:
        folder: With what ``save_to_disk`` wrote, or parquet files.
        asked: Columns by name; None is guessed.
        speakers: One of `sources.SPEAKERS`.

    Raises:
        ModuleNotFoundError: ``datasets`` is not installed.
        DataError: It cannot be read.
        InputError: A column cannot be found.
    """
    if importlib.util.find_spec("datasets") is None:
        raise ModuleNotFoundError(
            f"{folder} is a data set of Hugging Face, which needs the package "
            f"datasets: {install_command('datasets')}"
        )
    import datasets  # slow to import

    try:
        if any((folder / name).is_file() for name in MARKERS):
            loaded = datasets.load_from_disk(str(folder))
        else:
            files = sorted(map(str, folder.rglob("*.parquet")))
            loaded = datasets.load_dataset("parquet", data_files=files)
    except (OSError, ValueError) as error:
        raise DataError(f"{folder} cannot be read as a data set: {error}") from error
    parts = loaded if isinstance(loaded, dict) else {"train": loaded}
    first = next(iter(parts.values()))
    sounds = [n for n, f in first.features.items() if isinstance(f, datasets.Audio)]
    audio = _column(first, asked.audio, sounds, "audio")
    text = _column(first, asked.text, TEXT_NAMES, "text")
    names = [n for n in SPEAKER_NAMES if n in first.column_names]
    speaker = asked.speaker or (names[0] if names else None)
    if speaker is not None:
        _column(first, speaker, (), "speaker")
    if speakers == "subfolder" or (speakers == "column" and speaker is None):
        raise InputError(
            f"speakers of a data set stand in a column; it has {_list(first)}: "
            "--speaker_column NAME"
        )
    speaker = None if speakers == "one" else speaker
    identity = next((n for n in IDS if n in first.column_names), None)
    rows = []
    for part, data in parts.items():
        data = data.cast_column(audio, datasets.Audio(decode=False))
        for number, row in enumerate(data):
            name = str(row[identity]) if identity else f"{part}-{number:06d}"
            rows.append(
                Row(
                    Path(name).stem,
                    _audio(row[audio], folder),
                    (row[text] or "").strip() or None,
                    str(row[speaker]) if speaker else ONE_SPEAKER,
                    f"{part}[{number}]",
                )
            )
    how = [f"data set: {folder} ({', '.join(parts)})", f"audio: column {audio}"]
    how += [f"text: column {text}", f"speakers: {speaker or 'one'}"]
    return Source(rows, how)


def _audio(cell: dict[str, Any] | None, folder: Path) -> Path | bytes | None:
    if cell is None:
        return None
    if cell.get("bytes"):
        return cell["bytes"]
    path = Path(cell.get("path") or "")
    return path if path.is_absolute() else folder / path


def _column(data: Any, asked: str | None, names: Iterable[str], what: str) -> str:
    """Return the column that is asked for, or the first of the names that there is."""
    found = [
        name for name in ([asked] if asked else names) if name in data.column_names
    ]
    if not found:
        raise InputError(
            f"the data set has no column {asked or f'of {what}'}, but {_list(data)}: "
            f"--{what}_column NAME chooses one"
        )
    return found[0]


def _list(data: Any) -> str:
    return ", ".join(data.column_names)
