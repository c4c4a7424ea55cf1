"""DiffWave's network evaluated along time: memory for one tile, whatever the length."""

import torch
from torch import Tensor, nn

from espnet_prodiff.common.threads import run_on_threads
from espnet_prodiff.diffwave.half_pass import HalfStackPass
from espnet_prodiff.diffwave.network import DiffWaveNetwork
from espnet_prodiff.diffwave.stack_pass import PackedLayer, StackPass, pack_layers
from espnet_prodiff.diffwave.upsampling import MelUpsampler
from espnet_prodiff.errors import UserError

TILE_LENGTH = {"cpu": 4096, "other": 131072}  # samples; measured, see benchmarks/


class TiledNetwork(nn.Module):
    """A DiffWaveNetwork as a Denoiser's ``network`` at inference.

    Equal to the network itself, at every sample and for any length, without a gradient
    and in bounded memory: only ``x_t``, the mel and the output are kept whole.

    On a CPU with several threads a long wave is cut into a part for each, a margin
    around it: they meet once a step instead of once a product.

    Args:
        network: The network; its current weights are used at each call.
        tile_length: Samples of a tile, at least twice the largest dilation; by default
            what suits the device.

    Raises:
        UserError: If ``tile_length`` is not positive.
    """

    def __init__(
        self, network: DiffWaveNetwork, tile_length: int | None = None
    ) -> None:
        super().__init__()
        if tile_length is not None and tile_length < 1:
            raise UserError(f"tile_length must be positive, but it is {tile_length}")
        self.network = network
        self.tile_length = tile_length

    def prepare_cond(self, cond: Tensor | None) -> Tensor | None:
        """Check the conditioning; a mel is upsampled tile by tile, at every step."""
        self.network.check_cond(cond)
        return cond

    @torch.no_grad()
    def forward(
        self,
        x_t: Tensor,
        noise_cond: Tensor,
        cond: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Apply the network, item by item and tile by tile.

        See `DiffWaveNetwork.forward`; here the mask's padding comes last.
        """
        # Noise levels and sums stay as they are: a half pass rounds what it multiplies.
        device, half = x_t.device.type, None
        if torch.is_autocast_enabled(device):
            half = torch.get_autocast_dtype(device)
        with torch.autocast(device, enabled=False):
            return self._by_item(x_t, noise_cond, cond, mask, half)

    def _by_item(
        self,
        x_t: Tensor,
        noise_cond: Tensor,
        cond: Tensor | None,
        mask: Tensor | None,
        half: torch.dtype | None,
    ) -> Tensor:
        """Apply the network, its products of the type ``half``."""
        network = self.network
        network.check_cond(cond, x_t.shape[-1])
        steps = network.step_proj(network.step_embedding(noise_cond))
        label = mel = None
        if network.label_embedding is not None:
            label = network.label_embedding(cond)
        elif network.upsampler is not None:
            mel = cond
        output = torch.zeros_like(x_t)
        for i, wave in enumerate(x_t):
            valid = wave.shape[-1] if mask is None else int(mask[i].sum())
            layers = pack_layers(network, steps[i], None if label is None else label[i])
            shift = steps[i, : network.in_proj.out_channels]
            frames = None if mel is None else mel[i]
            part = output[i, :, :valid]
            self._evaluate(layers, shift, wave[:, :valid], frames, part, half)
        return output

    def _evaluate(
        self,
        layers: list[PackedLayer],
        first_shift: Tensor,
        wave: Tensor,
        mel: Tensor | None,
        output: Tensor,
        half: torch.dtype | None,
    ) -> None:
        """Evaluate one wave (1, L), on a CPU in a part for each thread."""
        length, hop = wave.shape[-1], self.network.hop_length or 1
        tile = self._tile_length(wave)
        margin = self.network.receptive_field // 2
        if mel is not None:
            margin += MelUpsampler.context * hop
        threads = torch.get_num_threads() if wave.device.type == "cpu" else 1
        parts = min(threads, length // (8 * margin))  # else the margins cost too much

        def stack() -> StackPass:
            parts = (self.network, layers, first_shift, tile)
            return StackPass(*parts) if half is None else HalfStackPass(*parts, half)

        if parts < 2:  # straight into the output: the memory of a tile
            stack().run(wave, mel, output)
            return

        def run(start: int, stop: int) -> None:
            first = max(0, start - margin) // hop * hop
            last = min(length, -(-(stop + margin) // hop) * hop)
            frames = None if mel is None else mel[:, first // hop : -(-last // hop)]
            part = wave.new_empty(1, last - first)
            stack().run(wave[:, first:last], frames, part)
            output[:, start:stop] = part[:, start - first : stop - first]

        run_on_threads(run, [i * length // parts for i in range(parts + 1)], parts)

    def _tile_length(self, wave: Tensor) -> int:
        default = TILE_LENGTH["cpu" if wave.device.type == "cpu" else "other"]
        longest = 2 * max(layer.dilation for layer in self.network.layers)
        return max(self.tile_length or default, longest)
