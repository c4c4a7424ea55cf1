"""From predicted durations to frames."""

import torch
from torch import Tensor

from espnet_prodiff.errors import UserError

MAX_FRAMES = 10_000  # of a token, some two minutes


def durations_from_log(
    log_durations: Tensor, lengths: Tensor, length_scale: float = 1.0
) -> Tensor:
    """Round predicted durations to frames (B, N), as ESPnet's FastSpeech2 does.

    Args:
        log_durations: log(frames + 1), (B, N).
        lengths: Tokens of each utterance, (B,); the padding gets 0 frames.
        length_scale: Factor on the durations; above 1 speaks more slowly.

    Raises:
        UserError: If a token would last for more than ``MAX_FRAMES``, or NaN.
    """
    frames = torch.exp(log_durations) - 1
    frames = torch.round(torch.round(frames).clamp(min=0) * length_scale)
    valid = valid_tokens(lengths, frames)
    if not (frames.masked_fill(~valid, 0) <= MAX_FRAMES).all():
        raise UserError(
            f"with alpha {length_scale} a token would last for {frames.max():.3g} "
            f"frames, expected at most {MAX_FRAMES}: take a smaller alpha "
            "(at 1, the model has not learnt to predict durations)"
        )
    frames = frames.long()
    # An utterance predicted to be empty gets one frame a token instead.
    return torch.where((frames * valid).sum(1, keepdim=True) > 0, frames, 1) * valid


def valid_tokens(lengths: Tensor, like: Tensor) -> Tensor:
    """(B,) -> (B, N), true where ``like``, (B, N, ...), has tokens."""
    positions = torch.arange(like.shape[1], device=like.device)
    return positions < lengths.to(like.device)[:, None]
