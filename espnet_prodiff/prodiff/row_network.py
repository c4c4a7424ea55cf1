"""ProDiff's denoising network on rows, as it runs on a CPU: see `common.rows`.

The conditioning of a frame is its token's: it is projected once a token, not once a
frame, and its projection is what the convolution's products are added to.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_prodiff.common.rows import (
    Rows,
    bias_of,
    convolve,
    convolve_with_gradient,
    project,
    reach,
    row_multiple,
)

if TYPE_CHECKING:
    from espnet_prodiff.prodiff.network import ProDiffNetwork


class PreparedRows(NamedTuple):
    """A conditioning, projected for every layer.

    Attributes:
        tokens: Of each layer the projected tokens with the biases, (B * N, 2C).
        durations: Frames of each token, (B, N); None: one each.
    """

    tokens: Sequence[Tensor]
    durations: Tensor | None


def prepare_rows(
    network: "ProDiffNetwork", tokens: Tensor, durations: Tensor | None
) -> PreparedRows:
    """Project tokens (B, N, cond_channels), which last for ``durations``, (B, N)."""
    projected = project(tokens.flatten(0, 1), network.cond_proj)
    projected = projected + torch.cat([bias_of(layer.conv) for layer in network.layers])
    return PreparedRows(projected.chunk(len(network.layers), dim=1), durations)


def differentiable_rows(
    network: "ProDiffNetwork",
    x_t: Tensor,
    noise_cond: Tensor,
    cond: PreparedRows,
    mask: Tensor | None,
) -> Tensor:
    """`ProDiffNetwork.forward` of a prepared conditioning, with a gradient."""
    rows = _place(network, x_t, cond, mask)
    token_of_row = _token_of_row(cond, rows, x_t.shape[2])
    item_of_row = _item_of_row(rows)
    heard = rows.clear(x_t.new_ones(rows.total, 1))
    steps = network.step_proj(network.step_embedding(noise_cond))
    hidden = project(rows.pack(x_t.transpose(1, 2)), network.in_proj).relu()
    skips = torch.zeros_like(hidden)
    chunks = steps.chunk(len(network.layers), dim=1)
    for layer, step, tokens in zip(network.layers, chunks, cond.tokens, strict=True):
        inputs = (hidden + step.index_select(0, item_of_row)) * heard
        gates = tokens.index_select(0, token_of_row)
        gates = gates + convolve_with_gradient(inputs, layer.conv, rows.gap)
        gate, value = gates.chunk(2, dim=1)
        residual, skip = project(gate.sigmoid() * value.tanh(), layer.out).chunk(2, 1)
        hidden = (hidden + residual) * math.sqrt(0.5)
        skips = skips + skip
    skips = skips / math.sqrt(len(network.layers))
    result = project(project(skips, network.skip_proj).relu(), network.out_proj)
    return rows.unpack(result).transpose(1, 2)


@torch.autocast("cpu", enabled=False)
def evaluate_rows(
    network: "ProDiffNetwork",
    x_t: Tensor,
    noise_cond: Tensor,
    cond: PreparedRows,
    mask: Tensor | None,
) -> Tensor:
    """`ProDiffNetwork.forward` of a prepared conditioning, without a gradient."""
    rows = _place(network, x_t, cond, mask)
    token_of_row = _token_of_row(cond, rows, x_t.shape[2])
    if len(noise_cond) > 1 and (noise_cond == noise_cond[0]).all():
        noise_cond = noise_cond[:1]
    steps = network.step_proj(network.step_embedding(noise_cond))
    steps = steps.view(len(steps), len(network.layers), -1)
    if len(steps) > 1:
        steps = steps[_item_of_row(rows)]
    inputs = project(rows.pack(x_t.transpose(1, 2)), network.in_proj).relu_()
    stream = inputs.to(x_t.dtype) + steps[:, 0]
    skips = torch.zeros_like(stream)
    for i, (layer, tokens) in enumerate(zip(network.layers, cond.tokens, strict=True)):
        gates = tokens.index_select(0, token_of_row)
        gates = convolve(rows.clear(stream), layer.conv, rows.gap, gates)
        gate, value = gates.chunk(2, dim=1)
        gated = gate.sigmoid().mul_(value.tanh())
        shift = None
        if i + 1 < len(network.layers):
            shift = steps[:, i + 1] - math.sqrt(0.5) * steps[:, i]
        stream = _add_outputs(stream, skips, gated, layer.out, shift)
    bias = sum(bias_of(layer.out).chunk(2)[1] for layer in network.layers)
    skips.add_(bias).div_(math.sqrt(len(network.layers)))
    result = project(project(skips, network.skip_proj).relu_(), network.out_proj)
    return rows.unpack(result).transpose(1, 2).to(x_t.dtype)


def _add_outputs(
    stream: Tensor, skips: Tensor, gated: Tensor, out: nn.Conv1d, shift: Tensor | None
) -> Tensor | None:
    """Add a layer's skip output to ``skips`` and return the next layer's input, (R, C).

    Without the biases of the skips. An input is hidden + step, because that is what is
    0 beyond the ends; ``shift`` is what the next one has beyond the halves, None behind
    the last layer.
    """
    half, channels = math.sqrt(0.5), stream.shape[1]
    weight = out.weight[..., 0]
    if weight.dtype != stream.dtype:  # sums stay in the wider type
        products = F.linear(gated, weight).to(stream.dtype)
        skips += products[:, channels:]
        if shift is None:
            return None
        stream = stream.add(products[:, :channels]).mul_(half)
    else:
        skips.addmm_(gated, weight[channels:].t())
        if shift is None:
            return None
        residual = weight[:channels].t()
        stream = torch.addmm(stream, gated, residual, beta=half, alpha=half)
    return stream.add_(shift + half * bias_of(out)[:channels])


def _place(
    network: "ProDiffNetwork", x_t: Tensor, cond: PreparedRows, mask: Tensor | None
) -> Rows:
    """Where the frames of x_t (B, n_mels, L) go."""
    if cond.durations is not None:
        lengths = cond.durations.sum(1).tolist()
    elif mask is not None:
        lengths = mask.sum((1, 2)).long().tolist()
    else:
        lengths = [x_t.shape[2]] * len(x_t)
    gap = max(reach(layer.conv) for layer in network.layers)
    return Rows(lengths, gap, row_multiple(cond.tokens[0].dtype))


def _token_of_row(cond: PreparedRows, rows: Rows, frames: int) -> Tensor:
    """Index of every row's token among ``cond.tokens``; in the gaps any."""
    if cond.durations is None:
        count = len(rows.lengths) * frames
        durations = torch.zeros(len(rows.lengths), frames, dtype=torch.long)
        for row, length in zip(durations, rows.lengths, strict=True):
            row[:length] = 1
    else:
        count, durations = cond.durations.numel(), cond.durations.clone()
    # Each gap goes to the token before it, the first to the first.
    durations[:-1, -1] += rows.gap
    durations[-1, -1] += rows.tail
    durations[0, 0] += rows.gap
    return torch.repeat_interleave(torch.arange(count), durations.flatten())


def _item_of_row(rows: Rows) -> Tensor:
    """Index of every row's utterance; in the gaps any."""
    sizes = torch.tensor(rows.lengths) + rows.gap
    sizes[0] += rows.gap
    sizes[-1] += rows.tail - rows.gap
    return torch.repeat_interleave(torch.arange(len(sizes)), sizes)
