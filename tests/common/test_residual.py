"""The gated residual layer and its stack, written out in plain torch."""

import math

import pytest
import torch
from torch.nn import functional as F

from espnet_prodiff.common.residual import ResidualLayer, run_stack

B, C, LENGTH, COND = 2, 4, 11, 3


def make_layer(cond_channels=0, dilation=2, seed=0):
    torch.manual_seed(seed)
    return ResidualLayer(C, 3, dilation, cond_channels).double()


def randn(*shape):
    return torch.randn(*shape, dtype=torch.float64)


@pytest.fixture
def inputs():
    torch.manual_seed(1)
    mask = torch.ones(B, 1, LENGTH, dtype=torch.float64)
    mask[1, :, 7:] = 0
    return randn(B, C, LENGTH), randn(B, C, 1), mask


def plain_layer(layer, hidden, step, projected_cond, mask):
    """WaveNet's layer, tap by tap; conditioning (B, 2C, L or 1)."""
    inputs = (hidden + step) * mask
    padded = F.pad(inputs, (layer.dilation, layer.dilation))
    gated = layer.conv.bias[:, None] + projected_cond
    for tap in range(3):
        start = tap * layer.dilation
        part = padded[..., start : start + hidden.shape[-1]]
        gated = gated + layer.conv.weight[..., tap] @ part
    activated = gated[:, :C].sigmoid() * gated[:, C:].tanh()
    out = layer.out.weight[..., 0] @ activated + layer.out.bias[:, None]
    return (hidden + out[:, :C]) / math.sqrt(2), out[:, C:]


@pytest.mark.parametrize("dilation", [1, 2, 4])
@pytest.mark.parametrize("cond_length", [1, LENGTH])
def test_a_layer_projects_its_conditioning(inputs, dilation, cond_length):
    hidden, step, mask = inputs
    layer = make_layer(COND, dilation)
    cond = randn(B, COND, cond_length)
    projected = layer.cond_proj.weight[..., 0] @ cond + layer.cond_proj.bias[:, None]
    expected = plain_layer(layer, hidden, step, projected, mask)
    torch.testing.assert_close(layer(hidden, step, cond, mask), expected)


@pytest.mark.parametrize("cond_length", [1, LENGTH])
def test_a_layer_takes_projected_conditioning(inputs, cond_length):
    hidden, step, mask = inputs
    layer = make_layer()
    assert layer.cond_proj is None
    cond = randn(B, 2 * C, cond_length)
    expected = plain_layer(layer, hidden, step, cond, mask)
    torch.testing.assert_close(layer(hidden, step, cond, mask), expected)


def test_a_layer_needs_neither_conditioning_nor_mask(inputs):
    hidden, step, mask = inputs
    layer = make_layer()
    zeros = torch.zeros(B, 2 * C, 1, dtype=torch.float64)
    expected = plain_layer(layer, hidden, step, zeros, torch.ones_like(mask))
    torch.testing.assert_close(layer(hidden, step, None, None), expected)


def test_a_stack_is_the_scaled_sum_of_the_skip_outputs(inputs):
    hidden, _, mask = inputs
    layers = [make_layer(dilation=2**i, seed=i) for i in range(3)]
    steps, conds = randn(B, 3 * C), [randn(B, 2 * C, LENGTH) for _ in layers]
    skips = 0
    x = hidden
    for i, layer in enumerate(layers):  # the steps' rows are layer by layer
        step = steps[:, i * C : (i + 1) * C, None]
        x, skip = plain_layer(layer, x, step, conds[i], mask)
        skips = skips + skip
    torch.testing.assert_close(
        run_stack(layers, hidden, steps, conds, mask), skips / math.sqrt(3)
    )


def test_a_stack_needs_conditioning_for_every_layer(inputs):
    hidden, _, mask = inputs
    layers = [make_layer(), make_layer()]
    with pytest.raises(ValueError):
        run_stack(layers, hidden, randn(B, 2 * C), [None], mask)
