"""Duration and range predictors of WaveGrad 2."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_prodiff.common.durations import valid_tokens
from espnet_prodiff.errors import UserError
from espnet_prodiff.wavegrad2.encoder import reverse_utterances

MIN_RANGE = 1e-2  # frames. NOTE: ours; a range may shrink, but is divided by


class Predictors(nn.Module):
    """Duration and range predictors of Non-Attentive Tacotron (2010.04301), 3.1.

    Each is two bidirectional LSTM layers of ``predictor_channels``, both directions
    together, with dropout, and a projection. Padding has no influence.

    Raises:
        UserError: If ``predictor_channels`` is odd.
    """

    def __init__(
        self, channels: int, predictor_channels: int = 512, dropout: float = 0.1
    ) -> None:
        super().__init__()
        if predictor_channels % 2 or predictor_channels <= 0:
            raise UserError(
                "predictor_channels must be a positive even number (half of them for "
                f"each direction of an LSTM), not {predictor_channels}"
            )
        self.duration_predictor = _Predictor(channels, predictor_channels, dropout)
        self.range_predictor = _Predictor(channels + 1, predictor_channels, dropout)

    def log_durations(self, hidden: Tensor, lengths: Tensor) -> Tensor:
        """Predict log(frames + 1) of each token, as ESPnet's DurationPredictor does.

        Hidden states (B, N, channels) and numbers of tokens (B,) -> (B, N), zero in the
        padding.
        """
        return self.duration_predictor(hidden, lengths)

    def ranges(self, hidden: Tensor, durations: Tensor, lengths: Tensor) -> Tensor:
        """Predict how far each token reaches: the deviation of its Gaussian.

        Hidden states (B, N, channels), frames of each token (B, N) and numbers of
        tokens (B,) -> ranges sigma in frames, (B, N), above 0.
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
