"""Words in a script that a voice does not read, named or left out."""

from __future__ import annotations

import re

from espnet_prodiff.errors import TextError
from espnet_prodiff.inference.normalization.notes import Notes
from espnet_prodiff.inference.normalization.voice import Voice, script

WORD = re.compile(r"[^\W\d_][\w\u0300-\u036f\u0900-\u0dff\u0e00-\u0eff]*")
NOT_A_SCRIPT = frozenset({"MODIFIER", "COMBINING", "MASCULINE", "FEMININE", "UNKNOWN"})
KNOWN_AS = {"CJK": "Chinese or Japanese (Han)", "HIRAGANA": "Japanese (Hiragana)"}
KNOWN_AS |= {"KATAKANA": "Japanese (Katakana)", "HANGUL": "Korean (Hangul)"}


def refuse_foreign_scripts(
    text: str, voice: Voice, notes: Notes, skip: bool = False
) -> str:
    """Return a text whose letters are all of the scripts that a voice reads.

    Args:
        text: The text.
        voice: The voice.
        notes: Take what is left out.
        skip: Leave such words out with a warning, instead of an error.

    Raises:
        TextError: It names the script, the word and its place.
    """
    if text.isascii() or not voice.scripts:
        return text

    def checked(match: re.Match) -> str:
        foreign = next(filter(None, (_foreign(c, voice) for c in match.group())), None)
        if foreign is None:
            return match.group()
        if skip:
            notes.left_out("words in other scripts:", match.group())
            return ""
        named = KNOWN_AS.get(foreign, foreign.capitalize())
        word = match.group()[:20]
        raise TextError(
            f"{word!r} (character {match.start() + 1} of the text) is {named}, but the "
            f"voice reads {voice.name}: speak it with a voice for it, write it in "
            "these letters, or leave it out with unknown_symbols=skip"
        )

    return WORD.sub(checked, text)


def _foreign(char: str, voice: Voice) -> str | None:
    """Return the script of a letter, None if the voice reads it."""
    if char.isascii() or not char.isalpha() or voice.knows(char):
        return None
    name = script(char)
    return None if name in voice.scripts or name in NOT_A_SCRIPT else name
