"""The ``run.sh`` that each result directory gets: go on from its stage."""

import shlex
from dataclasses import fields
from pathlib import Path

from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.recipe.jobs import plugin
from espnet_prodiff.recipe.options import Options


def command_line(o: Options) -> list[str]:
    """The options that differ from their defaults, as arguments."""
    words: list[str] = []
    for f in fields(Options):
        value = getattr(o, f.name)
        if value != f.default:
            text = str(value).lower() if f.type is bool else str(value)
            words += [f"--{f.name}", text]
    return words


def write_run_script(directory: Path, o: Options, stage: int) -> None:
    """Write ``<directory>/run.sh``; it is called from the recipe directory."""
    path = directory / "run.sh"
    command = shlex.join([*plugin("recipe"), *command_line(o)])
    lines = ["#!/usr/bin/env bash", "if [ -f path.sh ]; then . ./path.sh; fi"]
    lines.append(f'{command} --stage {stage} "$@"; exit $?')
    write_text(path, "\n".join(lines) + "\n")
    path.chmod(0o755)
