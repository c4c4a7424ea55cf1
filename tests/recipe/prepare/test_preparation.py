"""Folders as users have them, prepared by the command; they are left as they were."""

import csv
import hashlib
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_prodiff.bin.prepare import main
from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.recipe.command_line import parse
from espnet_prodiff.recipe.prepare.recipe_files import read_corpus
from espnet_prodiff.recipe.prepare.texts import choose_g2p

TEXTS = [f"the {a} {n} is near the {b} house" for n in ("cat", "dog", "hen", "fox")
         for a in ("old", "new", "red") for b in ("big", "wee", "far")]  # fmt: skip
SETS = ("tr_no_dev", "dev", "eval1")


def speak(path, seed=0, seconds=2.4, fs=16000, noise=0.0005):
    """Write a tone in syllables and a little noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * fs)) / fs
    wave = 0.2 * np.sin(2 * np.pi * (150 + 10 * seed) * t)
    wave *= np.sin(np.pi * 5 * t) ** 2 > 0.2
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave + rng.normal(0, noise, len(t)), fs)


def hashes(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(f): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def report_of(output):
    with (output / "report.csv").open(encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def all_of(output, table):
    return [read_table(output / "data" / name / table) for name in SETS]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A table, spaces in every name, and one of each fault."""
    root = tmp_path_factory.mktemp("own")
    folder = root / "my recordings"
    rows = [(f"take {n}.wav", text) for n, text in enumerate(TEXTS[:20])]
    for n, (name, _) in enumerate(rows):
        speak(folder / "day one" / name, n, fs=44100 if n % 2 else 22050)
    speak(folder / "noise.flac", noise=0.05)
    speak(folder / "unlisted.wav")
    (folder / "broken.wav").write_bytes(b"no sound")
    speak(folder / "kanji.wav")
    rows += [("noise", "a noisy line of words is here"), ("gone.wav", "no file")]
    rows += [("broken.wav", "a broken file"), ("kanji.wav", "\u65e5\u672c")]
    rows += [("take 3.wav", "a second text")]
    with (folder / "lines.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("file", "text"), *rows])
    before = hashes(folder)
    output = root / "my voice"
    main([str(folder), "-o", str(output), "--nj", "1"])
    assert hashes(folder) == before
    return output


def test_every_row_has_its_line_with_the_reason(prepared):
    report = report_of(prepared)
    reasons = {name: row["reason"] for name, row in report.items() if row["reason"]}
    assert reasons == {
        "noise": "noisy", "gone": "missing audio", "broken": "unreadable",
        "kanji": "symbols", "take 3": "duplicate id", "unlisted": "missing text",
    }  # fmt: skip
    assert "'\u65e5\u672c'" in report["kanji"]["detail"]
    assert report["take 5"]["status"] == "taken" and report["take 5"]["fs"] == "44100"
    page = (prepared / "report.md").read_text(encoding="utf-8")
    assert "text: column 2 (text), as 'the old cat is near the big house'" in page
    assert "- **noisy**: 1\n    - noise (lines.csv:22): its quietest tenth is" in page
    assert (prepared / "report.png").stat().st_size > 5000


def test_the_data_are_kaldi_s_and_the_waves_are_the_voice_s(prepared):
    texts, wavs = all_of(prepared, "text"), all_of(prepared, "wav.scp")
    assert [len(table) for table in texts] == [18, 1, 1]
    sentences = [set(table.values()) for table in all_of(prepared, "sentences")]
    assert not sentences[0] & (sentences[1] | sentences[2])
    assert "dh iy0 ow1 l d k ae1 t" in " ".join(sum([[*t.values()] for t in texts], []))
    tokens = read_table(prepared / "data" / "tokens")["tokens"].split()
    for text, wav in zip(texts, wavs, strict=True):
        assert text.keys() == wav.keys()
        assert {token for line in text.values() for token in line.split()} <= {*tokens}
        for path in wav.values():
            info = soundfile.info(prepared / path)
            assert (info.samplerate, info.channels) == (22050, 1)
            assert " " not in path
    # What was judged by its recording alone left no wave.
    assert len(list((prepared / "wavs").iterdir())) == 20


def test_the_recipe_s_options_are_the_recipe_s(prepared, tmp_path):
    script = (prepared / "run.sh").read_text(encoding="utf-8")
    command = script.split("python3 -m espnet_prodiff.recipe \\\n")[1]
    lines = [line for line in command.splitlines() if "$" not in line]
    words = shlex.split(" ".join(line.rstrip("\\") for line in lines))
    options = parse([*words, "--distill_config", "conf/distill_prodiff_cpu.yaml"])
    assert (options.sampling_rate, options.durations) == (22050, "learned")
    done = subprocess.run(
        ["bash", "local/data.sh"], cwd=prepared, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "espnet-prodiff prepare '" in (prepared / "local/data.sh").read_text()
    for size in ("small", "cpu", "gpu"):
        config = (prepared / "conf" / f"train_prodiff_{size}.yaml").read_text()
        assert "base:" not in config and "tts: prodiff" in config


def test_speakers_are_subfolders_with_a_text_beside_each_recording(tmp_path, capsys):
    folder = tmp_path / "in"
    for n, text in enumerate(TEXTS[:24]):
        path = folder / ("Ann B" if n % 2 else "zoe") / f"{n // 2}.flac"
        speak(path, n)
        path.with_suffix(".txt").write_text(text + "\n", encoding="utf-8")
    speak(folder / "zoe" / "99.flac")
    output = tmp_path / "out"
    main([str(folder), "-o", str(output), "--speakers", "subfolder", "--nj", "1"])
    assert read_corpus(output).speakers == ["Ann_B", "zoe"]
    assert read_corpus(output).fs == 16000
    speakers = {k: v for t in all_of(output, "utt2spk") for k, v in t.items()}
    assert len(speakers) == 24 and all(u.startswith(s) for u, s in speakers.items())
    assert speakers["zoe-0"] == "zoe" and speakers["Ann_B-0"] == "Ann_B"
    assert "left out, missing text: 1" in capsys.readouterr().out
    config = (output / "conf" / "train_prodiff_cpu.yaml").read_text()
    assert "spks: 3" in config


def test_a_data_set_of_hugging_face(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = []
    for n, text in enumerate(TEXTS[:12]):
        speak(tmp_path / "x.wav", n)
        audio = {"bytes": (tmp_path / "x.wav").read_bytes(), "path": None}
        rows.append({"id": f"u/{n}", "clip": audio, "sentence": text, "speaker": "s1"})
    data = datasets.Dataset.from_list(rows)
    data = data.cast_column("clip", datasets.Audio(decode=False))
    data.save_to_disk(str(tmp_path / "set"))
    main([str(tmp_path / "set"), "-o", str(tmp_path / "out"), "--nj", "1"])
    report = report_of(tmp_path / "out")
    assert {name: row["reason"] for name, row in report.items()} == {
        str(n): "" for n in range(12)
    }
    assert read_corpus(tmp_path / "out").speakers == ["s1"]


def test_the_fixed_list_does_not_depend_on_the_corpus(prepared):
    tokens = read_table(prepared / "data" / "tokens")["tokens"].split()
    assert len(tokens) == len(set(tokens)) == 71 and {"zh", "oy1", "?"} <= set(tokens)
    assert (
        choose_g2p("espeak", "en", Path()).tokens
        == choose_g2p("auto", "de", Path()).tokens
    )


@pytest.mark.parametrize(
    "words, message",
    [
        (["absent"], "folder absent does not exist"),
        (["in", "-o", "in"], "in is there already"),
        (["in", "--g2p", "magic"], "--g2p must be one of auto, lexicon, espeak"),
        (["in", "--lang", "de", "--g2p", "lexicon"], "--g2p lexicon is English"),
        (["in", "--silent_ends", "x"], "--silent_ends must be one of trim, leave_out"),
        (["in", "--fs", "22"], "--fs is 22, expected 8000 to 48000 Hz"),
        (["in", "--table", "no.csv"], "table no.csv does not exist"),
        (["in"], "1 recordings, but no table and no .txt"),
    ],
)
def test_mistakes_are_one_line(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    speak(Path("in") / "a.wav")
    with pytest.raises(SystemExit) as error:
        main([*words, *([] if "-o" in words else ["-o", "out"])])
    assert str(error.value).startswith("prepare: error: ") and message in str(
        error.value
    )
    assert "\n" not in str(error.value)
