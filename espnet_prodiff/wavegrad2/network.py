"""WaveGrad 2's decoder: the U-net of WaveGrad, from frames and a noisy wave to noise.

The wave goes down a stack of DBlocks to the frames' rate; the frames go up a stack of
UBlocks to the wave's; at every rate a FiLM layer makes of the wave and of the noise's
level a scale and a shift for the UBlock of that rate.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIZES = ("base", "large")
SLOPE = 0.2  # of every LeakyReLU
ALPHA_SCALE = 5000  # alpha reads like a time of WaveGrad's thousands of steps
# NOTE: in the paper's order; the known implementations reverse it.
UP_DILATIONS = ((1, 2, 1, 2), (1, 2, 1, 2), (1, 2, 4, 8), (1, 2, 4, 8), (1, 2, 4, 8))
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
    """Scale and shift from the wave and from alpha (WaveGrad, section 3.3).

    Args:
        in_channels: Channels of the wave's features, even.
        out_channels: Channels to scale and shift.
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
        """Make scale and shift.

        Args:
            hidden: The wave's features, (B, in_channels, L).
            alpha: (B,).
            mask: (B, 1, L), 1 = valid.

        Returns:
            scale and shift, (B, out_channels, L) each; 0 where the mask is.
        """
        features = activate(self.conv(hidden)) + self.embed(alpha)[..., None]
        features = self.out(masked(features, mask))
        scale, shift = masked(features, mask).chunk(2, dim=1)
        return scale, shift


