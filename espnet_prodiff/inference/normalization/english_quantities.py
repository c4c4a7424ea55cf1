"""Money, units, percentages, fractions and ranges of English."""

from __future__ import annotations

import re

from espnet_prodiff.inference.normalization.english_dates import LETTER_GAP

# Bounded: in a row of digits without end each digit would be tried as the first.
NUMBER = r"\d[\d,]{0,30}(?:\.\d+)?"
SCALES = {"k": "thousand", "m": "million", "mn": "million", "b": "billion"}
SCALES |= {"bn": "billion", "t": "trillion", "tn": "trillion"}
CURRENCIES = {
    **{
        "$": ("dollar", "cent"),
        "\u00a3": ("pound", "pence"),
        "\u20ac": ("euro", "cent"),
    },
    **{
        "\u00a5": ("yen", ""),
        "\u20b9": ("rupee", ""),
        "\u20bd": ("ruble", ""),
        "\u20a9": ("won", ""),
    },
    **{"\u20bf": ("bitcoin", ""), "\u20ba": ("lira", ""), "\u20b4": ("hryvnia", "")},
}
SIGNS = re.escape("".join(CURRENCIES))
MONEY = re.compile(
    rf"(?:\b(US|AU|CA|NZ|HK))?([{SIGNS}])\s?({NUMBER})"
    r"(?:\s?(k|mn?|bn?|tn?)\b|\s(thousand|million|billion|trillion)\b)?"
)
MONEY_BEHIND = re.compile(rf"(?<![\w.])({NUMBER})\s?([{SIGNS}\u00a2])(?!\d)")
COUNTRIES = {
    "US": f"U{LETTER_GAP}S",
    "AU": "Australian",
    "CA": "Canadian",
    "NZ": "New Zealand",
}
COUNTRIES["HK"] = "Hong Kong"
PER = re.compile(r"\b(dollars?|euros?|pounds?|cents?|pence|yen)\s?/\s?(?=[a-z])")
UNALTERED = frozenset({"yen", "won", "pence", "bitcoin"})

PREFIXED = {
    **{"km": "kilometer", "cm": "centimeter", "mm": "millimeter", "nm": "nanometer"},
    **{"kg": "kilogram", "mg": "milligram", "ml": "milliliter", "mL": "milliliter"},
    **{"kW": "kilowatt", "MW": "megawatt", "GW": "gigawatt", "kWh": "kilowatt hour"},
    **{"Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz"},
    **{"KB": "kilobyte", "kB": "kilobyte", "MB": "megabyte", "GB": "gigabyte"},
    **{
        "TB": "terabyte",
        "Mbps": "megabit per second",
        "dB": "decibel",
        "kV": "kilovolt",
    },
    **{"ms": "millisecond", "lb": "pound", "lbs": "pound", "oz": "ounce", "ft": "foot"},
    **{
        "mph": "mile per hour",
        "km/h": "kilometer per hour",
        "kph": "kilometer per hour",
    },
    **{
        "m/s": "meter per second",
        "rpm": "revolution per minute",
        "fps": "frame per second",
    },
    **{
        "sq ft": "square foot",
        "hr": "hour",
        "hrs": "hour",
        "ha": "hectare",
        "kcal": "kilocalorie",
    },
    **{"mAh": "milliampere hour", "px": "pixel", "fl oz": "fluid ounce", "yd": "yard"},
}
# Letters that may stand for more than a unit: right behind the number, or "5 m".
SHORT = {
    "m": "meter",
    "g": "gram",
    "l": "liter",
    "L": "liter",
    "W": "watt",
    "V": "volt",
}
ANY_UNIT = "|".join(map(re.escape, sorted(PREFIXED, key=len, reverse=True)))
UNIT = re.compile(
    rf"(?<![\w.])({NUMBER})\s?({ANY_UNIT})"
    r"( squared| cubed|\^?[23])?(?![\w/])"
)
SHORT_UNIT = re.compile(
    rf"(?<![\w.$])({NUMBER})(\s?)([mglLWV])( squared| cubed|\^?[23])?(?![\w/'&])"
)
DEGREES = re.compile(rf"(-?{NUMBER})\s?\u00b0\s?([CFK]\b)?")
DEGREE_NAMES = {"C": " Celsius", "F": " Fahrenheit", "K": " Kelvin"}
PERCENT = re.compile(rf"({NUMBER})\s?%")
FRACTION = re.compile(r"(?<![\d/.,\w])(?:(\d+)\s)?(\d{1,2})/(\d{1,3})(?![\d/\w])")
PARTS = dict(
    zip(
        (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 20, 100),
        "half third quarter fifth sixth seventh eighth ninth tenth twelfth sixteenth "
        "twentieth hundredth".split(),
        strict=True,
    )
)
PHONE = re.compile(
    r"(?<![\w-])(\+?\d{1,3}[ -])?(\(\d{3}\) ?|\d{3}[ -])?(\d{3})-(\d{4})(?![\w-])"
)
RANGE = re.compile(
    rf"(?<![\w.-])([$\u00a3\u20ac]?{NUMBER})(?:-|\s?\u2013\s?)(?=[$\u00a3\u20ac]?\d)(?!\d+-\d)"
)
NEGATIVE = re.compile(r"(?<![\w.)-])[-\u2212\u2013](?=\d)")
BY = re.compile(rf"\b({NUMBER})\s?[xX]\s?(?=\d)")
TIMES = re.compile(rf"(?<![\w.])({NUMBER})x\b")


