"""Blocks of the WaveGrad decoder: convolution, FiLM, UBlock and DBlock.

All of them keep padding out: where a mask is given, every convolution sees zeros there,
as it would behind the end of the signal.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_prodiff.common.modules import Modules

SLOPE = 0.2  # of every LeakyReLU
ALPHA_SCALE = 5000  # alpha reads like a time of WaveGrad's thousands of steps
DOWN_DILATIONS = (1, 2, 4)


class Conv(nn.Conv1d):
    """Convolution that keeps the length; orthogonal weights, no bias at first."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, dilation: int = 1
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            padding=dilation * (kernel_size // 2),
            dilation=dilation,
        )

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        nn.init.orthogonal_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)


def activate(hidden: Tensor) -> Tensor:
    """LeakyReLU in the place of a result that nothing else needs."""
    return F.leaky_relu_(hidden, SLOPE)


def modulate(hidden: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """LeakyReLU of scale * hidden + shift (WaveGrad, section 3.3)."""
    return activate(torch.addcmul(shift, scale, hidden))


def masked(hidden: Tensor, mask: Tensor | None) -> Tensor:
    """Make padding zero: a convolution must see it as the end of the signal."""
    return hidden if mask is None else hidden * mask


def repeat(hidden: Tensor, factor: int) -> Tensor:
    """Give every sample ``factor`` times: (B, C, L) -> (B, C, factor * L)."""
    return hidden if factor == 1 else hidden.repeat_interleave(factor, dim=-1)


class FiLM(nn.Module):
    """Scale and shift of UBlocks from the wave and alpha (WaveGrad, section 3.3).

    The wave's features have ``in_channels``, an even number.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = Conv(in_channels, in_channels, 3)
        self.out = Conv(in_channels, 2 * out_channels, 3)  # both in one convolution
        for half in self.out.weight.data.chunk(2):
            nn.init.orthogonal_(half)

    def embed(self, alpha: Tensor) -> Tensor:
        """Sinusoids of 5000 alpha: (B,) -> (B, in_channels)."""
        half = self.conv.out_channels // 2
        exponents = torch.arange(half, dtype=alpha.dtype, device=alpha.device) / half
        angles = ALPHA_SCALE * alpha[:, None] * 1e-4**exponents
        return torch.cat([angles.sin(), angles.cos()], dim=1)

    def forward(
        self, hidden: Tensor, alpha: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Make scale and shift, (B, out_channels, L) each; 0 where the mask is.

        Args:
            hidden: The wave's features, (B, in_channels, L).
            alpha: (B,).
            mask: (B, 1, L), 1 = valid.
        """
        features = activate(self.conv(hidden))
        features = features + self.embed(alpha)[..., None].to(features.dtype)
        features = self.out(masked(features, mask))
        scale, shift = masked(features, mask).chunk(2, dim=1)
        return scale, shift


class UBlock(nn.Module):
    """Upsampling block: two residual blocks of modulated convolutions.

    A sample becomes ``factor`` samples. The first of the four dilations is 1.
    """

    def __init__(
        self, in_channels: int, out_channels: int, factor: int, dilations: Sequence[int]
    ) -> None:
        super().__init__()
        self.factor, self.dilations = factor, tuple(dilations)
        self.residual = Conv(in_channels, out_channels, 1)
        self.convs: Modules[Conv] = Modules(
            Conv(in_channels if i == 0 else out_channels, out_channels, 3, dilation)
            for i, dilation in enumerate(dilations)
        )

    def forward(self, hidden: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Apply the block, (B, in_channels, L) -> (B, out_channels, factor * L).

        Scale and shift are of the shape of the result.
        """
        first, second, third, fourth = self.convs
        # A sample alone meets a convolution of one tap: it is repeated afterwards.
        residual = repeat(self.residual(hidden), self.factor)
        inner = self.upsample(first, F.leaky_relu(hidden, SLOPE))
        hidden = second(modulate(inner, scale, shift)) + residual
        inner = third(modulate(hidden, scale, shift))
        return hidden + fourth(modulate(inner, scale, shift))

    def upsample(self, conv: Conv, hidden: Tensor) -> Tensor:
        """``conv(repeat(hidden, factor))`` in three products a sample that comes in.

        Of equal neighbours the three taps see the sum of the weights; the first and the
        last of the repeated samples see the difference to the next sample besides.
        """
        factor = self.factor
        if factor == 1:
            return conv(hidden)
        before, _, after = conv.weight.split(1, dim=-1)
        middle = F.conv1d(hidden, conv.weight.sum(-1, keepdim=True), conv.bias)
        step = F.pad(hidden, (0, 1)) - F.pad(hidden, (1, 0))  # L + 1 steps
        edges = F.conv1d(step, torch.cat([-before, after]))
        begin, end = edges.chunk(2, dim=1)
        samples = [middle] * factor
        samples[0] = middle + begin[..., :-1]
        samples[-1] = middle + end[..., 1:]
        return torch.stack(samples, dim=-1).flatten(-2)


class DBlock(nn.Module):
    """Downsampling block: a residual block of three convolutions.

    Of ``factor`` samples one is kept.
    """

    def __init__(self, in_channels: int, out_channels: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.residual = Conv(in_channels, out_channels, 1)
        self.convs: Modules[Conv] = Modules(
            Conv(in_channels if i == 0 else out_channels, out_channels, 3, dilation)
            for i, dilation in enumerate(DOWN_DILATIONS)
        )

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        """Apply the block: (B, in_channels, L) -> (B, out_channels, L / factor).

        ``hidden`` is zero where the mask, (B, 1, L / factor), 1 = valid, is.
        """
        if self.factor > 1:
            hidden = hidden[..., :: self.factor].contiguous()
        residual = self.residual(hidden)
        first, *others = self.convs
        inner = first(F.leaky_relu(hidden, SLOPE))
        for conv in others:
            inner = conv(masked(activate(inner), mask))
        return masked(inner + residual, mask)
