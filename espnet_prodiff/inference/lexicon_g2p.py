"""Words to phones by a lexicon, and by a guess where it ends: g2p of packed voices.

A packed voice names it in its config.yaml as ESPnet names its own::

    g2p: espnet_prodiff_lexicon
    g2p_conf: {lexicon: lexicon.txt.xz, letter_to_sound: letter_to_sound.pth}

The model itself is trained on phones (``g2p: null``).
"""

from __future__ import annotations

import lzma
import re
import string
import unicodedata
from pathlib import Path
from typing import Any, Protocol

from espnet_prodiff.errors import ConfigError

LEXICON_G2P = "espnet_prodiff_lexicon"

PAUSES = ",.!?"  # the strongest of neighbours is kept
SPELLINGS = (
    str.maketrans(";:()[]{}\u2013\u2014\u2026", ",,,,,,,,,,.")
    | str.maketrans("\u2018\u2019\u02bc\u00b4`", "'''''")
    | str.maketrans(
        dict(
            zip(
                "\u00e6\u0153\u00f8\u00df\u0142\u0111\u00c6\u0152\u00d8\u0141\u0110",
                "ae oe o ss l d Ae Oe O L D".split(),
                strict=True,
            )
        )
    )
)
SILENT = set("\"\u201c\u201d\u201e\u00ab\u00bb*_~/\\-'")
PIECES = re.compile(
    r"(?P<initials>(?<![A-Za-z])(?:[A-Za-z]\.){2,})"
    r"|(?P<word>[A-Za-z]+(?:'[A-Za-z]+)*)"
    r"|(?P<dash>\s-+\s|--+)"
    r"|(?P<blank>\s+)"
    r"|(?P<mark>.)"
)
SIBILANTS = {"s", "z", "sh", "zh", "ch", "jh"}
UNVOICED = {"p", "t", "k", "f", "th"}
ENDINGS = {"'ll": ["ax0", "l"], "'ve": ["ax0", "v"], "'d": ["d"], "'re": ["er0"]}


class Guesser(Protocol):
    """Guesses the phones of words that no lexicon has, as `LetterToSound`.

    Attributes:
        sizes: With its ``phones``.
    """

    sizes: dict[str, Any]

    def __getitem__(self, word: str) -> list[str]:
        """Return the phones of a lower-case word."""


