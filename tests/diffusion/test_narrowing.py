"""Which channels a narrower network takes over, by hand."""

import torch

from espnet_prodiff.diffusion.narrowing import narrowed

AXES = {"first": ("hidden", ""), "middle": ("gate*", "hidden"), "last": ("", "gate*")}


def test_channels_are_kept_by_what_writes_and_reads_them_in_all_layers():
    weights = {
        "first.weight": torch.tensor([[1.0], [2.0], [3.0]]),
        "first.bias": torch.tensor([1.0, 2.0, 3.0]),
        # Their columns, which read the hidden channels, have energies of 48, 3, 0 and
        # 0, 12, 3: of 1 * 48, 4 * 15 and 9 * 3 the first two are the largest.
        "layers.0.middle.weight": torch.tensor([4.0, 1.0, 0.0]).repeat(3, 1),
        "layers.1.middle.weight": torch.tensor([0.0, 2.0, 1.0]).repeat(3, 1),
        # A layer's own channels: 0 and 2 are read in one, 1 and 2 in the other.
        "layers.0.last.weight": torch.tensor([[3.0, 0.0, 1.0]]),
        "layers.1.last.weight": torch.tensor([[0.0, 2.0, 1.0]]),
        "other.weight": torch.ones(3, 3),
    }
    shapes = {
        "first.weight": torch.Size([2, 1]),
        "first.bias": torch.Size([2]),
        "layers.0.middle.weight": torch.Size([2, 2]),
        "layers.1.middle.weight": torch.Size([2, 2]),
        "layers.0.last.weight": torch.Size([1, 2]),
        "layers.1.last.weight": torch.Size([1, 2]),
    }
    cut = {
        name: weight.tolist()
        for name, weight in narrowed(weights, shapes, AXES).items()
    }
    assert cut == {
        "first.weight": [[1], [2]],
        "first.bias": [1, 2],
        "layers.0.middle.weight": [[4, 1], [4, 1]],
        "layers.1.middle.weight": [[0, 2], [0, 2]],
        "layers.0.last.weight": [[3, 1]],
        "layers.1.last.weight": [[2, 1]],
    }
