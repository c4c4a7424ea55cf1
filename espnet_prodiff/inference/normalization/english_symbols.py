"""Signs of ASCII that English has words for, and those that only part words."""

from __future__ import annotations

import re

STEPS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\bC\+\+|\bc\+\+", "C plus plus"),
        (r"\b([CF])#(?!\w)", r"\1 sharp"),
        (r"(?<=\w)(?:->|=>|-->)|(?<=\s)(?:->|=>|-->)(?=\s)", " to "),
        (r"\+=", " plus equals "),
        (r"<=", " is at most "),
        (r">=", " is at least "),
        (r"!=", " is not equal to "),
        (r"==|:=", " equals "),
        (r"&&?", " and "),
        (r"#(?=\s?\d)", " number "),
        (r"(?<=[\w)])\s?\*\*\s?(?=[\w(])", " to the power of "),
        (r"(?<=\b\w)\s?\*\s?(?=\w\b)|(?<=\d)\s?\*\s?(?=\w)", " times "),
        (r"(?<=\w)\^2\b", " squared"),
        (r"(?<=\w)\^3\b", " cubed"),
        (r"(?<=\w)\^(?=[\w(])", " to the power of "),
        (r"(?<=\w)\+\+", " plus plus"),
        (r"\+(?=\s*[\w(])|(?<=\d)\+", " plus "),
        (r"(?<=\S)\s?(?<![=<>])=(?![=<>])", " equals "),
        (r"(?<=[\w)])\s<\s(?=[\w(.])|(?<=\d)<(?=\d)", " is less than "),
        (r"(?<=[\w)])\s>\s(?=[\w(.])|(?<=\d)>(?=\d)", " is greater than "),
        (r"(?<=\d)\s-\s(?=\d)", " minus "),
        (r"~\s?(?=\$?\d)", "about "),
        (r"(?<=\d)\s?/\s?(?=\d)", " over "),
        (r"\band/or\b", "and or"),
        (r"(?<=\w)\s?/\s?(?=\w)", " slash "),
        (r"(?<=\w)\\(?=\w)", " backslash "),
        (r"(?<=\w)@(?=\w)|(?<=\s)@(?=\s)", " at "),
        (r"%", " percent "),
        (r"\u00b0", " degrees "),
        (r"\$(?=\w)", " dollar "),
        (r"\b_+|_+\b|(?<=\w)_(?=\w)", " "),
        (r"\u2013(?=\d)", " to "),
        (r"--+", " \u2014 "),
    )
)
SIGNS = re.compile(r"[^\w\s\u2011.,;:!?'\"()-]|_|--")


def read_symbols(text: str) -> str:
    """Return a text with signs between words read: & + = < > / % @ # ^ ..."""
    if not SIGNS.search(text):
        return text
    for pattern, replacement in STEPS:
        text = pattern.sub(replacement, text)
    return text
