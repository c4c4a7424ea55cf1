"""Text to token ids, with every symbol that the model does not know named."""

from __future__ import annotations

import logging
import re

import numpy as np
from espnet2.train.preprocessor import CommonPreprocessor

from espnet_prodiff.errors import TextError, check_choice

UNKNOWN_SYMBOLS = ("error", "skip")
LINE_BREAKS = re.compile(r"\s*[\n\r\t\f\v\x85\u2028\u2029]\s*")
SHOWN = 80  # characters of a text in a message


class TextToIds:
    """ESPnet's cleaner, g2p and token table, with unknown symbols refused or left out.

    ESPnet maps what is not in the token list to ``<unk>``, a token that training has
    hardly ever heard: the words come out garbled without any message.
    """

    def __init__(
        self, preprocess: CommonPreprocessor | None, unknown_symbols: str = "error"
    ) -> None:
        """Keep a TTS task's preprocessor, None where the model takes token ids.

        With ``unknown_symbols`` "error" a text is refused; "skip" leaves the symbols
        out with a warning.

        Raises:
            UserError: ``unknown_symbols`` is neither.
        """
        check_choice("unknown_symbols", unknown_symbols, UNKNOWN_SYMBOLS)
        self.preprocess = preprocess
        self.unknown_symbols = unknown_symbols

    def __call__(self, text: str) -> np.ndarray:
        """Turn a text into token ids ``(T_text,)``, int64.

        Raises:
            TextError: The text is empty, or holds unknown symbols.
        """
        if self.preprocess is None:
            raise TextError(
                "this model was trained on token ids (use_preprocessor: false): pass "
                "ids, not a string"
            )
        if LINE_BREAKS.search(text):
            text = LINE_BREAKS.sub(" ", text).strip()
        if not text.strip():
            raise TextError("the text is empty: expected something to say")
        cleaned = self.preprocess.text_cleaner(text)
        tokens = list(self.preprocess.tokenizer.text2tokens(cleaned))
        table = self.preprocess.token_id_converter.token2id
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
        finish = getattr(
            getattr(self.preprocess.tokenizer, "g2p", None), "finish", None
        )
        if finish is not None:  # of ours: pauses at the ends of a sentence
            tokens = finish(tokens)
        if not tokens:
            raise TextError(f"nothing to say is left of the text {shortened(text)}")
        return np.array([table[token] for token in tokens], dtype=np.int64)


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
