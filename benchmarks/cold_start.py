"""From the start of a process to its first sentence, and the size of a voice on disk.

A new process imports the runtime, loads an exported voice and speaks the first sentence
of a text; the time is that of the whole process, and of its CPU. The median of some
starts, with the files in the system's cache.

    espnet-prodiff export slt --onnx slt_onnx
    python3 benchmarks/cold_start.py --voice slt_onnx \
        --output benchmarks/results/cold_start.json
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from espnet_prodiff.evaluation.machine import describe_command, describe_machine

SPEAK = """
import sys
from espnet_prodiff.runtime import Voice
text = "Hello there, this is the first sentence of a text. And this is another one."
print(len(next(Voice(sys.argv[1]).stream(text, seed=0))["wav"]))
"""
STARTS = 15


def start(python: str, voice: Path) -> tuple[float, float]:
    """Return the seconds of a process, and those of its CPU."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    command = [python, "-c", SPEAK, str(voice.absolute())]
    subprocess.run(command, check=True, capture_output=True)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voice", type=Path, required=True)
    parser.add_argument("--python", default=sys.executable, help="of a light install")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    start(args.python, args.voice)
    found = np.array([start(args.python, args.voice) for _ in range(STARTS)])
    size = sum(file.stat().st_size for file in args.voice.iterdir())
    result = {
        "command": describe_command("benchmarks/cold_start.py"),
        "machine": describe_machine(),
        "load_average": round(os.getloadavg()[0], 1),
        "voice_MB": round(size / 1e6, 1),
        "seconds": {"median": round(float(np.median(found[:, 0])), 2)}
        | {"least": round(float(found[:, 0].min()), 2)},
        "cpu_seconds": {"median": round(float(np.median(found[:, 1])), 2)}
        | {"least": round(float(found[:, 1].min()), 2)},
    }
    print(json.dumps(result, indent=1))
    args.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
