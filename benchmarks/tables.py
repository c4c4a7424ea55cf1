"""The tables of README and manual, from the measurements in ``benchmarks/results``.

Between ``<!-- table: NAME -->`` and ``<!-- end -->`` they hold what this makes of NAME;
tests/test_docs.py keeps it so.

    python3 benchmarks/tables.py            # rewrites README.md and docs/
    python3 benchmarks/tables.py --add results.json --name NAME
                                            # takes in a bin.evaluate's result
"""

import argparse
import json
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))  # where it is not run as a script
from speed.report import TABLES as SPEED_TABLES  # noqa: E402
from speed.report import markdown as lines  # noqa: E402

from espnet_prodiff.fileio.atomic import write_text  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
REGION = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def load(name: str) -> dict[str, Any]:
    """A measurement by its name."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def figure(entry: dict[str, float] | None, spec: str, interval: bool = True) -> str:
    """A mean with half of its 95 % interval, or nothing."""
    if entry is None:
        return ""
    text = number(entry["mean"], spec)
    if interval and entry.get("ci95") is not None:
        text += f" ± {number(entry['ci95'], spec)}"
    return text


def number(value: float, spec: str) -> str:
    """A number without the zero before its point."""
    text = format(value, spec)
    return text[1:] if text.startswith("0.") else text


def systems(name: str, columns: dict[str, tuple[str, str, bool]]) -> str:
    """A table of a ``bin.evaluate``: by key a header, a format, whether an interval."""
    rows = [
        [
            _bold(system["name"]),
            *(
                figure(system.get(key), spec, ci)
                for key, (_, spec, ci) in columns.items()
            ),
        ]
        for system in load(name)["systems"]
    ]
    return lines(["", *(header for header, _, _ in columns.values())], rows)


def _bold(name: str) -> str:
    return f"**{name}**" if name.startswith("student") else name


def hidden() -> str:
    """ProDiff with hidden variation, shares of the first system beside the figures."""
    found = {system["name"]: system for system in load("hidden")["systems"]}
    models = {name: s for name, s in found.items() if "spread" in s}
    first = next(iter(models.values()))
    rows = []
    for name in sorted(models, key=_place):
        system = models[name]
        steps = re.search(r"(\d+) steps?$", name)[1]
        plain = next(
            (
                s
                for n, s in models.items()
                if re.fullmatch(rf"teacher, {steps} steps?", n)
            ),
            None,
        )
        share = system["spread"]["mean"] / first["spread"]["mean"]
        spread = f"{figure(system['spread'], '.3f')} ({share:.0%})"
        distance = figure(system["distance"], ".3f")
        if not name.startswith("teacher") and plain is not None:
            left = system["distance"]["mean"] / plain["distance"]["mean"]
            distance += f" ({number(left, '.2f')})"
        rows.append(
            [
                _bold(name),
                figure(system["mel_l1"], ".3f", False),
                figure(system["variance_ratio"], ".2f", False),
                spread,
                distance,
                figure(system["ndb"], ".3f"),
                figure(system["jsd"], ".4f", False),
                figure(system.get("mcd"), ".2f"),
            ]
        )
    header = ["", "L1", "variance ratio", "spread", "distance", "NDB", "JSD", "MCD, dB"]
    return lines(header, rows)


def _place(name: str) -> tuple[int, int]:
    """Teachers, students, others; in each the more steps the earlier."""
    kinds = ("teacher,", "student,")
    kind = next((i for i, k in enumerate(kinds) if name.startswith(k)), len(kinds))
    return kind, -int(re.search(r"(\d+) steps?$", name)[1])


def students() -> str:
    """What students of other sizes cost and keep."""
    rows = [
        [
            _bold(system["name"].removesuffix(", 1 step")),
            number(system["multiplications"] / 1e6, ".2f"),
            number(system["text_to_mel_ms"], ".0f"),
            number(system["denoiser_ms"], ".1f"),
            figure(system["spread"], ".3f", False),
            *(_share(system[f"spread_of_{steps}"]) for steps in (16, 4)),
            figure(system["distance"], ".3f"),
            figure(system["ndb"], ".3f"),
            figure(system.get("mcd"), ".2f"),
            _difference(system["mcd_beyond_4"]),
        ]
        for system in load("students")["systems"]
        if "multiplications" in system
    ]
    header = ["", "10^6 products a frame", "text to mel, ms", "denoiser, ms", "spread"]
    header += ["of 16 steps'", "of 4 steps'", "distance", "NDB", "MCD, dB"]
    return lines([*header, "beyond 4 steps'"], rows)


def _difference(entry: dict[str, float]) -> str:
    return f"{entry['mean']:+.2f} ± {number(entry['ci95'], '.2f')}".replace("0.", ".")


def _share(entry: dict[str, float]) -> str:
    return f"{entry['mean']:.0%} ± {100 * entry['ci95']:.0f}"


def schedules() -> str:
    """Spread of teachers by their noise schedule, a column for each seed's mean."""
    rows: dict[tuple[str, int], dict[int, dict[str, float]]] = {}
    for row in load("teacher_schedules")["rows"]:
        trained = row["trained_steps"]
        if trained not in (None, row["steps"]) or row["steps"] in (1, 2):
            continue
        rows.setdefault((row["schedule"], row["steps"]), {})[row["seed"]] = row
    table = []
    for (name, steps), seeds in sorted(rows.items(), key=lambda item: item[0][1]):
        ordered = [seeds[seed] for seed in sorted(seeds)]
        table.append(
            [
                f"{name}, {steps} steps",
                *(
                    ", ".join(number(row[key], spec) for row in ordered)
                    for key, spec in (
                        ("spread", ".3f"),
                        ("variance_ratio", ".2f"),
                        ("l1", ".3f"),
                    )
                ),
            ]
        )
    return lines(["teacher", "spread", "variance ratio", "L1"], table)


