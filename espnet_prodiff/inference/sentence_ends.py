"""Where a sentence ends inside a line of text, in any script."""

from __future__ import annotations

import re
from collections.abc import Iterator

from espnet_prodiff.inference.abbreviations import (
    ABBREVIATIONS,
    GERMAN_MONTHS,
    STARTERS,
    WORDS_AS_WELL,
)

# Stops that want white space behind them, and those of scripts that do not. The Greek
# question mark is a semicolon to Unicode, and the one is not told from the other.
SPACED_STOPS = ".!?\u2026\u2025\u203c\u2047\u2048\u2049"
FREE_STOPS = (
    "\u3002\uff01\uff1f\uff61\uff0e"  # Chinese and Japanese
    "\u061f\u06d4\u0589\u0964\u0965"  # Arabic, Urdu, Armenian, Devanagari
    "\u104b\u17d4\u17d5\u0f0d\u0f0e\u1362\u1367\u1803"  # Burmese ... Mongolian
)
STOPS = SPACED_STOPS + FREE_STOPS
CLOSERS = (
    "\"'\u2019\u201d\u201c\u00bb\u00ab\u203a)]}\u300d\u300f\uff09\u3011\u300b\u3009"
)
OPENERS = (
    "\"'\u2018\u201c\u201e\u201a\u00ab\u00bb\u2039([{\u300c\u300e\uff08\u3010\u300a\u3008"
    "\u00bf\u00a1*\u2022-\u2013\u2014"
)
STOP = re.compile(rf"[{re.escape(STOPS)}]+[{re.escape(CLOSERS)}]*")
NEXT_WORD = re.compile(rf"\s*[{re.escape(OPENERS)}]*([^\s{re.escape(STOPS)}]*)(.?)")
LIST_MARKER = re.compile(r"\W*(\d{1,3}|[^\W\d_]|[ivxIVX]+)")
LETTERS_WITH_DOTS = re.compile(r"([^\W\d_]\.)*[^\W\d_]")


def sentence_ends(line: str) -> Iterator[int]:
    """Yield where in a line, of single spaces, a sentence begins after another."""
    start = 0
    for match in STOP.finditer(line):
        if match.end() < len(line) and _ends(line, start, match):
            start = match.end() + line[match.end()].isspace()
            yield start


def _ends(line: str, start: int, match: re.Match) -> bool:
    stop = match.group()
    mark = stop.rstrip(CLOSERS)
    closed = len(mark) < len(stop)
    found = NEXT_WORD.match(line, match.end())
    after, following = found.groups() if found else ("", "")
    if mark[-1] in FREE_STOPS:
        # A quotation goes on in Japanese with "to"; fullwidth digits have such a point.
        goes_on = closed and after[:1] in {"\u3068", "\u3001"}
        return not goes_on and not (mark == "\uff0e" and after[:1].isdigit())
    if not line[match.end()].isspace() or (not after and following):
        return False  # 3.14, example.com, "a . . . b"
    if closed and line[match.start() - 1 : match.start()] in {"(", "["}:
        return False  # a doubt (?) in brackets
    if mark != ".":
        return not (after[:1].islower() and (closed or mark[-1] in ".\u2026\u2025"))
    if LIST_MARKER.fullmatch(line, start, match.start()):
        return False
    word = line[line.rfind(" ", 0, match.start()) + 1 : match.start()].lstrip(OPENERS)
    return _ends_with_point(word, after, closed)


def _ends_with_point(word: str, after: str, closed: bool) -> bool:
    """Decide whether the point behind a word is a stop, by it and the next one."""
    if word.isdigit() and len(word) <= 2 and after.lower() in GERMAN_MONTHS:
        return False
    cased = word.lower() != word.upper()
    if word.lower() in ABBREVIATIONS or (
        cased and len(word) < 12 and LETTERS_WITH_DOTS.fullmatch(word)
    ):
        if word.lower() in WORDS_AS_WELL:
            return not (after[:1].isdigit() or after[:1].islower())
        return after[:1].isupper() and after.lower() in STARTERS
    if not after[:1].islower():
        return True
    # A chat goes on in small letters; an unknown abbreviation, too.
    consonants_alone = (
        word.isascii() and word.isalpha() and not set("aeiouy") & set(word.lower())
    )
    return not closed and not consonants_alone
