"""Inference of ProDiff: text to mel in a few denoising steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from espnet_prodiff.common.durations import check_speed, durations_from_log
from espnet_prodiff.common.model import Callback
from espnet_prodiff.common.padding import UtteranceNoise, append_eos, length_mask
from espnet_prodiff.common.sampling import Sampling
from espnet_prodiff.errors import InputError

if TYPE_CHECKING:
    from espnet_prodiff.prodiff.prodiff import ProDiff

Column = Sequence[Tensor] | None  # of each utterance, or of none


@torch.no_grad()
def synthesize(
    model: ProDiff,
    texts: Sequence[Tensor],
    feats: Column,
    durations: Column,
    spembs: Column,
    sids: Column,
    lids: Column,
    pitch: Column,
    energy: Column,
    alpha: float,
    speed: float,
    use_teacher_forcing: bool,
    sampling: Sampling,
    callback: Callback | None,
) -> list[dict[str, Tensor]]:
    """Synthesise utterances together, see ``ProDiff.inference_batch``."""
    check_speed(alpha, speed)
    times = model.times(sampling.num_steps, sampling.schedule)
    if not all(len(text) for text in texts):
        raise InputError("text is empty: there is nothing to say")
    text_lengths = torch.tensor([len(text) for text in texts]).to(texts[0].device)
    tokens, lengths = append_eos(_pad(texts), text_lengths, model.eos)
    encoded = model.encode(
        tokens,
        lengths,
        mels=None if feats is None else _pad(feats),
        mel_lengths=None if feats is None else [len(mel) for mel in feats],
        spembs=None if spembs is None else torch.stack(list(spembs)),
        sids=None if sids is None else torch.stack(list(sids)),
        lids=None if lids is None else torch.stack(list(lids)),
    )
    forced = use_teacher_forcing
    frames = durations_from_log(encoded.log_duration, lengths, alpha, speed)
    frames = _pad(durations).long() if forced and durations else frames
    pitches = _pad(pitch) if forced and pitch else encoded.pitch
    energies = _pad(energy) if forced and energy else encoded.energy
    mel_lengths = frames.sum(1)
    num_frames = mel_lengths.tolist()
    hidden, longest = encoded.hidden, max(num_frames)
    cond = model.expand(hidden, frames, pitches, energies, longest)

    mask = length_mask(mel_lengths, longest, hidden.dtype)
    noise = UtteranceNoise(num_frames, sampling.seed, sampling.temperature)
    mels = model.denoise(
        noise(hidden.new_empty(len(texts), model.odim, longest)),
        times,
        cond,
        None if min(num_frames) == longest else mask,
        sampling,
        noise,
        callback,
    ).transpose(1, 2)
    return [
        {
            "feat_gen": mels[i, : num_frames[i]],
            "duration": frames[i, : len(text) + 1],
            "pitch": pitches[i, : len(text) + 1],
            "energy": energies[i, : len(text) + 1],
        }
        for i, text in enumerate(texts)
    ]


def _pad(rows: Sequence[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
