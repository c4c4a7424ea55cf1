"""The machine and the command of a measurement."""

import os
import platform
import shlex
import sys
from pathlib import Path

import torch


def describe_machine() -> str:
    """Return CPU, cores, GPU if any, and versions in one line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    parts = [f"{cpu_model()}, {cores or os.cpu_count()} cores"]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    parts.append(f"Python {platform.python_version()}, torch {torch.__version__}")
    parts.append(f"{torch.get_num_threads()} threads")
    return "; ".join(parts)


def cpu_model() -> str:
    """Return the processor's name as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def describe_command(module: str) -> str:
    """Return the command line that runs a module, or a file, with our arguments."""
    program = module if module.endswith(".py") else f"-m {module}"
    return f"python3 {program} {shlex.join(sys.argv[1:])}"
