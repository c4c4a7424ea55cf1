"""WaveGrad 2's decoder: the U-net of WaveGrad, from frames and a noisy wave to noise.

The wave goes down a stack of DBlocks to the frames' rate; the frames go up a stack of
UBlocks to the wave's; at every rate a FiLM layer makes of the wave and of alpha a scale
and a shift for the UBlock of that rate.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from espnet_prodiff.common.modules import Modules
from espnet_prodiff.errors import UserError, check_choice
from espnet_prodiff.wavegrad2.blocks import (
    DOWN_DILATIONS,
    Conv,
    DBlock,
    FiLM,
    UBlock,
    masked,
)

SIZES = ("base", "large")
# In the paper's order; some implementations reverse it.
UP_DILATIONS = ((1, 2, 1, 2), (1, 2, 1, 2), (1, 2, 4, 8), (1, 2, 4, 8), (1, 2, 4, 8))


class PreparedCond(NamedTuple):
    """The frames after ``WaveGradNetwork.prepare_cond``, (B, pre_channels, F)."""

    features: Tensor


class WaveGradNetwork(nn.Module):
    """``network`` of WaveGrad 2's Denoiser (Chen et al. 2021a, section 3; 2021b).

    The defaults are the paper's; "large" has every block of the U-net twice, the second
    time without resampling and with the same FiLM.

    NOTE: resampling is by the nearest sample: samples are repeated on the way up and
    left out on the way down; some implementations interpolate.

    Args:
        cond_channels: Channels of the frames.
        upsample_factors: Factors of the UBlocks; their product is the hop.
        channels: Channels of the UBlocks.
        in_channels: Channels of the first convolution of the wave.
        pre_channels: Channels of the first convolution of the frames.
        size: "base" or "large".

    Raises:
        UserError: If a size is not positive, if there are not five blocks, or if
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
        self.up_blocks: Modules[Modules[UBlock]] = Modules()
        incoming = (pre_channels, *channels)
        for i, (factor, dilations) in enumerate(
            zip(self.factors, UP_DILATIONS, strict=True)
        ):
            out = channels[i]
            blocks = [UBlock(incoming[i], out, factor, dilations)]
            if twice:
                blocks.append(UBlock(out, out, 1, dilations))
            self.up_blocks.append(Modules(blocks))
        self.out_proj = Conv(channels[-1], 1, 3)

        self.in_proj = Conv(1, in_channels, 5)
        incoming = (in_channels, *reversed(channels[1:]))
        self.down_blocks: Modules[Modules[DBlock]] = Modules()
        for i, factor in enumerate(reversed(self.factors[1:])):
            out = incoming[i + 1]
            down = [DBlock(incoming[i], out, factor)]
            if twice:
                down.append(DBlock(out, out, 1))
            self.down_blocks.append(Modules(down))
        self.films: Modules[FiLM] = Modules(
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

        Raises:
            UserError: If ``cond`` does not have ``cond_channels`` channels.
        """
        shape = None if cond is None else tuple(cond.shape)
        if shape is None or len(shape) != 3 or shape[1] != self.cond_proj.in_channels:
            raise UserError(
                "the frames of this decoder must be of shape (B, "
                f"{self.cond_proj.in_channels}, F), but they are {shape}"
            )
        return PreparedCond(self.cond_proj(cond))

    def forward(
        self,
        x_t: Tensor,
        noise_cond: Tensor,
        cond: Tensor | PreparedCond,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Apply the network to a wave (B, 1, L) -> (B, 1, L); 0 where the mask is.

        Args:
            x_t: Noisy wave, (B, 1, L), L = F * hop_length.
            noise_cond: alpha, (B,).
            cond: Frames, (B, cond_channels, F), 0 in the padding; or what
                ``prepare_cond`` made of them.
            mask: (B, 1, L), 1 = valid; whole frames, the padding behind.

        Raises:
            UserError: If the frames do not fit the network or the wave.
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
        for ups in self.up_blocks:
            modulation, mask = films.pop(), masks.pop()
            for up in ups:
                hidden = masked(up(hidden, *modulation), mask)
        return masked(self.out_proj(hidden), mask)

    def check_length(self, x_t: Tensor, cond: Tensor) -> None:
        """Refuse a wave (B, 1, L) that is not as long as its frames (B, C, F).

        Raises:
            UserError: If L is not F * hop_length.
        """
        if x_t.shape[-1] != cond.shape[-1] * self.hop_length:
            raise UserError(
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
    check_choice("size", size, SIZES)
    blocks = len(UP_DILATIONS)
    for name, values in (("upsample_factors", factors), ("channels", channels)):
        if len(values) != blocks or min(values) < 1:
            raise UserError(
                f"{name} must be {blocks} positive numbers, but they are {values}"
            )
    if min(cond_channels, pre_channels) < 1:
        raise UserError(
            "cond_channels and pre_channels must be positive, but they are "
            f"{cond_channels} and {pre_channels}"
        )
    for value in (in_channels, *channels[1:]):
        if value < 2 or value % 2:
            raise UserError(
                "in_channels and all channels but the first must be even (sinusoids "
                "of alpha are added to them: sines and cosines), but they are "
                f"{in_channels} and {channels}"
            )
