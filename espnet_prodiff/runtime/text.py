"""What turns a text into tokens, from the files of an exported voice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from espnet_prodiff.inference.lexicon_g2p import LexiconG2p
from espnet_prodiff.runtime.files import Loader, Run


def build_preprocessor(conf: Mapping[str, Any], folder: Path, load: Loader) -> Any:
    """Build what `TextToIds` asks of ESPnet's preprocessor.

    Args:
        conf: ``text`` of a voice.json.
        folder: Where the lexicon lies.
        load: Loads the letter-to-sound network, where the voice has one.

    Raises:
        ConfigError: The lexicon is damaged.
    """
    table = {token: number for number, token in enumerate(conf["tokens"])}
    tokenizer = SimpleNamespace(text2tokens=_letters)
    if conf["reads"] != "letters":
        g2p: Callable[..., list[str]] = _phones
        if conf["reads"] == "lexicon":
            guess = load("letter_to_sound")
            guesser = _Guesser(conf["letters"], conf["phones"], guess)
            g2p = LexiconG2p(folder / conf["lexicon"], guesser)
        tokenizer = SimpleNamespace(g2p=g2p, g2p_type=None, text2tokens=g2p)
    return SimpleNamespace(
        text_cleaner=_NoCleaner(),
        tokenizer=tokenizer,
        token_id_converter=SimpleNamespace(token2id=table),
    )


class _NoCleaner:
    cleaner_types: tuple[str, ...] = ()

    def __call__(self, text: str) -> str:
        return text


class _Guesser:
    """`inference.letter_to_sound` as it was exported."""

    def __init__(self, letters: str, phones: Sequence[str], run: Run) -> None:
        self.sizes = {"phones": phones}
        self._letters, self._phones, self._run = letters, phones, run

    def __getitem__(self, word: str) -> list[str]:
        numbers = [self._letters.index(x) + 1 for x in word if x in self._letters]
        if not numbers:
            return []
        best = self._run(letters=np.array([numbers]))[0][0].argmax(-1)
        kept = [i for i, before in zip(best, [0, *best], strict=False) if i != before]
        return [self._phones[i - 1] for i in kept if i]


def _letters(text: str) -> list[str]:
    return ["<space>" if letter == " " else letter for letter in text]


def _phones(text: str) -> list[str]:
    return text.split()
