"""Measurements by name, and their numbers as a table has them."""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"


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


def bold_student(name: str) -> str:
    """A system's name, in bold if it is a student."""
    return f"**{name}**" if name.startswith("student") else name
