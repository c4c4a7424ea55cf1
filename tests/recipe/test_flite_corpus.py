"""The corpus that flite reads: exact durations, known tokens, the same bytes again."""

import ctypes
import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
import pyworld

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
    texts = [list(read_table(corpus / "data" / name / "text")) for name in SETS]
    sizes = [sum(utt.count("-") == 1 for utt in utts) for utts in texts]
    assert sizes == [10, 1, 1]
    speakers = read_table(corpus / "data" / "tr_no_dev" / "utt2spk")
    own = [name for utt, name in speakers.items() if utt.count("-") == 1]
    assert sorted(own) == ["kal16"] * 4 + ["slt"] * 6
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


def log_f0(wav: np.ndarray) -> np.ndarray:
    f0, times = pyworld.dio(wav, 16000, f0_floor=60.0, f0_ceil=500.0)
    f0 = pyworld.stonemask(wav, f0, times, 16000)
    return np.log(np.where(f0 > 0, f0, np.nan))


@needs_flite
def test_half_of_the_sentences_are_read_as_much_higher_as_lower(corpus):
    data = corpus / "data" / "tr_no_dev"
    waves, tables = (
        read_table(data / "wav.scp"),
        [read_table(data / name) for name in ("text", "sentences")],
    )
    shifted = [utt for utt in waves if utt.count("-") == 2]
    base = sorted({utt.rpartition("-")[0] for utt in shifted})
    # The first, third ... of each speaker's, of either kind of sentence.
    assert base == [
        *("kal16-00002", "kal16-00003"),
        *("slt-00000", "slt-00001", "slt-00008", "slt-00009"),
    ]
    assert sorted(shifted) == [f"{u}-{name}" for u in base for name in ("high", "low")]
    for utt in base:
        for table in tables:
            assert table[f"{utt}-high"] == table[f"{utt}-low"] == table[utt]
        plain, high, low = (
            log_f0(samples(corpus, waves[u]))
            for u in (utt, f"{utt}-high", f"{utt}-low")
        )
        length = min(len(plain), len(high), len(low))  # kal16's are whole periods
        plain, high, low = plain[:length], high[:length], low[:length]
        up, down = np.nanmedian(high - plain), np.nanmedian(low - plain)
        assert up == pytest.approx(-down, abs=0.01)
        assert 0 < up < 6 / 12 * np.log(2) + 0.01
    dev, test = (read_table(corpus / "data" / name / "text") for name in SETS[1:])
    assert list(dev) == [f"kal16-00010{name}" for name in ("", "-high", "-low")]
    assert list(test) == ["kal16-00011"]


@needs_flite
def test_a_pitch_range_of_nought_leaves_the_voice_as_it_is(tmp_path):
    result = make(tmp_path / "a", "--num_utts", "4", "--pitch_range", "0")
    assert result.stdout.startswith("4 utterances")


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
