"""The network of the spectral vocoder: ConvNeXt blocks at the frame rate.

The body is that of Vocos (Siuzdak 2023, 2306.00814), whose blocks are ConvNeXt's
(Liu et al. 2022, 2201.03545) in one dimension.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_prodiff.common.modules import Modules

KERNEL = 7
EXPANSION = 3


class ConvNeXtBlock(nn.Module):
    """A convolution of each channel over time, then two layers over the channels.

    Args:
        channels: Of input and output.
        layer_scale: First factor on what the block adds.
    """

    def __init__(self, channels: int, layer_scale: float) -> None:
        super().__init__()
        self.over_time = nn.Conv1d(
            channels, channels, KERNEL, padding=KERNEL // 2, groups=channels
        )
        self.norm = nn.LayerNorm(channels)
        self.expand = nn.Linear(channels, EXPANSION * channels)
        self.contract = nn.Linear(EXPANSION * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), layer_scale))

    def forward(self, x: Tensor) -> Tensor:
        """Add to x (B, F, channels)."""
        y = self.over_time(x.transpose(1, 2)).transpose(1, 2)
        y = self.norm(y).to(self.expand.weight.dtype)  # which may be of half precision
        y = self.contract(F.gelu(self.expand(y)))
        return x + self.scale * y


class SpectralNetwork(nn.Module):
    """From log-mels to values for every bin of the spectrum.

    Args:
        n_mels: Mel channels.
        bins: Of the spectrum, n_fft / 2 + 1.
        heads: Values for each bin.
        channels: Of the blocks.
        layers: Blocks.

    Attributes:
        context: Frames before and after a frame that it depends on.
    """

    def __init__(
        self, n_mels: int, bins: int, heads: int, channels: int, layers: int
    ) -> None:
        super().__init__()
        self.bins = bins
        self.embed = nn.Conv1d(n_mels, channels, KERNEL, padding=KERNEL // 2)
        self.first_norm = nn.LayerNorm(channels)
        # So that the sum of all blocks starts as large as x (Vocos: 1 / layers).
        blocks = (ConvNeXtBlock(channels, 1 / layers) for _ in range(layers))
        self.layers: Modules[ConvNeXtBlock] = Modules(blocks)
        self.last_norm = nn.LayerNorm(channels)
        self.out = nn.Linear(channels, heads * bins)
        nn.init.normal_(self.out.weight, std=0.01)
        nn.init.zeros_(self.out.bias)
        self.context = KERNEL // 2 * (layers + 1)

    def forward(self, log_mel: Tensor) -> Tensor:
        """Return (B, heads, F, bins) for log_mel (B, F, n_mels)."""
        x = self.embed(log_mel.transpose(1, 2)).transpose(1, 2)
        x = self.first_norm(x)
        for layer in self.layers:
            x = layer(x)
        x = self.out(self.last_norm(x).to(self.out.weight.dtype))
        return x.unflatten(-1, (-1, self.bins)).transpose(1, 2)

    def product_layers(self) -> list[nn.Module]:
        """Layers that may be of half precision; what they add up to stays as it is."""
        pairs = ((x.expand, x.contract) for x in self.layers)
        return [*(layer for pair in pairs for layer in pair), self.out]
