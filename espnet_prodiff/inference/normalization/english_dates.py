"""Times of day, dates and decades of English."""

from __future__ import annotations

import re

LETTER_GAP = "\u2011"  # between letters that are spelled: see `english_steps`
MONTHS = (
    "January February March April May June July August September October November "
    "December"
).split()
TIME = re.compile(
    r"(?<![\d:.])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?![\d:])"
    r"(\s*(?:[ap]\.?m\b\.?|[AP]\.?M\b\.?))?"
)
HOUR = re.compile(r"\b(\d{1,2})\s*([ap])\.?m\b(\.(?=\s+[a-z0-9]|,))?", re.IGNORECASE)
ISO_DATE = re.compile(
    r"\b(1\d{3}|20\d{2})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?!\d|-)"
)
SLASHED_DATE = re.compile(
    r"(?<![\d/])(0?[1-9]|[12]\d|3[01])/(0?[1-9]|[12]\d|3[01])/((?:1\d|20)\d{2})(?![\d/])"
)
DECADE = re.compile(r"(?:\b(1[1-9]|20)|(?<!\w)'?)([1-9]0)'?s\b")
CENTURY = re.compile(r"\b(1[1-9])00'?s\b")
SCORE = re.compile(r"(?<![\d:.])(\d{1,3}):(\d{1,3})(?![\d:])")
TENS = {
    n: word
    for n, word in zip(
        range(10, 100, 10),
        "tens twenties thirties forties fifties sixties seventies eighties "
        "nineties".split(),
        strict=True,
    )
}


def read_dates(text: str) -> str:
    """Return a text with times, dates in figures and decades read.

    NOTE: 3/4/2020 is read as in America, month first, unless its first is above 12.
    """
    if not any(map(str.isdigit, text)):
        return text
    text = ISO_DATE.sub(lambda m: _date(m[1], m[2], m[3]), text)
    text = SLASHED_DATE.sub(_slashed, text)
    text = TIME.sub(_time, text)
    text = HOUR.sub(lambda m: f"{m[1]} {m[2].upper()}{LETTER_GAP}M", text)
    text = SCORE.sub(r"\1 to \2", text)
    text = CENTURY.sub(r"\1 hundreds", text)
    return DECADE.sub(lambda m: f"{m[1] or ''} {TENS[int(m[2])]}".strip(), text)


def _date(year: str, month: str, day: str) -> str:
    return f"{MONTHS[int(month) - 1]} {ordinal_figure(int(day))}, {year}"


def _slashed(match: re.Match) -> str:
    first, second = int(match[1]), int(match[2])
    month, day = (second, first) if first > 12 else (first, second)
    return match.group() if month > 12 else _date(match[3], str(month), str(day))


def _time(match: re.Match) -> str:
    hour, minute, second = int(match[1]), int(match[2]), match[3]
    half = (match[4] or "").strip()
    words = str(hour)
    if minute:
        words += f" oh {minute}" if minute < 10 else f" {minute}"
    elif not half and not second:
        words += " o'clock" if 0 < hour <= 12 else " hundred hours"
    if second:
        words += f" and {int(second)} seconds"
    if half:
        words += f" {half[0].upper()}{LETTER_GAP}M"
        at_end = match.end() == len(match.string)
        words += "." if half.endswith(".") and at_end else ""
    return words


def ordinal_figure(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th, 11th ..."""
    end = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else end}"
