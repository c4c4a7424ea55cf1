"""The synthesised corpus: deterministic, complete, according to its options."""

import json
import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("espeakng_loader")
LOCAL = Path(__file__).parents[2] / "egs2_recipe" / "mini" / "tts1" / "local"
SETS = ("tr_no_dev", "dev", "eval1")


def make(folder: Path, *options: str) -> subprocess.CompletedProcess:
    folder.mkdir(exist_ok=True)
    if not (folder / "local").exists():
        (folder / "local").symlink_to(LOCAL)
    return subprocess.run(
        ["local/data.sh", *options],
        cwd=folder,
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )


def table(folder: Path, name: str, file: str) -> dict[str, str]:
    lines = (folder / "data" / name / file).read_text(encoding="utf-8").splitlines()
    return dict(line.split(" ", 1) for line in lines)


def audio(folder: Path) -> dict[str, np.ndarray]:
    samples = {}
    for name in SETS:
        for utt, file in table(folder, name, "wav.scp").items():
            with wave.open(str(folder / file)) as f:
                assert f.getparams()[:3] == (1, 2, 22050)
                samples[utt] = np.frombuffer(f.readframes(f.getnframes()), np.int16)
    return samples


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "a"
    result = make(folder)
    assert result.returncode == 0, result.stderr
    return folder


def test_default_corpus(corpus):
    sizes = [len(table(corpus, name, "text")) for name in SETS]
    assert sizes == [600, 30, 30]
    texts = [t for name in SETS for t in table(corpus, name, "text").values()]
    assert len(set(texts)) == 660
    assert set("".join(texts)) == set("abcdefghijklmnopqrstuvwxyz !',.;?")
    waves = audio(corpus)
    seconds = np.array([len(w) for w in waves.values()]) / 22050
    assert 2.0 < np.median(seconds) < 5.0 and seconds.max() < 9.0
    peaks = np.array([np.abs(w.astype(int)).max() for w in waves.values()])
    assert 3000 < peaks.min() and peaks.max() < 32767
    phones = {
        phone
        for name in SETS
        for line in table(corpus, name, "phone_ends").values()
        for phone in line.split()[::2]
    }
    plain = {phone.strip("ˈˌː") for phone in phones}
    english = "p b t d k ɡ tʃ dʒ f v θ ð s z ʃ ʒ h m n ŋ l ɹ j w ɪ ɛ æ ʌ ʊ ə i u ɔ ɑ"
    assert set(english.split()) | {"ɜ", "ɚ", "eɪ", "aɪ", "ɔɪ", "aʊ", "oʊ"} <= plain


def test_data_dirs_are_consistent(corpus):
    for name in SETS:
        utts = list(table(corpus, name, "wav.scp"))
        assert utts == sorted(utts)
        for file in ("text", "utt2spk", "phone_ends"):
            assert list(table(corpus, name, file)) == utts
        members = table(corpus, name, "spk2utt")
        assert {u: s for s, m in members.items() for u in m.split()} == table(
            corpus, name, "utt2spk"
        )


def test_phone_ends_match_the_audio(corpus):
    """Ends grow up to the last sample; pauses are silent, vowels are not."""
    waves = audio(corpus)
    lines = table(corpus, "dev", "phone_ends") | table(corpus, "eval1", "phone_ends")
    for utt, line in lines.items():
        names, ends = line.split()[::2], [int(end) for end in line.split()[1::2]]
        assert (np.diff([0, *ends]) > 0).all()
        assert ends[-1] == len(waves[utt])
        start = 0
        for name, end in zip(names, ends, strict=True):
            segment = waves[utt][start:end].astype(float)
            start = end
            if name == "sil" and len(segment) > 500:
                assert np.median(np.abs(segment)) <= 50, (utt, end)
            if "ˈ" in name:
                assert np.sqrt(np.mean(segment**2)) > 500, (utt, name)


