"""Texts to the tokens that a voice will read them as, with a fixed list of tokens."""

from __future__ import annotations

import argparse
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_prodiff.errors import ConfigError, InputError, check_choice
from espnet_prodiff.fileio.atomic import atomic_path
from espnet_prodiff.inference.espeak_g2p import ESPEAK_G2P, TOKENS
from espnet_prodiff.inference.lexicon_g2p import LEXICON_G2P, PAUSES
from espnet_prodiff.inference.own_g2p import build_preprocessor, load_lexicon_g2p
from espnet_prodiff.inference.text import TextToIds
from espnet_prodiff.inference.voices import find_voice

G2PS = ("auto", "lexicon", "espeak")
SPECIAL = ("<blank>", "<unk>", "<sos/eos>")
LEXICON_VOICE = "slt"  # whose lexicon and guesser others may use
LEXICON_FILES = {
    "lexicon": "lexicon.txt.xz",
    "letter_to_sound": "letter_to_sound.pth",
}


@dataclass(frozen=True)
class G2p:
    """A g2p by the names of a voice's config, and every token that it can make."""

    name: str
    conf: dict[str, Any]
    tokens: tuple[str, ...]

    def text_to_ids(self) -> TextToIds:
        """Return what turns texts into tokens, the very one of a finished voice."""
        return TextToIds(
            build_preprocessor(
                argparse.Namespace(
                    use_preprocessor=True,
                    token_type="phn",
                    token_list=[*SPECIAL, *self.tokens],
                    cleaner=None,
                    g2p=self.name,
                    g2p_conf=self.conf,
                    non_linguistic_symbols=None,
                )
            )
        )


def check_g2p(name: str, language: str) -> None:
    """Refuse what `choose_g2p` would refuse, before any work is done.

    Raises:
        UserError: An unknown name, or a lexicon for another language.
    """
    check_choice("--g2p", name, G2PS)
    if name == "lexicon" and not _is_english(language):
        raise InputError(
            f"--g2p lexicon is English, but --lang is {language!r}: use --g2p espeak"
        )


def choose_g2p(name: str, language: str, folder: Path) -> G2p:
    """Choose a g2p and write the files that it needs.

    Args:
        name: "lexicon" (English, in the package), "espeak" (espeak-ng, every language
            of its) or "auto": the lexicon for English, espeak for others.
        language: "en", or espeak's name of a language.
        folder: Where the lexicon is written.

    Raises:
        UserError: An unknown name, or a lexicon for another language.
        ModuleNotFoundError: espeak-ng is not installed.
    """
    check_g2p(name, language)
    if name == "lexicon" or (name == "auto" and _is_english(language)):
        conf = {key: str(folder / file) for key, file in LEXICON_FILES.items()}
        _unpack_lexicon(folder)
        phones = sorted(load_lexicon_g2p(**conf).phones)
        return G2p(LEXICON_G2P, conf, (*PAUSES, *phones))
    espeak = "en-us" if language.lower() == "en" else language.lower()
    return G2p(ESPEAK_G2P, {"language": espeak}, TOKENS)


def _is_english(language: str) -> bool:
    return language.lower() in ("en", "en-us")


class TextReader:
    """Texts to tokens, or the reason why a text cannot be read."""

    def __init__(self, g2p: G2p) -> None:
        """Load the g2p.

        Raises:
            ModuleNotFoundError, ConfigError: See `G2p`.
        """
        self._text_to_ids = g2p.text_to_ids()
        self._names = [*SPECIAL, *g2p.tokens]

    def __call__(self, text: str) -> list[str]:
        """Return the tokens of a text.

        Raises:
            TextError: It holds what the g2p does not know, or nothing to say.
        """
        return [self._names[number] for number in self._text_to_ids(text)]


def count_phones(tokens: list[str]) -> int:
    """Return how many tokens are sounds: no pauses, spaces, stresses or lengths."""
    return sum(any(map(str.isalpha, t)) and t not in NO_SOUNDS for t in tokens)


# Letters by Unicode, but no sounds of their own: lengths, stresses, colours.
NO_SOUNDS = {"<space>", *(chr(code) for code in range(0x02B0, 0x0300))}


def _unpack_lexicon(folder: Path) -> None:
    voice = find_voice(LEXICON_VOICE)
    with zipfile.ZipFile(voice.model) as archive:
        for file in LEXICON_FILES.values():
            if file not in archive.namelist():
                raise ConfigError(f"the voice {voice.model} holds no {file}")
            with atomic_path(folder / file) as temporary:
                temporary.write_bytes(archive.read(file))
