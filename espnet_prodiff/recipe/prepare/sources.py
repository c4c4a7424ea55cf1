"""What a user's folder holds: rows of audio, text and speaker, wherever they stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from espnet_prodiff.errors import DataError, InputError
from espnet_prodiff.recipe.prepare.columns import (
    Columns,
    choose_columns,
    column_at,
)
from espnet_prodiff.recipe.prepare.tables import read_rows

AUDIO = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".aiff", ".aif", ".au", ".caf")
TABLES = (".csv", ".tsv", ".psv")
TABLE_STEMS = ("metadata", "transcripts", "transcript", "transcription", "index")
SPEAKERS = ("auto", "column", "subfolder", "one")
ONE_SPEAKER = "speaker"


@dataclass(frozen=True)
class Row:
    """A recording and its text, as the user has them.

    Attributes:
        name: The user's own name of it.
        audio: The file, or its bytes; None where there is none.
        text: None where there is none.
        speaker: The user's name of the speaker.
        where: The place that says so, for messages.
        problem: What is wrong with the row itself.
    """

    name: str
    audio: Path | bytes | None
    text: str | None
    speaker: str
    where: str
    problem: str = ""


@dataclass(frozen=True)
class Source:
    """The rows of a folder, and how they were read, in words."""

    rows: list[Row]
    how: list[str]


class AudioFiles:
    """The sound files below a folder, found by the names that tables use."""

    def __init__(self, folder: Path, apart_from: Path) -> None:
        """Look for them, but not in the folder ``apart_from``."""
        self.folder = folder
        # Names that begin with a point are a system's own ("._a.wav" of a Mac).
        self.files = sorted(
            path
            for path in folder.rglob("*")
            if path.suffix.lower() in AUDIO
            and not path.name.startswith(".")
            and not path.is_relative_to(apart_from)
            and path.is_file()
        )
        self._by_name: dict[str, set[Path]] = defaultdict(set)
        for path in self.files:
            place = path.relative_to(folder)
            for name in (place, place.with_suffix(""), Path(path.name), path.stem):
                self._by_name[str(name)].add(path)

    def find(self, cell: str) -> tuple[Path | None, str]:
        """Return the file that a table's cell means, or None and why there is none."""
        cell = cell.strip().replace("\\", "/").removeprefix("./")
        found = self._by_name.get(cell) or self._by_name.get(str(Path(cell or ".")))
        if not found and Path(cell).is_absolute() and Path(cell).is_file():
            found = {Path(cell)}
        if not found:  # a path that the table's author knew from elsewhere
            found = self._by_name.get(Path(cell).name) or set()
        if len(found) == 1:
            return next(iter(found)), ""
        if not found:
            return None, f"no audio file is called {cell!r}"
        first, second = sorted(found)[:2]
        return None, f"{cell!r} may be {first} or {second}"

    def speaker(self, path: Path) -> str:
        """Return the subfolder that a file lies in."""
        parts = path.relative_to(self.folder).parts
        return parts[0] if len(parts) > 1 else ONE_SPEAKER


def find_table(folder: Path) -> Path | None:
    """Return the one table in a folder; None where there is none.

    Raises:
        InputError: There are several.
    """
    tables = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in TABLES]
    tables += [
        p
        for p in sorted(folder.iterdir())
        if p.suffix.lower() == ".txt" and p.stem.lower() in TABLE_STEMS
    ]
    known = [p for p in tables if p.stem.lower() in TABLE_STEMS]
    if len(known) == 1 or len(tables) == 1:
        return (known if len(known) == 1 else tables)[0]
    if tables:
        names = ", ".join(p.name for p in tables)
        raise InputError(f"{folder} holds several tables ({names}): say --table FILE")
    return None