def placement() -> str:
    """What exact denoisers keep, by placement and number of steps."""
    found = load("step_placement")["open_mels"]
    sds = found["sds"]
    rows = []
    for name, steps in found["share_kept"].items():
        for n in ("4", "8", "16"):
            kept = dict(zip(sds, steps[n], strict=True))
            rows.append(
                [f"{name}, {n} steps", *(number(kept[sd], ".2f") for sd in sds)]
            )
    return lines(["exact denoisers", *(f"sd {sd:g}" for sd in sds)], rows)


def last_steps() -> str:
    """Where the full-size configs' sampling ends."""
    rows = [
        [
            name,
            str(row["steps"]),
            f"{row['snr_db']:.0f}",
            number(row["log_mel_l1"], ".2f"),
        ]
        for name, row in load("step_placement")["full_size"].items()
    ]
    return lines(["", "steps", "SNR of the last, dB", "log-mel L1 of the oracle"], rows)


def builtin() -> str:
    """Ours against ESPnet's built-in, by learning rate."""
    table = load("compare_builtin")["table"]
    rows = []
    for rate in table["ours"]:
        cells = [
            number(table[name][rate][variance], ".3f")
            for variance in ("predicted", "true")
            for name in ("ours", "built-in")
        ]
        rows.append([rate, *cells])
    header = ["learning rate", "ours", "built-in", "ours, true pitch and energy"]
    return lines([*header, "built-in, the same"], rows)


def starts() -> str:
    """The first weights: L1 of held-out mels at three times, a seed after the other."""
    rows: dict[tuple[int, int, bool], list[dict[str, float]]] = {}
    for row in load("starts")["rows"]:
        key = (row["layers"], row["channels"], row["torch_start"])
        rows.setdefault(key, []).append(row)
    table = []
    for (layers, channels, torch_start), seeds in sorted(rows.items()):
        name = "torch's default" if torch_start else "Kaiming's"
        errors = [
            ", ".join(number(row[f"l1_at_{t}"], ".3f") for row in seeds)
            for t in (1, 2, 4)
        ]
        table.append([f"{layers} x {channels}, {name}", *errors])
    return lines(["first weights", "t = 1", "t = 2", "t = 4"], table)


def speed(part: str) -> str:
    """A part of ``bench.py``, and what it left out."""
    found = load("bench").get(part)
    if found is None:
        return "Not measured yet.\n"
    absent = "; ".join(f"{name} ({why})" for name, why in found["left_out"].items())
    return SPEED_TABLES[part](found) + (f"\nLeft out: {absent}.\n" if absent else "")


