"""The parts of the benchmark: each gives rows, and what it left out and why."""

import re
import tempfile
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from speed.cold_start import SUBJECTS as COLD_STARTS
from speed.cold_start import cold_starts
from speed.memory import peak_memory
from speed.subject import Case, Run, Subject, count_gflop
from speed.subjects import CHOSEN, REFERENCES, SUBJECTS
from speed.timing import CLOCKS, Times, above_floor, ratios, spread, take_turns

LENGTHS, BATCHES = (1, 6, 30, 120), (1, 8, 64)
UPDATE_BATCH = 4  # sentences of a training update

Rows = list[dict[str, Any]]
LeftOut = dict[str, str]


def measure_group(group: str, args: Namespace) -> tuple[Rows, LeftOut]:
    """All subjects of a group, by turns, on every number of threads."""
    updates = group.startswith("update")
    case = Case(args.seconds, UPDATE_BATCH if updates else 1, tiny=args.quick)
    runs, left_out = build(SUBJECTS[group].values(), case, args)
    gflop = {
        key: count_gflop(run)
        for key, run in tqdm(runs.items(), f"{group}, operations", leave=False)
    }
    calls = {key: run.call for key, run in runs.items()}
    expected: dict[tuple[str, str], float] | None = None
    rows: Rows = []
    for threads in args.threads:
        torch.set_num_threads(threads)
        title = f"{group}, {threads} threads"
        times = take_turns(calls, args.budget, title, expected)
        expected = {
            key: spread([s["cpu"] for s in found.seconds])["median"]
            for key, found in times.items()
        }
        for key, found in times.items():
            row = describe(group, key, case, threads) | measured(found)
            # The work of an update is not so many seconds of speech.
            row["audio"] = None if updates else row["audio"]
            row["gflop"] = gflop[key]
            if gflop[key]:
                row["above_floor"] = {
                    clock: above_floor(found, gflop[key], clock) for clock in CLOCKS
                }
            row["faster"] = {
                name: {
                    clock: ratios(times[(name, "fp32")], found, clock)
                    for clock in CLOCKS
                }
                for name in REFERENCES[group]
                if (name, "fp32") in times and (name, "fp32") != key
            }
            rows.append(row)
    return rows, left_out


def build(
    subjects: Iterable[Subject], case: Case, args: Namespace
) -> tuple[dict[tuple[str, str], Run], LeftOut]:
    """Runs by name and precision; what cannot be built or run is left out by name."""
    runs, left_out = {}, {}
    for subject in subjects:
        for precision in subject.precisions:
            if precision not in args.precisions:
                continue
            if not re.search(args.rows, subject.name):
                continue
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    run = subject.make(replace(case, precision=precision))
                    if precision == "bf16" and not subject.ours:
                        run.call()  # autocast does not know all operations
            except ImportError as error:
                left_out[subject.name] = f"not installed: {error.name}"
            except RuntimeError as error:  # of peers: an operation without bf16, say
                if subject.ours:
                    raise
                left_out[f"{subject.name}, {precision}"] = str(error).splitlines()[0]
            else:
                runs[subject.name, precision] = run
    return runs, left_out


def describe(
    group: str, key: tuple[str, str], case: Case, threads: int
) -> dict[str, Any]:
    """What a row of the results is of."""
    name, precision = key
    return {
        "group": group,
        "name": name,
        "precision": precision,
        "ours": SUBJECTS[group][name].ours,
        "weights": SUBJECTS[group][name].weights,
        "threads": threads,
        "seconds": case.seconds,
        "batch": case.batch,
        "audio": case.audio * case.batch,
    }


def measured(times: Times) -> dict[str, Any]:
    """The seconds of a row."""
    by_clock = {c: spread([s[c] for s in times.seconds]) for c in CLOCKS}
    return {"turns": len(times.seconds), **by_clock}


def measure_sweep(part: str, args: Namespace) -> tuple[Rows, LeftOut]:
    """Some subjects over lengths of one utterance, or over batches, by turns."""
    lengths = part == "lengths"
    threads = max(args.threads)
    torch.set_num_threads(threads)
    values = (LENGTHS if lengths else BATCHES)[: 2 if args.quick else None]
    cases = [
        Case(value, 1, tiny=args.quick)
        if lengths
        else Case(args.seconds, value, tiny=args.quick)
        for value in values
    ]
    runs: dict[tuple[str, str, str, int], Run] = {}
    left_out: LeftOut = {}
    for group, names in CHOSEN[part].items():
        chosen = [SUBJECTS[group][name] for name in names if name in SUBJECTS[group]]
        only = Namespace(rows=args.rows, precisions=["fp32"])
        for number, case in enumerate(cases):
            built, missing = build(chosen, case, only)
            left_out |= missing
            runs |= {(group, *key, number): run for key, run in built.items()}
    calls = {key: run.call for key, run in runs.items()}
    times = take_turns(calls, 0.0, f"{part}, {threads} threads")
    rows = []
    for (group, name, precision, number), found in times.items():
        key, first = (name, precision), times[group, name, precision, 0]
        row = describe(group, key, cases[number], threads) | measured(found)
        of_first = cases[0].audio * cases[0].batch / row["audio"]
        row["of_first"] = {  # for a second of speech
            clock: {k: v * of_first for k, v in ratios(found, first, clock).items()}
            for clock in CLOCKS
        }
        rows.append(row)
    return rows, left_out


def measure_memory(part: str, args: Namespace) -> tuple[Rows, LeftOut]:
    """Peak memory of some subjects, each in a process of its own."""
    rows: Rows = []
    left_out: LeftOut = {}
    for group, names in CHOSEN[part].items():
        for name in names:
            if name not in SUBJECTS[group] or not re.search(args.rows, name):
                continue
            for seconds in (1, 2) if args.quick else (6, 120):
                case = Case(seconds, tiny=args.quick)
                try:
                    found = peak_memory(group, name, case, max(args.threads))
                except ImportError as error:
                    left_out[name] = f"not installed: {error.name}"
                    break
                key = (name, case.precision)
                rows.append(describe(group, key, case, max(args.threads)) | found)
    return rows, left_out


def measure_cold_start(part: str, args: Namespace) -> tuple[Rows, LeftOut]:
    """From the start of a process to the first sound."""
    names = [name for name in COLD_STARTS if re.search(args.rows, name)]
    case = Case(args.seconds, tiny=args.quick)
    threads = max(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        turns = 1 if args.quick else 3
        times = cold_starts(names, Path(folder), case, threads, turns)
    rows = [
        {
            "name": name,
            "precision": "fp32",
            "ours": COLD_STARTS[name].ours,
            "threads": threads,
            **measured(found),
        }
        for name, found in times.items()
    ]
    return rows, {}


PARTS: dict[str, Callable[[str, Namespace], tuple[Rows, LeftOut]]] = {
    **dict.fromkeys(SUBJECTS, measure_group),
    "lengths": measure_sweep,
    "batches": measure_sweep,
    "memory": measure_memory,
    "cold start": measure_cold_start,
}
