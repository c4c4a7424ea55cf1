"""ProDiff's denoising network: a non-causal, gated residual stack (WaveNet)."""

import math
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_prodiff.common.modules import Modules
from espnet_prodiff.common.residual import ResidualLayer, run_stack
from espnet_prodiff.prodiff.row_network import (
    PreparedRows,
    differentiable_rows,
    evaluate_rows,
    prepare_rows,
)


def on_rows(tensor: Tensor) -> bool:
    """Whether the network runs on rows where a tensor is; elsewhere on channels."""
    return tensor.device.type == "cpu"


class RepeatedCond(NamedTuple):
    """A conditioning that stays the same over the frames of a token.

    Attributes:
        tokens: (B, N, cond_channels).
        durations: Frames of each token, (B, N), integers.
        num_frames: L; None: of the longest, for which a GPU has to be waited for.
    """

    tokens: Tensor
    durations: Tensor
    num_frames: int | None = None

    def at_frames(self) -> Tensor:
        """(B, cond_channels, L), zeros behind the shorter utterances."""
        ends, frames = self.durations.cumsum(1), self.num_frames
        frames = int(ends[:, -1].max()) if frames is None else frames
        places = torch.arange(frames, device=ends.device).repeat(len(ends), 1)
        inside = places < ends[:, -1:]
        token = torch.searchsorted(ends, places, right=True) * inside
        index = token.unsqueeze(2).expand(-1, -1, self.tokens.shape[2])
        repeated = self.tokens.gather(1, index) * inside.unsqueeze(2)
        return repeated.transpose(1, 2)


class StepEmbedding(nn.Module):
    """Sinusoids of the noise condition, then two layers (ProDiff, section 4.2).

    ``channels``, the size of the embedding, is even.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        frequencies = torch.exp(-math.log(10000.0) * torch.arange(half) / (half - 1))
        self.frequencies = nn.Buffer(frequencies, persistent=False)
        first = nn.Linear(channels, 4 * channels)
        self.mlp = nn.Sequential(first, nn.Mish(), nn.Linear(4 * channels, channels))

    def forward(self, noise_cond: Tensor) -> Tensor:
        """Embed (B,) -> (B, channels)."""
        angles = noise_cond[:, None] * self.frequencies
        sinusoids = torch.cat([angles.sin(), angles.cos()], dim=1)
        first = cast(nn.Linear, self.mlp[0])
        return self.mlp(sinusoids.to(first.weight.dtype))


class ProDiffNetwork(nn.Module):
    """``network`` of ProDiff's Denoiser: 20 layers of 256 channels in the paper.

    Args:
        n_mels: Mel bins.
        cond_channels: Channels of the conditioning.
        channels: Channels of the residual stack, even.
        layers: Number of residual layers.
        dilation_cycle: Dilations run 1, 2, 4 ... over so many layers, then start over.
            1 means no dilation, as published.
        kernel_size: Odd kernel size of the convolutions.
    """

    # Serve all layers at once, their rows layer by layer.
    LAYER_MAJOR = ("step_proj", "cond_proj")
    # What a narrower student takes over; the embedding of the step begins anew.
    CHANNEL_AXES = {
        "in_proj": ("hidden", ""),
        "cond_proj": ("gate* gate*", ""),
        "conv": ("gate* gate*", "hidden"),
        "out": ("hidden skip", "gate*"),
        "skip_proj": ("head", "skip"),
        "out_proj": ("", "head"),
    }

    def __init__(
        self,
        n_mels: int,
        cond_channels: int,
        channels: int = 256,
        layers: int = 20,
        dilation_cycle: int = 1,
        kernel_size: int = 3,
    ) -> None:
        super().__init__()
        self.in_proj = nn.Conv1d(n_mels, channels, 1)
        self.step_embedding = StepEmbedding(channels)
        # One product for all layers each: faster than a small one inside every layer.
        self.step_proj = nn.Linear(channels, layers * channels)
        self.cond_proj = nn.Conv1d(cond_channels, layers * 2 * channels, 1)
        self.layers: Modules[ResidualLayer] = Modules(
            ResidualLayer(channels, kernel_size, 2 ** (i % dilation_cycle))
            for i in range(layers)
        )
        self.skip_proj = nn.Conv1d(channels, channels, 1)
        self.out_proj = nn.Conv1d(channels, n_mels, 1)
        # As published. torch's default starts the stack four times as quiet, and it
        # learns more slowly.
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight)
        for parameter in self.out_proj.parameters():
            nn.init.zeros_(parameter)

    def prepare_cond(
        self, cond: Tensor | RepeatedCond
    ) -> tuple[Tensor, ...] | PreparedRows:
        """Project the conditioning for every layer: the same at every step."""
        if isinstance(cond, Tensor):
            tokens, durations = cond.transpose(1, 2), None
        else:
            tokens, durations, _ = cond
        if on_rows(tokens):
            return prepare_rows(self, tokens, durations)
        frames = cond if isinstance(cond, Tensor) else cond.at_frames()
        return self.cond_proj(frames).chunk(len(self.layers), dim=1)

    def forward(
        self,
        x_t: Tensor,
        noise_cond: Tensor,
        cond: Tensor | RepeatedCond | tuple[Tensor, ...] | PreparedRows,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Apply the network, (B, n_mels, L) -> (B, n_mels, L).

        Args:
            x_t: Noisy mel, (B, n_mels, L).
            noise_cond: The noise condition, (B,).
            cond: (B, cond_channels, L), a conditioning of tokens, or what
                ``prepare_cond`` made of it.
            mask: (B, 1, L), 1 = valid.
        """
        if isinstance(cond, Tensor | RepeatedCond):
            cond = self.prepare_cond(cond)
        if isinstance(cond, PreparedRows):
            train = torch.is_grad_enabled()
            forward = differentiable_rows if train else evaluate_rows
            return forward(self, x_t, noise_cond, cond, mask)
        steps = self.step_proj(self.step_embedding(noise_cond))
        hidden = F.relu(self.in_proj(x_t))
        skips = run_stack(self.layers, hidden, steps, cond, mask)
        return self.out_proj(F.relu(self.skip_proj(skips)))
