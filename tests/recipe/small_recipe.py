"""A recipe directory on the mini recipe's corpus, small enough for tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MINI = ROOT / "egs2_recipe" / "mini" / "tts1"


def make_recipe(directory: Path) -> Path:
    """Link the mini recipe's files into an empty directory."""
    pytest.importorskip("espeakng_loader")
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("run.sh", "cmd.sh", "path.sh", "local"):
        (directory / name).symlink_to(MINI / name)
    (directory / "conf").symlink_to(ROOT / "conf")
    return directory


def run_recipe(directory: Path, *words: str, checkout: str = "") -> str:
    """Run the recipe with the tiny configuration.

    Returns its output, with the exit status in the last line.
    """
    sets = {"train_set": "tr_no_dev", "valid_set": "dev", "test_sets": "eval1"}
    options = sets | {
        "fs": "22050",
        "audio_format": "wav",
        "token_type": "char",
        "cleaner": "none",
        "srctexts": "data/tr_no_dev/text data/dev/text data/eval1/text",
        "local_data_opts": "--num_utts 12",
        "train_config": "conf/debug/train_prodiff.yaml",
        "inference_config": "conf/decode.yaml",
        "inference_model": "valid.loss.best.pth",
        "durations": "learned",
        "align_args": "--num_updates 2",
        "ngpu": "0",
        "nj": "1",
        "inference_nj": "1",
        "skip_packing": "false",
    }
    command = [sys.executable, "-m", "espnet_prodiff.recipe"]
    command += [w for k, v in options.items() for w in (f"--{k}", v)]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = dict(os.environ, PATH=path, ESPNET_ROOT=checkout)
    result = subprocess.run(
        [*command, *words],
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return f"{result.stdout}\n{result.returncode}"
