"""The channels of a network that a narrower one takes over."""

from collections.abc import Mapping

import torch
from torch import Tensor

# What the channels along the two axes of a module's weight are, outputs and inputs, by
# the last part of its name: "gate* gate*" are two halves with the same channels. "*":
# each layer has its own. "": not of the network's width.
ChannelAxes = Mapping[str, tuple[str, str]]


def narrowed(
    weights: Mapping[str, Tensor],
    shapes: Mapping[str, torch.Size],
    axes: ChannelAxes,
) -> dict[str, Tensor]:
    """Cut weights down to the channels that do most.

    A channel's part is the energy of the weights that write it times that of those that
    read it. The kept ones stay in their order, so that a cut network computes what the
    whole one would, were the other channels silent.

    Args:
        weights: Weights and biases by their names in one network of residual layers
            ``layers.<i>``.
        shapes: The narrower shapes of those with an entry in ``axes``.
        axes: See ``ChannelAxes``.

    Returns:
        Those weights and biases, cut.
    """
    names = [name for name in weights if _module(name) in axes and name in shapes]
    energies: dict[tuple[str, str], list[Tensor]] = {}
    counts: dict[tuple[str, str], int] = {}
    for name in (name for name in names if name.endswith(".weight")):
        for axis, channels in enumerate(_channels(name, axes)):
            others = [i for i in range(weights[name].dim()) if i != axis]
            energy = weights[name].double().square().sum(others)
            parts = energy.chunk(len(channels)) if channels else ()
            for key, part in zip(channels, parts, strict=True):
                by_axis = energies.setdefault(key, [torch.zeros_like(part)] * 2)
                by_axis[axis] = by_axis[axis] + part
                counts[key] = shapes[name][axis] // len(channels)
    kept = {
        key: (written * read).topk(counts[key]).indices.sort().values
        for key, (written, read) in energies.items()
    }
    cut = {}
    for name in names:
        weight = weights[name]
        for axis, channels in enumerate(_channels(name, axes)[: weight.dim()]):
            if channels:
                width = weight.shape[axis] // len(channels)
                rows = [kept[key] + i * width for i, key in enumerate(channels)]
                weight = weight.index_select(axis, torch.cat(rows))
        cut[name] = weight
    return cut


def _module(name: str) -> str:
    return name.split(".")[-2]


def _channels(name: str, axes: ChannelAxes) -> list[list[tuple[str, str]]]:
    """Along each axis the kinds of channels, each with its layer if it has one."""
    layer = name.split(".")[1] if name.startswith("layers.") else ""
    return [
        [(kind, layer if kind.endswith("*") else "") for kind in kinds.split()]
        for kinds in axes[_module(name)]
    ]
