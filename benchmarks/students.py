"""What students of other sizes cost, beside what they keep: numbers and a picture.

Takes results of ``bin.evaluate`` (of mels, of speech) and adds what each of their
models costs: the multiplications of its denoiser for a frame, all steps together, and
the milliseconds that six seconds of speech take (one thread's CPU time, the models by
turns, median of the rounds): text to mel as a whole, and the denoiser's part.

    python3 ../../../benchmarks/students.py \
        --results exp/students/mels/results.json exp/students/speech/results.json \
        --model "student, 1 step=exp/tts_x_steps1/valid.loss.best.pth:1" ...
    python3 benchmarks/students.py                # docs/images/students.png alone

Run the first in the recipe, with the models of the ``bin.evaluate``.
"""

import argparse
import json
import re
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from espnet_prodiff.bin.evaluate import split_steps
from espnet_prodiff.common.memory import keep_freed_memory
from espnet_prodiff.diffusion import sample
from espnet_prodiff.evaluation.machine import describe_command
from espnet_prodiff.evaluation.measurement import measure, measure_ratio
from espnet_prodiff.fileio.figures import new_figure, save_figure
from espnet_prodiff.training.task import DiffusionTTSTask

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "students.json"
TOKENS = 80  # of 6 or 7 frames: 6 s at 22.05 kHz, hop 256
# By key: of which system, of which metric, how.
PAIRED: dict[str, tuple[str, str, Callable]] = {
    "spread_of_16": ("teacher, 16 steps", "spread", measure_ratio),
    "spread_of_4": ("teacher, 4 steps", "spread", measure_ratio),
    "mcd_beyond_4": ("teacher, 4 steps", "mcd", lambda a, b: measure(a - b)),
}


def multiplications(network: nn.Module, num_steps: int) -> int:
    """Of a frame in all steps; the conditioning is projected once."""
    sizes = {
        name: module.weight.numel()
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv1d)
    }
    once = sizes.pop("cond_proj")
    return once + num_steps * sum(sizes.values())


def runs_of(model_file: Path, num_steps: int) -> tuple[dict[str, Callable], int]:
    """What is timed of a model, and its multiplications."""
    model, _ = DiffusionTTSTask.build_model_from_file(None, model_file)
    tts = model.eval().tts
    text = torch.randint(1, tts.eos, (TOKENS,))
    durations = torch.full((TOKENS + 1,), 6)
    durations[::2] = 7
    options = {"durations": durations, "use_teacher_forcing": True, "seed": 0}
    x_T = torch.randn(1, tts.odim, int(durations.sum()))
    cond = torch.randn(1, tts.denoiser.network.cond_proj.in_channels, x_T.shape[2])
    times = tts.times(num_steps, None)
    runs = {
        "text_to_mel_ms": lambda: tts.inference(text, num_steps=num_steps, **options),
        "denoiser_ms": lambda: sample(tts.denoiser, x_T, times, cond),
    }
    return runs, multiplications(tts.denoiser.network, num_steps)


def cost(models: dict[str, tuple[Path, int]], rounds: int) -> dict[str, dict]:
    """By model: ``multiplications`` of a frame and the times of ``runs_of``."""
    found, timed = {}, {}
    for name, (model_file, num_steps) in models.items():
        runs, products = runs_of(model_file, num_steps)
        found[name] = {"multiplications": products}
        timed |= {(name, key): run for key, run in runs.items()}
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in timed}
    for _ in range(rounds + 1):
        for key, run in timed.items():
            start = time.process_time()
            run()
            seconds[key].append(time.process_time() - start)
    for (name, key), taken in seconds.items():
        found[name][key] = round(1000 * statistics.median(taken[1:]), 2)
    return found


def merged(files: Sequence[Path]) -> dict[str, Any]:
    """Results of ``bin.evaluate`` in one, the systems by name."""
    everything: dict[str, Any] = {"about": [], "definitions": {}, "systems": {}}
    for file in files:
        found = json.loads(file.read_text(encoding="utf-8"))
        everything["about"].append(found["about"])
        everything["definitions"] |= found["definitions"]
        for system in found["systems"]:
            row = everything["systems"].setdefault(system["name"], {"values": {}})
            row["values"] |= system.pop("values", {})
            row |= {k: v for k, v in system.items() if not k.startswith("rtf")}
    rows = everything["systems"].values()
    for key, (of, metric, compare) in PAIRED.items():
        others = everything["systems"][of]["values"].get(metric, {})
        for row in rows:
            values = row["values"].get(metric, {})
            pairs = [(values[utt], others[utt]) for utt in others if utt in values]
            if pairs:
                row[key] = compare(*np.array(pairs).T).as_dict()
    for row in rows:
        del row["values"]
    return everything


def draw(systems: list[dict[str, Any]], file: Path) -> None:
    """Spread, distance, MCD and NDB over the time of text to mel."""
    figure = new_figure(9.0, 6.0)
    panels = {
        "spread": "spread over seeds",
        "distance": "L1 to the teacher's 16 steps, same noise",
        "mcd": "MCD, dB",
        "ndb": "NDB",
    }
    grid = figure.subplots(2, 2).flat
    for axes, (key, title) in zip(grid, panels.items(), strict=True):
        for kind in ("teacher", "student"):
            points = [s for s in systems if s["name"].startswith(kind) and key in s]
            points.sort(key=lambda s: s["text_to_mel_ms"])
            axes.errorbar(
                [s["text_to_mel_ms"] for s in points],
                [s[key]["mean"] for s in points],
                [s[key]["ci95"] for s in points],
                fmt="o-" if kind == "teacher" else "s",
                capsize=3,
                label="teacher, 16 to 1 steps" if kind == "teacher" else "students",
            )
            for s in points if kind == "student" and key == "spread" else ():
                if "seed" in s["name"]:
                    continue
                label = re.sub(r"student,?|,? 1 step", "", s["name"]).strip()
                place = (s["text_to_mel_ms"], s[key]["mean"])
                axes.annotate(
                    label or "full size",
                    place,
                    (7, -3),
                    textcoords="offset points",
                    fontsize="small",
                )
        axes.set_xscale("log")
        axes.set_xticks([20, 50, 100, 200, 300], ["20", "50", "100", "200", "300"])
        axes.minorticks_off()
        axes.set_xlabel("text to mel of 6 s, ms (one thread)")
        axes.set_title(title)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    print(save_figure(figure, file))


def main() -> None:
    """Add the costs, if asked for, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    text = "results.json of bin.evaluate; one name, one row"
    parser.add_argument("--results", type=Path, nargs="+", help=text)
    parser.add_argument("--model", action="append", default=[], help="NAME=FILE:STEPS")
    parser.add_argument("--rounds", type=int, default=21)
    args = parser.parse_args()
    if args.results:
        torch.set_num_threads(1)
        keep_freed_memory()
        named = (model.partition("=") for model in args.model)
        models = {name: split_steps(path) for name, _, path in named}
        found = merged(args.results)
        for name, costs in cost(models, args.rounds).items():
            found["systems"].setdefault(name, {"name": name}).update(costs)
        found["about"].append({"command": describe_command("benchmarks/students.py")})
        found["systems"] = list(found["systems"].values())
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    systems = json.loads(RESULTS.read_text(encoding="utf-8"))["systems"]
    models = [s for s in systems if "text_to_mel_ms" in s]
    draw(models, ROOT / "docs" / "images" / "students.png")


if __name__ == "__main__":
    main()
