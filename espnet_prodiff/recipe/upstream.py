"""Run a stage with ``tts.sh`` of an ESPnet checkout (``ESPNET_ROOT``)."""

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from espnet_prodiff.errors import UserError
from espnet_prodiff.recipe import naming
from espnet_prodiff.recipe.command_line import format_options
from espnet_prodiff.recipe.jobs import run_shown
from espnet_prodiff.recipe.options import Options

OF_ASR = ("db.sh", "utils", "scripts", "pyscripts", "steps")
LINKS = ("tts1/tts.sh", *(f"asr1/{name}" for name in OF_ASR))
# The plugin's own options, which tts.sh does not know.
PLUGIN = (
    "nbpe", "durations", "align_args", "distill_steps", "distill_config",
    "distill_args", "distill_tag", "evaluate", "evaluate_args", "license",
    "allow_pipes", "from_voice",
)  # fmt: skip
# Always passed, since our defaults are not those of tts.sh.
ALWAYS = ("python", "skip_scoring")


def link(checkout: Path) -> None:
    """Link the checkout's files into a recipe directory.

    Raises:
        UserError: No recipe template there, or a file of ours in the way.
    """
    for link in LINKS:
        source = checkout.resolve() / "egs2" / "TEMPLATE" / link
        if not source.exists():
            raise UserError(
                f"ESPNET_ROOT is {checkout}, but {source} does not exist; "
                "expected an ESPnet checkout"
            )
        here = Path(source.name)
        if here.is_symlink():
            here.unlink()
        elif here.exists():
            raise UserError(f"{here.resolve()} is in the way of a link to {source}")
        here.symlink_to(source)
    for name in ("cmd.sh", "path.sh"):
        if not Path(name).exists():
            raise UserError(f"no {name} in {Path.cwd()}, tts.sh needs it")


def is_ours(options: Options, number: int) -> bool:
    """Return True for the stages of a sentencepiece model, which tts.sh cannot do."""
    return options.token_type == "bpe" and number in (5, 10)


def run_stage(options: Options, number: int) -> None:
    """Run one stage of ``tts.sh`` with these options."""
    if options.token_type == "bpe":
        model = f"--bpemodel {naming.bpe_model(options)}"
        options = replace(options, train_args=f"{options.train_args} {model}".strip())
    options = replace(options, stage=number, stop_stage=number)
    defaults: dict[str, Any] = {
        f.name: f.default for f in fields(Options) if f.name in PLUGIN
    }
    words = format_options(replace(options, **defaults), ALWAYS)
    env = dict(os.environ)
    if number == 7 and options.ngpu == 0:
        # path.sh gives every job one thread; a training on the CPU may use them all.
        env["OMP_NUM_THREADS"] = str(os.cpu_count() or 1)
    run_shown(["./tts.sh", *words], env)
