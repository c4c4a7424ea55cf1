"""Plots of models: mels that they sample with the recordings' durations."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from espnet_prodiff.evaluation.evaluation_set import EvaluationSet
from espnet_prodiff.evaluation.mel_inputs import MelInputs
from espnet_prodiff.evaluation.mel_model import MelModel
from espnet_prodiff.evaluation.plots.denoising import plot_denoising
from espnet_prodiff.evaluation.plots.mel_axes import MelAxes
from espnet_prodiff.evaluation.plots.mels import plot_alignment, plot_mels, plot_seeds
from espnet_prodiff.fileio.audio import write_audio


def plot_model_mels(
    models: Sequence[MelModel],
    utterances: Sequence[MelInputs],
    data: EvaluationSet,
    variance: str,
    seed: int,
    images: Path,
) -> list[Path]:
    """Plot each utterance's recording and every model's mel below each other.

    Args:
        models: All with the same features.
        utterances: A picture for each.
        data: Their texts.
        variance: "predicted" or "true" pitch and energy.
        seed: Seed of the noise.
        images: Directory of the pictures ``mel_<utterance>.png``.
    """
    scale = MelAxes.of_feats_extract(models[0].model.feats_extract)
    files = []
    for inputs in utterances:
        recorded = models[0].denormalise(models[0].recorded_mel(inputs))
        mels = {"recording": recorded.cpu().numpy()}
        for model in models:
            sample = model.sample_mels(inputs, [seed], variance)[0]
            mel = model.denormalise(inputs.speech.new_tensor(sample))
            mels[model.name] = mel.cpu().numpy()
        title = f"{inputs.utt}: {data.texts[inputs.utt]}"
        path = images / f"mel_{inputs.utt}.png"
        files.append(plot_mels(mels, scale, title, path))
    return files


def plot_model_seeds(
    models: Sequence[MelModel],
    inputs: MelInputs,
    data: EvaluationSet,
    variance: str,
    seeds: Sequence[int],
    vocoder: Callable[[torch.Tensor], torch.Tensor] | None,
    output_dir: Path,
) -> list[Path]:
    """Plot one utterance from several seeds, the same for every model, and its audio.

    Args:
        models: All with the same features.
        inputs: The utterance.
        data: Its text, and the sampling rate.
        variance: "predicted" or "true" pitch and energy.
        seeds: Seeds of the noise.
        vocoder: From log-mels (T, n_mels) to a waveform (T_wav,); without it only
            waveform models have audio.
        output_dir: Gets ``images/seeds_<utterance>.png`` and
            ``audio/<utterance>/<model>_seed<n>.wav``.
    """
    scale = MelAxes.of_feats_extract(models[0].model.feats_extract)
    mels: dict[str, np.ndarray] = {}
    audio = []
    for model in models:
        outputs = model.outputs(inputs, list(seeds), variance)
        logmels = [model.denormalise(out["feat_gen"]) for out in outputs]
        mels[model.name] = torch.stack(logmels).cpu().numpy()
        name = re.sub(r"\W+", "_", model.name)
        for seed, out, logmel in zip(seeds, outputs, logmels, strict=True):
            wav = out.get("wav")
            if wav is None and vocoder is not None:
                wav = vocoder(logmel)
            if wav is not None:
                wav = wav.float().cpu().numpy()
                path = output_dir / "audio" / inputs.utt / f"{name}_seed{seed}.wav"
                write_audio(path, wav, data.fs)
                audio.append(path)
    title = f"{inputs.utt}: {data.texts[inputs.utt]}"
    path = output_dir / "images" / f"seeds_{inputs.utt}.png"
    return [plot_seeds(mels, scale, title, path), *audio]


def plot_alignments(
    model: MelModel,
    utterances: Sequence[MelInputs],
    data: EvaluationSet,
    token_list: Sequence[str],
    images: Path,
) -> list[Path]:
    """Plot the reference durations over the recordings' mels.

    Args:
        model: Its features.
        utterances: A picture for each.
        data: Their texts.
        token_list: Tokens by their ids.
        images: Directory of the pictures ``alignment_<utterance>.png``.
    """
    scale = MelAxes.of_feats_extract(model.model.feats_extract)
    labels = {"<space>": "␣", "<unk>": "?"}
    files = []
    for inputs in utterances:
        mel = model.denormalise(model.recorded_mel(inputs)).cpu().numpy()
        tokens = [token_list[i] for i in inputs.text.tolist()]
        tokens = [*(labels.get(token, token) for token in tokens), "eos"]
        title = f"{inputs.utt}: {data.texts[inputs.utt]}"
        path = images / f"alignment_{inputs.utt}.png"
        frames = inputs.durations.numpy()
        files.append(plot_alignment(mel, frames, tokens, scale, title, path))
    return files


def plot_sampling(
    models: Sequence[MelModel],
    inputs: MelInputs,
    data: EvaluationSet,
    seed: int,
    images: Path,
) -> list[Path]:
    """Plot every sampling step of each diffusion model of ours for one utterance.

    Args:
        models: Others than ours are left out.
        inputs: The utterance.
        data: Its text.
        seed: Seed of the noise.
        images: Directory of the pictures ``denoising_<number>_<utterance>.png``.
    """
    files = []
    for number, model in enumerate(models, 1):
        if not model.shares_noise:
            continue
        steps: list[dict[str, Any]] = []
        model.sample_mels(inputs, [seed], callback=steps.append)
        if model.makes_waves:
            steps = [_as_mels(model, step) for step in steps]
        scale = MelAxes.of_feats_extract(model.model.feats_extract)
        title = f"{model.name}, {inputs.utt}: {data.texts[inputs.utt]}"
        path = images / f"denoising_{number}_{inputs.utt}.png"
        files.append(plot_denoising(steps, scale, title, path))
    return files


def _as_mels(model: MelModel, step: dict[str, Any]) -> dict[str, Any]:
    """A sampling step of a waveform model, its waves (1, 1, T_wav) as mels."""
    mels = {}
    for name in ("x_t", "x_0"):
        wav = step[name][0, 0] / model.tts.wave_scale
        mels[name] = model.mel_of(wav).T[None]
    return {**step, **mels}
