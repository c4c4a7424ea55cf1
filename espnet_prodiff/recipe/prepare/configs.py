"""Training configurations that fit a corpus, each whole in one file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from espnet_prodiff.fileio.config import SHIPPED, merge_configs, read_config
from espnet_prodiff.fileio.yaml_files import write_yaml

SIZES = ("small", "cpu", "gpu")
BASES = {
    "small": ("mini/train_prodiff.yaml", "flite/distill_prodiff.yaml"),
    "cpu": ("flite/train_prodiff.yaml", "flite/distill_prodiff.yaml"),
    "gpu": ("train_prodiff.yaml", "distill_prodiff.yaml"),
}
SMALL = {
    "adim": 128,
    "elayers": 2,
    "eunits": 512,
    "duration_predictor_chans": 128,
    "pitch_predictor_chans": 128,
    "energy_predictor_chans": 128,
    "denoiser_layers": 8,
    "denoiser_channels": 96,
    "num_steps": 8,
}
BATCH = 8  # sentences of an update on a CPU
EPOCHS = 20  # on a CPU, so that a kill costs little


def write_configs(folder: Path, train_utterances: int, speakers: int) -> None:
    """Write teacher's and student's configuration of each size, and decode.yaml."""
    for size in SIZES:
        teacher, student = training_configs(size, train_utterances, speakers)
        write_yaml(folder / f"train_prodiff_{size}.yaml", teacher)
        write_yaml(folder / f"distill_prodiff_{size}.yaml", student)
    write_yaml(folder / "decode.yaml", read_config(SHIPPED / "decode.yaml"))


def training_configs(
    size: str, train_utterances: int, speakers: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the configurations of a teacher and of its student of one step.

    Args:
        size: "small" (minutes of a CPU, to try out), "cpu" (an hour) or "gpu".
        train_utterances: Of the training set.
        speakers: Number of speakers.
    """
    teacher, student = (read_config(SHIPPED / name) for name in BASES[size])
    updates, distilled = num_updates(size, train_utterances)
    different: dict[str, Any] = {"tts_conf": {}}
    if size == "small":
        different["tts_conf"] |= SMALL
    if speakers > 1:
        different["tts_conf"]["spks"] = speakers + 1  # one for unknown ones
    if size != "gpu":
        # A corpus of a few sentences has no batch of eight.
        batch = max(1, min(BATCH, train_utterances // 4))
        different |= {"batch_size": batch, "num_workers": 1}
    teacher = merge_configs(teacher, different | _epochs(updates))
    student = merge_configs(student, different | _epochs(distilled))
    return teacher, student


def num_updates(size: str, train_utterances: int) -> tuple[int, int]:
    """Return the updates of a teacher and of its student.

    On a GPU they grow with the corpus: 100,000 for an hour (600 sentences of 6 s),
    200,000, the papers', from 5,000 sentences on.
    """
    if size == "small":
        return 600, 200
    if size == "cpu":
        return 4000, 600
    share = min(1.0, math.sqrt(max(train_utterances, 200) / 5000))
    return int(round(200_000 * share, -4)), int(round(20_000 * share, -3))


def _epochs(updates: int) -> dict[str, int]:
    iterations = min(500, max(50, updates // EPOCHS))
    return {"num_iters_per_epoch": iterations, "max_epoch": updates // iterations}
