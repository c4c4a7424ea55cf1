"""Parts of a wave on threads of their own, each with one thread of torch's."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch


def run_on_threads(
    run: Callable[[int, int], None], bounds: Sequence[int], num_threads: int
) -> None:
    """Call ``run(start, stop)`` for neighbouring bounds, several at a time.

    ``run`` makes no gradient; with fewer than 2 threads it runs in this one.
    """
    if num_threads < 2:
        for start, stop in zip(bounds[:-1], bounds[1:], strict=True):
            run(start, stop)
        return
    half = torch.is_autocast_enabled("cpu")
    autocast = torch.autocast("cpu", torch.get_autocast_dtype("cpu"), enabled=half)
    run = autocast(torch.no_grad()(run))  # the modes hold for one thread alone
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(num_threads, "", torch.set_num_threads, (1,)) as pool:
            list(pool.map(run, bounds[:-1], bounds[1:]))
    finally:
        torch.set_num_threads(before)  # the threads also set what new ones get
