"""What is trained on which machine, as options of the recipe."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from espnet_prodiff.common.gpus import count_gpus
from espnet_prodiff.errors import check_choice
from espnet_prodiff.fileio.config import read_config
from espnet_prodiff.recipe.command_line import parse
from espnet_prodiff.recipe.from_voice import find_voice
from espnet_prodiff.recipe.from_voice import recipe_options as recipe_options_of
from espnet_prodiff.recipe.naming import resolve
from espnet_prodiff.recipe.options import Options
from espnet_prodiff.recipe.prepare.configs import SIZES
from espnet_prodiff.recipe.prepare.recipe_files import Corpus, recipe_options

MANY_JOBS = 16
# What there is to hear of the test set, and to show beside it.
FEW_DRAWS = "--num_seeds 2"


@dataclass(frozen=True)
class Wish:
    """What a user wants to be trained.

    Attributes:
        size: "small", "cpu" or "gpu"; None: "gpu" where there is one, else "cpu".
        ngpu: GPUs; None: all that there are.
        nj: Processes of the stages that run in several; None: one for each CPU.
        from_voice: A voice to train on from: demo, a zip, an experiment, a hub id.
        license: Of the new voice, for its card.
        options: Further options of the recipe, which win.
    """

    size: str | None = None
    ngpu: int | None = None
    nj: int | None = None
    from_voice: str = ""
    license: str = ""
    options: tuple[str, ...] = ()


def plan(corpus: Corpus, wish: Wish) -> Options:
    """Return the options of the recipe, for its directory as the current one.

    Raises:
        UserError: An option is wrong.
    """
    ngpu = count_gpus() if wish.ngpu is None else wish.ngpu
    size = wish.size or ("gpu" if ngpu else "cpu")
    check_choice("--size", size, SIZES)
    nj = wish.nj or min(MANY_JOBS, os.cpu_count() or 1)
    options = recipe_options(corpus) | {
        "train_config": f"conf/train_prodiff_{size}.yaml",
        "distill_config": f"conf/distill_prodiff_{size}.yaml",
        "ngpu": str(ngpu),
        "gpu_inference": "false",  # a second of speech takes milliseconds
        "nj": str(nj),
        "inference_nj": str(min(nj, 2) if size == "small" else nj),
        "evaluate_args": FEW_DRAWS,
    }
    if wish.license:
        options["license"] = wish.license
    if wish.from_voice:
        options["from_voice"] = wish.from_voice
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    parsed = parse([*words, *wish.options])
    if parsed.from_voice:
        parsed = recipe_options_of(parsed, find_voice(parsed.from_voice))
        # Of another rate, perhaps, with other frames; from scratch may come back.
        parsed = replace(parsed, dumpdir=f"dump_from_{Path(parsed.from_voice).stem}")
    return resolve(parsed)


def describe(corpus: Corpus, options: Options) -> str:
    """Say in a line what will be trained on what."""
    counts = []
    for file in (options.train_config, options.distill_config):
        config = read_config(Path(file))
        counts.append(config["num_iters_per_epoch"] * config["max_epoch"])
    where = f"{options.ngpu} GPUs" if options.ngpu > 1 else "a GPU"
    where = where if options.ngpu else f"{os.cpu_count()} CPUs"
    speakers = len(corpus.speakers)
    start = f" from {options.from_voice}" if options.from_voice else ""
    return (
        f"{corpus.minutes:.1f} minutes of {speakers} speaker{'s' * (speakers > 1)}: a "
        f"teacher of {counts[0]} updates{start} ({options.train_config}), its student "
        f"of one step of {counts[1]}, on {where}"
    )
