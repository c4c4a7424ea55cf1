"""From predicted durations to frames."""

import math

import torch
from torch import Tensor

from espnet_prodiff.errors import InputError, UserError

MAX_FRAMES = 1000  # of a token, some twelve seconds: longer is not learnt yet
MAX_UTTERANCE = 60_000  # some ten minutes; masks of ESPnet take its square in bytes


def durations_from_log(
    log_durations: Tensor,
    lengths: Tensor,
    length_scale: float = 1.0,
    speed: float = 1.0,
) -> Tensor:
    """Round predicted durations to frames (B, N), as ESPnet's FastSpeech2 does.

    A token is some five frames long, so rounding each of them alone misses a wanted
    speed by up to 5 %. What ``speed`` rounds off one token is therefore carried on to
    the next: the whole is as long as it should be, to half a frame.

    Args:
        log_durations: log(frames + 1), (B, N).
        lengths: Tokens of each utterance, (B,); the padding gets 0 frames.
        length_scale: Factor on the durations, ESPnet's alpha: above 1 is slower.
        speed: How many times as fast.

    Raises:
        UserError: If a token would last for more than ``MAX_FRAMES``, or NaN.
    """
    frames = torch.exp(log_durations) - 1
    frames = torch.round(torch.round(frames).clamp(min=0) * length_scale)
    if speed != 1:
        ends = torch.round(frames.double().cumsum(1) / speed)
        frames = torch.diff(ends, dim=1, prepend=ends.new_zeros(len(ends), 1))
    valid = valid_tokens(lengths, frames)
    if not (frames.masked_fill(~valid, 0) <= MAX_FRAMES).all():
        raise UserError(
            f"with alpha {length_scale} and speed {speed} a token would last for "
            f"{frames.max():.3g} frames, expected at most {MAX_FRAMES}: take a smaller "
            "alpha or more speed (at 1, the model has not learnt to predict durations)"
        )
    longest = float(frames.masked_fill(~valid, 0).sum(1).max())
    if longest > MAX_UTTERANCE:
        raise UserError(
            f"with alpha {length_scale} and speed {speed} an utterance would last for "
            f"{longest:.6g} frames, expected at most {MAX_UTTERANCE}: speak its "
            "sentences one by one"
        )
    frames = frames.long()
    # An utterance predicted to be empty gets one frame a token instead.
    return torch.where((frames * valid).sum(1, keepdim=True) > 0, frames, 1) * valid


def check_speed(alpha: float, speed: float) -> None:
    """Refuse factors on durations and speed that are not above 0 (`InputError`)."""
    for name, value in (("alpha", alpha), ("speed", speed)):
        if not 0 < value < math.inf:
            raise InputError(f"{name} must be greater than 0, but it is {value}")


def valid_tokens(lengths: Tensor, like: Tensor) -> Tensor:
    """(B,) -> (B, N), true where ``like``, (B, N, ...), has tokens."""
    positions = torch.arange(like.shape[1], device=like.device)
    return positions < lengths.to(like.device)[:, None]
