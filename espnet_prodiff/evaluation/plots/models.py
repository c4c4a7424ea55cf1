"""Plots of models: mels that they sample with the recordings' durations."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from espnet_prodiff.evaluation.evaluation_set import EvaluationSet
from espnet_prodiff.evaluation.mel_inputs import MelInputs
from espnet_prodiff.evaluation.mel_model import MelModel
from espnet_prodiff.evaluation.plots.mel_axes import MelAxes
from espnet_prodiff.evaluation.plots.mels import (
    plot_alignment,
    plot_denoising,
    plot_mels,
    plot_seeds,
)
from espnet_prodiff.fileio.audio import write_audio


@dataclass(frozen=True)
class ModelPlots:
    """Pictures of models, all with the same features; each method returns its files.

    Attributes:
        models: The first one's features scale the mels.
        utterances: The first is that of the seeds and of the steps.
        data: Their texts, and the sampling rate.
        variance: "predicted" or "true" pitch and energy.
        output_dir: Gets ``images`` and ``audio``.
    """

    models: Sequence[MelModel]
    utterances: Sequence[MelInputs]
    data: EvaluationSet
    variance: str
    output_dir: Path

    def plot_mels(self) -> list[Path]:
        """Plot each recording and every model's mel in ``mel_<utterance>.png``."""
        files = []
        for inputs in self.utterances:
            mels = {"recording": self._recorded(inputs)}
            for model in self.models:
                sample = model.sample_mels(inputs, [0], self.variance)[0]
                mel = model.denormalise(inputs.speech.new_tensor(sample))
                mels[model.name] = mel.cpu().numpy()
            files.append(plot_mels(mels, self._scale, *self._names("mel", inputs)))
        return files

    def plot_seeds(
        self,
        seeds: Sequence[int],
        vocoder: Callable[[torch.Tensor], torch.Tensor] | None,
    ) -> list[Path]:
        """Plot the first utterance from several seeds, and write its audio.

        Args:
            seeds: Seeds of the noise, the same for every model.
            vocoder: From log-mels (T, n_mels) to a waveform (T_wav,); without it only
                waveform models have audio.

        Returns:
            ``seeds_<utterance>.png`` and ``audio/<utterance>/<model>_seed<n>.wav``.
        """
        inputs = self.utterances[0]
        mels: dict[str, np.ndarray] = {}
        audio = []
        for model in self.models:
            outputs = model.outputs(inputs, list(seeds), self.variance)
            logmels = [model.denormalise(out["feat_gen"]) for out in outputs]
            mels[model.name] = torch.stack(logmels).cpu().numpy()
            name = re.sub(r"\W+", "_", model.name)
            for seed, out, logmel in zip(seeds, outputs, logmels, strict=True):
                wav = out.get("wav")
                if wav is None and vocoder is not None:
                    wav = vocoder(logmel)
                if wav is not None:
                    folder = self.output_dir / "audio" / inputs.utt
                    audio.append(folder / f"{name}_seed{seed}.wav")
                    write_audio(audio[-1], wav.float().cpu().numpy(), self.data.fs)
        return [plot_seeds(mels, self._scale, *self._names("seeds", inputs)), *audio]

    def plot_alignments(self, token_list: Sequence[str]) -> list[Path]:
        """Plot the reference durations in ``alignment_<utterance>.png``."""
        labels = {"<space>": "␣", "<unk>": "?"}
        files = []
        for inputs in self.utterances:
            tokens = [token_list[i] for i in inputs.text.tolist()]
            tokens = [*(labels.get(token, token) for token in tokens), "eos"]
            mel, frames = self._recorded(inputs), inputs.durations.numpy()
            names = self._names("alignment", inputs)
            files.append(plot_alignment(mel, frames, tokens, self._scale, *names))
        return files

    def plot_sampling(self) -> list[Path]:
        """Plot the steps of our models in ``denoising_<number>_<utterance>.png``."""
        inputs = self.utterances[0]
        files = []
        for number, model in enumerate(self.models, 1):
            if not model.shares_noise:
                continue
            steps: list[dict[str, Any]] = []
            model.sample_mels(inputs, [0], callback=steps.append)
            if model.makes_waves:
                steps = [_as_mels(model, step) for step in steps]
            title, path = self._names(f"denoising_{number}", inputs)
            title = f"{model.name}, {title}"
            files.append(plot_denoising(steps, self._scale, title, path))
        return files

    @property
    def _scale(self) -> MelAxes:
        return MelAxes.of_feats_extract(self.models[0].model.feats_extract)

    def _recorded(self, inputs: MelInputs) -> np.ndarray:
        model = self.models[0]
        return model.denormalise(model.recorded_mel(inputs)).cpu().numpy()

    def _names(self, kind: str, inputs: MelInputs) -> tuple[str, Path]:
        """Title and file of a picture."""
        path = self.output_dir / "images" / f"{kind}_{inputs.utt}.png"
        return f"{inputs.utt}: {self.data.texts[inputs.utt]}", path


def _as_mels(model: MelModel, step: dict[str, Any]) -> dict[str, Any]:
    """A sampling step of a waveform model, its waves (1, 1, T_wav) as mels."""
    waves = {name: step[name][0, 0] / model.tts.wave_scale for name in ("x_t", "x_0")}
    return step | {name: model.mel_of(wav).T[None] for name, wav in waves.items()}
