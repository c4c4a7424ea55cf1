"""Ids of utterances and speakers that are safe as names of files, each its own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, TypeVar

Key = TypeVar("Key", bound=Any)

LONGEST = 80


def safe_name(name: str) -> str:
    """Return a name of ``[A-Za-z0-9_-]`` alone, as like the given one as can be."""
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", plain).strip("_-")
    return plain[:LONGEST].rstrip("_-") or "x"


def safe_names(names: Mapping[Key, str]) -> dict[Key, str]:
    """Return a safe name for each key, no two alike even where case does not count.

    It depends on keys and names alone and not on their order.
    """
    taken: set[str] = set()
    chosen: dict[Key, str] = {}
    # Names that are safe already keep theirs.
    for key in sorted(names, key=lambda k: (safe_name(names[k]) != names[k], k)):
        base, number = safe_name(names[key]), 1
        candidate = base
        while candidate.lower() in taken:
            number += 1
            candidate = f"{base}-{number}"
        taken.add(candidate.lower())
        chosen[key] = candidate
    return chosen
