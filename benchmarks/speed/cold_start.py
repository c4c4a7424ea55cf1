"""From the start of a process to the first sound."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from speed.acoustic import builtin_options
from speed.experiment import write_experiment
from speed.ours import MINI, QUARTER, SPECTRAL
from speed.sizes import tts_conf
from speed.subject import Case
from speed.timing import CLOCKS, Times

OURS = """
from espnet_prodiff import Text2Speech
speak = Text2Speech(model_file={model_file!r}, vocoder_file={vocoder_file!r})
"""
ESPNET = """
from espnet2.bin.tts_inference import Text2Speech
speak = Text2Speech({config!r}, {model_file!r})
"""
SPEAK = """
import torch, time
torch.set_num_threads({threads})
assert len(speak(torch.arange({tokens}) % 26 + 2)["wav"]) > 0
print("\\nsound", time.perf_counter(), time.process_time())
"""


class Start(NamedTuple):
    """A program, the key and config of its model, and its vocoder's config."""

    code: str
    tts: str
    config: str
    ours: bool
    vocoder: str | None = None


SUBJECTS = {
    "mini quarter-cost student, built-in vocoder": Start(
        OURS, "prodiff", QUARTER, True
    ),
    "mini quarter-cost student, spectral vocoder": Start(
        OURS, "prodiff", QUARTER, True, SPECTRAL
    ),
    "ESPnet ProDiff at the mini size, 2 steps, its Griffin-Lim": Start(
        ESPNET, "prodiff_builtin", MINI, False
    ),
}


def cold_starts(
    names: Sequence[str], folder: Path, case: Case, threads: int, turns: int
) -> dict[str, Times]:
    """Seconds to the first sound, by turns.

    This process has read the files of torch and ESPnet before, so the disk does not
    count. The wall is that since the child was started, the CPU time is its own.
    """
    programs = {name: program(name, folder, case, threads) for name in names}
    times = {name: Times() for name in names}
    for _ in tqdm(range(turns), "cold start", unit="turn"):
        for name, code in programs.items():
            start = time.perf_counter()  # Linux: the same clock in every process
            done = subprocess.run(
                [sys.executable, "-c", code],
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise RuntimeError(f"{name} failed:\n{done.stderr[-2000:]}")
            wall, cpu = map(float, done.stdout.split("sound")[-1].split())
            values = dict(zip(CLOCKS, (wall - start, cpu), strict=True))
            times[name].seconds.append(values)
    return times


def program(name: str, folder: Path, case: Case, threads: int) -> str:
    """Python code that loads a model of random weights and speaks."""
    subject = SUBJECTS[name]
    conf = tts_conf(subject.config, case.tiny)
    if not subject.ours:
        conf = builtin_options(conf, 2)
    model_file = write_experiment(folder / subject.tts, subject.tts, conf)
    config_file = model_file.parent / "config.yaml"
    if not subject.ours:  # in ESPnet alone the key is the built-in's
        text = config_file.read_text(encoding="utf-8")
        text = text.replace(f"tts: {subject.tts}\n", "tts: prodiff\n")
        config_file.write_text(text, encoding="utf-8")
    vocoder_file = None
    if subject.vocoder is not None:
        vocoder = tts_conf(subject.vocoder, case.tiny)
        tts = "spectral_vocoder"
        vocoder_file = str(write_experiment(folder / tts, tts, vocoder))
    values = {
        "vocoder_file": vocoder_file,
        "model_file": str(model_file),
        "config": str(config_file),
        "tokens": case.tokens - 1,
        "threads": threads,
    }
    return (subject.code + SPEAK).format(**values)
