"""Where a sentence that is too long is cut: at its clauses, at worst inside a word."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

KEPT = "\ue000"  # stands for every character that must stay with its neighbours
CLOSERS = "\"'\u2019\u201d\u00bb)\\]}\u300d\u300f\uff09"
CONJUNCTIONS = (
    "and|but|or|nor|so|yet|because|which|that|who|where|when|while|whereas|if|although|"
    "und|aber|oder|weil|dass|wenn|während|denn|sondern|et|mais|ou|que|qui|parce|puis|y|"
    "pero|porque|cuando|sino|e|ma|perché|che|mas|и|а|но|что|который"
)
# From the best place to the worst; a cut is behind the match.
PLACES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"[;:][{CLOSERS}]*\s|[\uff1b\uff1a\u061b]|\s[\u2013\u2014\u2015-]+\s|\u2014",
        rf"[,|][{CLOSERS}]*\s|[\u3001\uff0c\u060c\u1363\u104a]",
        rf"\s(?=(?:{CONJUNCTIONS})\s)",
        r"\s",
    )
)


def clauses(line: str, begin: int, end: int, max_chars: int) -> Iterator[int]:
    """Yield where the pieces of a sentence end, each of at most ``max_chars``.

    A cut goes behind ; : or a dash if there is one in reach, else behind a comma,
    before a conjunction, at a space, and at worst between two letters. Characters that
    are `KEPT` stay together, however many they are.

    Args:
        line: A line of single spaces.
        begin: Where the sentence begins in it.
        end: Where it ends.
        max_chars: Longest piece, white space at its end not counted.
    """
    while end - begin - line[end - 1].isspace() > max_chars:
        pieces = -(-(end - begin) // max_chars)
        begin = _best_cut(line, begin, end, max_chars, begin + (end - begin) // pieces)
        yield begin
    yield end


def _best_cut(line: str, begin: int, end: int, max_chars: int, wanted: int) -> int:
    least = begin + max_chars // 3
    for place in PLACES:
        # One more character is looked at: a space behind the piece is not its own.
        found = place.finditer(line, begin, begin + max_chars + 1)
        cuts = [match.end() for match in found if match.end() > least]
        cuts = [c for c in cuts if c - line[c - 1].isspace() <= begin + max_chars]
        if cuts:
            return min(cuts, key=lambda cut: abs(cut - wanted))
    last = begin + max_chars
    cut = next((cut for cut in range(last, begin, -1) if _parts(line, cut)), last)
    while cut < end and not _parts(line, cut):
        cut += 1
    return cut


def _parts(line: str, cut: int) -> bool:
    """Whether two characters may be parted: no accent, joiner or kept one is torn."""
    before, after = line[cut - 1], line[cut]
    joined = unicodedata.category(after)[0] == "M" or "\u200d" in before + after
    return not joined and not (before == after == KEPT)
