"""Punctuation and symbols as the marks that a model knows, the others left out."""

from __future__ import annotations

import re
import unicodedata

from espnet_prodiff.inference.normalization.notes import Notes
from espnet_prodiff.inference.normalization.voice import Voice

# What takes the place of a mark that a model does not know, the first that it does.
SUBSTITUTES = {
    ":": ",;.\uff0c",
    ";": ",:.\uff0c",
    "\u2014": "-,;",
    "\u2013": "\u2014-,",
    "!": ".\uff01\u3002",
    "?": ".\uff1f\u3002",
    ".": ",;\u3002",
    ",": ";\uff0c\u3001",
    "\u2026": ".\u3002",
    "(": ",",
    ")": ",",
    "[": "(,",
    "]": "),",
    "{": "(,",
    "}": "),",
    "\u2022": ",",
    "|": ",",
    "/": ",",
    "\u3002": ".",
    "\u3001": ",",
    "\uff0c": ",",
    "\uff0e": ".",
    "\uff01": "!.",
    "\uff1f": "?.",
    "\uff1a": ":,",
    "\uff1b": ";,",
    "\u061f": "?.",
    "\u060c": ",",
    "\u061b": ";,",
    "\u06d4": ".",
    "\u0964": ".",
}
# Their loss is no warning.
UNHEARD = "marks that are not heard"
SILENT = "\"'\u00ab\u00bb\u201c\u201d\u00bf\u00a1-_*()[]{}\u2022|\u2013`<>"
SHORTENED = re.compile(r"(?:tis|twas|em|cause|til|bout|round)\b", re.IGNORECASE)
INSIDE_WORDS = "'-\u200c\u200d"


def fit_marks(text: str, voice: Voice, notes: Notes) -> str:
    """Replace or leave out every character that would not reach the model's tokens."""
    out: list[str] = []
    lost: dict[str, list[str]] = {}
    replaced = False
    gap = "" if voice.language in {"zh", "ja"} else " "
    for i, char in enumerate(text):
        if char == " " or _read(char, voice) or _joins(text, i, voice):
            out.append(char)
            continue
        substitutes = (c for c in SUBSTITUTES.get(char, "") if c in voice.marks)
        substitute = next(substitutes, "")
        replaced = True
        if not substitute:
            lost.setdefault(_kind(char), []).append(char)
        elif not _wanted(out, substitute):
            substitute = ""
        elif substitute == "-":
            substitute = " - "
        else:
            substitute += gap
        out.append(substitute or (_gap(text, i) and gap))
    fitted = _tidied("".join(out)) if replaced else text
    notes.changed("marks that the model does not know", text, fitted)
    for kind, symbols in lost.items():
        notes.left_out(kind, symbols, heard=kind != UNHEARD)
    return fitted


def _read(char: str, voice: Voice) -> bool:
    if voice.knows(char):
        return True
    if voice.characters is not None:
        # Unknown letters and digits are for the token table's error.
        return char.isalnum()
    return char.isalnum() or unicodedata.category(char) in {"Mn", "Mc"}


def _joins(text: str, i: int, voice: Voice) -> bool:
    """Whether an apostrophe or hyphen is inside a word, where a g2p reads it."""
    if text[i] not in INSIDE_WORDS or voice.characters is not None:
        return False
    before, after = text[i - 1 : i], text[i + 1 : i + 2]
    if before.isalnum() or not after.isalnum():
        return before.isalnum() and after.isalnum()
    if text[i] != "'":
        return False
    # "'tis", but not what begins a quotation.
    shortened = SHORTENED.match(text, i + 1)
    return bool(shortened) or not re.search(r"\w'(?!\w)", text[i + 1 :])


def _wanted(out: list[str], mark: str) -> bool:
    """Whether a comma is wanted: not at the beginning, not behind another mark."""
    last = next((c for c in reversed(out) if c.strip()), "")
    return bool(last) and (last[-1].isalnum() or mark not in ",;")


def _gap(text: str, i: int) -> str:
    """Part words by a space where a symbol did, but not "don't"."""
    if text[i] == "'" or unicodedata.category(text[i])[0] == "M":
        return ""
    return " "


def _tidied(text: str) -> str:
    text = " ".join(text.split())
    text = re.sub(r" +(?=[,.;:!?])", "", text)
    text = re.sub("\u3002{2,}", "\u3002", text)
    return re.sub(r",(?=[,.;:!?])", "", text)


def _kind(char: str) -> str:
    if char in SILENT:
        return UNHEARD
    category = unicodedata.category(char)
    name = unicodedata.name(char, "")
    if category in {"So", "Sk", "Cn"} or "EMOJI" in name:
        return "emoji and pictures"
    return "symbols" if category[0] in "PS" else "characters"
