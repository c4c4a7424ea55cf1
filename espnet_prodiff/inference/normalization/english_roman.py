"""Roman numerals of English where it is clear that they are numbers."""

from __future__ import annotations

import re

from espnet_prodiff.inference.normalization.english_dates import ordinal_figure

PARTS = (
    "Chapter Part Act Scene Volume Vol Book Section Article Title Appendix Phase Type "
    "Class Stage Level Grade Figure Table Episode Season Apollo Bowl War Unit Lesson "
    "Rocky Mark Schedule Annex Group Category"
)
RULERS = (
    "Henry Louis George Edward Charles James William Elizabeth Richard John Paul "
    "Pius Benedict Gregory Leo Clement Innocent Urban Alexander Nicholas Catherine "
    "Frederick Philip Ferdinand Francis Napoleon Peter Ivan Robert Stephen Mary "
    "Margaret Christian Gustav Haakon Harald Albert Leopold Boniface Sixtus "
    "Ramesses Ramses Ptolemy Cleopatra Darius Xerxes Constantine Otto Wilhelm Franz "
    "Carl Karl Malcolm Alfonso"
)
NUMERAL = r"(?=[IVXLC])(?:C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
PART = re.compile(rf"\b({'|'.join(PARTS.split())})\s({NUMERAL})\b(?!['\u2019.]\w)")
RULER = re.compile(
    rf"\b({'|'.join(RULERS.split())})\s({NUMERAL})\b(?!['\u2019][^s]|\.\w)"
)
VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


def read_roman_numerals(text: str) -> str:
    """Return "Chapter IV" as "Chapter 4", "Henry VIII" as "Henry the 8th".

    A ruler's I alone is taken for the pronoun.
    """
    text = PART.sub(lambda m: f"{m[1]} {_value(m[2])}", text)
    return RULER.sub(
        lambda m: (
            m.group()
            if m[2] == "I" or len(m[2]) == 1 and m[2] in "LC"
            else f"{m[1]} the {ordinal_figure(_value(m[2]))}"
        ),
        text,
    )


def _value(numeral: str) -> int:
    values = [VALUES[letter] for letter in numeral]
    pairs = zip(values, [*values[1:], 0], strict=True)
    return sum(-value if value < following else value for value, following in pairs)
