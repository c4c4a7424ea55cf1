"""Texts of a jsonl or parquet file, cut into shards that any worker can read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from espnet_prodiff.errors import DataError
from espnet_prodiff.fileio.tables import check_id

SUFFIXES = (".jsonl", ".parquet")


class Shard(NamedTuple):
    """Rows of a file.

    Attributes:
        number: Of the shard, from 0.
        first: Number of its first row.
        rows: How many there are.
        place: Of the first row: its byte in a jsonl, its number in a parquet file.
    """

    number: int
    first: int
    rows: int
    place: int


def cut(path: Path, size: int) -> list[Shard]:
    """Cut a file into shards of ``size`` rows, and check that ids are their own.

    Raises:
        FileNotFoundError: It does not exist.
        DataError: It is of no known kind, or a row cannot be used; it is named.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist, expected texts")
    if path.suffix not in SUFFIXES:
        raise DataError(f"{path} is of no known kind: expected {' or '.join(SUFFIXES)}")
    shards: list[Shard] = []
    known: set[bytes] = set()
    for number, (place, row) in enumerate(_rows(path, 0)):
        name = _checked(path, number, row)["id"]
        digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
        if digest in known:
            raise DataError(f"{path}: row {number + 1}: the id {name!r} comes twice")
        known.add(digest)
        if number % size == 0:
            shards.append(Shard(len(shards), number, 0, place))
        shards[-1] = shards[-1]._replace(rows=shards[-1].rows + 1)
    if not shards:
        raise DataError(f"{path} holds no texts")
    return shards


def read(path: Path, shard: Shard) -> list[dict[str, Any]]:
    """Read the rows of a shard, each with an ``id`` and a ``text``."""
    found = []
    for offset, (_, row) in enumerate(_rows(path, shard.place)):
        if offset == shard.rows:
            break
        found.append(_checked(path, shard.first + offset, row))
    return found


def _rows(path: Path, place: int) -> Iterator[tuple[int, Any]]:
    """Yield rows from a place on, each with its place."""
    if path.suffix == ".parquet":
        from pyarrow import parquet  # of the extra

        file, first = parquet.ParquetFile(path), 0
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            if first + count > place:
                for number, row in enumerate(file.read_row_group(group).to_pylist()):
                    if first + number >= place:
                        yield first + number, row
            first += count
        return
    with path.open("rb") as file:
        file.seek(place)
        while line := file.readline():
            if line.strip():
                yield place, line
            place += len(line)


def _checked(path: Path, number: int, row: Any) -> dict[str, Any]:
    where = f"{path}: row {number + 1}"
    if isinstance(row, bytes):
        try:
            row = json.loads(row)
        except ValueError as error:
            raise DataError(f"{where} is no JSON: {error}") from error
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise DataError(f"{where} has no text, expected an object with id and text")
    row = {name: value for name, value in row.items() if value is not None}
    row["id"] = str(row.get("id", f"{number:09d}"))
    check_id(row["id"], where)
    return row
