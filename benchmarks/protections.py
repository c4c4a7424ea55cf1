"""What the protections of a training cost, in CPU time of one process.

    OMP_NUM_THREADS=1 python3 -m benchmarks.protections -o protections.json

Checks of data, checksums, checkpoints that are kept and judged, in a training and in a
resume of two epochs of 40 updates on six utterances, with a ProDiff of 8 million
weights; and the check of the tables of a corpus like LJSpeech, before it begins.
"""

import argparse
import functools
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from espnet_prodiff.evaluation.machine import describe_machine
from espnet_prodiff.fileio import checkpoint
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.training import data_checks, keeping, task, trainer
from espnet_prodiff.training.data_tables import check_tables
from tests.integration.corpus import collect_stats, make_corpus, train

CONFIG = "conf/debug/train_prodiff.yaml"
SIZE = dict(adim=192, eunits=768, elayers=4, denoiser_layers=12, denoiser_channels=192)
UTTERANCES = 13100


class Clock:
    """Adds up the CPU time of functions, not of one that another of them calls."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.inside = False

    def watch(self, owner: Any, name: str) -> None:
        """Replace a function of a module or class by one that is timed."""
        plain: Callable = getattr(owner, name)

        @functools.wraps(plain)
        def timed(*args: Any, **kwargs: Any) -> Any:
            if self.inside:
                return plain(*args, **kwargs)
            self.inside, begin = True, time.process_time()
            try:
                return plain(*args, **kwargs)
            finally:
                self.inside = False
                took = time.process_time() - begin
                self.seconds[name] = self.seconds.get(name, 0.0) + took

        setattr(owner, name, timed)


def measure_training(folder: Path) -> dict[str, Any]:
    """Train two epochs, then resume for a third."""
    clock = Clock()
    for owner, names in (
        (keeping, ("refuse_diverged", "_keep_previous")),
        (trainer, ("catch_up", "keep_config")),
        (checkpoint, ("_check_sums",)),
        (data_checks, ("check_data",)),
        (task, ("refuse_changed_model", "attach_meaning")),
        (
            data_checks.CheckedPreprocessor,
            ("_name_unknown", "_check_speech", "_check_durations"),
        ),
    ):
        for name in names:
            clock.watch(owner, name)
    make_corpus(folder)
    collect_stats(folder, CONFIG)
    conf = yaml.safe_load(Path(CONFIG).read_text())
    conf["tts_conf"] |= SIZE
    conf |= {"num_iters_per_epoch": 40, "max_epoch": 2, "keep_nbest_models": 2}
    (folder / "train.yaml").write_text(yaml.safe_dump(conf))
    found = {}
    for name, more in (("training", ()), ("resume", ("--max_epoch", "3"))):
        clock.seconds.clear()
        begin = time.process_time()
        train(folder, str(folder / "train.yaml"), folder / "exp", *more)
        whole = time.process_time() - begin
        share = sum(clock.seconds.values()) / whole
        found[name] = {"seconds": whole, "share": share, "parts": dict(clock.seconds)}
    return found


def measure_start(folder: Path) -> float:
    """CPU seconds of the check of a large corpus's tables."""
    (folder / "wav").mkdir()
    utts = [f"LJ{n:05d}" for n in range(UTTERANCES)]
    for utt in utts:
        (folder / "wav" / f"{utt}.wav").touch()
    paths = {utt: f"{folder}/wav/{utt}.wav" for utt in utts}
    tables = {
        ("text", "text"): dict.fromkeys(utts, " ".join(["AH"] * 90)),
        ("durations", "text_int"): dict.fromkeys(utts, " ".join(["7"] * 91)),
        **{(n, k): paths for n, k in (("speech", "sound"), ("pitch", "npy"))},
        ("energy", "npy"): paths,
    }
    files = []
    for (name, kind), table in tables.items():
        path = folder / name
        path.write_text("".join(f"{k} {v}\n" for k, v in table.items()))
        files.append((str(path), name, kind))
    (folder / "shape").write_text("".join(f"{utt} 90\n" for utt in utts))
    begin = time.process_time()
    check_tables(files, folder / "shape")
    return time.process_time() - begin


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path)
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, Any] = measure_training(Path(folder) / "training")
        (Path(folder) / "start").mkdir()
        found["start"] = measure_start(Path(folder) / "start")
    command = "OMP_NUM_THREADS=1 python3 -m benchmarks.protections"
    found |= {"command": command, "machine": describe_machine()}
    text = json.dumps(found, indent=2)
    print(text)
    if output:
        write_text(output, text + "\n")


if __name__ == "__main__":
    main()
