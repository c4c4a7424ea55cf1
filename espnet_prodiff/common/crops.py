"""Training clips: random pieces of waves, cut together with their mel frames."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from espnet_prodiff.errors import UserError


class Crops(NamedTuple):
    """Pieces of equal length.

    Attributes:
        wav: Samples, (B, 1, crop_frames * hop); zeros behind a wave's end.
        mel: Frames, (B, n_mels, crop_frames); zeros behind a mel's end.
        mask: (B, 1, crop_frames * hop), 1 = valid, or None where all is valid.
        start: First frame of each, (B,).
    """

    wav: Tensor
    mel: Tensor
    mask: Tensor | None
    start: Tensor


def check_hop(frames: Sequence[int], samples: Sequence[int], hop_length: int) -> None:
    """Refuse mels of so many frames that are not of waves of so many samples.

    Raises:
        UserError: If the waves would have another number of centred frames.
    """
    expected = [number // hop_length + 1 for number in samples]
    if list(frames) != expected:
        raise UserError(
            f"mels of {frames} frames do not belong to waves of {samples} samples with "
            f"a hop of {hop_length} (expected {expected} frames): hop_length of "
            "tts_conf must be that of feats_extract_conf, with centred windows"
        )


def draw_crops(
    speech: Tensor,
    samples: Sequence[int],
    feats: Tensor,
    frames: Sequence[int],
    crop_frames: int,
    hop_length: int,
    generator: torch.Generator | None = None,
) -> Crops:
    """Cut a random piece out of every utterance, waves and mels at the same place.

    ESPnet centres its windows: frame k is the spectrum around sample ``k * hop``, and
    a wave has ``samples // hop + 1`` frames. So frame k stands for the samples from
    ``k * hop`` on. An utterance shorter than a piece is taken whole and padded.

    Args:
        speech: (B, T_wav).
        samples: Of each wave, B; numbers, so that no GPU is waited for.
        feats: Mels, (B, T_feats, n_mels).
        frames: Of each mel, B.
        crop_frames: Frames of a piece.
        hop_length: Samples of a frame.
        generator: Source of the places; default: torch's own.
    """
    device = speech.device
    # The last frame is cut short by the wave's end: it serves short utterances alone.
    lengths = list(zip(samples, frames, strict=True))
    whole_frames = [min(wave // hop_length, mel) for wave, mel in lengths]
    last_start = [max(0, whole - crop_frames) for whole in whole_frames]
    ends = [min(wave, mel * hop_length) for wave, mel in lengths]
    numbers = torch.tensor([last_start, ends, list(frames)]).to(device)
    last_start, ends, bounds = numbers.unsqueeze(2)
    draws = torch.rand(len(speech), generator=generator, device=device)
    start = torch.minimum((draws[:, None] * (last_start + 1)).long(), last_start)

    places = start + torch.arange(crop_frames, device=device)
    feats = F.pad(feats, (0, 0, 0, max(0, crop_frames - feats.shape[1])))
    mel = feats.gather(1, places[:, :, None].expand(-1, -1, feats.shape[2]))
    mel = mel * (places < bounds)[:, :, None]

    length = crop_frames * hop_length
    positions = start * hop_length + torch.arange(length, device=device)
    speech = F.pad(speech, (0, max(0, length - speech.shape[1])))
    valid = (positions < ends).to(speech.dtype)
    wav = speech.gather(1, positions) * valid
    mask = None if min(whole_frames) >= crop_frames else valid[:, None]
    return Crops(wav[:, None], mel.transpose(1, 2), mask, start[:, 0])