class LexiconG2p:
    """English text to flite's phones and pauses, as ESPnet's g2p are called.

    Vowels end in 0 (unstressed), 1 (stressed) or 2 (stressed, in a function word),
    pauses are ``,``, ``.``, ``!`` and ``?``. What is neither word nor punctuation, such
    as a digit or another script, becomes a token as it is, for `TextToIds` to name.

    Attributes:
        lexicon: Phones by the word, lower-case unless only capitals are read so.
        phones: All that it can make.
        language: ISO 639-1, for the normalisation of texts, as the next.
        reads_numbers: Digits are to be words before.
        aliases: Phones by their names in CMU's dictionary, as ``AH0`` for ``ax0``.
        letter_gap: What is read letter by letter has points: "U.S.".
    """

    language = "en"
    reads_numbers = False
    letter_gap = "."

    def __init__(self, lexicon: str | Path, guesser: Guesser) -> None:
        """Read the lexicon, lines "word phone phone ..." in xz.

        Raises:
            ConfigError: The lexicon is damaged or lacks the names of letters.
        """
        try:
            lines = lzma.decompress(Path(lexicon).read_bytes()).decode().splitlines()
            self.lexicon = dict(line.split(" ", 1) for line in lines)
        except (lzma.LZMAError, UnicodeDecodeError, ValueError) as error:
            raise ConfigError(f"lexicon {lexicon} is damaged: {error}") from error
        if missing := sorted(set(string.ascii_lowercase) - self.lexicon.keys()):
            raise ConfigError(
                f"lexicon {lexicon} has {len(self.lexicon)} words, but no line for "
                f"{', '.join(missing)}: words that are spelled need every letter"
            )
        self.guesser = guesser
        self.phones = set(" ".join(self.lexicon.values()).split())
        self.phones |= set(self.guesser.sizes["phones"])
        self.aliases = _aliases(self.phones)

    def __call__(self, text: str) -> list[str]:
        """Return the tokens of a text, or of a part of one; see `finish`."""
        text = unicodedata.normalize("NFKD", text.translate(SPELLINGS))
        text = "".join(letter for letter in text if not unicodedata.combining(letter))
        shouted = text.upper() == text and sum(map(str.isalpha, text)) > 6
        tokens: list[str] = []
        behind_the = False
        for match in PIECES.finditer(text):
            kind, piece = match.lastgroup, match.group()
            if kind == "initials":
                spoken = self._spelled(piece.replace(".", ""))
            elif kind == "word":
                spoken = self._word(piece.lower() if shouted else piece)
            elif kind == "dash" or piece in PAUSES:
                tokens.append("," if kind == "dash" else piece)
                behind_the = False
                continue
            elif kind == "blank" or piece in SILENT:
                continue
            else:
                tokens.append(piece)
                behind_the = False
                continue
            if behind_the and spoken and spoken[0][-1:].isdigit():
                tokens[-1] = "iy0"
            tokens += spoken
            behind_the = piece.lower() == "the"
        return tokens

    def finish(self, tokens: list[str]) -> list[str]:
        """Make a sentence of tokens: a pause at its end, none before, single ones."""
        sentence: list[str] = []
        for token in [*tokens, "."] if tokens else []:
            if token not in PAUSES:
                sentence.append(token)
            elif sentence and sentence[-1] not in PAUSES:
                sentence.append(token)
            elif sentence and PAUSES.index(token) > PAUSES.index(sentence[-1]):
                sentence[-1] = token
        if sentence and sentence[-1] == ",":
            sentence[-1] = "."
        return sentence

    def _word(self, word: str) -> list[str]:
        lower = word.lower()
        if len(word) > 1 and word in self.lexicon:
            return self.lexicon[word].split()
        if lower in self.lexicon and not self._is_spelled(word):
            return self.lexicon[lower].split()
        base, apostrophe, ending = lower.rpartition("'")
        if apostrophe and ending == "s":
            return _with_s(self._word(word[: len(base)]))
        if apostrophe and f"'{ending}" in ENDINGS:
            return self._word(word[: len(base)]) + ENDINGS[f"'{ending}"]
        if self._is_spelled(word):
            return self._spelled(word)
        return self.guesser[lower] or self._spelled(lower)

    def _is_spelled(self, word: str) -> bool:
        """Whether a word in capitals is read letter by letter, as HTML."""
        if not word.isupper() or len(word) == 1 or "'" in word:
            return False
        vowels = sum(letter in "AEIOUY" for letter in word)
        return not vowels or (len(word) <= 3 and word.lower() not in self.lexicon)

    def _spelled(self, letters: str) -> list[str]:
        return [
            phone
            for letter in letters.lower().replace("'", "")
            for phone in ("ey1" if letter == "a" else self.lexicon[letter]).split()
        ]


def _with_s(phones: list[str]) -> list[str]:
    """Add the s of a plural or possessive."""
    if not phones or phones[-1] in SIBILANTS:
        return [*phones, "ax0", "z"]
    return [*phones, "s" if phones[-1] in UNVOICED else "z"]


def _aliases(phones: set[str]) -> dict[str, str]:
    """Names in capitals, and a stress that a vowel lacks as another that it has."""
    aliases = {}
    for phone in phones:
        for stress in "012" if phone[-1].isdigit() else "":
            likes = (phone[:-1] + like for like in (stress, *"102"))
            aliases[phone[:-1] + stress] = next(x for x in likes if x in phones)
        aliases.setdefault(phone, phone)
    if "ax0" in phones:
        aliases["ah0"] = "ax0"
    return aliases | {name.upper(): phone for name, phone in aliases.items()}
