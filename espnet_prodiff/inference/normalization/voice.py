"""What the text side of a model reads: its language, scripts, marks and numbers."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # its import takes seconds
    from espnet2.train.preprocessor import CommonPreprocessor

CJK = frozenset({"ja", "zh", "ko"})
LANGUAGES = {
    **{f"g2p_en{end}": "en" for end in ("", "_no_space")},
    **{"g2p_is": "is", "g2p_is_north": "is", "espeak_ng_english_us_vits": "en"},
    **{"espeak_ng_arabic": "ar", "espeak_ng_german": "de", "espeak_ng_french": "fr"},
    **{"espeak_ng_spanish": "es", "espeak_ng_russian": "ru", "espeak_ng_greek": "el"},
    **{"espeak_ng_finnish": "fi", "espeak_ng_hungarian": "hu", "espeak_ng_dutch": "nl"},
    **{"espeak_ng_hindi": "hi", "espeak_ng_italian": "it", "espeak_ng_polish": "pl"},
    **{"espeak_ng_ukrainian": "uk"},
}
FAMILIES = {"pyopenjtalk": "ja", "pypinyin": "zh", "g2pk": "ko", "korean_": "ko"}
CLEANERS = {
    "tacotron": "en",
    "jaconv": "ja",
    "vietnamese": "vi",
    "korean_cleaner": "ko",
}
NAMES = {
    **{
        "en": "English",
        "de": "German",
        "fr": "French",
        "es": "Spanish",
        "ru": "Russian",
    },
    **{"el": "Greek", "fi": "Finnish", "hu": "Hungarian", "nl": "Dutch", "hi": "Hindi"},
    **{
        "it": "Italian",
        "pl": "Polish",
        "uk": "Ukrainian",
        "ar": "Arabic",
        "ko": "Korean",
    },
    **{"ja": "Japanese", "zh": "Chinese", "is": "Icelandic", "vi": "Vietnamese"},
}
SCRIPTS = {
    **{"ru": {"CYRILLIC"}, "uk": {"CYRILLIC"}, "el": {"GREEK"}, "ar": {"ARABIC"}},
    **{"hi": {"DEVANAGARI"}, "ja": {"HIRAGANA", "KATAKANA", "CJK"}, "zh": {"CJK"}},
    **{"ko": {"HANGUL", "CJK"}},
}
# g2ps that hand Latin words to English rules, or spell them.
LATIN_AS_WELL = frozenset({"ru", "uk", "el", "ar", "hi", "ja", "ko"})
ESPEAK_MARKS = frozenset(
    ';:,.!?\u00a1\u00bf\u2014\u2026"\u00ab\u00bb\u201c\u201d(){}[]'
)
ESPEAK_SIGNS = frozenset(
    "%&@/=+#$\u00a3\u20ac\u00a5\u00b0\u00a7"
)  # it has words for them
CLEANER_MARKS = ";:,.!?-&\"()[]<>'"
# Abbreviations that ESPnet's tacotron cleaner reads, its models have learned them so.
TACOTRON_WORDS = frozenset(
    "mrs mr dr st co jr maj gen drs rev lt hon sgt capt esq ltd col ft".split()
)


@dataclass(frozen=True)
class Voice:
    """What reaches the tokens of a model.

    Attributes:
        language: ISO 639-1, None where nothing tells.
        scripts: Unicode's names of the scripts that are read, empty for any.
        characters: Those that are tokens, None where a g2p takes letters.
        marks: Punctuation that reaches the tokens.
        reads_numbers: Whether digits are read by the g2p or the cleaner.
        reads_words: Abbreviations that the cleaner expands.
        reads_accents: Whether the g2p takes letters that English does not have.
        letter_gap: What parts letters that are spelled, a point is behind each.
    """

    language: str | None
    scripts: frozenset[str]
    characters: frozenset[str] | None
    marks: frozenset[str]
    reads_numbers: bool = True
    reads_words: frozenset[str] = frozenset()
    reads_accents: bool = True
    letter_gap: str = " "

    @property
    def name(self) -> str:
        """How messages call it."""
        named = sorted("Han" if s == "CJK" else s.capitalize() for s in self.scripts)
        scripts = " and ".join(named)
        language = NAMES.get(self.language or "", "")
        return f"{language} ({scripts} letters)" if language else f"{scripts} letters"

    def knows(self, char: str) -> bool:
        """Return whether a character is read as it is, without any mapping."""
        if self.characters is not None:
            return char in self.characters
        return char in self.marks or (char.isascii() and char.isalnum())


def voice_of(
    preprocess: CommonPreprocessor, language: str | None = None
) -> Voice | None:
    """Find out what a model reads; None if its texts are phones already.

    A g2p that is not ESPnet's tells by its attributes ``language``,
    ``reads_numbers`` (True by default), ``letter_gap`` (a space) and ``signs``, those
    that it has words for (none).

    Args:
        preprocess: ESPnet's, with cleaner, tokenizer and token table.
        language: ISO 639-1, instead of what they tell.
    """
    tokenizer = preprocess.tokenizer
    table = preprocess.token_id_converter.token2id
    cleaners = preprocess.text_cleaner.cleaner_types
    g2p, g2p_type = (
        getattr(tokenizer, "g2p", None),
        getattr(tokenizer, "g2p_type", None),
    )
    told = getattr(g2p, "language", None)
    if g2p is not None and g2p_type is None and told is None:
        return None
    language = language or told or _language(g2p_type, cleaners)
    single = {token for token in table if len(token) == 1}
    if g2p is None:
        pieces = (token for token in table if not token.startswith("<"))
        characters = single | {char for piece in pieces for char in piece}
        if "<space>" in table or " " not in characters:
            characters.add(" ")
        marks = {char for char in characters if not char.isalnum()}
        if cleaners:
            reached = [c for c in CLEANER_MARKS if _reaches(preprocess, c)]
            marks.update(reached)
            letters = {c for c in map(chr, range(128)) if c.isalnum()}
            characters |= marks | (letters if "tacotron" in cleaners else set())
        scripts = {script(char) for char in characters if char.isalpha()}
        numbers = bool(cleaners) or set("0123456789") <= characters
    else:
        characters, numbers = None, getattr(g2p, "reads_numbers", True)
        marks = _marks_of_g2p(str(g2p_type), table) | set(getattr(g2p, "signs", ()))
        if cleaners:
            marks.update(c for c in CLEANER_MARKS if _reaches(preprocess, c))
        scripts = set(SCRIPTS.get(language or "", {"LATIN"}))
        scripts |= {"LATIN"} if language in LATIN_AS_WELL else set()
    espeak = str(g2p_type).startswith("espeak")
    return Voice(
        language=language,
        scripts=frozenset(scripts),
        characters=None if characters is None else frozenset(characters),
        marks=frozenset(marks),
        reads_numbers=numbers,
        reads_accents=language != "en" or espeak,
        letter_gap=getattr(g2p, "letter_gap", "-" if espeak else " "),
        reads_words=TACOTRON_WORDS if "tacotron" in cleaners else frozenset(),
    )


def script(letter: str) -> str:
    """Return the script of a letter by Unicode's name of it, as "LATIN"."""
    first = unicodedata.name(letter, "UNKNOWN").split()[0]
    return {"KATAKANA-HIRAGANA": "KATAKANA", "IDEOGRAPHIC": "CJK"}.get(first, first)


