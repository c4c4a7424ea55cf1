"""Playing, with programs that stand in for those of a system with a sound card."""

import importlib.util
import os

import numpy as np
import pytest

from espnet_prodiff.errors import UserError
from espnet_prodiff.inference.playback import player

WAV = np.array([0.0, 0.5, -1.0, 2.0])


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a shell script on an otherwise empty path."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    def write(name, script):
        (tmp_path / name).write_text(
            f"#!/bin/sh\nPATH={os.defpath}:/usr/bin:/bin\n{script}\n"
        )
        (tmp_path / name).chmod(0o755)
        return tmp_path

    return write


def test_samples_reach_the_player(program):
    folder = program("aplay", 'echo "$@" > "$0.args"; cat > "$0.played"')
    with player(16000) as sink:
        sink.write(WAV[:2])
        sink.write(WAV[2:])
    played = np.frombuffer((folder / "aplay.played").read_bytes(), "<i2")
    assert played.tolist() == [0, 16384, -32768, 32767]
    assert (
        folder / "aplay.args"
    ).read_text() == "-q -t raw -f S16_LE -r 16000 -c 1 -\n"


def test_no_sound_card_is_one_line(program):
    program("ffplay", 'echo "no device" >&2; echo more >&2; exit 1')
    with pytest.raises(UserError, match="^ffplay cannot play: no device; write a file"):
        with player(16000) as sink:
            for _ in range(1000):
                sink.write(np.zeros(1000))


def test_nothing_to_play_with(program):
    program("vi", "")
    with pytest.raises(UserError, match="nothing to play with: install one of pw-play"):
        with player(16000):
            pass


def test_an_error_ends_the_player(program):
    folder = program("paplay", 'cat > /dev/null; touch "$0.ended"')
    with pytest.raises(RuntimeError), player(16000) as sink:
        sink.write(WAV)
        raise RuntimeError
    assert not (folder / "paplay.ended").exists()
