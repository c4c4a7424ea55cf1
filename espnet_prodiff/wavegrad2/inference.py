"""Inference of WaveGrad 2: from a text to a wave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from espnet_prodiff.common.durations import check_speed, durations_from_log
from espnet_prodiff.common.model import Callback
from espnet_prodiff.common.padding import append_eos
from espnet_prodiff.common.sampling import Sampling
from espnet_prodiff.errors import InputError
from espnet_prodiff.wavegrad2.upsampling import gaussian_upsampling

if TYPE_CHECKING:
    from espnet_prodiff.wavegrad2.wavegrad2 import WaveGrad2

PART = 1024  # frames that are upsampled at once: their weights are (frames, tokens)


@torch.no_grad()
def speak(
    model: WaveGrad2,
    text: Tensor,
    feats: Tensor | None = None,
    durations: Tensor | None = None,
    spembs: Tensor | None = None,
    sids: Tensor | None = None,
    lids: Tensor | None = None,
    *,
    alpha: float = 1.0,
    speed: float = 1.0,
    use_teacher_forcing: bool = False,
    callback: Callback | None = None,
    **sampling: Any,
) -> dict[str, Tensor]:
    """Speak one utterance; the decoder's work needs the memory of a tile only.

    Returns wav (frames * hop,) in [-1, 1] and duration (N + 1,).

    Args:
        model: The model.
        text: Token ids, (N,).
        feats: Ignored; ESPnet passes it with teacher forcing.
        durations: Frames of each token and eos, (N + 1,).
        spembs: Speaker embedding, (spk_embed_dim,).
        sids: Speaker id, (1,).
        lids: Language id, (1,).
        alpha: Factor on the predicted durations: 2 speaks at half the speed.
        speed: How many times as fast; the length is right to half a frame.
        use_teacher_forcing: Use the given durations.
        callback: See ``espnet_prodiff.diffusion.sample``.
        **sampling: Options of `Sampling`.

    Raises:
        UserError: If an option is outside its range or an input is missing.
    """
    options = Sampling(**sampling)
    model.times(options.num_steps, options.schedule)  # refuse them before the work
    identity = {"spembs": spembs, "sids": sids, "lids": lids}
    forced = None
    if use_teacher_forcing:
        forced = check_durations(durations, len(text) + 1)
    frames, cond = inference_cond(model, text, identity, alpha, speed, forced)
    samples = int(frames.sum()) * model.hop_length
    wav = model.generate_wave(samples, cond, options, callback)
    return {"wav": wav, "duration": frames}


def inference_cond(
    model: WaveGrad2,
    text: Tensor,
    identity: dict[str, Tensor | None],
    alpha: float,
    speed: float,
    durations: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Durations (N + 1,) and the denoiser's conditioning (1, C, F) of a text (N,).

    ``identity`` holds ``spembs``, ``sids`` and ``lids``; ``durations``, see
    `check_durations`, take the place of the predicted ones, which ``alpha`` and
    ``speed`` scale.

    Raises:
        InputError: If an input is empty or out of range.
    """
    check_speed(alpha, speed)
    if not len(text):
        raise InputError("text is empty: there is nothing to say")
    lengths = torch.tensor([len(text)], device=text.device)
    tokens, lengths = append_eos(text[None], lengths, model.eos)
    rows = {name: x if x is None else x[None] for name, x in identity.items()}
    hidden = model.text_side(tokens, lengths, **rows)
    if durations is None:
        log_durations = model.resampling.log_durations(hidden, lengths)
        frames = durations_from_log(log_durations, lengths, alpha, speed)
    else:
        frames = durations[None]
    num_frames = int(frames.sum())
    if num_frames < 1:
        raise InputError("the durations are all 0: there is nothing to say")
    sigma = model.resampling.ranges(hidden, frames, lengths)
    positions = torch.arange(num_frames, device=text.device).split(PART)
    parts = [gaussian_upsampling(hidden, frames, sigma, p)[1] for p in positions]
    return frames[0], torch.cat(parts, dim=1).transpose(1, 2)


def check_durations(durations: Tensor | None, num: int) -> Tensor:
    """Durations of teacher forcing as integers, (num,).

    Raises:
        InputError: If they are missing, too few or many, negative or NaN.
    """
    if durations is None:
        raise InputError(
            "use_teacher_forcing takes the durations of the recording, but none "
            f"came: pass {num} durations (frames of each token and of eos)"
        )
    if len(durations) != num:
        raise InputError(
            f"{len(durations)} durations were given, expected {num}: one for each "
            f"of the {num - 1} tokens and one for eos"
        )
    if not (durations >= 0).all():
        raise InputError(f"durations must be 0 or more: {durations.tolist()}")
    return durations.long()
