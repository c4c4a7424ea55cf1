"""A pass through DiffWave's stack with products in half precision.

Products run in the half type, with all of a layer's inputs side by side: one product
adds up in float32 what several would round each. The hidden states and the sum of the
skips stay float32.
"""

import math

import torch
from torch import Tensor

from espnet_prodiff.diffwave.network import DiffWaveNetwork
from espnet_prodiff.diffwave.stack_pass import PackedLayer, StackPass


class HalfStackPass(StackPass):
    """A `StackPass` with products of the type ``dtype``."""

    def __init__(
        self,
        network: DiffWaveNetwork,
        layers: list[PackedLayer],
        first_shift: Tensor,
        tile: int,
        dtype: torch.dtype,
    ) -> None:
        super().__init__(network, layers, first_shift, tile)
        channels = len(first_shift)
        # tanh itself: of a rounded sigmoid little would be left near 0.
        single = first_shift.new_ones(2 * channels)
        single[channels:] = 0.5
        self.inputs, self.biases, self.outputs = [], [], []
        for x in layers:
            parts = [*x.taps] if x.cond is None else [*x.taps, x.cond]
            self.inputs.append((torch.cat(parts) * single).to(dtype))
            self.biases.append((x.bias * single).to(dtype))
            outputs = [x.skip] if x.residual is None else [x.skip, x.residual]
            self.outputs.append(torch.cat(outputs, dim=1).to(dtype))
        self.wide = first_shift.new_empty(tile, len(self.inputs[0]), dtype=dtype)

    def _layer(
        self,
        i: int,
        layer: PackedLayer,
        taps: tuple[Tensor, Tensor, Tensor],
        rows: tuple[int, int],
        result: Tensor | None,
    ) -> None:
        first, last = rows
        channels = taps[0].shape[1]
        wide = self.wide[: last - first]
        for j, part in enumerate(taps):
            wide[:, j * channels : (j + 1) * channels] = part
        if layer.cond is not None:
            wide[:, 3 * channels :] = self.conds.behind(layer.delay, first, last)
        gates = torch.addmm(self.biases[i], wide, self.inputs[i])
        gate, value = gates.chunk(2, dim=1)
        outputs = gate.sigmoid().mul_(value.tanh()) @ self.outputs[i]
        skips = self.skips.behind(layer.delay, first, last)
        skips += outputs[:, :channels]
        if result is not None:
            torch.add(taps[1], outputs[:, channels:], out=result)
            result.mul_(math.sqrt(0.5)).add_(layer.shift)
