"""CSV, TSV and ``|`` tables of transcripts, with or without a header."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from espnet_prodiff.errors import DataError

DELIMITERS = {"|": "| separated", "\t": "tab separated", ";": "; separated", ",": "CSV"}
AUDIO_NAMES = (
    "audio", "file_name", "filename", "file", "path", "wav", "audio_file", "wav_file",
    "wav_filename", "audio_path", "clip", "id", "utt", "utt_id", "utterance", "name",
)  # fmt: skip
# The first that a table has: what was spoken rather than what was written.
TEXT_NAMES = (
    "normalized_text", "normalised_text", "normalized", "text", "sentence",
    "transcript", "transcription", "transcripts", "raw_text", "words",
)  # fmt: skip
SPEAKER_NAMES = ("speaker", "speaker_id", "speaker_name", "spk", "spk_id", "client_id")


@dataclass(frozen=True)
class Table:
    """The rows of a table.

    Attributes:
        rows: Number of the line (from 1) and its cells.
        header: Names of the columns, lower-case; None without a header.
        width: Columns of most rows.
        form: What it is, in words.
    """

    rows: list[tuple[int, list[str]]]
    header: list[str] | None
    width: int
    form: str


def read_rows(path: Path) -> Table:
    """Read a table; delimiter and header are found out.

    Raises:
        DataError: It is missing, no UTF-8 text, or has no two columns.
    """
    if not path.is_file():
        raise DataError(f"table {path} does not exist")
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"table {path} is not UTF-8 text ({error}): save it as UTF-8"
        ) from None
    delimiter = _delimiter(content)
    if delimiter is None:
        raise DataError(
            f"table {path} has no two columns: expected a comma, tab, semicolon or | "
            "between the name of a recording and its text"
        )
    # LJSpeech's quotation marks are part of the text; a CSV's are around cells.
    unquoted = delimiter == "|" or (delimiter == "\t" and content.count('"') % 2)
    reader = csv.reader(
        content.splitlines(True),
        delimiter=delimiter,
        quoting=csv.QUOTE_NONE if unquoted else csv.QUOTE_MINIMAL,
    )
    try:
        rows = [(reader.line_num, cells) for cells in reader if any(cells)]
    except csv.Error as error:
        raise DataError(f"table {path}, line {reader.line_num}: {error}") from None
    first = [cell.strip().lower().replace(" ", "_") for cell in rows[0][1]]
    is_header = len(set(first) & {*AUDIO_NAMES, *TEXT_NAMES, *SPEAKER_NAMES}) >= 2
    header = first if is_header else None
    rows = rows[1:] if is_header else rows
    if not rows:
        raise DataError(f"table {path} has a header and no rows")
    width = Counter(len(cells) for _, cells in rows).most_common(1)[0][0]
    form = f"{DELIMITERS[delimiter]}, {'with' if header else 'no'} header"
    return Table(rows, header, width, form)


def _delimiter(content: str) -> str | None:
    """Return the first delimiter that most lines have."""
    lines = [line for line in content.splitlines() if line.strip()][:200]
    for delimiter in DELIMITERS:
        if lines and sum(delimiter in line for line in lines) > 0.8 * len(lines):
            return delimiter
    return None
