"""Unicode's many ways to write a letter or a mark, made one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from espnet_prodiff.inference.normalization.notes import Notes
from espnet_prodiff.inference.normalization.voice import CJK, Voice, script

NOTHING = (
    "\u00ad\u034f\u061c\u180e\u200b\u200c\u200e\u200f\u2060\ufeff\ufe0e\ufe0f"
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2061\u2062\u2063\u2064"
)
JOINERS = "\u200c\u200d"  # shape letters in Indic and Arabic scripts
QUOTES = {
    **dict.fromkeys(
        "\u2018\u2019\u201a\u201b\u2032\u2035\u02bc\u02b9\uff07\u00b4`", "'"
    ),
    **dict.fromkeys(
        "\u201c\u201d\u201e\u201f\u2033\u2036\u00ab\u00bb\u301d\u301e\uff02", '"'
    ),
    **dict.fromkeys("\u2039\u203a", "'"),
}
DASHES = {
    **dict.fromkeys("\u2010\u2011\u2043\ufe63\uff0d", "-"),
    "\u2212": " minus ",
    **dict.fromkeys("\u2012\u2013", "\u2013"),
    **dict.fromkeys("\u2014\u2015\u2e3a\u2e3b\ufe58", "\u2014"),
}
DOTS = {"\u2026": "...", "\u2025": "..", "\u22ef": "...", "\u203c": "!!"}
BULLETS = dict.fromkeys(
    "\u2022\u2023\u25aa\u25cf\u25e6\u2219\u25ab\u25a0\u25a1\u27a2\u2605\u2606", "\u2022"
)
MARKS = {**QUOTES, **DASHES, **DOTS, **BULLETS, "\u2044": "/", "\u037e": "?"}
# Letters that no decomposition leads to.
PLAIN_LETTERS = dict(
    zip(
        "\u00df\u00f8\u0142\u0111\u00e6\u0153\u00fe\u00f0\u0131\u0127\u1e9e",
        "ss o l d ae oe th d i h ss".split(),
        strict=True,
    )
)


def tidy_typography(text: str, voice: Voice, notes: Notes) -> str:
    """Map spaces, quotes, dashes, dots, widths, cases and accents to what is known.

    A character that the model knows stays as it is, so that a text like those of its
    training is not touched.
    """
    out: list[str] = []
    for cluster in _clusters(text):
        if len(cluster) == 1 and (voice.knows(cluster) or cluster in "\n "):
            out.append(cluster)
            continue
        if all(map(voice.knows, cluster)):
            out.append(cluster)
            continue
        kind, plain = _plain(cluster, voice)
        if kind:
            notes.changed(kind, cluster, plain)
        out.append(plain)
    return "".join(out)


def _clusters(text: str) -> Iterator[str]:
    """Yield characters with their accents."""
    return (match.group() for match in re.finditer(r".[\u0300-\u036f]*", text, re.S))


def _plain(cluster: str, voice: Voice) -> tuple[str, str]:
    char = cluster[0]
    if char.isspace():
        return "", " " + cluster[1:]
    if char in NOTHING and not (char in JOINERS and voice.language in {"hi", "ar"}):
        return "invisible characters", cluster[1:]
    if char in MARKS and voice.language not in CJK:
        mark = MARKS[char]
        if mark == " minus " and voice.language != "en":
            mark = "-"
        return "typographic marks", mark + cluster[1:]
    if voice.language in CJK and unicodedata.east_asian_width(char) in "WF":
        return "", cluster
    if char.isdecimal() and not char.isascii() and voice.language not in {"ar", "hi"}:
        return "digits of other scripts", str(unicodedata.decimal(char))
    composed = unicodedata.normalize("NFKC", cluster).replace("\u2044", "/")
    if composed[0] in MARKS and voice.language not in CJK:
        composed = MARKS[composed[0]] + composed[1:]
    if voice.characters is not None:
        fitted = _fitted(composed, voice.characters)
        return ("letters" if fitted != composed else "compatible characters"), fitted
    if not voice.reads_accents and script(composed[0]) == "LATIN":
        return "letters", "".join(map(_without_accents, composed))
    return "compatible characters", composed


def _without_accents(char: str) -> str:
    """Return the letters of English that are nearest to one, in its case."""
    plain = PLAIN_LETTERS.get(char.lower()) or "".join(
        c for c in unicodedata.normalize("NFD", char) if not unicodedata.combining(c)
    )
    return plain.capitalize() if char.isupper() else plain


def _fitted(cluster: str, known: frozenset[str]) -> str:
    """Return letters in the case and with the accents that a model knows."""
    fitted = []
    for char in cluster:
        plain = _without_accents(char)
        for form in (
            char,
            char.lower(),
            char.upper(),
            plain,
            plain.lower(),
            plain.upper(),
        ):
            if form and all(c in known for c in form):
                fitted.append(form)
                break
        else:
            fitted.append(char)
    return "".join(fitted)
