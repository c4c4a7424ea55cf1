"""What becomes of each row of a user's data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from espnet_prodiff.recipe.prepare.recordings import Measures


@dataclass
class Entry:
    """What became of a row.

    Attributes:
        name: The user's name of it.
        where: The place in the user's data.
        speaker: The user's name of the speaker.
        reason: Why it was left out; empty if it was taken.
        detail: The same in figures.
        utt: Its safe id, if it was taken.
        part: Its set, if it was taken.
        tokens: Of its text, if it could be read.
        measures: Of its recording, if it could be read.
    """

    name: str
    where: str
    speaker: str
    reason: str = ""
    detail: str = ""
    utt: str = ""
    part: str = ""
    tokens: list[str] = field(default_factory=list)
    measures: Measures | None = None


def count_reasons(entries: Iterable[Entry]) -> dict[str, int]:
    """Return how many utterances were left out by each reason, the most first."""
    return dict(Counter(e.reason for e in entries if e.reason).most_common())
