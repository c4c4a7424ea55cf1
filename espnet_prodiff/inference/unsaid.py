"""Words and signs that espeak-ng drops: it says nothing of them, and nobody is told."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache

from espnet_prodiff.inference.normalization.voice import ESPEAK_SIGNS

LANGUAGE_FLAG = re.compile(r"\([a-z]{2,3}(?:-[a-z0-9-]+)?\)")
# Letters by Unicode, but no sounds: stresses, lengths, colours, and <space>.
MODIFIERS = re.compile(r"[\u02b0-\u02ff]+|<space>")
PAUSES = "/"  # said by some languages, but nothing is lost where it is not


class UnsaidWords:
    """Finds what a g2p of espeak-ng would leave out of a text.

    Which signs have a name depends on the language: a Russian voice passes over the
    euro sign, a French one over the paragraph sign.
    """

    def __init__(self, g2p: Callable[[str], Sequence[str]]) -> None:
        """Keep a g2p, as ``tokenizer.text2tokens``."""
        self._has_sound = lru_cache(maxsize=50_000)(lambda word: _has_sound(g2p(word)))

    def __call__(self, text: str) -> list[str]:
        """Return the words of a text without a sound, and the signs within words."""
        unsaid = []
        for word in text.split():
            parts = [c for c in word if _is_sign(c)]
            if any(unicodedata.category(c)[0] in "LN" for c in word):
                parts.append(word)
            unsaid += [part for part in parts if not self._has_sound(part)]
        return list(dict.fromkeys(unsaid))


def _is_sign(char: str) -> bool:
    if char in PAUSES or unicodedata.category(char) == "Sk":  # accents that stand alone
        return False
    return char in ESPEAK_SIGNS or unicodedata.category(char)[0] == "S"


def _has_sound(tokens: Sequence[str]) -> bool:
    return any(
        any(map(str.isalpha, MODIFIERS.sub("", token)))
        for token in tokens
        if not LANGUAGE_FLAG.fullmatch(token)
    )
