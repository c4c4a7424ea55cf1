"""Inference of DiffWave: what it needs, cleaning a wave and blending two."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from espnet_prodiff.common.padding import UtteranceNoise
from espnet_prodiff.common.sampling import Sampling
from espnet_prodiff.errors import InputError

if TYPE_CHECKING:
    from espnet_prodiff.diffwave.diffwave import DiffWave


def inference_inputs(
    model: DiffWave, feats: Tensor | None, sids: Tensor | None, seconds: float | None
) -> tuple[Tensor | None, int]:
    """The network's conditioning and the length in samples.

    From a normalised mel (F, odim) for a vocoder; else from a label (1,), for a model
    with labels, and a length in seconds, by default that of a training clip.

    Raises:
        InputError: If an input is missing, out of range, or of no use.
    """
    if model.conditioning == "mel":
        if feats is None or feats.dim() != 2 or feats.shape[1] != model.odim:
            shape = "missing" if feats is None else f"of shape {tuple(feats.shape)}"
            raise InputError(
                f"this DiffWave is a vocoder of mels (frames, {model.odim}), but "
                f"the mel is {shape}"
            )
        if seconds is not None:
            raise InputError(
                f"seconds is {seconds}, but the wave is as long as the mel"
            )
        return feats.T[None], len(feats) * model.hop_length
    if seconds is None:
        seconds = model.crop_frames * model.hop_length / model.fs
    if not 0 < seconds < math.inf or round(seconds * model.fs) < 1:
        raise InputError(f"seconds must be greater than 0, but it is {seconds}")
    return label_cond(model, sids), round(seconds * model.fs)


def label_cond(model: DiffWave, label: Tensor | int | None) -> Tensor | None:
    """The network's conditioning (1,) from a label; None where there are none.

    Raises:
        InputError: If the label is missing or out of range.
    """
    if model.num_labels is None:
        return None
    if label is None:
        raise InputError(
            f"the label is missing: this DiffWave has the labels 0 ... "
            f"{model.num_labels - 1}"
        )
    labels = torch.as_tensor(label, device=next(model.parameters()).device)
    model.check_labels(labels)
    return labels.reshape(1)


@torch.no_grad()
def denoise(
    model: DiffWave,
    wav: Tensor,
    t: float,
    cond: Tensor | None = None,
    sampling: Sampling | None = None,
) -> Tensor:
    """Clean a noisy wave: the reverse process from the middle (section 5.4).

    As in the paper the wave itself is taken for x_t, whatever its noise is like.

    Args:
        model: A DiffWave with conditioning "label" or "none".
        wav: (T_wav,), as the result, which lies in [-1, 1].
        t: Where to start, in (0, T]; the paper's choice is T / 8 (25 of 200).
        cond: See `label_cond`.
        sampling: Its ``num_steps`` count from t; None: the model's own below t.

    Raises:
        UserError: If t or an option is outside its range.
    """
    sampling = sampling or Sampling()
    times = model.sampling_times.starting_at(t, sampling.num_steps)
    x_t = model.wave_scale * wav[None, None]
    noise = UtteranceNoise([len(wav)], sampling.seed, sampling.temperature)
    return model.denoise_wave(x_t, times, cond, sampling, noise)


@torch.no_grad()
def interpolate(
    model: DiffWave,
    first: Tensor,
    second: Tensor,
    weight: float,
    t: float,
    cond: Tensor | None = None,
    sampling: Sampling | None = None,
) -> Tensor:
    """Blend two waves in the latent space of time t (section 5.5).

    x_t = (1 - weight) * x_t(first) + weight * x_t(second).
    NOTE: both waves get the same noise. With a noise of its own for each the blend
    would hold less noise than the network was trained to see at t.

    Args:
        model: A DiffWave with conditioning "label" or "none".
        first: (T_wav,), as the result, which lies in [-1, 1].
        second: (T_wav,).
        weight: Share of the second, 0 ... 1.
        t: Time of the latent space, in (0, T]: the later, the less is kept of both.
        cond: See `label_cond`.
        sampling: See `denoise`.

    Raises:
        UserError: If the lengths differ or an option is outside its range.
    """
    if first.shape != second.shape:
        raise InputError(
            f"the waves have {len(first)} and {len(second)} samples: cut or pad "
            "them to the same length"
        )
    if not 0 <= weight <= 1:
        raise InputError(f"weight must be between 0 and 1, but it is {weight}")
    sampling = sampling or Sampling()
    times = model.sampling_times.starting_at(t, sampling.num_steps)
    noise = UtteranceNoise([len(first)], sampling.seed, sampling.temperature)
    blend = ((1 - weight) * first + weight * second)[None, None]
    time = torch.tensor([t], dtype=torch.float64, device=blend.device)
    alpha, sigma = model.denoiser.alpha_sigma(time, blend)
    x_t = alpha * model.wave_scale * blend + sigma * noise(blend)
    return model.denoise_wave(x_t, times, cond, sampling, noise)
