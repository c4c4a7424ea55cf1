"""Which column of a table holds the audio, the text and the speaker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from espnet_prodiff.errors import InputError
from espnet_prodiff.recipe.prepare.tables import (
    AUDIO_NAMES,
    SPEAKER_NAMES,
    TEXT_NAMES,
    Table,
)

LOOKED_AT = 200  # rows that a guess looks at


class Columns(NamedTuple):
    """Columns as a user asks for them, by name or number from 1; None: guess."""

    audio: str | None = None
    text: str | None = None
    speaker: str | None = None


class Chosen(NamedTuple):
    """Columns by their place from 0."""

    audio: int
    text: int
    speaker: int | None

    def describe(self, table: Table) -> list[str]:
        """Say what was chosen, a line each, with an example."""
        lines = []
        for name, place in self._asdict().items():
            if place is not None:
                title = f" ({table.header[place]})" if table.header else ""
                example = column_at(table.rows[0][1], place).strip()
                short = example if len(example) <= 50 else example[:47] + "..."
                lines.append(f"{name}: column {place + 1}{title}, as {short!r}")
        return lines


def column_at(cells: Sequence[str], place: int | None) -> str:
    """Return a cell, empty where the row is too short."""
    return "" if place is None or place >= len(cells) else cells[place]


def choose_columns(
    table: Table, asked: Columns, is_audio: Callable[[str], bool]
) -> Chosen:
    """Take the columns that are asked for, and guess the others.

    Audio is the column whose cells name audio files; text the one that the header calls
    so, else the last of the longest texts; speakers are found by the header alone.

    Raises:
        InputError: A column does not exist, or cannot be guessed.
    """
    some = [cells for _, cells in table.rows[:LOOKED_AT]]
    shares = [
        sum(is_audio(column_at(cells, place)) for cells in some if cells) / len(some)
        for place in range(table.width)
    ]
    audio = _named(table, asked.audio, "--audio_column")
    if audio is None:
        titled = [p for p in _titled(table, AUDIO_NAMES) if shares[p] == max(shares)]
        audio = titled[0] if titled else shares.index(max(shares))
        if not max(shares):
            first = ", ".join(map(repr, some[0]))
            raise InputError(
                f"no column of the table names audio files of the folder (the first "
                f"row is {first}): is it the table of this folder? "
                "--audio_column NAME chooses one"
            )
    text = _named(table, asked.text, "--text_column")
    speaker = _named(table, asked.speaker, "--speaker_column")
    if speaker is None:
        titled = [p for p in _titled(table, SPEAKER_NAMES) if p not in (audio, text)]
        speaker = titled[0] if titled else None
    if text is None:
        others = [p for p in range(table.width) if p not in (audio, speaker)]
        titled = [p for p in _titled(table, TEXT_NAMES) if p in others]
        if not others:
            raise InputError("the table has no column left for the text")
        text = titled[0] if titled else max(others, key=lambda p: (_words(some, p), p))
    return Chosen(audio, text, speaker)


def _words(rows: Sequence[Sequence[str]], place: int) -> int:
    """Return the mean length of a column's cells, in units of 20 letters.

    What was spoken is hardly longer than what was written, and stands behind it.
    """
    letters = sum(len(column_at(cells, place)) for cells in rows)
    return round(letters / max(1, len(rows)) / 20)


def _titled(table: Table, names: Sequence[str]) -> list[int]:
    """Return the columns that the header calls by one of the names, in their order."""
    header = table.header or []
    return [header.index(name) for name in names if name in header[: table.width]]


def _named(table: Table, name: str | None, option: str) -> int | None:
    if name is None:
        return None
    header = table.header or []
    if name.strip().lower().replace(" ", "_") in header:
        return header.index(name.strip().lower().replace(" ", "_"))
    if name.isdigit() and 1 <= int(name) <= table.width:
        return int(name) - 1
    known = f"{', '.join(header)} or " if header else ""
    raise InputError(
        f"{option} is {name!r}, but the table has {known}the numbers 1 to {table.width}"
    )
