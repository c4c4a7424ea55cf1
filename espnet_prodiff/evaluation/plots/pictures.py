"""Draw the pictures of an evaluation into one directory."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from espnet_prodiff.errors import CheckpointError, DataError
from espnet_prodiff.evaluation.audio_scores import decoded_wav
from espnet_prodiff.evaluation.evaluation_set import EvaluationSet
from espnet_prodiff.evaluation.mel_model import MelInputs, MelModel
from espnet_prodiff.evaluation.plots.denoising import plot_denoising
from espnet_prodiff.evaluation.plots.losses import plot_losses, read_losses
from espnet_prodiff.evaluation.plots.mel_axes import MelAxes
from espnet_prodiff.evaluation.plots.mels import plot_alignment, plot_mels, plot_seeds
from espnet_prodiff.fileio.audio import read_audio, write_audio
from espnet_prodiff.fileio.tables import read_table


def draw_model_mels(
    models: Sequence[MelModel],
    utterances: Sequence[MelInputs],
    data: EvaluationSet,
    variance: str,
    seed: int,
    images: Path,
) -> list[Path]:
    """Draw the recording and each model's mel, with the recording's durations."""
    scale = MelAxes.of_feats_extract(models[0].model.feats_extract)
    drawn = []
    for inputs in utterances:
        truth = models[0].denormalise(models[0].recorded_mel(inputs))
        mels = {"recording": truth.cpu().numpy()}
        for model in models:
            draw = model.draw(inputs, [seed], variance)[0]
            mel = model.denormalise(inputs.speech.new_tensor(draw))
            mels[model.name] = mel.cpu().numpy()
        title = f"{inputs.utt}: {data.texts[inputs.utt]}"
        path = images / f"mel_{inputs.utt}.png"
        drawn.append(plot_mels(mels, scale, title, path))
    return drawn


def draw_seeds(
    models: Sequence[MelModel],
    inputs: MelInputs,
    data: EvaluationSet,
    variance: str,
    seeds: Sequence[int],
    vocoder: Callable[[torch.Tensor], torch.Tensor] | None,
    output_dir: Path,
) -> list[Path]:
    """Draw and speak one utterance from several seeds, every model the same noise.

    Writes ``images/seeds_<utterance>.png`` and, with a vocoder or a model of waves,
    ``audio/<utterance>/<model>_seed<n>.wav``.
    """
    scale = MelAxes.of_feats_extract(models[0].model.feats_extract)
    mels: dict[str, np.ndarray] = {}
    written = []
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
                written.append(path)
    title = f"{inputs.utt}: {data.texts[inputs.utt]}"
    path = output_dir / "images" / f"seeds_{inputs.utt}.png"
    return [plot_seeds(mels, scale, title, path), *written]


def draw_decoded_mels(
    systems: Mapping[str, Path],
    feats_extract: Any,
    data: EvaluationSet,
    utts: Sequence[str],
    images: Path,
) -> list[Path]:
    """Draw the recording and each system's mel, with its own durations.

    Of systems without ``denorm/feats.scp``, models of waves, it is that of the wave.
    """
    scale = MelAxes.of_feats_extract(feats_extract)
    tables = {}
    for name, directory in systems.items():
        file = Path(directory) / "denorm" / "feats.scp"
        if file.is_file():
            tables[name] = read_table(file)
    drawn = []
    for utt in utts:
        speech = read_audio(data.recordings[utt], utt, data.fs)
        mel = feats_extract(torch.from_numpy(speech).float()[None])[0][0]
        mels = {"recording": mel.cpu().numpy()}
        for name, directory in systems.items():
            if name not in tables:
                wav = read_audio(decoded_wav(directory, utt), utt, data.fs)
                mel = feats_extract(torch.from_numpy(wav).float()[None])[0][0]
                mels[name] = mel.cpu().numpy()
                continue
            table = tables[name]
            if utt not in table or not Path(table[utt]).is_file():
                raise DataError(
                    f"System {name!r}: no features of utterance {utt} in "
                    f"{systems[name]}/denorm/feats.scp: decode it (stage 8)."
                )
            mels[name] = np.load(table[utt])
        title = f"{utt}: {data.texts[utt]}"
        path = images / f"decoded_{utt}.png"
        drawn.append(plot_mels(mels, scale, title, path))
    return drawn


def draw_alignments(
    model: MelModel,
    utterances: Sequence[MelInputs],
    data: EvaluationSet,
    token_list: Sequence[str],
    images: Path,
) -> list[Path]:
    """Draw the reference durations over the recordings' mels."""
    scale = MelAxes.of_feats_extract(model.model.feats_extract)
    drawn = []
    for inputs in utterances:
        mel = model.denormalise(model.recorded_mel(inputs)).cpu().numpy()
        tokens = [_label(token_list[i]) for i in inputs.text.tolist()] + ["eos"]
        title = f"{inputs.utt}: {data.texts[inputs.utt]}"
        path = images / f"alignment_{inputs.utt}.png"
        frames = inputs.durations.numpy()
        drawn.append(plot_alignment(mel, frames, tokens, scale, title, path))
    return drawn


def _label(token: str) -> str:
    return {"<space>": "␣", "<unk>": "?"}.get(token, token)


def draw_denoising(
    models: Sequence[MelModel],
    inputs: MelInputs,
    data: EvaluationSet,
    seed: int,
    images: Path,
) -> list[Path]:
    """Draw every sampling step of each diffusion model of ours for one utterance."""
    drawn = []
    for number, model in enumerate(models, 1):
        if not model.shares_noise:
            continue
        steps: list[dict[str, Any]] = []
        model.draw(inputs, [seed], callback=steps.append)
        if model.makes_waves:
            steps = [_as_mels(model, step) for step in steps]
        scale = MelAxes.of_feats_extract(model.model.feats_extract)
        title = f"{model.name}, {inputs.utt}: {data.texts[inputs.utt]}"
        path = images / f"denoising_{number}_{inputs.utt}.png"
        drawn.append(plot_denoising(steps, scale, title, path))
    return drawn


def _as_mels(model: MelModel, step: dict[str, Any]) -> dict[str, Any]:
    """A sampling step of a model of waves, its waves (1, 1, T_wav) as mels."""
    mels = {}
    for name in ("x_t", "x_0"):
        wav = step[name][0, 0] / model.tts.wave_scale
        mels[name] = model.mel_of(wav).T[None]
    return {**step, **mels}


def draw_losses(exp_dirs: Sequence[Path], images: Path) -> list[Path]:
    """Draw the loss curves of trainings; those without a checkpoint are skipped."""
    trainings = {}
    for exp_dir in exp_dirs:
        try:
            trainings[exp_dir.name] = read_losses(exp_dir)
        except (CheckpointError, FileNotFoundError) as error:
            logging.warning("%s", error)
    return [plot_losses(trainings, images / "losses.png")] if trainings else []
