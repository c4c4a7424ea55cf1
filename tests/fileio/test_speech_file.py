"""Sound files as they are written: piece by piece, whole or not at all."""

import io

import numpy as np
import pytest
import soundfile

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.speech_file import WavStream, speech_file

TONE = 0.5 * np.sin(np.arange(8000) / 20)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_the_ending_is_the_format(tmp_path, suffix):
    path = tmp_path / f"tone.{suffix}"
    with speech_file(path, 16000) as sink:
        sink.write(TONE[:3000])
        assert not path.exists()
        sink.write(TONE[3000:])
    wav, fs = soundfile.read(path)
    assert fs == 16000 and soundfile.info(path).format.lower() == suffix
    lossy = suffix in ("ogg", "mp3")
    assert abs(len(wav) - len(TONE)) <= (2500 if lossy else 0)
    if not lossy:
        np.testing.assert_allclose(wav, TONE, atol=2**-15)


def test_nothing_is_left_of_a_broken_file(tmp_path):
    with pytest.raises(KeyError), speech_file(tmp_path / "a.wav", 16000) as sink:
        sink.write(TONE)
        raise KeyError
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.doc", r"a\.doc ends in no format .*: expected \.wav, \.flac"),
        ("file/a.wav", r"file/a\.wav cannot be written"),
        ("folder.wav", r"folder\.wav is a folder"),
    ],
)
def test_one_line_for_what_cannot_be_written(tmp_path, name, message):
    (tmp_path / "file").touch()
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(UserError, match=message):
        with speech_file(tmp_path / name, 16000) as sink:
            sink.write(TONE)


def test_a_full_disk():
    with pytest.raises(UserError, match="/dev/full cannot be written: .*No space left"):
        with speech_file("/dev/full", 16000) as sink:
            sink.write(TONE)


def test_a_stream_is_a_wav_without_an_end():
    file = io.BytesIO()
    WavStream(file, 16000).write(TONE)
    data = file.getvalue()
    assert len(data) == 44 + 2 * len(TONE) and data[40:44] == b"\xff" * 4
    wav, fs = soundfile.read(io.BytesIO(data))
    assert fs == 16000
    np.testing.assert_allclose(wav[: len(TONE)], TONE, atol=2**-15)