def read_table_rows(
    table_file: Path, files: AudioFiles, asked: Columns, speakers: str
) -> Source:
    """Read the rows of a CSV, TSV or ``|`` table, and the files that it leaves out.

    Args:
        table_file: The table.
        files: The audio.
        asked: Columns by their names or numbers (from 1); None is guessed.
        speakers: One of `SPEAKERS`.

    Raises:
        DataError: The table cannot be read.
        InputError: A column cannot be found.
    """
    table = read_rows(table_file)
    columns = choose_columns(table, asked, lambda cell: files.find(cell)[0] is not None)
    if speakers == "column" and columns.speaker is None:
        raise InputError(
            f"{table_file} has no column of speakers: name it, --speaker_column NAME"
        )
    by_column = columns.speaker is not None and speakers in ("auto", "column")
    rows = []
    for number, cells in table.rows:
        where = f"{table_file.name}:{number}"
        cell = column_at(cells, columns.audio)
        path, problem = files.find(cell)
        speaker = ONE_SPEAKER
        if by_column:
            speaker = column_at(cells, columns.speaker).strip() or "unnamed"
        elif speakers == "subfolder" and path is not None:
            speaker = files.speaker(path)
        text = column_at(cells, columns.text).strip() or None
        if len(cells) != table.width:
            problem = f"{len(cells)} columns where the table has {table.width}"
        name = Path(cell.replace("\\", "/")).name
        known = Path(name).suffix.lower() in AUDIO
        name = Path(name).stem if known else name
        rows.append(Row(name or where, path, text, speaker, where, problem))
    listed = {row.audio for row in rows}
    unlisted = [path for path in files.files if path not in listed]
    rows += [_no_text(path, files, speakers) for path in unlisted]
    how = [f"table: {table_file} ({table.form})", *columns.describe(table)]
    return Source(rows, [*how, _told(rows, by_column, speakers, files)])


def read_text_files(files: AudioFiles, speakers: str) -> Source:
    """Read a .txt of the same name for each recording, beside it or in the folder.

    Raises:
        DataError: There are none at all.
        InputError: Speakers from a column, but there is no table.
    """
    if speakers == "column":
        raise InputError("--speakers column needs a table: pass --table FILE")
    texts: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(files.folder.rglob("*.txt")):
        texts[path.stem].append(path)
    rows, used = [], set()
    for path in files.files:
        beside = path.with_suffix(".txt")
        named = texts.get(path.stem, [])
        text = beside if beside in named else (named[0] if len(named) == 1 else None)
        if text is None:
            rows.append(_no_text(path, files, speakers))
            continue
        used.add(text)
        speaker = files.speaker(path) if speakers == "subfolder" else ONE_SPEAKER
        words = " ".join(_read_text(text).split()) or None
        rows.append(Row(path.stem, path, words, speaker, str(text)))
    if not used:
        raise DataError(
            f"{files.folder} holds {len(files.files)} recordings, but no table and no "
            ".txt beside one: pass --table FILE"
        )
    for stem in sorted(texts):
        for path in [p for p in texts[stem] if p not in used]:
            problem = "no recording of this name"
            rows.append(Row(stem, None, "", ONE_SPEAKER, str(path), problem))
    return Source(
        rows, ["texts: a .txt for each recording", _told(rows, False, speakers, files)]
    )


def _no_text(path: Path, files: AudioFiles, speakers: str) -> Row:
    speaker = files.speaker(path) if speakers == "subfolder" else ONE_SPEAKER
    return Row(path.stem, path, None, speaker, str(path))


def _told(
    rows: Iterable[Row], by_column: bool, speakers: str, files: AudioFiles
) -> str:
    """Say who speaks and where that stands."""
    names = {row.speaker for row in rows if row.audio is not None}
    if by_column or speakers == "subfolder":
        place = "the column" if by_column else "subfolders"
        return f"speakers: {len(names)}, by {place}"
    folders = {files.speaker(path) for path in files.files}
    hint = ""
    if len(folders) > 1 and speakers == "auto":
        hint = f" (the audio lies in {len(folders)} subfolders: if they are speakers, "
        hint += "say --speakers subfolder)"
    return f"speakers: one{hint}"


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: {error}") from None
