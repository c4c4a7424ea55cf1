"""From tokens to frames: durations, ranges and Gaussian upsampling."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_prodiff.layers.durations import valid_tokens
from espnet_prodiff.wavegrad2.text_side import reverse_utterances

MIN_RANGE = 1e-2  # frames: a range may shrink, but is divided by


class Resampling(nn.Module):
    """Duration and range predictors of Non-Attentive Tacotron (2010.04301), 3.1.

    Each is two bidirectional LSTM layers and a projection. Padding has no influence.

    Args:
        channels: Channels of the hidden states.
        predictor_channels: Channels of the LSTM layers, both directions together; even.
        dropout: Dropout after each LSTM layer.

    Raises:
        ValueError: If ``predictor_channels`` is odd.
    """

    def __init__(
        self, channels: int, predictor_channels: int = 512, dropout: float = 0.1
    ) -> None:
        super().__init__()
        if predictor_channels % 2 or predictor_channels <= 0:
            raise ValueError(
                "predictor_channels must be a positive even number (half of them for "
                f"each direction of an LSTM), not {predictor_channels}"
            )
        self.duration_predictor = _Predictor(channels, predictor_channels, dropout)
        self.range_predictor = _Predictor(channels + 1, predictor_channels, dropout)

    def log_durations(self, hidden: Tensor, lengths: Tensor) -> Tensor:
        """Predict log(frames + 1) of each token, as ESPnet's DurationPredictor does.

        Args:
            hidden: (B, N, channels).
            lengths: Tokens of each utterance, (B,).

        Returns:
            (B, N), zero in the padding.
        """
        return self.duration_predictor(hidden, lengths)

    def ranges(self, hidden: Tensor, durations: Tensor, lengths: Tensor) -> Tensor:
        """Predict how far each token reaches: the deviation of its Gaussian.

        Args:
            hidden: (B, N, channels).
            durations: Frames of each token, (B, N).
            lengths: Tokens of each utterance, (B,).

        Returns:
            Ranges sigma in frames, (B, N), above 0.
        """
        # NOTE: the paper joins the durations as they are. Their logarithm has the
        # scale of the hidden states, whatever the hop.
        log_durations = torch.log1p(durations.to(hidden.dtype)).unsqueeze(-1)
        inputs = torch.cat([hidden, log_durations], dim=-1)
        return F.softplus(self.range_predictor(inputs, lengths).float()) + MIN_RANGE


class _Predictor(nn.Module):
    """Two bidirectional LSTM layers and a projection to one value a token.

    The directions are LSTMs of their own over unpacked batches, which on a CPU takes a
    quarter of the time of a bidirectional one over packed sequences.
    """

    def __init__(self, in_channels: int, channels: int, dropout: float) -> None:
        super().__init__()
        self.ahead, self.behind = (
            nn.ModuleList(
                nn.LSTM(width, channels // 2, batch_first=True)
                for width in (in_channels, channels)
            )
            for _ in range(2)
        )
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(channels, 1)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """(B, N, in_channels) and (B,) -> (B, N), zero in the padding."""
        for ahead, behind in zip(self.ahead, self.behind, strict=True):
            backward = behind(reverse_utterances(inputs, lengths))[0]
            backward = reverse_utterances(backward, lengths)
            inputs = self.dropout(torch.cat([ahead(inputs)[0], backward], dim=-1))
        return self.projection(inputs).squeeze(-1) * valid_tokens(lengths, inputs)


def gaussian_upsampling(
    hidden: Tensor, durations: Tensor, sigma: Tensor, frames: Tensor
) -> tuple[Tensor, Tensor]:
    """Mix the tokens around every frame: Non-Attentive Tacotron, eq. 1 and 2.

    Token i is a Gaussian with deviation ``sigma_i`` around the middle of its frames,
    c_i = d_1 + ... + d_i - d_i / 2, and its weight at a frame is its share of the sum
    of all Gaussians there. With ``sigma`` to 0 in proportion to ``durations`` this
    repeats each token for its frames.

    NOTE: frame k is taken at its centre, k + 0.5. At the integers that the paper takes,
    frames at a boundary of two tokens lie equally far from both sides' edges.

    Args:
        hidden: (B, N, C).
        durations: Frames of each token, (B, N). A token of none has no weight.
        sigma: Ranges in frames, (B, N), above 0.
        frames: Indices of the wanted frames, (F,) or a row for each utterance, (B, F).
            Outside an utterance the values are finite and mean nothing.

    Returns:
        Weights, (B, F, N), and the mixed hidden states, (B, F, C).
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
