"""The machine and the command of a measurement."""

import os
import platform
import re
import shlex
import sys
from pathlib import Path

import torch


def describe_machine() -> str:
    """Return CPU, cores, GPU if any, and versions in one line."""
    file = Path("/proc/cpuinfo")
    info = file.read_text() if file.exists() else ""
    names = re.findall(r"model name\s*: (.*)", info)
    cpu = names[0].strip() if names else platform.processor() or platform.machine()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    parts = [f"{cpu}, {cores or os.cpu_count()} cores"]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    parts.append(f"Python {platform.python_version()}, torch {torch.__version__}")
    parts.append(f"{torch.get_num_threads()} threads")
    return "; ".join(parts)


def describe_command(module: str) -> str:
    """Return the command line that runs a module, or a file, with our arguments."""
    program = module if module.endswith(".py") else f"-m {module}"
    return f"python3 {program} {shlex.join(sys.argv[1:])}"
