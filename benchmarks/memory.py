"""Peak memory of a computation, in a process that does nothing else."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import torch


def peak_memory(make: Callable[..., Callable], *args: object) -> float:
    """MiB that a computation adds to what its process holds before.

    Args:
        make: Called with ``args``; returns what is to be measured. A function of a
            module, as it goes to another process.
        *args: For ``make``.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_memory, (make, args))


def _peak_memory(make: Callable[..., Callable], args: tuple) -> float:
    torch.set_grad_enabled(False)
    run = make(*args)
    Path("/proc/self/clear_refs").write_text("5")  # Linux: forget the peak so far
    before = _status("VmRSS")
    run()
    return (_status("VmHWM") - before) / 1024


def _status(name: str) -> int:
    """A line of what Linux tells of this process, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))