def test_same_options_give_the_same_bytes(corpus, tmp_path):
    make(tmp_path / "b")
    (first,), (second,) = (
        list(f.glob("downloads/*")) for f in (corpus, tmp_path / "b")
    )
    assert first.name == second.name
    for file in sorted(first.iterdir())[::13]:
        assert file.read_bytes() == (second / file.name).read_bytes()
    for name in SETS:
        for file in (corpus / "data" / name).iterdir():
            assert (
                file.read_bytes()
                == (tmp_path / "b" / "data" / name / file.name).read_bytes()
            )


def test_a_second_run_does_nothing_but_repairs_losses(tmp_path):
    options = ("--num_utts", "24")
    make(tmp_path / "a", *options)
    before = audio(tmp_path / "a")
    assert "nothing to do" in make(tmp_path / "a", *options).stdout
    next((tmp_path / "a").glob("downloads/*/*.wav")).unlink()
    (tmp_path / "a/data/dev/text").unlink()
    assert "nothing to do" not in make(tmp_path / "a", *options).stdout
    after = audio(tmp_path / "a")
    assert all((before[utt] == after[utt]).all() for utt in before)
    assert len(table(tmp_path / "a", "dev", "text")) == 1
    make(tmp_path / "a", "--num_utts", "12")  # other options: made anew
    assert (
        json.loads((tmp_path / "a/data/.mini_corpus.json").read_text())["num_utts"]
        == 12
    )
    assert len(audio(tmp_path / "a")) == 12


def test_voices_are_labelled(tmp_path):
    make(tmp_path / "a", "--num_utts", "60", "--num_voices", "3")
    labels = [table(tmp_path / "a", name, "utt2spk") for name in SETS]
    assert all(len(set(label.values())) == 3 for label in labels)
    pitch = {s: [] for s in labels[0].values()}
    for utt, samples in audio(tmp_path / "a").items():
        speaker = {k: v for label in labels for k, v in label.items()}[utt]
        pitch[speaker].append(main_pitch(samples))
    means = sorted(np.median(values) for values in pitch.values())
    assert means[-1] > 1.3 * means[0]


def test_hidden_variation_varies_under_one_label(tmp_path):
    make(tmp_path / "a", "--num_utts", "60")
    make(tmp_path / "b", "--num_utts", "60", "--hidden_variation", "true")
    plain, varied = audio(tmp_path / "a"), audio(tmp_path / "b")
    assert table(tmp_path / "a", "tr_no_dev", "text") == table(
        tmp_path / "b", "tr_no_dev", "text"
    )
    assert set(table(tmp_path / "b", "tr_no_dev", "utt2spk").values()) == {"base"}

    def spread(waves):
        values = np.log([main_pitch(w) for w in waves.values()])
        return np.std(values)

    assert spread(varied) > 2 * spread(plain)
    ratio = [len(varied[u]) / len(plain[u]) for u in plain]
    assert np.std(ratio) > 0.08


def test_bad_options_are_refused(tmp_path):
    for options, message in (
        (("--num_utts", "2"), "at least 3"),
        (("--num_voices", "99"), "1 to 13"),
        (("--hidden_variation", "yes"), "true or false"),
        (("--num_voices", "2", "--hidden_variation", "true"), "use one of them"),
    ):
        result = make(tmp_path / "a", *options)
        assert result.returncode != 0 and message in result.stderr
        assert not (tmp_path / "a" / "data").exists()


def main_pitch(samples: np.ndarray) -> float:
    """Pitch in Hz of the loudest 46 ms, by autocorrelation."""
    frames = samples[: len(samples) // 1024 * 1024].reshape(-1, 1024).astype(float)
    frame = frames[np.argmax((frames**2).sum(1))]
    correlation = np.correlate(frame, frame, "full")[1023:]
    lags = np.arange(22050 // 350, 22050 // 60)
    return 22050 / lags[np.argmax(correlation[lags] / (1024 - lags))]
