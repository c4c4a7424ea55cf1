"""The gated residual stack that ProDiff and DiffWave share (WaveNet's, non-causal)."""

import math
from collections.abc import Iterable

from torch import Tensor, nn

from espnet_prodiff.common.modules import Modules


class ResidualLayer(nn.Module):
    """Dilated convolution with a gate; gives a residual and a skip output.

    Args:
        channels: Channels of the stack.
        kernel_size: Odd kernel size of the convolution.
        dilation: Its dilation.
        cond_channels: Channels of the conditioning, where the layer projects it itself.
    """

    def __init__(
        self, channels: int, kernel_size: int, dilation: int, cond_channels: int = 0
    ) -> None:
        super().__init__()
        self.dilation = dilation
        padding = dilation * (kernel_size - 1) // 2
        self.conv = nn.Conv1d(
            channels, 2 * channels, kernel_size, padding=padding, dilation=dilation
        )
        self.cond_proj = (
            nn.Conv1d(cond_channels, 2 * channels, 1) if cond_channels else None
        )
        self.out = nn.Conv1d(channels, 2 * channels, 1)

    def forward(
        self, hidden: Tensor, step: Tensor, cond: Tensor | None, mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the next hidden states and the skip output, (B, C, L) each.

        Args:
            hidden: (B, C, L).
            step: Projected step embedding, (B, C, 1).
            cond: (B, cond_channels, L), or projected already, (B, 2C, L); length 1
                where it is the same everywhere.
            mask: (B, 1, L), 1 = valid.
        """
        inputs = hidden + step
        if mask is not None:
            inputs = inputs * mask  # padding must look like the edge of the signal
        gated = self.conv(inputs)
        if cond is not None:
            gated = gated + (cond if self.cond_proj is None else self.cond_proj(cond))
        gate, value = gated.chunk(2, dim=1)
        residual, skip = self.out(gate.sigmoid() * value.tanh()).chunk(2, dim=1)
        return (hidden + residual) / math.sqrt(2.0), skip


def run_stack(
    layers: Modules[ResidualLayer],
    hidden: Tensor,
    steps: Tensor,
    conds: Iterable[Tensor | None],
    mask: Tensor | None,
) -> Tensor:
    """Sum of the layers' skip outputs, scaled to the size of one, (B, C, L).

    From the first layer's input (B, C, L), the projected step embedding of all layers
    (B, layers * C), and the conditioning of each, see ``ResidualLayer.forward``.
    """
    skips = hidden.new_zeros(())
    chunks = steps.unsqueeze(-1).chunk(len(layers), dim=1)
    for layer, step, cond in zip(layers, chunks, conds, strict=True):
        hidden, skip = layer(hidden, step, cond, mask)
        skips = skips + skip
    return skips / math.sqrt(len(layers))
