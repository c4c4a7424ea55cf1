"""Peak memory of a computation, in a process that does nothing else."""

import multiprocessing
import resource
from collections.abc import Callable

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
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
