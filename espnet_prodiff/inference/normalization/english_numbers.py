"""Figures as English words, for a g2p that reads letters only."""

from __future__ import annotations

import functools
import re
from typing import Any
from unittest import mock

LONGEST = 15  # digits that are a number, not a row of digits
LONG = re.compile(rf"\d[\d,]{{{LONGEST - 1},}}\d")
GROUPED = re.compile(r"(?<![\d,])\d{1,3}(?:,\d{3})+(?![\d,])")
ORDINAL = re.compile(r"\b(\d+)(st|nd|rd|th)\b", re.IGNORECASE)
DECIMAL = re.compile(r"(\d{0,30})\.(\d+)")  # bounded, see english_quantities
DIGITS = re.compile(r"\d+")
MIXED = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


@functools.cache
def _inflect() -> Any:
    # At its import, which takes .3 s, it has typeguard rewrite each of its methods to
    # check their arguments, which takes seconds. What is passed here is digits.
    with mock.patch("typeguard.typechecked", lambda function: function):
        import inflect
    return inflect.engine()


def spell_long_digits(text: str) -> str:
    """Return a text whose digits in long rows stand alone: no one counts so far."""
    return LONG.sub(_digits, text)


def read_numbers(text: str) -> str:
    """Return a text without figures: cardinals, ordinals, decimals and years."""
    if not any(map(str.isdigit, text)):
        return text
    text = GROUPED.sub(lambda match: _cardinal(match.group().replace(",", "")), text)
    text = ORDINAL.sub(lambda match: f" {_ordinal(match[1])} ", text)
    text = DECIMAL.sub(_decimal, text)
    text = MIXED.sub(" ", text)
    text = DIGITS.sub(lambda match: f" {_number(match.group())} ", text)
    return re.sub(r" (?=[,.;:!?)])", "", " ".join(text.split()))


def _digits(match: re.Match) -> str:
    digits = match.group().replace(",", "")
    return " ".join(digits) if len(digits) > LONGEST else match.group()


def _cardinal(digits: str) -> str:
    words = _inflect().number_to_words(int(digits), andword="")
    return words.replace(",", "").replace("-", " ")


def _ordinal(digits: str) -> str:
    if len(digits) > LONGEST:
        return " ".join(map(_cardinal, digits))
    return _inflect().ordinal(_cardinal(digits))


def _number(digits: str) -> str:
    """Read a row of digits: a number, a year, or digit by digit."""
    if len(digits) > LONGEST or (len(digits) > 1 and digits[0] == "0"):
        return " ".join(map(_cardinal, digits))
    number = int(digits)
    if 1100 <= number < 2000 or 2010 <= number < 2100:  # as years are read
        first, last = divmod(number, 100)
        if not last:
            return f"{_cardinal(str(first))} hundred"
        rest = f"oh {_cardinal(str(last))}" if last < 10 else _cardinal(str(last))
        return f"{_cardinal(str(first))} {rest}"
    return _cardinal(digits)


def _decimal(match: re.Match) -> str:
    whole = _cardinal(match[1]) if match[1] and len(match[1]) <= LONGEST else match[1]
    return f" {whole} point {' '.join(map(_cardinal, match[2]))} "
