"""From mel frames to samples: two learned transposed convolutions."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_prodiff.common.modules import Modules
from espnet_prodiff.errors import UserError

SLOPE = 0.4  # of the leaky ReLUs (DiffWave, app. D)
FREQUENCIES = 3  # mel bins under a kernel


def upsampling_factors(hop_length: int) -> tuple[int, int]:
    """Split a hop into two factors as equal as possible, the smaller first.

    256 = 16 x 16 (the paper's), 275 = 11 x 25, 300 = 15 x 20, 320 = 16 x 20,
    512 = 16 x 32.

    Raises:
        UserError: If the hop is no such product: not a whole number, below 4 or prime.
    """
    if isinstance(hop_length, bool) or not isinstance(hop_length, int):
        raise UserError(f"hop_length must be an integer, but it is {hop_length!r}")
    if hop_length < 4:
        raise UserError(f"hop_length must be at least 4, but it is {hop_length}")
    for smaller in range(math.isqrt(hop_length), 1, -1):
        if hop_length % smaller == 0:
            return smaller, hop_length // smaller
    raise UserError(
        f"hop_length must be a product of two whole numbers above 1, because two "
        f"convolutions upsample the mel, but {hop_length} is prime: use "
        f"{hop_length - 1} or {hop_length + 1}"
    )


class UpsamplingStage(nn.Module):
    """Transposed 2-D convolution of one channel: kernel (3, 2 s), stride (1, s).

    An output sample sees two frames, and s samples in a row see the same two. So the
    layer is computed as a plain convolution over two frames that gives s samples at
    once: the same function and parameters, without the large intermediate result.
    """

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride
        # Filter r gives the samples r, stride + r, 2 stride + r ...
        self.weight = nn.Parameter(torch.empty(stride, 1, FREQUENCIES, 2))
        self.bias = nn.Parameter(torch.zeros(1))
        nn.init.kaiming_normal_(self.weight, SLOPE)

    def forward(self, frames: Tensor) -> Tensor:
        """Upsample (B, 1, n_mels, T) -> (B, 1, n_mels, T * stride)."""
        padding = (FREQUENCIES // 2, 1)
        bias = self.bias.expand(self.stride)
        phases = F.conv2d(frames, self.weight, bias, padding=padding)
        samples = phases.permute(0, 2, 3, 1).flatten(2)  # (B, n_mels, (T + 1) * stride)
        # Half a kernel beyond either end is not part of the signal.
        start = (self.stride + 1) // 2
        stop = start + frames.shape[-1] * self.stride
        return samples[:, None, :, start:stop]


class MelUpsampler(nn.Module):
    """Upsample a mel by the hop (DiffWave, section 5.1: 16 x 16, kernels 3 x 32).

    Raises:
        UserError: If the hop has no two factors.
    """

    context = 2  # frames to either side that reach the samples of a frame

    def __init__(self, hop_length: int) -> None:
        super().__init__()
        self.hop_length = hop_length
        self.stages: Modules[UpsamplingStage] = Modules(
            UpsamplingStage(stride) for stride in upsampling_factors(hop_length)
        )

    def forward(self, mel: Tensor, mask: Tensor | None = None) -> Tensor:
        """Upsample (B, n_mels, F) -> (B, n_mels, F * hop).

        With a mask of valid samples, (B, 1, F * hop), 1 = valid, whole frames, the
        padding looks to every stage like the end of the mel.
        """
        hidden = mel.unsqueeze(1)
        remaining = self.hop_length
        for stage in self.stages:
            if mask is not None:
                hidden = hidden * mask[:, :, None, ::remaining]
            hidden = F.leaky_relu(stage(hidden), SLOPE)
            remaining //= stage.stride
        return hidden.squeeze(1)
