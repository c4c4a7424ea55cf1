"""Any language of espeak-ng to single characters of the IPA: one fixed list for all.

A config names it as ESPnet names its own g2ps::

    g2p: espnet_prodiff_espeak
    g2p_conf: {language: de}

ESPnet's ``espeak_ng_*`` know 15 languages and make phones of several characters, whose
list is what a corpus happens to hold. The model itself is trained on the characters
(``g2p: null``), a space being ``<space>``.
"""

from __future__ import annotations

import logging

from espnet_prodiff.common.espeak import require_g2p
from espnet_prodiff.errors import ConfigError
from espnet_prodiff.inference.normalization.voice import ESPEAK_SIGNS

ESPEAK_G2P = "espnet_prodiff_espeak"

ENDS = ".!?\u2026"
MARKS = ENDS + ',;:\u00a1\u00bf\u2014"\u00ab\u00bb\u201c\u201d()'
LETTERS = "abcdefghijklmnopqrstuvwxyz"
# What espeak-ng 1.52 makes of the phonemes of its 134 voices (its table of phonemes was
# read one by one), and the vowels and consonants of the IPA that it may come to.
IPA = (
    "\u00e4\u00e6\u00e7\u00f0\u00f8\u0127\u014b\u0153"
    + "".join(map(chr, range(0x0250, 0x02A9)))
    + "\u02b0\u02b2\u02b7\u02bc\u02c8\u02cc\u02d0\u02d1\u02de\u02e0\u02e4"
    + "\u0303\u0306\u030a\u031d\u031e\u0325\u0329\u032a\u032c\u032f\u033a\u033b\u0361"
    + "\u03a6\u03b2\u03b5\u03b8\u03c7\u1d50\u1d5d\u1d7b"
)
SPACE = "<space>"
# Of ESPnet's `Phonemizer`, as in its espeak_ng_english_us_vits.
PHONEMIZER = {
    "with_stress": True,
    "preserve_punctuation": True,
    "language_switch": "remove-flags",
    "strip": True,
    "split_by_single_token": True,
    "phone_separator": "",
    "word_separator": " ",
}
ISO_639_1 = {"cmn": "zh", "yue": "zh"}
TOKENS = (*MARKS, SPACE, "-", "'", *"1234567", *LETTERS, *IPA)


class EspeakG2p:
    """Text to characters of the IPA and punctuation, as ESPnet's g2p are called.

    Attributes:
        language: ISO 639, for the normalisation of texts.
        signs: Those that it says as words, in most languages.
    """

    signs = ESPEAK_SIGNS

    def __init__(self, language: str) -> None:
        """Start espeak-ng.

        Args:
            language: espeak's name, as "de", "en-us" or "pt-br".

        Raises:
            ModuleNotFoundError: espeak-ng is not installed.
            ConfigError: It does not know the language.
        """
        require_g2p("espeak")
        from espnet2.text.phoneme_tokenizer import Phonemizer  # slow to import

        self.language = ISO_639_1.get(language, language.split("-")[0])
        # phonemizer's name of French is fr-fr.
        names, reasons = (language, f"{language}-{language}"), []
        for name in names:
            try:
                self._phonemize = Phonemizer("espeak", language=name, **PHONEMIZER)
                break
            except RuntimeError as error:
                reasons.append(str(error))
        if len(reasons) == len(names):
            raise ConfigError(
                f"espeak-ng has no language {language!r} ({reasons[0]}): expected a "
                "name such as de, es, en-us or pt-br"
            )
        logging.getLogger("phonemizer").setLevel(logging.ERROR)

    def __call__(self, text: str) -> list[str]:
        """Return the tokens of a text, or of a part of one; see `finish`."""
        return self._phonemize(text)

    def finish(self, tokens: list[str]) -> list[str]:
        """Make a sentence of tokens: no space at its ends, a full stop if it lacks one.

        Runs of spaces count as one.
        """
        sentence: list[str] = []
        for token in tokens:
            if token != SPACE or (sentence and sentence[-1] != SPACE):
                sentence.append(token)
        while sentence and sentence[-1] == SPACE:
            sentence.pop()
        if sentence and not set(sentence) <= set(MARKS):
            return sentence if sentence[-1] in ENDS else [*sentence, "."]
        return []