def _language(g2p_type: str | None, cleaners: list[str]) -> str | None:
    if g2p_type in LANGUAGES:
        return LANGUAGES[g2p_type]
    for begin, language in FAMILIES.items():
        if g2p_type is not None and g2p_type.startswith(begin):
            return language
    return next((CLEANERS[name] for name in cleaners if name in CLEANERS), None)


def _marks_of_g2p(g2p_type: str, table: Collection[str]) -> set[str]:
    """Return the punctuation that comes through a g2p and is a token."""
    if g2p_type.startswith("espeak"):
        # Not split into single tokens, marks are glued to the next phone: ".v".
        inside = {c for t in table if not t.startswith("<") for c in t}
        return (inside & ESPEAK_MARKS) | ESPEAK_SIGNS
    single = {token for token in table if len(token) == 1}
    marks = {char for char in single if unicodedata.category(char)[0] in "PS"}
    if g2p_type.startswith("pyopenjtalk"):
        return set(
            "\u3001\u3002\uff0c\uff0e\uff01\uff1f!?,.\u30fb\u300c\u300d\u300e\u300f\uff08\uff09()\u301c\u2026"
        )
    return marks


def _reaches(preprocess: CommonPreprocessor, mark: str) -> bool:
    """Whether what a cleaner makes of a mark is known, white space and nothing too."""
    cleaned = preprocess.text_cleaner(f"a{mark} a")[1:-1].strip().lower()
    return all(c in preprocess.token_id_converter.token2id for c in cleaned if c != " ")
