"""WaveGrad 2's decoder in overlapping windows of frames."""

import torch
from torch import Tensor, nn

from espnet_prodiff.wavegrad2.network import PreparedCond, WaveGradNetwork


class TiledNetwork(nn.Module):
    """Interim."""

    def __init__(self, network: WaveGradNetwork, tile_frames: int = 32) -> None:
        super().__init__()
        self.network, self.tile_frames = network, tile_frames

    def prepare_cond(self, cond: Tensor) -> PreparedCond:
        """Do once what does not depend on the step."""
        return self.network.prepare_cond(cond)

    @torch.no_grad()
    def forward(self, x_t, noise_cond, cond, mask=None):  # noqa: ANN001, ANN201
        """Apply."""
        if not isinstance(cond, PreparedCond):
            cond = self.prepare_cond(cond)
        frames, hop = cond.features.shape[-1], self.network.hop_length
        out = torch.empty_like(x_t)
        for start in range(0, frames, self.tile_frames):
            stop = min(frames, start + self.tile_frames)
            a = max(0, start - self.network.halo)
            b = min(frames, stop + self.network.halo)
            part = self.network(
                x_t[..., a * hop : b * hop],
                noise_cond,
                PreparedCond(cond.features[..., a:b]),
            )
            inner = part[..., (start - a) * hop : (stop - a) * hop]
            out[..., start * hop : stop * hop] = inner
        return out
