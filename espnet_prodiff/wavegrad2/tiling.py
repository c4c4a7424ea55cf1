"""WaveGrad 2's decoder along time in overlapping tiles: bounded memory at any length.

A tile is evaluated with ``halo`` frames on either side that are thrown away: what its
own samples depend on. With the default tile the halo costs a tenth of the time.
"""

import torch
from torch import Tensor, nn

from espnet_prodiff.common.threads import run_on_threads
from espnet_prodiff.errors import UserError
from espnet_prodiff.wavegrad2.network import PreparedCond, WaveGradNetwork

TILE_SAMPLES = {"cpu": 32768, "other": 262144}  # "cpu" is measured


class TiledNetwork(nn.Module):
    """A WaveGradNetwork as a Denoiser's ``network`` at inference.

    Equal to the network itself, at every sample and for any length, without a gradient
    and in bounded memory: only ``x_t``, the frames and the output are kept whole.

    On a CPU with several threads each takes tiles of its own (a tile in memory for
    each): they meet once a step instead of at every convolution.

    Args:
        network: The network; its current weights are used at each call.
        tile_frames: Frames of a tile without its halo; by default what suits the
            device.

    Raises:
        UserError: If ``tile_frames`` is not positive.
    """

    def __init__(
        self, network: WaveGradNetwork, tile_frames: int | None = None
    ) -> None:
        super().__init__()
        if tile_frames is not None and tile_frames < 1:
            raise UserError(f"tile_frames must be positive, but it is {tile_frames}")
        self.network = network
        self.tile_frames = tile_frames

    def prepare_cond(self, cond: Tensor) -> PreparedCond:
        """Do what does not depend on the step, as the network does."""
        return self.network.prepare_cond(cond)

    @torch.no_grad()
    def forward(
        self,
        x_t: Tensor,
        noise_cond: Tensor,
        cond: Tensor | PreparedCond,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Apply the network by item and tile: see `WaveGradNetwork.forward`."""
        network, hop = self.network, self.network.hop_length
        if not isinstance(cond, PreparedCond):
            cond = network.prepare_cond(cond)
        network.check_length(x_t, cond.features)
        output = torch.zeros_like(x_t)
        for i in range(len(x_t)):
            frames = cond.features.shape[-1]
            if mask is not None:
                frames = int(mask[i].sum()) // hop
            item, samples = slice(i, i + 1), slice(0, frames * hop)
            features = cond.features[item, :, :frames]
            wave, part = x_t[item, :, samples], output[item, :, samples]
            self._evaluate(wave, noise_cond[item], features, part)
        return output

    def _evaluate(
        self, wave: Tensor, alpha: Tensor, features: Tensor, output: Tensor
    ) -> None:
        """Evaluate one wave (1, 1, L), on a CPU in tiles for each thread."""
        network, hop = self.network, self.network.hop_length
        on_cpu, frames = wave.device.type == "cpu", features.shape[-1]
        tile = self.tile_frames or TILE_SAMPLES["cpu" if on_cpu else "other"] // hop
        tiles = -(-frames // max(tile, 1))
        threads = torch.get_num_threads() if on_cpu else 1
        parts = min(threads, frames // (8 * network.halo))  # else the halos cost much
        if parts > 1:
            tiles = -(-tiles // parts) * parts  # as many for each

        def run(start: int, stop: int) -> None:
            first = max(start - network.halo, 0)
            last = min(stop + network.halo, frames)
            cond = PreparedCond(features[..., first:last])
            part = network(wave[..., first * hop : last * hop], alpha, cond)
            kept = part[..., (start - first) * hop : (stop - first) * hop]
            output[..., start * hop : stop * hop] = kept

        bounds = [k * frames // tiles for k in range(tiles + 1)] if tiles else []
        run_on_threads(run, bounds, parts)
