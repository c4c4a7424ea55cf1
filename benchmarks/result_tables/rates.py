"""Tables of ``bench.py``."""

import re
from functools import partial

from speed.report import TABLES as PARTS
from speed.report import markdown as lines

from .figures import load


def speed(part: str) -> str:
    """A part of ``bench.py``, and what it left out."""
    found = load("bench").get(part)
    if found is None:
        return "Not measured yet.\n"
    absent = "; ".join(f"{name} ({why})" for name, why in found["left_out"].items())
    return PARTS[part](found) + (f"\nLeft out: {absent}.\n" if absent else "")


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


TABLES = {
    "short_speed": short_speed,
    **{"bench_" + re.sub(r"\W+", "_", part): partial(speed, part) for part in PARTS},
}