def short_distillation() -> str:
    """What a student of one step keeps, in three rows."""
    found = {system["name"]: system for system in load("hidden")["systems"]}
    first = found["teacher, 16 steps"]["spread"]["mean"]
    rows = [
        [
            _bold(name),
            f"{found[name]['spread']['mean'] / first:.0%}",
            figure(found[name]["distance"], ".3f"),
            figure(found[name]["mcd"], ".2f"),
        ]
        for name in ("teacher, 16 steps", "teacher, 1 step", "student, 1 step")
    ]
    header = ["", "variety kept", "distance to the 16 steps", "MCD, dB"]
    return lines(header, rows)


def short_speed() -> str:
    """Text to wave, ours and the peers in a line."""
    part = load("bench")["text to wave"]
    names = {
        "student of 8 x 160, built-in vocoder": "**ours, 1 step**",
        "Matcha, 2 steps, Vocos": "Matcha, 2 steps, Vocos",
        "ESPnet ProDiff, 2 steps, its Griffin-Lim": "ESPnet's ProDiff, 2 steps",
        "ESPnet FastSpeech 2, HiFi-GAN V2": "FastSpeech 2, HiFi-GAN V2",
        "ESPnet JETS": "JETS",
        "ESPnet VITS": "VITS",
    }
    rows = {
        row["name"]: row["audio"] / row["wall"]["median"]
        for row in part["rows"]
        if (row["precision"], row["threads"]) == ("fp32", 2)
    }
    cells = [f"{rows[name]:.0f}" for name in names]
    return lines(["times real time", *names.values()], [["two cores, fp32", *cells]])


SPEECH = {
    "mel_l1": ("mel L1", ".3f", True),
    "variance_ratio": ("variance ratio", ".3f", False),
    "mcd": ("MCD, dB", ".2f", True),
    "log_f0_rmse": ("log-F0 RMSE", ".3f", False),
}


VARIETY = {
    "spread": ("spread", ".3f", True),
    "distance": ("distance", ".3f", True),
}


TABLES: dict[str, Callable[[], str]] = {
    "mini": lambda: systems("mini", {**SPEECH, **VARIETY}),
    "one_voice": lambda: systems("one_voice", SPEECH),
    "flite": lambda: systems("flite", SPEECH),
    "hidden": hidden,
    "students": students,
    "schedules": schedules,
    "placement": placement,
    "last_steps": last_steps,
    "builtin": builtin,
    "starts": starts,
    "diffwave": lambda: systems(
        "diffwave",
        {
            "log_mel_l1": ("log-mel L1", ".2f", True),
            "pesq": ("PESQ", ".2f", False),
            "stoi": ("STOI", ".3f", True),
            "mcd": ("MCD, dB", ".2f", True),
        },
    ),
    "wavegrad2": lambda: systems(
        "wavegrad2",
        {
            "mcd": ("MCD, dB", ".2f", True),
            "log_f0_rmse": ("log-F0 RMSE", ".3f", False),
            "duration_ms": ("duration error, ms", ".1f", False),
            "spread": ("spread", ".3f", True),
        },
    ),
    "vocoder": lambda: systems(
        "vocoder",
        {
            "pesq": ("PESQ", ".2f", True),
            "stoi": ("STOI", ".3f", True),
            "log_mel_l1": ("log-mel L1", ".3f", True),
            "times_real_time": ("x real time", ".0f", False),
        },
    ),
    "short_distillation": short_distillation,
    "short_speed": short_speed,
    **{
        "bench_" + re.sub(r"\W+", "_", part): partial(speed, part)
        for part in SPEED_TABLES
    },
}


def filled(page: str) -> str:
    """A page with every table made anew."""
    return REGION.sub(lambda m: m[1] + TABLES[m[2]]() + m[3], page)


def add(results: Path, name: str) -> None:
    """Take in a ``results.json`` of bin.evaluate without its single values."""
    found = json.loads(results.read_text(encoding="utf-8"))
    for system in found["systems"]:
        system.pop("values", None)
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{name}.json"
    target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Rewrite the pages, with a new result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--add", type=Path, help="results.json of bin.evaluate")
    parser.add_argument("--name", help="of the result")
    args = parser.parse_args()
    if args.add:
        add(args.add, args.name)
    for page in PAGES:
        write_text(page, filled(page.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
