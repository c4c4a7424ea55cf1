"""How fast: text to mel, mel to wave, text to wave, training; ours and the peers.

All systems of a part take turns in one process, every run between two float32 products
that give the arithmetic floor. Weights are random; every model speaks as many tokens
and frames as the others (its duration predictor runs, and is made to say so).

    python3 benchmarks/bench.py                # everything: ten minutes on two cores
    python3 benchmarks/bench.py --parts "text to wave" --rows "student|JETS"
    python3 benchmarks/bench.py --quick        # toy sizes, to see that it runs

What is not installed is left out by name: Matcha is of the package matcha-tts, Vocos of
vocos, lmnt's DiffWave of diffwave. Parts that are measured replace those in
``--output``. CPU time is of all threads; it and the ratios hold on a busy machine, too.
The README's tables and figure are those of

    python3 benchmarks/bench.py --output benchmarks/results/bench.json \
        --figure docs/images/bench.png && python3 benchmarks/tables.py
"""

import argparse
import json
import os
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from speed import report
from speed.parts import PARTS

from espnet_prodiff.common.memory import keep_freed_memory
from espnet_prodiff.evaluation.machine import describe_command, describe_machine
from espnet_prodiff.fileio.atomic import write_text

PACKAGES = ("espnet", "matcha-tts", "vocos", "diffwave")


def get_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rows", default="", help="regular expression of names")
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--seconds", type=float, default=6.0, help="of speech")
    parser.add_argument(
        "--budget", type=float, default=1.0, help="seconds for a system in a part"
    )
    parser.add_argument("--full", action="store_true", help="ten times the budget")
    parser.add_argument("--quick", action="store_true", help="toy sizes")
    parser.add_argument("--output", type=Path, help="JSON")
    parser.add_argument("--figure", type=Path, help="PNG")
    return parser


@torch.no_grad()
def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Measure, print, write; returns the results."""
    args = get_parser().parse_args(arguments)
    if args.quick:
        args.budget, args.threads, args.seconds = 0.0, [1], 1.0
    args.budget *= 10 if args.full else 1
    keep_freed_memory()  # for all: without it page faults would be much of the time
    torch.set_num_threads(args.threads[0])
    results: dict[str, Any] = {}
    if args.output is not None and args.output.exists():
        results = json.loads(args.output.read_text(encoding="utf-8"))
    for part in args.parts:
        about = {
            "machine": describe_machine(),
            "packages": {name: version(name) for name in PACKAGES if installed(name)},
            "load_before": os.getloadavg(),
        }
        start = time.perf_counter()
        rows, left_out = PARTS[part](part, args)
        about |= {
            "load_after": os.getloadavg(),
            "minutes": (time.perf_counter() - start) / 60,
            "command": describe_command("benchmarks/bench.py"),
        }
        results[part] = {"about": about, "rows": rows, "left_out": left_out}
        print(f"\n{part}\n\n{report.TABLES[part](results[part])}", flush=True)
        for name, why in left_out.items():
            print(f"left out: {name}: {why}")
        if args.output is not None:  # a kill loses the running part
            write_text(args.output, as_json(results))
    if args.figure is not None:
        report.plot(results, args.figure)
    return results


def installed(package: str) -> bool:
    """Whether a package is there."""
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def as_json(results: dict[str, Any]) -> str:
    """JSON with a line for each row, in four digits."""

    def rounded(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: rounded(inner) for name, inner in value.items()}
        return float(f"{value:.4g}") if isinstance(value, float) else value

    parts = []
    for part, found in results.items():
        rows = ",\n   ".join(json.dumps(rounded(row)) for row in found["rows"])
        about, left_out = (json.dumps(found[key]) for key in ("about", "left_out"))
        parts.append(
            f' {json.dumps(part)}: {{\n  "about": {about},\n  "left_out": {left_out},'
            f'\n  "rows": [\n   {rows}\n  ]\n }}'
        )
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    main()
