"""Training clips: random pieces of waves, cut together with their mel frames."""

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


def check_hop(feats_lengths: Tensor, speech_lengths: Tensor, hop_length: int) -> None:
    """Refuse mels of ``feats_lengths`` (B,) frames that are not of the waves' samples.

    Raises:
        UserError: If the waves would have another number of centred frames.
    """
    expected = speech_lengths // hop_length + 1
    if not (feats_lengths == expected).all():
        raise UserError(
            f"mels of {feats_lengths.tolist()} frames do not belong to waves of "
            f"{speech_lengths.tolist()} samples with a hop of {hop_length} "
            f"(expected {expected.tolist()} frames): hop_length of tts_conf must "
            "be that of feats_extract_conf, with centred windows"
        )


def draw_crops(
    speech: Tensor,
    speech_lengths: Tensor,
    feats: Tensor,
    feats_lengths: Tensor,
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
        speech_lengths: (B,).
        feats: Mels, (B, T_feats, n_mels).
        feats_lengths: (B,).
        crop_frames: Frames of a piece.
        hop_length: Samples of a frame.
        generator: Source of the places; default: torch's own.
    """
    device = speech.device
    # The last frame is cut short by the wave's end: it serves short utterances alone.
    whole_frames = torch.minimum(speech_lengths // hop_length, feats_lengths)
    last_start = (whole_frames - crop_frames).clamp(min=0)
    draws = torch.rand(len(speech), generator=generator, device=device)
    start = torch.minimum((draws * (last_start + 1)).long(), last_start)[:, None]

    frames = start + torch.arange(crop_frames, device=device)
    feats = F.pad(feats, (0, 0, 0, max(0, crop_frames - feats.shape[1])))
    mel = feats.gather(1, frames[:, :, None].expand(-1, -1, feats.shape[2]))
    mel = mel * (frames < feats_lengths[:, None])[:, :, None]

    samples = crop_frames * hop_length
    positions = start * hop_length + torch.arange(samples, device=device)
    speech = F.pad(speech, (0, max(0, samples - speech.shape[1])))
    lengths = torch.minimum(speech_lengths, feats_lengths * hop_length)
    valid = (positions < lengths[:, None]).to(speech.dtype)
    wav = speech.gather(1, positions) * valid
    mask = None if valid.all() else valid[:, None]
    return Crops(wav[:, None], mel.transpose(1, 2), mask, start[:, 0])
