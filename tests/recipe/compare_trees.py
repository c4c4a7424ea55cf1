"""Compare the files of two runs of a recipe in data/, dump/ and exp/.

    python3 tests/recipe/compare_trees.py RECIPE_DIR RECIPE_DIR

Names must be the same everywhere; text and audio must be equal to the byte, statistics
to 1e-6, configurations in every value. Files with times or random weights (logs,
run.sh, checkpoints, figures) are compared by name only.
"""

import sys
from pathlib import Path

import numpy as np
import yaml

FOLDERS = ("data", "dump", "exp")
BY_NAME = {".log", ".png", ".pth", ".zip", ".sh", ".npy", ".ark"}
# Written by decoding: the figures differ with the random weights.
GENERATED = {"durations", "speech_shape", "speed"}
AUDIO = {".wav", ".flac"}
# Of our stages alone: what stage 4 left out and why, and the model card.
OURS = {"left_out", "README.md"}


def names(root: Path) -> set[str]:
    """Return the paths of all files, relative to the recipe directory."""
    files = {
        str(p.relative_to(root))
        for folder in FOLDERS
        for p in (root / folder).rglob("*")
        if not p.is_dir() and p.name not in OURS
    }
    # TensorBoard's file names hold the time and the process.
    return {n.rsplit("/", 1)[0] if "events.out.tfevents" in n else n for n in files}


def difference(one: Path, two: Path, name: str) -> str:
    """Say what differs in a file of both runs; empty if nothing does."""
    a, b = one / name, two / name
    generated = "/output." in name or a.name in GENERATED or "/wav/" in name
    if (
        a.is_dir()
        or a.suffix in BY_NAME
        or a.name == ".lock"
        or (generated and "dump/" not in name)
    ):
        return ""
    if a.suffix == ".npz":
        x, y = np.load(a), np.load(b)
        same = set(x) == set(y)
        same = same and all(np.allclose(x[k], y[k], rtol=1e-6) for k in x)
        return "" if same else "statistics differ"
    if a.suffix == ".yaml":
        x, y = yaml.safe_load(a.read_text()), yaml.safe_load(b.read_text())
        keys = [k for k in {**x, **y} if x.get(k) != y.get(k)]
        return f"values differ: {', '.join(keys)}" if keys else ""
    return "" if a.read_bytes() == b.read_bytes() else "bytes differ"


def compare(one: Path, two: Path) -> list[str]:
    """Return every difference of two recipe directories, one line each."""
    left, right = names(one), names(two)
    lines = [f"only in {one}: {n}" for n in sorted(left - right)]
    lines += [f"only in {two}: {n}" for n in sorted(right - left)]
    for name in sorted(left & right):
        message = difference(one, two, name)
        if message:
            lines.append(f"{name}: {message}")
    return lines


if __name__ == "__main__":
    first, second = map(Path, sys.argv[1:])
    differences = compare(first, second)
    print("\n".join(differences) or f"same: {len(names(first))} files")
    sys.exit(bool(differences))
