"""The ``run.sh`` in each result directory, which goes on from its stage."""

import shlex
from collections.abc import Collection
from dataclasses import fields
from pathlib import Path

from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.recipe.jobs import plugin
from espnet_prodiff.recipe.options import Options


def command_line(options: Options, always: Collection[str] = ()) -> list[str]:
    """Return options as arguments, ``--name value``.

    Args:
        options: The options.
        always: Names of those that are passed at their defaults too.
    """
    words: list[str] = []
    for f in fields(Options):
        value = getattr(options, f.name)
        if value != f.default or f.name in always:
            text = str(value).lower() if f.type is bool else str(value)
            words += [f"--{f.name}", text]
    return words


def write_run_script(directory: Path, options: Options, stage: int) -> None:
    """Write ``<directory>/run.sh``; it is called from the recipe directory."""
    path = directory / "run.sh"
    command = shlex.join([*plugin("recipe"), *command_line(options)])
    lines = ["#!/usr/bin/env bash", "if [ -f path.sh ]; then . ./path.sh; fi"]
    lines.append(f'{command} --stage {stage} "$@"; exit $?')
    write_text(path, "\n".join(lines) + "\n")
    path.chmod(0o755)
