"""Phases of a spectrogram from their differences, summed up from peak to peak.

Every bin hangs on the peak of its frame that lies uphill; peaks go on in time, the
others follow along the frequencies: a frame is two vector operations.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Start(NamedTuple):
    """Magnitudes and the differences of their phases, (F, bins) each.

    Attributes:
        magnitudes: Of the spectrum.
        advance: Phase of a bin less that of the frame before.
        difference: Phase of a bin less that of the bin below.
        salience: By its peaks bins are grouped; a peak goes on in time.
    """

    magnitudes: Tensor
    advance: Tensor
    difference: Tensor
    salience: Tensor


def integrate(start: Start, before: Tensor | None) -> Tensor:
    """Sum the differences up.

    Args:
        start: The differences, (F, bins) each.
        before: Phases of the frame before, in turns, (bins,); None: all 0.

    Returns:
        Phases in turns, (F, bins), between -1 and 1.
    """
    steps, peaks = _phase_steps(start)
    turns = (steps / (2 * math.pi)).frac()
    last = torch.zeros_like(turns[0]) if before is None else before
    for now, peak in zip(turns.unbind(), peaks.unbind(), strict=True):
        last = now.add_(last.index_select(0, peak)).frac_()
    return turns


def _phase_steps(start: Start) -> tuple[Tensor, Tensor]:
    """Phase of a frame from that of the frame before: step, bin; (F, bins) each.

    phase[n, k] = phase[n - 1, bin[n, k]] + step[n, k].
    """
    peak = _uphill(start.salience)
    along = start.difference.cumsum(1)
    return along + (start.advance - along).gather(1, peak), peak


def _uphill(magnitudes: Tensor) -> Tensor:
    """Bin of the peak that lies uphill from every bin of a frame, (F, bins)."""
    lower = nn.functional.pad(magnitudes[:, :-1], (1, 0), value=-1.0)
    upper = nn.functional.pad(magnitudes[:, 1:], (0, 1), value=-1.0)
    up = (upper > magnitudes) & (upper >= lower)
    down = (lower > magnitudes) & (lower > upper)
    peak = ~(up | down).flatten()
    # The peaks of all frames in a row: behind a bin that goes up lies the next.
    nearest = peak.cumsum(0) - 1 + up.flatten()
    bins = peak.nonzero()[:, 0].index_select(0, nearest) % magnitudes.shape[1]
    return bins.view_as(magnitudes)
