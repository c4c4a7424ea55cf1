"""From tokens to frames: Gaussian upsampling."""

import torch
from torch import Tensor


def gaussian_upsampling(
    hidden: Tensor, durations: Tensor, sigma: Tensor, frames: Tensor
) -> tuple[Tensor, Tensor]:
    """Mix the tokens around every frame: Non-Attentive Tacotron, eq. 1 and 2.

    Token i is a Gaussian with deviation ``sigma_i`` around the middle of its frames,
    c_i = d_1 + ... + d_i - d_i / 2, and its weight at a frame is its share of the sum
    of all Gaussians there. With ``sigma`` to 0 in proportion to ``durations`` this
    repeats each token for its frames. Returns the weights, (B, F, N), and the mixed
    hidden states, (B, F, C).

    NOTE: frame k is taken at its centre, k + 0.5. At the integers that the paper takes,
    frames at a boundary of two tokens lie equally far from both sides' edges.

    Args:
        hidden: (B, N, C).
        durations: Frames of each token, (B, N). A token of none has no weight.
        sigma: Ranges in frames, (B, N), above 0.
        frames: Indices of the wanted frames, (F,) or a row for each utterance, (B, F).
            Outside an utterance the values are finite and mean nothing.
    """
    durations, sigma = durations.float(), sigma.float()
    centres = durations.cumsum(dim=1) - durations / 2
    times = frames.to(durations).expand(len(durations), -1) + 0.5
    distances = (times.unsqueeze(2) - centres.unsqueeze(1)) / sigma.unsqueeze(1)
    log_densities = -0.5 * distances.square() - sigma.log().unsqueeze(1)
    silent = (durations <= 0).unsqueeze(1)
    # The lowest number, not -inf: no NaN where all tokens of an utterance are silent.
    lowest = torch.finfo(log_densities.dtype).min
    weights = log_densities.masked_fill(silent, lowest).softmax(dim=2)
    weights = weights.masked_fill(silent, 0.0)
    return weights, torch.bmm(weights.to(hidden.dtype), hidden)
