#!/usr/bin/env python3
"""Give a student what its teacher has learnt since: no training, a sum of weights.

    student + (teacher after - teacher before)

The student and the later teacher both come from the earlier teacher; the two
differences, small and nearly at right angles, add up (Ilharco et al. 2023, 2212.04089).
Writes valid.loss.best.pth and the student's config.yaml into a new directory.
"""

import argparse
import shutil
from pathlib import Path

import torch

from espnet_prodiff.fileio.atomic import atomic_path
from espnet_prodiff.fileio.checkpoint import load_weights


def main() -> None:
    """Load three, add, write one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("student", "before", "after"):
        parser.add_argument(f"--{name}", type=Path, required=True, help="*.pth")
    parser.add_argument("--output_dir", type=Path, required=True)
    args = parser.parse_args()
    student, before, after = (
        load_weights(file) for file in (args.student, args.before, args.after)
    )
    if not student.keys() == before.keys() == after.keys():
        parser.error("the three are not of the same network")
    summed = {
        name: value + (after[name] - before[name])
        if value.is_floating_point()
        else value
        for name, value in student.items()
    }
    args.output_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy(args.student.parent / "config.yaml", args.output_dir)
    with atomic_path(args.output_dir / "valid.loss.best.pth") as temporary:
        torch.save(summed, temporary)


if __name__ == "__main__":
    main()
