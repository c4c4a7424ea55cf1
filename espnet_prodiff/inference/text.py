"""Text to token ids, with every symbol that the model does not know named."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from espnet_prodiff.errors import InputError, TextError, UserError, check_choice
from espnet_prodiff.inference.espeak_g2p import EspeakG2p
from espnet_prodiff.inference.normalization.normalizer import TextNormalizer
from espnet_prodiff.inference.normalization.voice import voice_of
from espnet_prodiff.inference.pronunciation import Pronunciation
from espnet_prodiff.inference.unsaid import LANGUAGE_FLAG, UnsaidWords

if TYPE_CHECKING:
    from espnet_prodiff.inference.direct import Preprocessor  # torch and ESPnet

UNKNOWN_SYMBOLS = ("error", "skip")
TEXT_NORMALIZERS = ("auto", "english", "none")
LINE_BREAKS = re.compile(r"\s*[\n\r\t\f\v\x85\u2028\u2029]\s*")
MARKS = ";:,.!?\u2014\u2026"
# espeak ends a text at a NUL, and no g2p can encode a surrogate.
UNREADABLE = re.compile(r"[\x00-\x08\x0e-\x1b\x7f\x80-\x84\x86-\x9f\ud800-\udfff]+")
MAX_CHARACTERS, MAX_TOKENS = 20_000, 4000  # attention takes memory by their square
SHOWN = 80  # characters of a text in a message


class TextToIds:
    """Normalisation, ESPnet's cleaner, g2p and token table, and nothing lost unsaid.

    ESPnet maps what is not in the token list to ``<unk>``, a token that training has
    hardly ever heard: the words come out garbled without any message.
    """

    def __init__(
        self,
        preprocess: Preprocessor | None,
        unknown_symbols: str = "error",
        text_normalizer: str = "auto",
        lexicon: str | Path | None = None,
    ) -> None:
        """Keep a TTS task's preprocessor, None where the model takes token ids.

        Args:
            preprocess: ESPnet's, as the task builds it.
            unknown_symbols: "error" refuses a text with symbols or scripts that the
                model does not know; "skip" leaves them out with a warning.
            text_normalizer: "auto": typography, marks and, for English voices, numbers,
                dates, addresses and signs become what the model reads; "english": the
                same for a model that does not tell its language; "none".
            lexicon: See `Pronunciation`.

        Raises:
            UserError: An option is not one of its choices, or the model has no phones.
            FileNotFoundError, DataError: See `Pronunciation`.
        """
        check_choice("unknown_symbols", unknown_symbols, UNKNOWN_SYMBOLS)
        check_choice("text_normalizer", text_normalizer, TEXT_NORMALIZERS)
        self.preprocess = preprocess
        self.unknown_symbols = unknown_symbols
        self.normalize: TextNormalizer | None = None
        self.pronunciation: Pronunciation | None = None
        self._has_espeak = False
        self._unsaid: UnsaidWords | None = None
        if preprocess is not None:
            g2p_type = getattr(preprocess.tokenizer, "g2p_type", None)
            self._has_espeak = str(g2p_type).startswith("espeak")
            ours = isinstance(getattr(preprocess.tokenizer, "g2p", None), EspeakG2p)
            if self._has_espeak or ours:
                self._unsaid = UnsaidWords(preprocess.tokenizer.text2tokens)
            skip = unknown_symbols == "skip"
            language = "en" if text_normalizer == "english" else None
            known = text_normalizer != "none"
            voice = voice_of(preprocess, language) if known else None
            self.normalize = TextNormalizer(voice, skip)
            if hasattr(preprocess.tokenizer, "g2p"):
                table = preprocess.token_id_converter.token2id
                aliases = getattr(preprocess.tokenizer.g2p, "aliases", None)
                self.pronunciation = Pronunciation(table, lexicon, aliases)
        if lexicon is not None and self.pronunciation is None:
            raise InputError(
                f"a lexicon ({lexicon}) is for models of phones, but this one has "
                "letters or token ids"
            )

    def __call__(self, text: str) -> np.ndarray:
        """Turn a text into token ids ``(T_text,)``, int64.

        Raises:
            TextError: The text is empty, or holds unknown symbols.
        """
        preprocess, _ = self._parts()
        text = self._checked(text)
        tokens = self.tokens(text)
        if len(tokens) > MAX_TOKENS:
            raise TextError(
                f"the text {shortened(text)} has {len(tokens)} tokens, at most "
                f"{MAX_TOKENS} are spoken at once: give its sentences one by one, or "
                "to espnet-prodiff say"
            )
        table = preprocess.token_id_converter.token2id
        unknown = [(i, token) for i, token in enumerate(tokens) if token not in table]
        if unknown:
            message = _name_unknown(text, tokens, unknown)
            if self.unknown_symbols == "error":
                raise TextError(
                    f"{message}. The model was not trained on them: rewrite the text, "
                    "or leave them out with unknown_symbols=skip"
                )
            logging.warning("%s; left out", message)
            tokens = [token for token in tokens if token in table]
        g2p = getattr(preprocess.tokenizer, "g2p", None)
        finish = getattr(g2p, "finish", None)
        if finish is not None:  # ours: pauses at the ends of a sentence
            tokens = finish(tokens)
        if not tokens:
            raise TextError(f"nothing to say is left of the text {shortened(text)}")
        return np.array([table[token] for token in tokens], dtype=np.int64)

    def _parts(self) -> tuple[Preprocessor, TextNormalizer]:
        if self.preprocess is None or self.normalize is None:
            raise TextError(
                "this model was trained on token ids (use_preprocessor: false): pass "
                "ids, not a string"
            )
        return self.preprocess, self.normalize

    def _checked(self, text: str) -> str:
        if not isinstance(text, str):
            raise TextError(f"the text is {text!r:.60}, expected a string")
        if not text.strip():
            raise TextError("the text is empty: expected something to say")
        if len(text) > MAX_CHARACTERS:
            raise TextError(
                f"the text {shortened(text)} has {len(text)} characters, at most "
                f"{MAX_CHARACTERS} are spoken at once: give its sentences one by one"
            )
        if (found := UNREADABLE.search(text)) is None:
            return text
        message = (
            f"unknown symbols in the text {shortened(text)}: {found.group()!r} "
            f"(character {found.start() + 1}) is no text"
        )
        if self.unknown_symbols == "error":
            raise TextError(f"{message}: take it out, or unknown_symbols=skip")
        logging.warning("%s; left out", message)
        return UNREADABLE.sub("", text)

    def tokens(self, text: str) -> list[str]:
        """Return a text's tokens, those that the model does not know among them.

        Raises:
            TextError: Words in a script, or phones, that the model does not know.
        """
        if self.pronunciation is None:
            return self._g2p(text)
        tokens: list[str] = []
        for stretch in self.pronunciation.stretches(text):
            tokens += self._g2p(stretch) if isinstance(stretch, str) else stretch
        return tokens

    def _g2p(self, text: str) -> list[str]:
        preprocess, normalize = self._parts()
        text = normalize(text)
        if LINE_BREAKS.search(text):
            text = LINE_BREAKS.sub(" ", text).strip()
        if not text.strip():
            return []
        try:
            cleaned = self._said(preprocess.text_cleaner(text))
            tokens = preprocess.tokenizer.text2tokens(cleaned)
        except (UserError, ModuleNotFoundError):
            raise
        except Exception as error:  # a number of 400 digits, say
            raise TextError(
                f"the cleaner or g2p of the model cannot read the text "
                f"{shortened(text)} ({type(error).__name__}: {error}): rewrite it"
            ) from error
        return [part for token in tokens for part in self._known_parts(token)]

    def _said(self, text: str) -> str:
        """Return a cleaned text without what the g2p would drop from it.

        Raises:
            TextError: There is such a word, and it is not to be left out.
        """
        unsaid = self._unsaid(text) if self._unsaid else []
        if not unsaid:
            return text
        message = (
            f"unknown symbols in the text {shortened(text)}: "
            f"{', '.join(map(repr, unsaid[:8]))}, which espeak-ng passes over"
        )
        if self.unknown_symbols == "error":
            raise TextError(
                f"{message}. Write what is to be said, or leave them out with "
                "unknown_symbols=skip"
            )
        logging.warning("%s; left out", message)
        text = " ".join(word for word in text.split() if word not in unsaid)
        signs = {ord(word): " " for word in unsaid if len(word) == 1}
        return text.translate({c: s for c, s in signs.items() if not chr(c).isalnum()})

    def _known_parts(self, token: str) -> list[str]:
        """Return a token, or what is known of one that espeak made.

        It glues marks to phones, and tells by "(en)" where it changes its language.
        """
        preprocess, normalize = self._parts()
        table = preprocess.token_id_converter.token2id
        if token in table or not self._has_espeak:
            return [token]
        if LANGUAGE_FLAG.fullmatch(token):
            return []
        phone = token.lstrip(MARKS)
        marks = token.removesuffix(phone)
        if not marks or (phone and phone not in table):
            return [token]
        known = [part for part in (*marks, phone) if part in table]
        normalize.notes.changed("marks at a phone", token, " ".join(known))
        return known


def shortened(text: str) -> str:
    """Quote the beginning of a text for a message."""
    return repr(text if len(text) <= SHOWN else text[: SHOWN - 3] + "...")


def _name_unknown(text: str, tokens: list[str], unknown: list[tuple[int, str]]) -> str:
    names = []
    for i, token in unknown[:8]:
        place = f"token {i + 1} of {len(tokens)}"
        if text.count(token) == 1:
            place += f", character {text.index(token) + 1}"
        else:
            around = " ".join(tokens[max(0, i - 2) : i + 3])
            place += f", in {around!r}"
        names.append(f"{token!r} ({place})")
    more = f" and {len(unknown) - 8} more" if len(unknown) > 8 else ""
    return f"unknown symbols in the text {shortened(text)}: {', '.join(names)}{more}"
