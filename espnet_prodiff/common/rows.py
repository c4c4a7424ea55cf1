"""Utterances one behind the other as rows of one matrix, and convolutions of rows.

A batch of that form, (rows, channels), holds no padding but a gap between utterances
that is as long as a convolution reaches: no product is computed for nothing. On a CPU a
convolution is faster as a product for each of its taps, which read shifted rows where
they lie, than as torch's; and what follows it needs no transposition.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HALVES = (torch.bfloat16, torch.float16)


class Rows:
    """Where each utterance of a batch lies.

    Args:
        lengths: Of the utterances.
        gap: Rows before, between and behind them.
        multiple: Of what the rows between the first and the last gap are.

    Attributes:
        total: Number of rows.
        tail: Rows behind the last utterance.
    """

    def __init__(self, lengths: Sequence[int], gap: int, multiple: int = 1) -> None:
        self.lengths, self.gap = list(lengths), gap
        self.starts = []
        self.total = gap
        for length in self.lengths:
            self.starts.append(self.total)
            self.total += length + gap
        self.tail = gap + (2 * gap - self.total) % multiple
        self.total += self.tail - gap

    def pack(self, batch: Tensor) -> Tensor:
        """(B, N, C) -> (rows, C), zeros in the gaps."""
        zeros = batch.new_zeros(self.tail, batch.shape[2])
        parts = []
        for item, length in zip(batch, self.lengths, strict=True):
            parts += [zeros[: self.gap], item[:length]]
        return torch.cat([*parts, zeros])

    def unpack(self, rows: Tensor) -> Tensor:
        """(rows, C) -> (B, N, C), zeros behind the shorter utterances."""
        parts = self.split(rows)
        if len(parts) == 1:
            return parts[0][None]
        return nn.utils.rnn.pad_sequence(parts, batch_first=True)

    def split(self, rows: Tensor) -> list[Tensor]:
        """The utterances, (N_i, C) each, as views."""
        return [
            rows[start : start + length]
            for start, length in zip(self.starts, self.lengths, strict=True)
        ]

    def clear(self, rows: Tensor) -> Tensor:
        """Put zeros into the gaps, as at the edge of a signal; returns ``rows``."""
        begin = 0
        for start, length in zip(self.starts, self.lengths, strict=True):
            rows[begin:start] = 0
            begin = start + length
        rows[begin:] = 0
        return rows


def row_multiple(dtype: torch.dtype) -> int:
    """The ``multiple`` of rows for products of a type.

    On a CPU torch prepares a half-precision product anew for every shape, which takes
    as long as the product itself.
    """
    return 64 if dtype in HALVES else 1


def fits_rows(conv: nn.Module) -> bool:
    """Whether `convolve` can take the place of a layer."""
    if not isinstance(conv, nn.Conv1d) or conv.padding_mode != "zeros":
        return False
    reach = conv.dilation[0] * (conv.kernel_size[0] - 1)
    same = reach % 2 == 0 and conv.padding == (reach // 2,)
    return same and conv.stride == (1,) and conv.groups == 1


def bias_of(layer: nn.Linear | nn.Conv1d) -> Tensor:
    """The bias of a layer that has one."""
    if layer.bias is None:
        raise TypeError(f"{layer} has no bias")
    return layer.bias


def reach(conv: nn.Conv1d) -> int:
    """Rows that a convolution sees on either side: the least gap."""
    return conv.dilation[0] * (conv.kernel_size[0] - 1) // 2


def lay_out(module: nn.Module) -> None:
    """Lay the weights of convolutions out as `convolve` reads them, (taps, C, O).

    Shapes and values stay as they are; `convolve` is right without it, but slower.
    """
    for conv in module.modules():
        if isinstance(conv, nn.Conv1d) and conv.weight.device.type == "cpu":
            weight = conv.weight.data
            conv.weight.data = weight.permute(2, 1, 0).contiguous().permute(2, 1, 0)


def project(rows: Tensor, layer: nn.Linear | nn.Conv1d) -> Tensor:
    """Apply a linear layer or a convolution of one tap, in its weight's type."""
    weight = layer.weight
    if weight.dim() == 3:
        weight = weight[..., 0]
    return F.linear(rows.to(weight.dtype), weight, layer.bias)


def convolve(
    rows: Tensor, conv: nn.Conv1d, gap: int, start: Tensor | None = None
) -> Tensor:
    """Apply a convolution to rows (R, C) with zeros in gaps that it does not cross.

    Computed in the type of its weights. The gaps of the result hold anything.

    Args:
        rows: (R, C).
        conv: As `fits_rows` wants it.
        gap: That of the rows.
        start: What the products are added to in place of the bias, (R, O), in the type
            of the weights; it is overwritten.
    """
    taps = conv.weight.permute(2, 1, 0)
    rows = rows.to(taps.dtype)
    count = len(rows) - 2 * gap
    first = gap - reach(conv)
    shifted = [rows[first + i * conv.dilation[0] :][:count] for i in range(len(taps))]
    if taps.dtype in HALVES and len(taps) > 1:
        # One product, which adds up in float32.
        shifted, taps = [torch.cat(shifted, 1)], taps.reshape(1, -1, taps.shape[2])
    if start is None:
        start = rows.new_empty(len(rows), taps.shape[2])
        inner = start[gap : gap + count]
        if conv.bias is None:
            torch.mm(shifted[0], taps[0], out=inner)
        else:
            torch.addmm(conv.bias, shifted[0], taps[0], out=inner)
        shifted, taps = shifted[1:], taps[1:]
    inner = start[gap : gap + count]
    for part, tap in zip(shifted, taps, strict=True):
        inner.addmm_(part, tap)
    return start


def convolve_with_gradient(rows: Tensor, conv: nn.Conv1d, gap: int) -> Tensor:
    """Apply a convolution without its bias to rows as `convolve`; zeros at both ends.

    One product, so that each gradient is one as well.
    """
    count, first = len(rows) - 2 * gap, gap - reach(conv)
    taps = conv.kernel_size[0]
    shifted = [rows[first + i * conv.dilation[0] :][:count] for i in range(taps)]
    weight = conv.weight.transpose(1, 2).flatten(1)
    products = F.linear(torch.cat(shifted, dim=1), weight)
    return F.pad(products, (0, 0, gap, gap))
