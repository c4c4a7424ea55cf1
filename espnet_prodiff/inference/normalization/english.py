"""The steps that turn English of any kind into words and marks, in their order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from espnet_prodiff.inference.normalization.english_abbreviations import (
    read_abbreviations,
)
from espnet_prodiff.inference.normalization.english_addresses import read_addresses
from espnet_prodiff.inference.normalization.english_dates import (
    LETTER_GAP,
    read_dates,
)
from espnet_prodiff.inference.normalization.english_numbers import (
    read_numbers,
    spell_long_digits,
)
from espnet_prodiff.inference.normalization.english_quantities import read_quantities
from espnet_prodiff.inference.normalization.english_roman import read_roman_numerals
from espnet_prodiff.inference.normalization.english_symbols import read_symbols
from espnet_prodiff.inference.normalization.notes import Notes
from espnet_prodiff.inference.normalization.voice import Voice

LETTERS = re.compile(rf"\b\w(?:{LETTER_GAP}\w)+")


def english_steps(voice: Voice) -> Iterator[tuple[str, Callable[[str], str]]]:
    """Yield the names of the steps and what they do, for what a voice leaves to them.

    What comes first is what later steps would tear: a point in an address, a colon in
    a time, a sign of money.
    """
    spells = voice.characters is None  # a model of letters has learned "U.S."
    words = voice.reads_words
    yield "web and e-mail addresses", read_addresses
    yield "Roman numerals", read_roman_numerals
    yield "times and dates", read_dates
    yield "abbreviations", lambda text: read_abbreviations(text, words, spells)
    yield "quantities", read_quantities
    yield "signs", read_symbols
    yield "long numbers", spell_long_digits
    if not voice.reads_numbers:
        yield "numbers", read_numbers
    yield "letters", lambda text: part_letters(text, voice.letter_gap)


def part_letters(text: str, gap: str) -> str:
    """Return letters that are spelled in the way that a g2p wants them: U-S, U S, U.S.

    espeak takes an A alone for the article; a g2p of words does not know "U-S".
    """
    if gap == ".":
        text = LETTERS.sub(lambda match: f"{match.group()}.", text)
    return text.replace(LETTER_GAP, gap)


def read_english(text: str, voice: Voice, notes: Notes) -> str:
    """Return an English text whose addresses, dates, quantities and signs are words.

    Figures stay where the g2p or the cleaner reads them.
    """
    for name, step in english_steps(voice):
        read = step(text)
        if read != text:
            read = " ".join(read.split())
            notes.changed(name, text, read)
        text = read
    return text
