"""The voices in the box: packed models that come with the package, by name."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from espnet_prodiff.errors import InputError

FOLDER = Path(__file__).parents[1] / "voices"


class Voice(NamedTuple):
    """A packed model of the package and its model card."""

    name: str
    model: Path
    card: Path

    @property
    def summary(self) -> str:
        """The first sentence of the card, behind its title."""
        lines = self.card.read_text(encoding="utf-8").splitlines()
        paragraph = " ".join(lines[1:]).strip()
        return paragraph.split(". ")[0].rstrip(".") + "."


def known_voices(folder: Path = FOLDER) -> list[Voice]:
    """Return the voices of the package, by name; ``folder`` is where they lie."""
    models = sorted(folder.glob("*.zip"))
    return [Voice(file.stem, file, file.with_suffix(".md")) for file in models]


def find_voice(name: str, folder: Path = FOLDER) -> Voice:
    """Return a voice of the package.

    Raises:
        InputError: There is none of this name; the message lists those there are.
    """
    voices = {voice.name: voice for voice in known_voices(folder)}
    if name not in voices:
        known = ", ".join(voices) or "none"
        raise InputError(f"no voice {name!r} in the package; there are: {known}")
    return voices[name]
