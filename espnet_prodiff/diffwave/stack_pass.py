"""One pass of a wave through DiffWave's stack, tile by tile, without a gradient.

The tiles go through the stack like a signal through a causal filter. Layer i runs
behind the input by its delay, the sum of the dilations up to it, and remembers the last
2 * dilation samples of its input. So no sample is computed twice, and the tiles join
without a seam: every sample is made of the same products as in ``DiffWaveNetwork``.

At the rate of samples, memory costs as much time as arithmetic. A tile therefore lives
in a few buffers that stay in the cache, products accumulate in place, and tanh(a) =
2 sigmoid(2a) - 1 leaves one activation in place of two. Buffers are (time, channels):
a shift in time is an offset, and a product reads and writes one piece.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from espnet_prodiff.common.rows import bias_of
from espnet_prodiff.diffwave.network import DiffWaveNetwork
from espnet_prodiff.diffwave.upsampling import MelUpsampler


class PackedLayer(NamedTuple):
    """A residual layer's weights at one step, ready for plain matrix products.

    Attributes:
        dilation: Its dilation.
        delay: Sum of the dilations up to it.
        taps: The convolution's weights, (C, 2C) a tap; the value's columns doubled.
        cond: The conditioner's weights (n_mels, 2C), likewise, or None.
        bias: Of both, (2C,), likewise, with the label's part.
        residual: Weights of the residual output, (C, C), or None in the last layer.
        shift: What the next layer's input has beyond the products, (C,).
        skip: Weights of the skip output, (C, C).
    """

    dilation: int
    delay: int
    taps: list[Tensor]
    cond: Tensor | None
    bias: Tensor
    residual: Tensor | None
    shift: Tensor
    skip: Tensor


def pack_layers(
    network: DiffWaveNetwork, steps: Tensor, label: Tensor | None
) -> list[PackedLayer]:
    """Take the layers' weights apart for a step.

    From the projected step embedding of all layers, (layers * C,), and the label's
    embedding (128,).
    """
    channels = network.in_proj.out_channels
    steps = steps.view(-1, channels)
    doubled = steps.new_ones(2 * channels)
    doubled[channels:] = 2  # tanh(a) = 2 sigmoid(2a) - 1
    packed: list[PackedLayer] = []
    delay = 0
    for i, layer in enumerate(network.layers):
        delay += layer.dilation
        bias, cond = bias_of(layer.conv), None
        if layer.cond_proj is not None:
            cond = layer.cond_proj.weight[..., 0].t()
            bias = bias + bias_of(layer.cond_proj)
        if label is not None and cond is not None:
            bias, cond = bias + label @ cond, None
        residual, skip = layer.out.weight[..., 0].t().split(channels, dim=1)
        # A buffer holds a layer's input, hidden + step, because that is padded with 0.
        shift = (bias_of(layer.out)[:channels] - steps[i]) / math.sqrt(2)
        last = i == len(network.layers) - 1
        packed.append(
            PackedLayer(
                layer.dilation,
                delay,
                [tap.t() * doubled for tap in layer.conv.weight.unbind(-1)],
                None if cond is None else cond * doubled,
                bias * doubled,
                None if last else residual.contiguous(),
                shift if last else shift + steps[i + 1],
                skip.contiguous(),
            )
        )
    return packed


class _DelayLine:
    """The last ``delay + tile`` rows of something that comes tile by tile."""

    def __init__(self, like: Tensor, channels: int, delay: int, tile: int) -> None:
        self.delay, self.tile = delay, tile
        self.rows = like.new_zeros(delay + tile, channels)
        self._kept = like.new_empty(delay, channels)

    def behind(self, delay: int, start: int, stop: int) -> Tensor:
        """Rows ``start`` to ``stop`` of the tile that is ``delay`` behind."""
        offset = self.delay - delay
        return self.rows[offset + start : offset + stop]

    def advance(self) -> Tensor:
        """Let a tile's length go; returns the rows of the new tile, to be filled."""
        self._kept.copy_(self.rows[self.tile :])  # the two places may overlap
        self.rows[: self.delay].copy_(self._kept)
        return self.rows[self.delay :]


