"""Time by turns: every run between two products of matrices, all in one process.

The load of a shared machine drifts, so nothing is measured alone: the runs take turns,
ratios are taken turn by turn, and the distance to the arithmetic floor goes by float32
matrix products that stand right before and after the run. Both clocks are read: the
wall, and the processor time of all threads, which other programs take no part in.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from tqdm import tqdm

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
FEWEST, MOST = 3, 15  # turns
SHORT = 0.02  # seconds; what is shorter is called several times in a turn

Seconds = dict[str, float]  # by clock
Key = TypeVar("Key")


@dataclass
class Times:
    """What the turns of one run took.

    Attributes:
        seconds: Of a call, a turn after the other.
        floor: Of 1 GFLOP of float32 products around it, likewise.
    """

    seconds: list[Seconds] = field(default_factory=list)
    floor: list[Seconds] = field(default_factory=list)


class Floor:
    """Seconds that 1 GFLOP of float32 matrix products takes, now."""

    def __init__(self, size: int = 1024) -> None:
        self.a, self.b, self.out = (torch.randn(size, size) for _ in range(3))
        self.gflop = 2 * size**3 / 1e9

    def __call__(self) -> Seconds:
        """Measure it."""
        seconds = stopwatch(lambda: torch.mm(self.a, self.b, out=self.out), 2)
        return {clock: value / self.gflop for clock, value in seconds.items()}


def stopwatch(run: Callable[[], object], calls: int = 1) -> Seconds:
    """Seconds of a call by each clock, averaged over so many."""
    starts = {name: clock() for name, clock in CLOCKS.items()}
    for _ in range(calls):
        run()
    return {name: (clock() - starts[name]) / calls for name, clock in CLOCKS.items()}


def take_turns(
    runs: Mapping[Key, Callable[[], object]],
    budget: float,
    title: str = "",
    expected: Mapping[Key, float] | None = None,
) -> dict[Key, Times]:
    """Measure runs by turns.

    Each gets about ``budget`` seconds: long ones take part in the first `FEWEST` turns
    alone, short ones in up to `MOST`.

    Args:
        runs: What to call, by any key.
        budget: Seconds of the wall.
        title: Of the progress bar.
        expected: Seconds that a call will take; by default each is called once before.
    """
    floor, turns, calls = Floor(), {}, {}
    floor()
    if expected is None:
        progress = tqdm(runs.items(), f"{title}, warming up", leave=False)
        expected = {name: stopwatch(run)["wall"] for name, run in progress}
    for name, once in expected.items():
        calls[name] = min(max(1, round(SHORT / max(once, 1e-6))), 50)
        turns[name] = min(max(FEWEST, int(budget / (once * calls[name]))), MOST)
    times = {name: Times() for name in runs}
    with tqdm(total=sum(turns.values()), desc=title) as progress:
        for turn in range(max(turns.values(), default=0)):
            before = floor()
            for name in (name for name in runs if turns[name] > turn):
                times[name].seconds.append(stopwatch(runs[name], calls[name]))
                after = floor()
                around = {clock: (before[clock] + after[clock]) / 2 for clock in CLOCKS}
                times[name].floor.append(around)
                before = after
                progress.update()
    return times


def spread(values: list[float]) -> Seconds:
    """Median, 10 % and 90 % points."""
    ordered = sorted(values)
    tenth = len(ordered) // 10
    return {
        "median": statistics.median(ordered),
        "low": ordered[tenth],
        "high": ordered[-1 - tenth],
    }


def ratios(slower: Times, faster: Times, clock: str) -> Seconds:
    """How many times as long ``slower`` takes, turn by turn."""
    pairs = zip(slower.seconds, faster.seconds, strict=False)  # turns of both
    return spread([one[clock] / other[clock] for one, other in pairs])


def above_floor(times: Times, gflop: float, clock: str) -> Seconds:
    """How many times as long a run takes as a product of as many operations."""
    pairs = zip(times.seconds, times.floor, strict=True)
    return spread([one[clock] / (gflop * floor[clock]) for one, floor in pairs])
