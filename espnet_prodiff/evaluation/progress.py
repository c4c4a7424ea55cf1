"""Progress bars with an estimate of the time left."""

from collections.abc import Callable, Iterable

from tqdm import tqdm

Progress = Callable[[Iterable, int, str], Iterable]
"""Wraps an iterable of a known length; the string says what is being done."""


def no_progress(items: Iterable, total: int, label: str) -> Iterable:
    """Show nothing."""
    return items


def progress_bar(items: Iterable, total: int, label: str) -> Iterable:
    """Show a bar with the time used and the time left on stderr."""
    return tqdm(items, desc=label, total=total, unit="utt", mininterval=1.0)