def read_quantities(text: str) -> str:
    """Return a text whose quantities are a number and words."""
    if not any(map(str.isdigit, text)):
        return text
    text = PHONE.sub(_phone, text)
    text = RANGE.sub(r"\1 to ", text)
    text = NEGATIVE.sub("minus ", text)
    text = BY.sub(r"\1 by ", text)
    text = TIMES.sub(r"\1 times", text)
    text = MONEY.sub(_money, text)
    text = MONEY_BEHIND.sub(_money_behind, text)
    text = PER.sub(r"\1 per ", text)
    text = DEGREES.sub(
        lambda m: f"{m[1]} degrees{DEGREE_NAMES.get(m[2] or '', '')}", text
    )
    text = PERCENT.sub(r"\1 percent", text)
    text = FRACTION.sub(_fraction, text)
    text = UNIT.sub(lambda m: _unit(m[1], PREFIXED[m[2]], m[3]), text)
    return SHORT_UNIT.sub(_short_unit, text)


def _plural(number: str, word: str) -> str:
    if number == "1" or word in UNALTERED or word.endswith("hertz"):
        return word
    first, space, rest = word.partition(" per ")
    if first.endswith("foot"):
        return first[:-4] + "feet" + space + rest
    return f"{first}s{space}{rest}"


def _money(match: re.Match) -> str:
    country, sign, number = match[1], match[2], match[3].rstrip(",")
    behind = match[3][len(number) :]
    unit, cent = CURRENCIES[sign]
    before = f"{COUNTRIES[country]} " if country else ""
    scale = match[5] or SCALES.get(match[4] or "")
    if scale:
        return f"{number} {scale} {before}{_plural('2', unit)}{behind}"
    whole, _, part = number.partition(".")
    if part and len(part) != 2 or part and not cent:
        return f"{number} {before}{_plural(number, unit)}{behind}"
    said = [f"{whole} {before}{_plural(whole, unit)}"] if whole.strip("0,") else []
    if part.strip("0"):
        count = str(int(part))
        said.append(
            "1 penny"
            if (count, cent) == ("1", "pence")
            else f"{count} {_plural(count, cent)}"
        )
    return (", ".join(said) or f"zero {before}{_plural('0', unit)}") + behind


def _money_behind(match: re.Match) -> str:
    if match[2] == "\u00a2":
        return f"{match[1]} {_plural(match[1], 'cent')}"
    number = match[1].rstrip(",")
    return f"{number} {_plural(number, CURRENCIES[match[2]][0])}"


def _unit(number: str, unit: str, power: str | None) -> str:
    if power:
        cubic = power[-1] == "3" or power == " cubed"
        unit = f"{'cubic' if cubic else 'square'} {unit}"
    return f"{number} {_plural(number, unit)}"


def _short_unit(match: re.Match) -> str:
    number, gap, letter, power = match.groups()
    if gap and letter in "LWV" and not power:
        return match.group()  # "Henry 5 V ...": a word of its own
    return _unit(number, SHORT[letter], power)


def _fraction(match: re.Match) -> str:
    whole, over, under = match[1], int(match[2]), int(match[3])
    if under not in PARTS or not 0 < over < under:
        return match.group()
    part = PARTS[under]
    if over > 1:
        part = "halves" if part == "half" else part + "s"
    said = f"{'one' if over == 1 else over} {part}"
    if whole:
        return f"{whole} and {'a ' + part if over == 1 else said}"
    return said


def _phone(match: re.Match) -> str:
    groups = [
        "".join(c for c in group if c.isdigit() or c == "+")
        for group in match.groups()
        if group
    ]
    said = [
        " ".join(group.replace("+", "plus "))
        if "+" not in group
        else "plus " + " ".join(group[1:])
        for group in groups
    ]
    return ", ".join(said)
