"""The corpus that flite reads: exact durations, known tokens, the same bytes again."""

import ctypes
import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from espnet_prodiff.fileio.tables import read_durations, read_table

LOCAL = Path(__file__).parents[2] / "egs2_recipe" / "flite" / "tts1" / "local"
SETS = ("tr_no_dev", "dev", "eval1")
WORDS = "ship measure Anna joy church zebra thin this house boy long yellow wish cat"


def has_flite() -> bool:
    try:
        ctypes.CDLL("libflite_cmu_us_slt.so.1")
    except OSError:
        return False
    return True


needs_flite = pytest.mark.skipif(not has_flite(), reason="Debian's flite is not there")


def make(
    folder: Path, *options: str, **environment: str
) -> subprocess.CompletedProcess:
    folder.mkdir(exist_ok=True)
    if not (folder / "local").exists():
        (folder / "local").symlink_to(LOCAL)
    (folder / "words").write_text("\n".join(WORDS.split()), encoding="utf-8")
    return subprocess.run(
        ["local/data.sh", "--word_list", "words", *options],
        cwd=folder,
        env={**os.environ, "PYTHON": sys.executable, **environment},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "a"
    result = make(folder, "--num_utts", "12", "--voices", "slt", "kal16")
    assert result.returncode == 0, result.stderr
    return folder


def samples(folder: Path, file: str) -> np.ndarray:
    with wave.open(str(folder / file)) as f:
        assert f.getparams()[:3] == (1, 2, 16000)
        return np.frombuffer(f.readframes(f.getnframes()), np.int16).astype(float)


@needs_flite
def test_speakers_take_turns_and_sets_are_consistent(corpus):
    sizes = [len(read_table(corpus / "data" / name / "text")) for name in SETS]
    assert sizes == [10, 1, 1]
    speakers = read_table(corpus / "data" / "tr_no_dev" / "utt2spk")
    assert sorted(speakers.values()) == ["kal16"] * 4 + ["slt"] * 6
    for name in SETS:
        tables = ("text", "durations", "utt2spk", "sentences", "wav.scp")
        keys = [list(read_table(corpus / "data" / name / table)) for table in tables]
        assert all(k == sorted(k) == keys[0] for k in keys)


@needs_flite
def test_every_frame_has_a_token_and_pauses_are_silent(corpus):
    data = corpus / "data" / "tr_no_dev"
    waves, durations = read_table(data / "wav.scp"), read_durations(data / "durations")
    quiet, loud = [], []
    for utt, line in read_table(data / "text").items():
        wav, tokens = samples(corpus, waves[utt]), line.split()
        frames = durations[utt]
        assert len(frames) == len(tokens) + 1
        assert frames.sum() == len(wav) // 256 + 1 and frames.min() >= 1
        assert tokens[-1] in ".?!" and tokens[0] not in ",.?!"
        ends = np.cumsum(frames) * 256
        for token, end, length in zip(tokens, ends, frames, strict=False):
            part = wav[end - length * 256 : end]
            if token in ",.?!" and length > 4:
                quiet.append(np.sqrt(np.mean(part[512:-256] ** 2)))
            elif token[-1] == "1":
                loud.append(np.sqrt(np.mean(part**2)))
    assert np.median(quiet) < 100 and np.percentile(loud, 10) > 500


@needs_flite
def test_the_same_bytes_again_and_nothing_to_do(corpus, tmp_path):
    options = ("--num_utts", "12", "--voices", "slt", "kal16")
    make(tmp_path / "b", *options)
    for table in ("text", "durations", "wav.scp"):
        files = [f / "data" / "eval1" / table for f in (corpus, tmp_path / "b")]
        assert files[0].read_bytes() == files[1].read_bytes()
    (file,) = read_table(corpus / "data" / "eval1" / "wav.scp").values()
    assert (corpus / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert "nothing to do" in make(corpus, *options).stdout


@pytest.mark.skipif(has_flite(), reason="flite is installed")
def test_without_flite_one_line_names_the_package(tmp_path):
    result = make(tmp_path / "a", "--num_utts", "4")
    assert result.returncode == 1
    assert "install the package flite of Debian" in result.stderr.splitlines()[-1]


def test_without_a_word_list_one_line_names_the_package(tmp_path):
    result = make(tmp_path / "a", "--word_list", "missing")
    assert result.returncode == 1
    assert "install the package wamerican" in result.stderr.splitlines()[-1]
