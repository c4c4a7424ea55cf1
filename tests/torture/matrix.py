"""Run generated faults; a crash of the process is one of them."""

import logging
import multiprocessing
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from pathlib import Path

import numpy as np

from espnet_prodiff.errors import UserError
from tests.torture.kinds import CANARY, KINDS


def end_of(kind: str, seed: int) -> str | None:
    """Run a case; return None if it ended as it should, else what happened."""
    random = np.random.default_rng([zlib.crc32(kind.encode()), seed])
    with tempfile.TemporaryDirectory() as name:
        found = None
        try:
            KINDS[kind](random, Path(name))
        except (UserError, FileNotFoundError):
            pass
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            found = f"{type(error).__name__}: {str(error)[:200]!r} ({last.filename}:"
            found += f"{last.lineno})"
        if (Path(name) / CANARY).exists():
            return "code of a file was run"
        return found


def _run(kind, first, count, until, pipe) -> None:
    logging.disable()
    warnings.simplefilter("ignore")
    for seed in range(first, first + count):
        if time.monotonic() > until:
            break
        pipe.send((seed, "begun"))
        pipe.send((seed, end_of(kind, seed)))
    pipe.close()


def run_kind(
    kind: str, first: int, count: int, seconds: float
) -> tuple[int, dict[int, str]]:
    """Run cases of seeds from ``first`` on in processes of their own.

    Returns how many were tried, and what happened by seed where it should not.
    """
    tried, wrong = 0, {}
    until = time.monotonic() + seconds
    end = first + count
    context = multiprocessing.get_context("fork")
    while first < end and time.monotonic() < until:
        mine, theirs = context.Pipe(duplex=False)
        process = context.Process(
            target=_run, args=(kind, first, end - first, until, theirs)
        )
        process.start()
        theirs.close()
        seed, outcome = first - 1, None
        try:
            while True:
                seed, outcome = mine.recv()
                if outcome != "begun":
                    tried += 1
                    if outcome is not None:
                        wrong[seed] = outcome
        except EOFError:
            process.join()
        if outcome != "begun":
            break
        tried += 1
        wrong[seed] = f"the process ended with {process.exitcode}"
        first = seed + 1
    return tried, wrong


def run_matrix(
    seconds: float, seed: int = 0, count: int = 10**9
) -> tuple[str, dict[str, dict[int, str]]]:
    """Run every kind for its share of the time; return a table and what went wrong."""
    lines = [f"{'kind':<20}{'tried':>8}{'as it should':>14}{'not':>6}"]
    wrong, total = {}, Counter()
    for kind in KINDS:
        tried, wrong[kind] = run_kind(kind, seed, count, seconds / len(KINDS))
        row = tried, tried - len(wrong[kind]), len(wrong[kind])
        total.update(dict(zip("tgn", row, strict=True)))
        lines.append(f"{kind:<20}{row[0]:>8}{row[1]:>14}{row[2]:>6}")
    row = total["t"], total["g"], total["n"]
    lines.append(f"{'all':<20}{row[0]:>8}{row[1]:>14}{row[2]:>6}")
    return "\n".join(lines), wrong