class StackPass:
    """One wave's way through the stack at one step.

    Of packed layers, in tiles of so many samples, at least twice the largest dilation.
    """

    def __init__(
        self,
        network: DiffWaveNetwork,
        layers: list[PackedLayer],
        first_shift: Tensor,
        tile: int,
    ) -> None:
        self.network, self.layers, self.tile = network, layers, tile
        self.first_shift = first_shift
        like = network.in_proj.weight
        channels = network.in_proj.out_channels
        self.delay = layers[-1].delay
        width = tile + 2 * max(layer.dilation for layer in layers)
        self.buffers = [like.new_zeros(width, channels) for _ in range(2)]
        self.gates = like.new_empty(tile, 2 * channels)
        self.gated = like.new_empty(tile, channels)
        self.histories = [like.new_zeros(2 * x.dilation, channels) for x in layers]
        self.skips = _DelayLine(like, channels, self.delay, tile)
        self.conds = _DelayLine(like, network.n_mels or 0, self.delay, tile)

    def run(self, wave: Tensor, mel: Tensor | None, output: Tensor) -> None:
        """Evaluate the network: wave (1, L), mel (n_mels, F) -> output (1, L)."""
        length, upsampler = wave.shape[-1], self.network.upsampler
        for start in range(0, length + self.delay, self.tile):
            self._enter(wave, start)
            if upsampler is not None and mel is not None:
                self._enter_mel(upsampler, mel, start, length)
            self.skips.advance().zero_()
            for i, layer in enumerate(self.layers):
                self._apply(i, layer, *self._valid(start, layer.delay, length))
            first, last = self._valid(start, self.delay, length)
            if first < last:
                start -= self.delay
                output[:, start + first : start + last] = self._leave(first, last)

    def _valid(self, start: int, delay: int, length: int) -> tuple[int, int]:
        """The rows of a tile, ``delay`` behind the input, that lie in the wave."""
        first = min(max(delay - start, 0), self.tile)
        return first, max(min(length + delay - start, self.tile), first)

    def _new(self, i: int) -> Tensor:
        """Place for the new rows of layer i's input, (tile, C)."""
        past = 2 * self.layers[i].dilation
        return self.buffers[i % 2][past : past + self.tile]

    def _enter(self, wave: Tensor, start: int) -> None:
        """Make the first layer's input of a tile."""
        project, new = self.network.in_proj, self._new(0)
        samples = wave[0, start : start + self.tile, None]
        inside = new[: len(samples)]
        torch.addmm(bias_of(project), samples, project.weight[:, 0].t(), out=inside)
        inside.relu_().add_(self.first_shift)
        new[len(samples) :] = 0

    def _enter_mel(
        self, upsampler: MelUpsampler, mel: Tensor, start: int, length: int
    ) -> None:
        """Upsample the frames of a tile, with what reaches it from beside them."""
        new = self.conds.advance()
        stop = min(start + self.tile, length)
        if start >= stop:
            return
        hop = upsampler.hop_length
        first = max(start // hop - upsampler.context, 0)
        last = min(-(-stop // hop) + upsampler.context, -(-length // hop))
        samples = upsampler(mel[None, :, first:last])[0]
        new[: stop - start] = samples[:, start - first * hop : stop - first * hop].t()

    def _apply(self, i: int, layer: PackedLayer, first: int, last: int) -> None:
        """Apply layer i to the rows ``first`` to ``last`` of a tile."""
        dilation, inputs = layer.dilation, self.buffers[i % 2]
        inputs[: 2 * dilation] = self.histories[i]
        self.histories[i].copy_(inputs[self.tile : self.tile + 2 * dilation])
        if layer.residual is not None:
            following = self._new(i + 1)
            following[:first] = 0
            following[last:] = 0
        if first == last:
            return

        before, here, after = (
            inputs[first + shift : last + shift]
            for shift in (0, dilation, 2 * dilation)
        )
        result = None if layer.residual is None else following[first:last]
        self._layer(i, layer, (before, here, after), (first, last), result)

    def _layer(
        self,
        i: int,
        layer: PackedLayer,
        taps: tuple[Tensor, Tensor, Tensor],
        rows: tuple[int, int],
        result: Tensor | None,
    ) -> None:
        """Compute the given rows of layer i from what its three taps see, (rows, C).

        Adds to the skips; the next layer's input goes to ``result``.
        """
        first, last = rows
        before, here, after = taps
        gates, minus = self.gates[: last - first], self.gated[: last - first]
        torch.addmm(layer.bias, before, layer.taps[0], out=gates)
        gates.addmm_(here, layer.taps[1]).addmm_(after, layer.taps[2])
        if layer.cond is not None:
            gates.addmm_(self.conds.behind(layer.delay, first, last), layer.cond)
        gate, value = gates.sigmoid_().chunk(2, dim=1)
        # sigmoid(a) tanh(b) = -(gate - 2 gate value): the minus goes into the products.
        torch.addcmul(gate, gate, value, value=-2, out=minus)
        self.skips.behind(layer.delay, first, last).addmm_(minus, layer.skip, alpha=-1)
        if result is not None and layer.residual is not None:
            half = math.sqrt(0.5)
            torch.addmm(here, minus, layer.residual, beta=half, alpha=-half, out=result)
            result.add_(layer.shift)

    def _leave(self, first: int, last: int) -> Tensor:
        """Make the output where every layer has added its skip."""
        network = self.network
        channels = network.in_proj.out_channels
        bias = sum(bias_of(layer.out)[channels:] for layer in network.layers)
        skips = self.skips.behind(self.delay, first, last) + bias
        skips = skips.div_(math.sqrt(len(self.layers))).t()[None]
        return network.out_proj(network.skip_proj(skips).relu_())[0]
