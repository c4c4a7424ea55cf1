"""Which steps of a training are done, so that the same command goes on."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from espnet_prodiff.fileio.yaml_files import read_yaml, write_yaml
from espnet_prodiff.recipe.command_line import format_options
from espnet_prodiff.recipe.options import Options

# First and last stage of each step, and what it is called.
STEPS = {
    "data": (1, 5, "data, tokens"),
    "features": (6, 6, "durations and statistics"),
    "training": (7, 7, "teacher and student"),
    "speech": (8, 8, "speech and evaluation"),
    "packing": (10, 10, "the packed voice"),
}
# What the steps before the training do not depend on, and none does.
LATER = {"train_config": "", "distill_config": "", "tts_exp": "", "tag": ""}
NEVER = {"nj": 1, "inference_nj": 1, "stage": 1, "stop_stage": 1, "python": ""}
TABLES = ("text", "wav.scp", "utt2spk")


class Done:
    """The steps that a directory has behind it, with the options of each."""

    def __init__(self, folder: Path) -> None:
        """Read what earlier runs have noted."""
        self._file = folder / "exp" / "steps_done.yaml"
        self._done: dict[str, str] = {}
        if self._file.exists():
            self._done = read_yaml(self._file, "list of steps")

    def has(self, step: str, options: Options) -> bool:
        """Return whether a step was finished with these options and this data."""
        return self._done.get(_key(step, options)) == _fingerprint(step, options)

    def add(self, step: str, options: Options) -> None:
        """Note that a step is finished; what follows it has to be done again."""
        names = list(STEPS)
        for later in names[names.index(step) :]:
            self._done.pop(_key(later, options), None)
        self._done[_key(step, options)] = _fingerprint(step, options)
        write_yaml(self._file, self._done)


def _key(step: str, options: Options) -> str:
    place = options.dumpdir if step in ("data", "features") else options.tts_exp
    return f"{step} {place}"


def _fingerprint(step: str, options: Options) -> str:
    """Return a hash of the options, configs and data that a step depends on."""
    ignored: dict[str, Any] = NEVER | (LATER if step in ("data", "features") else {})
    ignored |= {"license": "", "hf_repo": ""} if step != "packing" else {}
    words = format_options(replace(options, **ignored))
    digest = hashlib.sha256("\0".join(words).encode())
    files = [Path("data") / s / t for s in options.sets for t in TABLES]
    if step not in ("data", "features"):
        files += [Path(options.train_config), Path(options.distill_config)]
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
