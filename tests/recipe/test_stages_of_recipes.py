"""Stages 1 to 6 of every recipe on a stand-in corpus of the same layout."""

import importlib
import os
import shutil
import stat
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.recipe import (
    naming,
    pipeline,
    plugin_steps,
    stage_tokens,
    stages_data,
    stages_train,
)
from espnet_prodiff.recipe.command_line import parse
from espnet_prodiff.recipe.early_checks import check_early

RECIPES = Path(__file__).parents[2] / "egs2_recipe"
ENGLISH = ["Printing, in the only sense.", "A hundred cats!", "We know it.", "Not so."]
GERMAN = ["Der Hund läuft über die Straße.", "Guten Tag!", "Zwölf Boxer.", "Ja, gern."]
JAPANESE = ["水をマレーシアから買う。", "こんにちは。", "木曜日です。", "上院議員は。"]


def write_wav(path, number, fs, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(number)
    time = np.arange(int(fs * (1.6 + 0.1 * number))) / fs
    voice = 0.3 * np.sin(2 * np.pi * (120 + 20 * number) * time)
    voice *= np.sin(2 * np.pi * 2 * time) > -0.5
    soundfile.write(path, voice + 0.01 * rng.standard_normal(len(time)), fs, **options)


def ljspeech(root):
    root = root / "LJSpeech-1.1"
    lines = [f"LJ001-000{i}|{text}|{text}" for i, text in enumerate(ENGLISH)]
    for i in range(len(ENGLISH)):
        write_wav(root / "wavs" / f"LJ001-000{i}.wav", i, 22050)
    (root / "metadata.csv").write_text("\n".join(lines) + "\n")


def vctk(root):
    root = root / "VCTK-Corpus-0.92"
    for speaker in ("p225", "p226"):
        for i, text in enumerate(ENGLISH):
            stem = f"{speaker}_00{i}"
            wav = root / "wav48_silence_trimmed" / speaker / f"{stem}_mic1.flac"
            write_wav(wav, i, 48000)
            (root / "txt" / speaker).mkdir(parents=True, exist_ok=True)
            (root / "txt" / speaker / f"{stem}.txt").write_text(f"{text}\n")


def jsut(root):
    root = root / "jsut_ver1.1" / "basic5000"
    for i in range(len(JAPANESE)):
        write_wav(root / "wav" / f"BASIC5000_000{i}.wav", i, 48000)
    lines = [f"BASIC5000_000{i}:{text}" for i, text in enumerate(JAPANESE)]
    (root / "transcript_utf8.txt").write_text("\r\n".join(lines) + "\r\n")


def css10(root):
    lines = []
    for i, text in enumerate(GERMAN):
        name = f"buch/buch_000{i}"
        write_wav(root / "german" / f"{name}.wav", i, 22050)
        lines.append(f"{name}.wav|{text}|{text}|1.6")
    (root / "german" / "transcript.txt").write_text("\n".join(lines) + "\n")


SETS = ("tr_no_dev", "dev", "eval1")
CORPORA = {"ljspeech": ljspeech, "vctk": vctk, "jsut": jsut, "css10": css10}
# A phone of the recipe's g2p in the token list, and speakers in the data.
EXPECTED = {
    "ljspeech": ("ʌ", 1), "vctk": ("ʌ", 2), "jsut": ("sh", 1), "css10": ("ʃ", 1)
}  # fmt: skip


@pytest.fixture
def in_this_process(monkeypatch):
    """Run the jobs of the stages here: each would import ESPnet for seconds."""

    def run(command):
        words = [str(word) for word in command]
        if "-m" not in words:
            subprocess.run(words, check=True)
            return
        module = [words[i + 1] for i, word in enumerate(words) if word == "-m"][-1]
        options = words[words.index(module) + 1 :]
        ours = {"espnet2.bin.tts_train": "espnet_prodiff.bin.tts_train"}
        importlib.import_module(ours.get(module, module)).main(options)

    def run_jobs(jobs, progress, single):
        progress.bar.close()
        for job in jobs:
            run(job.command)

    for room in (stages_data, stage_tokens, stages_train, plugin_steps):
        monkeypatch.setattr(room, "run_shown", run, raising=False)
        monkeypatch.setattr(room, "run_jobs", run_jobs, raising=False)


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """Return a function that enters a recipe and returns its run.sh's options."""

    def enter(name):
        for part in ("run.sh", "cmd.sh", "path.sh", "local", "conf"):
            source = RECIPES / name / "tts1" / part
            (tmp_path / part).symlink_to(source.resolve())
        monkeypatch.chdir(tmp_path)
        fake = tmp_path / "bin" / "python3"
        fake.parent.mkdir()
        fake.write_text('#!/bin/sh\nfor w in "$@"; do printf "%s\\0" "$w"; done\n')
        fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
        environment = dict(os.environ, PATH=f"{fake.parent}:{os.environ['PATH']}")
        done = subprocess.run(
            ["bash", "run.sh"], env=environment, capture_output=True, text=True
        )
        return done.stdout.split("\0")[2:-1]

    return enter


@pytest.mark.parametrize("name", CORPORA)
def test_stages_1_to_6(name, recipe, in_this_process, tmp_path):
    words = recipe(name)
    opts = dict(zip(words[::2], words[1::2], strict=True)).get("--local_data_opts", "")
    CORPORA[name](tmp_path / "downloads")
    options = naming.resolve(
        parse(
            [
                *words, "--stop_stage", "6", "--nj", "1", "--ngpu", "0",
                "--local_data_opts", f"{opts} --num_dev 1 --num_eval 1",
                "--align_args", "--num_updates 1",
                "--srctexts", " ".join(f"data/{s}/text" for s in SETS),
                "--train_config", "conf/debug/train_prodiff.yaml",
            ]
        )
    )  # fmt: skip
    check_early(options)
    pipeline.run(options)
    phone, speakers = EXPECTED[name]
    tokens = naming.token_list(options).read_text().split()
    assert phone in tokens and tokens[-1] == "<sos/eos>"
    assert len(read_table(Path("data/tr_no_dev/spk2utt"))) == speakers
    frames = 0
    for line in read_table(Path("dump/durations/tr_no_dev/durations")).values():
        frames += sum(map(int, line.split()))
    stats = np.load(Path(options.tts_stats_dir) / "train" / "feats_stats.npz")
    assert int(stats["count"]) == frames
    rates = {
        soundfile.info(wav).samplerate
        for wav in read_table(Path("dump/raw/eval1/wav.scp")).values()
    }
    assert rates == {options.sampling_rate}


def test_a_corpus_that_is_not_there_is_named_with_its_place(recipe, tmp_path):
    for name, place in (("jsut", "sites.google.com"), ("css10", "Kyubyong/css10")):
        folder = tmp_path / name
        shutil.copytree(RECIPES / name / "tts1" / "local", folder / "local")
        done = subprocess.run(
            ["bash", "local/data.sh"], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 1
        assert place in done.stderr
