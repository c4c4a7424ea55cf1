"""The voices of the package, by name."""

import pytest

from espnet_prodiff.errors import InputError
from espnet_prodiff.inference.voices import find_voice, known_voices


@pytest.fixture
def folder(tmp_path):
    for name in ("zoe", "ann"):
        (tmp_path / f"{name}.zip").write_bytes(b"")
        card = f"# {name}\n\nA voice named\n{name}, made here. Second sentence.\n"
        (tmp_path / f"{name}.md").write_text(card, encoding="utf-8")
    return tmp_path


def test_voices_are_listed_by_name_with_the_first_sentence_of_their_card(folder):
    voices = known_voices(folder)
    assert [voice.name for voice in voices] == ["ann", "zoe"]
    assert voices[0].summary == "A voice named ann, made here."
    assert find_voice("zoe", folder).model == folder / "zoe.zip"


def test_an_unknown_voice_is_refused_with_those_there_are(folder):
    with pytest.raises(InputError, match="no voice 'eve' .* there are: ann, zoe"):
        find_voice("eve", folder)
