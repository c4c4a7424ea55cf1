"""The g2ps of this package, built where a model's config names one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from espnet_prodiff.errors import ConfigError
from espnet_prodiff.inference import direct
from espnet_prodiff.inference.espeak_g2p import ESPEAK_G2P, EspeakG2p
from espnet_prodiff.inference.letter_to_sound import LetterToSound
from espnet_prodiff.inference.lexicon_g2p import LEXICON_G2P, LexiconG2p


def load_lexicon_g2p(lexicon: str | Path, letter_to_sound: str | Path) -> LexiconG2p:
    """Load our g2p of English from its two files.

    Raises:
        ConfigError, CheckpointError: One of them is damaged.
    """
    return LexiconG2p(lexicon, LetterToSound.load(letter_to_sound))


# By name what builds it and the keys of its ``g2p_conf``.
G2PS: dict[str, tuple[Callable[..., Any], set[str]]] = {
    LEXICON_G2P: (load_lexicon_g2p, {"lexicon", "letter_to_sound"}),
    ESPEAK_G2P: (EspeakG2p, {"language"}),
}


def build_preprocessor(train_args: argparse.Namespace) -> direct.Preprocessor | None:
    """Return ESPnet's preprocessor of a model, with our g2p where its config names it.

    Raises:
        ConfigError: The config names our g2p without its options.
        ModuleNotFoundError: A g2p whose packages are not installed.
    """
    name = getattr(train_args, "g2p", None)
    if name not in G2PS:
        return direct.build_preprocessor(train_args)
    g2p, keys = G2PS[name]
    conf = getattr(train_args, "g2p_conf", None) or {}
    if set(conf) != keys:
        raise ConfigError(
            f"g2p {name} needs a g2p_conf with {' and '.join(sorted(keys))}, but it "
            f"has {', '.join(sorted(conf)) or 'nothing'}"
        )
    plain = argparse.Namespace(**{**vars(train_args), "g2p": None})
    preprocess = direct.build_preprocessor(plain)
    if preprocess is not None:  # else the model takes token ids
        preprocess.tokenizer.g2p = g2p(**conf)
    return preprocess
