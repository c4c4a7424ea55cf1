"""A disk that is really full: one error of ours, and nothing that was whole is lost."""

import errno
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from espnet_prodiff.bin import prepare, say
from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.checkpoint import safe_torch_load
from espnet_prodiff.fileio.tables import read_table, write_table
from espnet_prodiff.recipe import format_wav
from tests.integration.tiny_models import write_model
from tests.training.small_training import content, train


def mount(folder, size, *more):
    options = ",".join([f"size={size}k", *more])
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr}")


@pytest.fixture
def disk(tmp_path):
    """Mounts file systems of so many KiB."""
    folders = []

    @contextmanager
    def make(size):
        folder = tmp_path / f"disk{len(folders)}"
        folder.mkdir()
        mount(folder, size)
        folders.append(folder)
        yield folder

    yield make
    for folder in folders:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder, left):
    """Leave so many KiB."""
    free = shutil.disk_usage(folder).free - left * 1024
    (folder / "filler").write_bytes(b"x" * free)


@pytest.mark.parametrize("left", [0, 8, 16, 20])
def test_a_training(disk, tmp_path, left):
    with disk(2048) as folder:
        train(folder / "exp", max_epoch=1)
        before = content(folder / "exp")
        fill(folder, left)
        with pytest.raises((UserError, OSError)) as error:
            train(folder / "exp", max_epoch=3)
        assert is_named(error.value)
        for file in filter(Path.exists, (folder / "exp").glob("*.pth")):
            with safe_torch_load():
                assert torch.load(file)
        kept = content(folder / "exp")
        assert kept.get("1epoch.pth", before["1epoch.pth"]) == before["1epoch.pth"]
        (folder / "filler").unlink()
        train(folder / "exp", max_epoch=3)
        train(tmp_path / "whole", max_epoch=3)
        assert content(folder / "exp") == content(tmp_path / "whole")


def is_named(error):
    """Whether commands print it as one message, `errors.one_message`."""
    full = isinstance(error, UserError) and "no space left on the disk" in str(error)
    return full or (isinstance(error, OSError) and error.errno == errno.ENOSPC)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_say(disk, tmp_path_factory, suffix):
    with disk(16) as folder:
        model = tmp_path_factory.mktemp("model")
        write_model(model)
        command = ["hello there you", "--model", str(model), "--steps", "1"]
        with pytest.raises(SystemExit) as stop:
            say.main([*command, "--speed", ".2", "-o", str(folder / f"hello{suffix}")])
        assert "cannot be written: [Errno 28] No space left" in stop.value.code
        assert not list(folder.iterdir())


def speech(path, seconds=3.0, seed=0):
    rng = np.random.default_rng(seed)
    time = np.arange(int(16000 * seconds)) / 16000
    wave = 0.2 * np.sin(2 * np.pi * 150 * time) * (np.sin(15 * time) ** 2 > 0.2)
    soundfile.write(path, wave + rng.normal(0, 5e-4, len(time)), 16000)


@pytest.mark.parametrize("size", [4, 1900])
def test_prepare(disk, tmp_path, size):
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    for n in range(12):
        speech(recordings / f"u{n}.wav", seed=n)
        (recordings / f"u{n}.txt").write_text(f"the old dog number {n} is here")
    with disk(size) as folder:
        command = [str(recordings), "-o", str(folder / "voice"), "--nj", "1"]
        with pytest.raises(SystemExit) as stop:
            prepare.main(command)
        assert "o space left" in stop.value.code
        subprocess.run(["mount", "-o", "remount,size=30m", str(folder)], check=True)
        prepare.main(command)
        assert len(list((folder / "voice" / "wavs").iterdir())) == 12


@pytest.mark.parametrize("kind", ["flac", "wav.ark"])
@pytest.mark.parametrize("size", [4, 64])
def test_the_dump_of_stage_2(disk, tmp_path, capsys, kind, size):
    for n in range(3):
        speech(tmp_path / f"u{n}.flac", seed=n)
    write_table(
        tmp_path / "wav.scp", {f"u{n}": str(tmp_path / f"u{n}.flac") for n in range(3)}
    )
    with disk(size) as folder:
        out = folder / "dump"
        command = [str(tmp_path / "wav.scp"), "none", str(out), kind, "8000", "false"]
        assert format_wav.main(command) == 1
        assert capsys.readouterr().out.startswith("error: ")
        subprocess.run(["mount", "-o", "remount,size=2m", str(folder)], check=True)
        assert format_wav.main(command) == 0
        assert len(read_table(out / "utt2num_samples")) == 3
