"""Characters of Unicode that English has words for: fractions, maths, Greek letters."""

from __future__ import annotations

import re
import unicodedata

FRACTIONS = {
    **{
        "\u00bd": "one half",
        "\u2153": "one third",
        "\u2154": "two thirds",
        "\u00bc": "one quarter",
    },
    **{"\u00be": "three quarters", "\u2155": "one fifth", "\u215b": "one eighth"},
    **{"\u215c": "three eighths", "\u215d": "five eighths", "\u215e": "seven eighths"},
}
WORDS = {
    **{
        "\u00b2": "squared",
        "\u00b3": "cubed",
        "\u00d7": "times",
        "\u00f7": "divided by",
        "\u00b1": "plus or minus",
    },
    **{
        "\u2264": "is at most",
        "\u2265": "is at least",
        "\u2260": "is not equal to",
        "\u2248": "is about",
    },
    **{
        "\u2261": "is identical to",
        "\u221e": "infinity",
        "\u221a": "the square root of",
        "\u2211": "the sum of",
    },
    **{
        "\u220f": "the product of",
        "\u222b": "the integral of",
        "\u2202": "d",
        "\u2207": "nabla",
    },
    **{
        "\u2208": "in",
        "\u2209": "not in",
        "\u2282": "subset of",
        "\u2286": "subset of",
        "\u222a": "union",
    },
    **{
        "\u2229": "intersection",
        "\u2200": "for all",
        "\u2203": "there exists",
        "\u2205": "the empty set",
    },
    **{
        "\u2227": "and",
        "\u2228": "or",
        "\u00ac": "not",
        "\u2192": "to",
        "\u21d2": "implies",
        "\u21d4": "if and only if",
    },
    **{
        "\u2190": "from",
        "\u2191": "up",
        "\u2193": "down",
        "\u2030": "per mille",
        "\u2116": "number",
    },
    **{
        "\u00a7": "section",
        "\u00a9": "copyright",
        "\u2245": "is about",
        "\u221d": "is proportional to",
    },
    **{
        "\u2103": "degrees Celsius",
        "\u2109": "degrees Fahrenheit",
        "\u00b7": " ",
        "\u22c5": "times",
    },
}
CHARACTER = re.compile("[" + "".join(WORDS) + "]")
FRACTION = re.compile(r"(\d?)\s*([" + "".join(FRACTIONS) + "])")
MICRO = re.compile(r"(?<![^\W\d_])[\u00b5\u03bc](m|g|s|l|L|A|V|F|W)\b")
MICRO_UNITS = dict(
    **{"m": "micrometers", "g": "micrograms", "s": "microseconds", "l": "microliters"},
    **{"L": "microliters", "A": "microamperes", "V": "microvolts", "F": "microfarads"},
    W="microwatts",
)
GREEK = re.compile(
    r"(?<![\u0370-\u03ff\u1f00-\u1fff])[\u0391-\u03a9\u03b1-\u03c9\u03d5\u2126](?![\u0370-\u03ff\u1f00-\u1fff])"
)


def read_characters(text: str) -> str:
    """Return a text with fractions, signs of maths and lone Greek letters read."""
    if text.isascii():
        return text
    text = FRACTION.sub(_fraction, text)
    text = MICRO.sub(lambda match: " " + MICRO_UNITS[match[1]], text)
    text = CHARACTER.sub(lambda match: f" {WORDS[match.group()]} ", text)
    read = GREEK.sub(_greek, text)
    return re.sub(r" (?=[,.;:!?)])", "", " ".join(read.split()))


def _fraction(match: re.Match) -> str:
    return (
        f"{match[1]} and {FRACTIONS[match[2]]} "
        if match[1]
        else f" {FRACTIONS[match[2]]} "
    )


def _greek(match: re.Match) -> str:
    name = unicodedata.name(match.group()).removesuffix(" SYMBOL").split()[-1].lower()
    return f" {({'lamda': 'lambda', 'sign': 'ohms'}).get(name, name)} "
