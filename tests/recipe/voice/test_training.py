"""espnet-prodiff train: killed, run again, and heard."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from espnet_prodiff import Text2Speech
from espnet_prodiff.bin.prepare import main as prepare
from espnet_prodiff.bin.train import main
from espnet_prodiff.fileio.config import read_config
from espnet_prodiff.fileio.tables import read_table, write_table

TEXTS = [f"the {a} {n} is near" for n in ("cat", "dog") for a in ("old", "new", "red")]
# The whole way, but for the distillation: a process of ESPnet takes seconds to start.
OPTIONS = ["--distill_steps", "", "--align_args", "--num_updates 1"]
OPTIONS += ["--evaluate_args", "--num_seeds 1 --num_pictures 1"]


def speak(path, seed, fs=16000, seconds=1.4):
    """Write a tone in syllables and a little noise."""
    t = np.arange(round(seconds * fs)) / fs
    wave = 0.2 * np.sin(2 * np.pi * (150 + 10 * seed) * t)
    wave *= np.sin(np.pi * 5 * t) ** 2 > 0.2
    noise = np.random.default_rng(seed).normal(0, 0.0005, len(t))
    soundfile.write(path, wave + noise, fs)


def command(folder, *words):
    """Return the command, and an environment that finds the package."""
    door = [sys.executable, "-m", "espnet_prodiff", "train", str(folder)]
    return [*door, "--small", "--nj", "1", *words, "--", *OPTIONS]


def paths_in(output):
    """Return the absolute paths of the last lines by what they are."""
    return dict(re.findall(r"(?m)^(\w+): +(/.*)$", output))


def processes_in(folder):
    """Return the processes that work in a directory."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if Path(os.readlink(link)) == folder:
                found.append(int(link.parent.name))
        except OSError:
            continue  # ended, or another user's
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("voice")
    source = root / "in"
    source.mkdir()
    for n, text in enumerate(TEXTS):
        speak(source / f"{n}.wav", n)
        (source / f"{n}.txt").write_text(text, encoding="utf-8")
    folder = root / "my voice"
    prepare([str(source), "-o", str(folder), "--nj", "1"])
    for name in ("tr_no_dev", "dev", "eval1"):  # the aligner would take seconds
        durations = {}
        for utt, text in read_table(folder / "data" / name / "text").items():
            frames = soundfile.info(folder / "wavs" / f"{utt}.wav").frames // 256 + 1
            each, rest = divmod(frames, len(text.split()) + 1)
            durations[utt] = " ".join(
                [str(each)] * len(text.split()) + [str(each + rest)]
            )
        write_table(folder / "dump" / "durations" / name / "durations", durations)
    # Networks that learn nothing in no time, in the place of the small ones.
    tiny = read_config("conf/debug/train_prodiff.yaml")
    tiny |= {"num_iters_per_epoch": 1, "max_epoch": 9, "batch_size": 2}
    config = folder / "conf" / "train_prodiff_small.yaml"
    config.write_text(yaml.safe_dump(tiny), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def killed(folder):
    """The log of a run that was killed in its training."""
    log = folder.parent / "killed.log"
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command(folder), stdout=file, stderr=file, start_new_session=True
        )
        deadline = time.monotonic() + 300
        while process.poll() is None and time.monotonic() < deadline:
            if list(folder.glob("exp/tts_train*/checkpoint.pth")):
                break
            time.sleep(0.1)
        assert process.poll() is None, log.read_text(encoding="utf-8")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    while processes_in(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not processes_in(folder)


@pytest.fixture(scope="module")
def finished(folder, killed):
    """The output of the same command, run again."""
    done = subprocess.run(
        command(folder, "--license", "cc0-1.0"), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done


def test_it_goes_on_where_it_was_killed(folder, finished, capsys, caplog):
    assert "step 1 of 5, data, tokens: done before" in finished.stderr
    assert "step 2 of 5, durations and statistics: done before" in finished.stderr
    logs = folder.glob("exp/tts_train*/train*.log")
    text = "".join(log.read_text(encoding="utf-8") for log in logs)
    assert "The training was resumed using" in text
    caplog.set_level("INFO")
    before = signal.getsignal(signal.SIGTERM)
    main(command(folder, "--license", "cc0-1.0")[4:])
    signal.signal(signal.SIGTERM, before)
    assert caplog.text.count("done before") == 5
    assert paths_in(capsys.readouterr().out) == paths_in(finished.stdout)


def test_it_names_what_there_is_to_hear(folder, finished):
    named = paths_in(finished.stdout)
    assert Path(named["voice"]) == folder / "results" / "my voice.zip"
    for name in ("speech", "table", "page", "voice"):
        assert Path(named[name]).is_file(), name
    assert "| model, 4 steps |" in finished.stdout
    assert f"--model '{named['voice']}'" in finished.stdout


def test_the_page_shows_files_beside_it_alone(folder, finished, tmp_path):
    moved = tmp_path / "results"
    shutil.copytree(folder / "results", moved)
    page = (moved / "index.html").read_text(encoding="utf-8")
    files = re.findall(r'src="([^"]+)"', page)
    assert len(files) >= 3 + 5
    for file in files:
        assert not Path(file).is_absolute() and (moved / file).stat().st_size > 500
    assert "<th>MCD (dB)</th>" in page and " is near</h2>" in page
    players = [file for file in files if file.endswith(".wav")]
    assert len(players) == 3  # recording, vocoder, model, of one test sentence


def test_the_pack_holds_what_speaks_and_nothing_else(folder, finished, tmp_path):
    voice = folder / "results" / "my voice.zip"
    with zipfile.ZipFile(voice) as archive:
        assert set(archive.namelist()) == {
            "README.md", "config.yaml", "meta.yaml", "model.pth", "lexicon.txt.xz",
            "letter_to_sound.pth", "normalize_stats.npz", "pitch_normalize_stats.npz",
            "energy_normalize_stats.npz", "sample_1.flac",
        }  # fmt: skip
        card = archive.read("README.md").decode()
        config = archive.read("config.yaml").decode()
        meta = yaml.safe_load(archive.read("meta.yaml"))
    assert str(folder.parent) not in config + card
    assert meta["espnet_prodiff"] and "pip install espnet_prodiff" in meta["needs"]
    front = yaml.safe_load(card.split("---")[1])
    assert front["license"] == "cc0-1.0" and front["language"] == "en"
    assert {"espnet", "espnet_prodiff"} <= set(front["tags"])
    assert "4 utterances, 0.1 minutes, 1 speaker" in card
    assert "| recordings through the vocoder |" in card
    assert "> Carnegie Mellon University" in card  # whose lexicon it is
    tts = Text2Speech.from_pretrained(str(voice), cachedir=tmp_path)
    assert tts("A zebra, wow!", seed=1)["wav"].isfinite().all()


def test_mistakes_are_found_at_once(folder, tmp_path):
    for words, message in (
        ([str(tmp_path)], "is no directory that espnet-prodiff prepare made"),
        ([str(folder), "--size", "huge"], "--size must be one of small, cpu, gpu"),
        ([str(folder), "--from", "absent.zip"], "absent.zip does not exist"),
        ([str(folder), "--ngpu", "7"], "ngpu is 7, but torch sees"),
        ([str(folder), "--", "--max_epochs", "3"], "unknown option --max_epochs"),
    ):
        with pytest.raises(SystemExit) as error:
            main(words)
        assert message in str(error.value)
