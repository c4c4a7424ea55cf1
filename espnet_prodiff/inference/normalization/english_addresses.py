"""Web and e-mail addresses, file names, handles and hashtags as they are read out."""

from __future__ import annotations

import re

from espnet_prodiff.inference.normalization.english_dates import LETTER_GAP

# "de" or "it" behind a point may be a word that follows a sentence: not listed.
DOMAINS = "com|org|net|edu|gov|mil|int|info|io|ai|dev|app|co|uk|ca|eu|jp|tv|gg|xyz"
URL = re.compile(
    r"(?:\b(?:https?|ftp|file)://|\bwww\.)[^\s<>\"]+"
    rf"|\b(?:[a-z0-9-]{{1,63}}\.){{1,5}}(?:{DOMAINS})\b(?:[/:?#][^\s<>\"]*)?(?![\w@])",
    re.IGNORECASE,
)
EMAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
HANDLE = re.compile(r"(?<![\w@])@(?=\w)")
HASHTAG = re.compile(r"(?<![\w#&])#(\w*[^\W\d_]\w*)")
HERE = re.compile(r"(?<!\S)(\.{1,2})/(?=[\w.])")
NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?![\w.])")
DOTTED_NUMBERS = re.compile(r"(?<![\w.])v?\d+(?:\.\d+){2,}(?![\w.])")
READ = {
    **{
        ".": "dot",
        "/": "slash",
        "@": "at",
        "-": "dash",
        "_": "underscore",
        ":": "colon",
    },
    **{"?": "question mark", "&": "and", "=": "equals", "#": "hash", "%": "percent"},
    **{
        "+": "plus",
        "~": "tilde",
        ",": "comma",
        ";": "semicolon",
        "!": "exclamation mark",
    },
    **{"\\": "backslash", "*": "star", "$": "dollar"},
}
SIGN = re.compile(rf"[^\w\s{LETTER_GAP}]|_")


def read_addresses(text: str) -> str:
    """Return a text whose addresses are words; the scheme (https) is not read."""
    if "." in text or "@" in text:
        text = EMAIL.sub(lambda match: _spelled(match.group()), text)
        text = URL.sub(_url, text)
        text = DOTTED_NUMBERS.sub(
            lambda match: match.group().replace(".", " dot "), text
        )
        text = NAME.sub(_name, text)
        text = HERE.sub(lambda match: "dot " * len(match[1]) + "slash ", text)
    text = HANDLE.sub("at ", text)
    return HASHTAG.sub(lambda match: f"hashtag {_parted(match[1])}", text)


def _url(match: re.Match) -> str:
    address = match.group()
    kept = address.rstrip(".,;:!?'\"\u2019\u201d*")
    if kept.endswith(")") and "(" not in kept:
        kept = kept.rstrip(").,")
    behind = address[len(kept) :]
    kept = re.sub(r"^\w+://", "", kept).rstrip("/")
    return _spelled(re.sub(r"^www\.", "w w w.", kept, flags=re.IGNORECASE)) + behind


def _spelled(address: str) -> str:
    address = re.sub(r"\.(uk|eu|io|ai|tv|jp|ca|us|gg)\b", _letters, address)
    words = SIGN.sub(lambda match: f" {READ.get(match.group(), ' ')} ", address)
    return " ".join(words.split())


def _letters(match: re.Match) -> str:
    return "." + LETTER_GAP.join(match[1].upper())


def _name(match: re.Match) -> str:
    """Read "main.py" and "Node.js"; "end.Next" lacks its space, "U.S" is letters."""
    parts = match.group().split(".")
    if all(len(part) == 1 for part in parts[:-1]) or parts[0].lower() in {"ph", "vs"}:
        return match.group()
    before, after = parts[0], parts[1]
    if len(parts) == 2 and before[-1:].islower() and after[:2].istitle() and after[1:]:
        return f"{before}. {after}"
    return " dot ".join(map(_parted, parts))


def _parted(name: str) -> str:
    """Part "someName_x2" into words."""
    name = re.sub(
        r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", " ", name
    )
    return " ".join(name.replace("_", " ").split())