class UBlock(nn.Module):
    """Upsampling block: two residual blocks of modulated convolutions.

    Args:
        in_channels: Channels that come in.
        out_channels: Channels that leave.
        factor: How many samples a sample becomes.
        dilations: Of the four convolutions; the first is 1.
    """

    def __init__(
        self, in_channels: int, out_channels: int, factor: int, dilations: Sequence[int]
    ) -> None:
        super().__init__()
        self.factor, self.dilations = factor, tuple(dilations)
        self.residual = Conv(in_channels, out_channels, 1)
        self.convs = nn.ModuleList(
            Conv(in_channels if i == 0 else out_channels, out_channels, 3, dilation)
            for i, dilation in enumerate(dilations)
        )

    def forward(self, hidden: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Apply the block.

        Args:
            hidden: (B, in_channels, L).
            scale: (B, out_channels, factor * L).
            shift: Likewise.

        Returns:
            (B, out_channels, factor * L).
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

    Args:
        in_channels: Channels that come in.
        out_channels: Channels that leave.
        factor: Of so many samples one is kept.
    """

    def __init__(self, in_channels: int, out_channels: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.residual = Conv(in_channels, out_channels, 1)
        self.convs = nn.ModuleList(
            Conv(in_channels if i == 0 else out_channels, out_channels, 3, dilation)
            for i, dilation in enumerate(DOWN_DILATIONS)
        )

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        """Apply the block: (B, in_channels, L) -> (B, out_channels, L / factor).

        Args:
            hidden: Zero where the mask is.
            mask: (B, 1, L / factor), 1 = valid.
        """
        if self.factor > 1:
            hidden = hidden[..., :: self.factor].contiguous()
        residual = self.residual(hidden)
        first, *others = self.convs
        inner = first(F.leaky_relu(hidden, SLOPE))
        for conv in others:
            inner = conv(masked(activate(inner), mask))
        return masked(inner + residual, mask)


class PreparedCond(NamedTuple):
    """What ``WaveGradNetwork.prepare_cond`` makes of the frames.

    Attributes:
        features: (B, pre_channels, F).
    """

    features: Tensor


class WaveGradNetwork(nn.Module):
    """``network`` of WaveGrad 2's Denoiser (Chen et al. 2021a, section 3; 2021b).

    The defaults are the paper's; "large" has every block of the U-net twice, the second
    time without resampling and with the same FiLM.

    NOTE: samples are repeated on the way up and left out on the way down, as in the
    paper's figures; some implementations interpolate.

    Args:
        cond_channels: Channels of the frames.
        upsample_factors: Factors of the UBlocks; their product is the hop.
        channels: Channels of the UBlocks.
        in_channels: Channels of the first convolution of the wave.
        pre_channels: Channels of the first convolution of the frames.
        size: "base" or "large".

    Raises:
        ValueError: If a size is not positive, if there are not five blocks, or if
            ``size`` is none of its values.
    """

    def __init__(
        self,
        cond_channels: int,
        upsample_factors: Sequence[int],
        *,
        channels: Sequence[int] = (512, 512, 256, 128, 128),
        in_channels: int = 32,
        pre_channels: int = 768,
        size: str = "base",
    ) -> None:
        super().__init__()
        self.factors, channels = tuple(upsample_factors), tuple(channels)
        _check(cond_channels, self.factors, channels, in_channels, pre_channels, size)
        self.hop_length = math.prod(self.factors)
        twice = size == "large"

        self.cond_proj = Conv(cond_channels, pre_channels, 3)
        self.up_blocks = nn.ModuleList()
        incoming = (pre_channels, *channels)
        for i, (factor, dilations) in enumerate(
            zip(self.factors, UP_DILATIONS, strict=True)
        ):
            out = channels[i]
            blocks = [UBlock(incoming[i], out, factor, dilations)]
            if twice:
                blocks.append(UBlock(out, out, 1, dilations))
            self.up_blocks.append(nn.ModuleList(blocks))
        self.out_proj = Conv(channels[-1], 1, 3)
        # NOTE: zero at first, orthogonal in the paper. FiLM multiplies, so a network
        # that has learnt nothing yet would grow the wave from step to step.
        nn.init.zeros_(self.out_proj.weight)

        self.in_proj = Conv(1, in_channels, 5)
        incoming = (in_channels, *reversed(channels[1:]))
        self.down_blocks = nn.ModuleList()
        for i, factor in enumerate(reversed(self.factors[1:])):
            out = incoming[i + 1]
            blocks = [DBlock(incoming[i], out, factor)]
            if twice:
                blocks.append(DBlock(out, out, 1))
            self.down_blocks.append(nn.ModuleList(blocks))
        self.films = nn.ModuleList(
            FiLM(of, to) for of, to in zip(incoming, reversed(channels), strict=True)
        )

    @property
    def halo(self) -> int:
        """Frames on either side that a sample of the output can depend on."""
        furthest, rate = 0, 1
        up, down = 1, 2  # out_proj, in_proj
        for i, blocks in enumerate(reversed(self.up_blocks)):
            if i:
                rate *= self.factors[-i]
                down += len(self.down_blocks[i - 1]) * sum(DOWN_DILATIONS) * rate
            up += rate * sum(sum(block.dilations) for block in blocks)
            # FiLM has two convolutions; a repeated sample comes from up to rate - 1
            # samples before.
            furthest = max(furthest, up + rate - 1 + 2 * rate + down)
        furthest = max(furthest, up + 2 * self.hop_length - 1)  # the frames' own way
        return -(-furthest // self.hop_length)

    def prepare_cond(self, cond: Tensor) -> PreparedCond:
        """Do what does not depend on the step: the frames' first convolution.

        Args:
            cond: Frames, (B, cond_channels, F), 0 in the padding.

        Raises:
            ValueError: If there are not ``cond_channels`` channels.
        """
        if cond.dim() != 3 or cond.shape[1] != self.cond_proj.in_channels:
            raise ValueError(
                "the frames of this decoder must be of shape (B, "
                f"{self.cond_proj.in_channels}, F), but they are of shape "
                f"{tuple(cond.shape)}"
            )
        return PreparedCond(self.cond_proj(cond))

    def forward(
        self,
        x_t: Tensor,
        noise_cond: Tensor,
        cond: Tensor | PreparedCond,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Apply the network.

        Args:
            x_t: Noisy wave, (B, 1, L), L = F * hop_length.
            noise_cond: alpha, (B,).
            cond: Frames, (B, cond_channels, F), 0 in the padding; or what
                ``prepare_cond`` made of them.
            mask: (B, 1, L), 1 = valid; whole frames, the padding behind.

        Returns:
            Output, (B, 1, L); 0 where the mask is.

        Raises:
            ValueError: If the frames do not fit the network or the wave.
        """
        if not isinstance(cond, PreparedCond):
            cond = self.prepare_cond(cond)
        hidden = cond.features
        self.check_length(x_t, hidden)
        masks, films = [mask], []
        wave = masked(self.in_proj(masked(x_t, mask)), mask)
        films.append(self.films[0](wave, noise_cond, mask))
        for blocks, film in zip(self.down_blocks, self.films[1:], strict=True):
            if mask is not None:
                mask = mask[..., :: blocks[0].factor]
            for block in blocks:
                wave = block(wave, mask)
            masks.append(mask)
            films.append(film(wave, noise_cond, mask))
        if mask is not None:
            hidden = hidden * mask[..., :: self.factors[0]]
        for blocks in self.up_blocks:
            film, mask = films.pop(), masks.pop()
            for block in blocks:
                hidden = masked(block(hidden, *film), mask)
        return masked(self.out_proj(hidden), mask)

    def check_length(self, x_t: Tensor, cond: Tensor) -> None:
        """Refuse a wave (B, 1, L) that is not as long as its frames (B, C, F).

        Raises:
            ValueError: If L is not F * hop_length.
        """
        if x_t.shape[-1] != cond.shape[-1] * self.hop_length:
            raise ValueError(
                f"{cond.shape[-1]} frames of {self.hop_length} samples are "
                f"{cond.shape[-1] * self.hop_length} samples, but the wave has "
                f"{x_t.shape[-1]}"
            )


def _check(
    cond_channels: int,
    factors: tuple[int, ...],
    channels: tuple[int, ...],
    in_channels: int,
    pre_channels: int,
    size: str,
) -> None:
    """Refuse sizes of which no network can be made."""
    if size not in SIZES:
        raise ValueError(f"size must be one of {', '.join(SIZES)}, but it is {size!r}")
    blocks = len(UP_DILATIONS)
    for name, values in (("upsample_factors", factors), ("channels", channels)):
        if len(values) != blocks or min(values) < 1:
            raise ValueError(
                f"{name} must be {blocks} positive numbers, but they are {values}"
            )
    if min(cond_channels, pre_channels) < 1:
        raise ValueError(
            "cond_channels and pre_channels must be positive, but they are "
            f"{cond_channels} and {pre_channels}"
        )
    for value in (in_channels, *channels[1:]):
        if value < 2 or value % 2:
            raise ValueError(
                "in_channels and all channels but the first must be even (sinusoids "
                "of alpha are added to them: sines and cosines), but they are "
                f"{in_channels} and {channels}"
            )
