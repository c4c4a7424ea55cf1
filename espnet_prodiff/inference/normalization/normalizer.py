"""Any text as one that a model can read, and what was done to it said once."""

from __future__ import annotations

from espnet_prodiff.inference.normalization.english import read_english
from espnet_prodiff.inference.normalization.english_characters import read_characters
from espnet_prodiff.inference.normalization.marks import fit_marks
from espnet_prodiff.inference.normalization.markup import (
    strip_emoticons,
    strip_markup,
)
from espnet_prodiff.inference.normalization.notes import Notes
from espnet_prodiff.inference.normalization.scripts import refuse_foreign_scripts
from espnet_prodiff.inference.normalization.typography import tidy_typography
from espnet_prodiff.inference.normalization.voice import Voice
from espnet_prodiff.inference.sentences import BREAK, one_line


class TextNormalizer:
    """The steps from a text of the world to a text for cleaner and g2p."""

    def __init__(self, voice: Voice | None, skip: bool = False) -> None:
        """Normalise for a voice, see `voice_of`.

        Args:
            voice: What the model reads; None leaves texts as they are.
            skip: Leave out words in scripts that the model does not read, instead of
                an error.
        """
        self.voice = voice
        self.skip = skip
        self.notes = Notes()

    def __call__(self, text: str) -> str:
        """Return the text as the model can read it.

        Raises:
            TextError: Words in a script that the voice does not read.
        """
        voice, notes, given = self.voice, self.notes, text
        if voice is None:
            return text
        text = BREAK.sub("\n\n", text)
        faceless = strip_emoticons(text)
        notes.changed("emoticons", text, faceless)
        plain = strip_markup(faceless)
        notes.changed("markup", faceless, plain)
        plain = one_line(plain)
        text = read_characters(plain) if voice.language == "en" else plain
        notes.changed("characters with a name", plain, text)
        text = tidy_typography(text, voice, notes)
        text = refuse_foreign_scripts(text, voice, notes, self.skip)
        if voice.language == "en":
            text = read_english(text, voice, notes)
        text = fit_marks(text, voice, notes)
        return text if text == given else " ".join(text.split())
