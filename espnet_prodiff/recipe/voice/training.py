"""From a prepared corpus to a packed voice and a page to hear it on."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from espnet_prodiff.errors import InputError
from espnet_prodiff.fileio.atomic import atomic_path
from espnet_prodiff.recipe import plugin_steps
from espnet_prodiff.recipe.early_checks import check_early
from espnet_prodiff.recipe.naming import packed_model
from espnet_prodiff.recipe.pipeline import run
from espnet_prodiff.recipe.prepare.recipe_files import read_corpus
from espnet_prodiff.recipe.voice.page import write_page
from espnet_prodiff.recipe.voice.plan import Wish, describe, plan
from espnet_prodiff.recipe.voice.steps import STEPS, Done

log = logging.getLogger("recipe")


@dataclass(frozen=True)
class Voice:
    """What a training made, absolute paths all.

    Attributes:
        model: The packed voice.
        page: ``index.html`` of its results.
        table: ``results.md``.
        samples: Three sentences of the test set as it says them.
        speaker: One of its speakers, where there are several.
    """

    model: Path
    page: Path
    table: Path
    samples: list[Path]
    speaker: str | None


def train_voice(folder: Path, wish: Wish, again: str) -> Voice:
    """Run every step that is not done yet.

    Args:
        folder: A directory that ``espnet-prodiff prepare`` made.
        wish: What to train.
        again: The command that goes on after an error.

    Raises:
        UserError: A step failed, or another training runs in the directory.
        FileNotFoundError: It is no prepared directory.
    """
    corpus = read_corpus(folder)
    with _inside(folder):
        options = plan(corpus, wish)
        options = plugin_steps.with_durations(options)
        check_early(options)
        log.info("%s", describe(corpus, options))
        done = Done(Path("."))
        for number, (step, (first, last, title)) in enumerate(STEPS.items(), 1):
            head = f"step {number} of {len(STEPS)}, {title}"
            if done.has(step, options):
                log.info("%s: done before", head)
                continue
            log.info("%s", head)
            began = time.monotonic()
            run(replace(options, stage=first, stop_stage=last), again)
            done.add(step, options)
            log.info("%s: %.1f minutes", head, (time.monotonic() - began) / 60)
        results = Path("results")
        samples, table = write_page(results, corpus, options)
        model = results / f"{Path.cwd().name}.zip"
        packed = packed_model(plugin_steps.last_student(options))
        with atomic_path(model) as temporary:
            shutil.copyfile(packed, temporary)
        return Voice(
            model.resolve(),
            (results / "index.html").resolve(),
            table.resolve(),
            [sample.resolve() for sample in samples],
            corpus.speakers[0] if len(corpus.speakers) > 1 else None,
        )


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Work in a directory, alone; tts.sh is left aside, whatever ESPNET_ROOT says.

    Raises:
        InputError: Another training works there.
    """
    before, checkout = Path.cwd(), os.environ.pop("ESPNET_ROOT", None)
    lock = FileLock(folder.resolve() / ".train.lock")
    try:
        with lock.acquire(blocking=False):
            os.chdir(folder)
            yield
    except Timeout:
        raise InputError(f"another espnet-prodiff train works in {folder}") from None
    finally:
        os.chdir(before)
        if checkout is not None:
            os.environ["ESPNET_ROOT"] = checkout
