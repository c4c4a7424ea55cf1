"""A trained waveform model from Python: a vocoder, or one of waves without mels."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from espnet_prodiff.common.precision import HALVES, products_in, set_dtype
from espnet_prodiff.common.sampling import Sampling
from espnet_prodiff.diffwave.diffwave import DiffWave
from espnet_prodiff.diffwave.inference import denoise, interpolate, label_cond
from espnet_prodiff.errors import InputError, VocoderError, check_choice
from espnet_prodiff.inference.inputs import as_input_errors
from espnet_prodiff.inference.loading import load_acoustic_model
from espnet_prodiff.inference.mel_contract import MelContract
from espnet_prodiff.spectral_vocoder.spectral_vocoder import SpectralVocoder


class WaveGenerator:
    """A trained DiffWave or spectral vocoder with the features of its training.

    With a DiffWave every method takes the options of ``DiffWave.inference``:
    ``num_steps``, ``schedule``, ``eta``, ``solver``, ``temperature`` and ``seed``; a
    spectral vocoder has none of them. Waves are float32 in [-1, 1], at ``fs``.

    Attributes:
        fs: Sampling rate in Hz.
        contract: What its mels are made of.
        conditioning: "mel", "label" or "none".
        labels: Numbers of its classes by name, as far as its training knew them.

    Examples:
        >>> diffwave = WaveGenerator("exp/tts_diffwave/valid.loss.best.pth")
        >>> wav = diffwave.vocode(log_mels, schedule="base6", seed=0)
        >>> wav = diffwave.resynthesize(recording, num_steps=50)
        >>> wav = diffwave.generate(seconds=1.0, label=3, seed=0)
        >>> wav = diffwave.denoise(noisy, t=25)
        >>> wav = diffwave.interpolate(one, other, t=50, weight=0.5)
    """

    def __init__(
        self,
        model_file: str | Path,
        train_config: str | Path | None = None,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> None:
        """Load a model.

        Args:
            model_file: Weights (``*.pth``), or a model packed by stage 10.
            train_config: Its config.yaml; by default the one beside the weights.
            device: "cpu", "cuda", "cuda:N" or "mps".
            dtype: "float32", or the type of matrix products, "bfloat16" or "float16".

        Raises:
            FileNotFoundError: A file does not exist.
            ConfigError, CheckpointError, ArchiveError: A file cannot be used.
            VocoderError: The model is neither.
        """
        self.name = str(model_file)
        self.model, args = load_acoustic_model(train_config, model_file, device)
        if not isinstance(self.model.tts, DiffWave | SpectralVocoder):
            raise VocoderError(
                f"{self.name} is a model of 'tts: {args.tts}', expected one of "
                "'tts: diffwave' or 'tts: spectral_vocoder'"
            )
        self.tts = self.model.tts
        self.fs: int = self.tts.fs
        self.conditioning: str = self.tts.conditioning
        self.labels: dict[str, int] = getattr(args, "speakers", None) or {}
        self.contract = MelContract.of_feats_extract(self.model.feats_extract)
        self.device = torch.device(device)
        check_choice("dtype", dtype, ("float32", *HALVES))
        set_dtype(self.model, dtype)
        self.dtype = dtype

    def __repr__(self) -> str:
        return f"WaveGenerator({self.name}, {self.contract})"

    def __call__(self, feats: Tensor, **sampling: Any) -> Tensor:
        """Turn denormalised log-mels into a wave, as every vocoder does."""
        return self.vocode(feats, **sampling)

    def to(self, device: str) -> WaveGenerator:
        """Move to a device."""
        self.model.to(device)
        self.device = torch.device(device)
        return self

    def vocode(self, feats: Tensor, **sampling: Any) -> Tensor:
        """Turn log-mels as they come from a recording into a wave (T_feats * hop,).

        They are normalised here, with the statistics of this model's training.

        Args:
            feats: Denormalised log-mels, (T_feats, n_mels).
            **sampling: See the class.

        Raises:
            InputError: The mels do not fit the model, or an option is out of range.
        """
        if self.conditioning != "mel":
            raise self._wrong_kind("mel")
        if feats.dim() != 2 or feats.shape[1] != self.tts.odim or not len(feats):
            raise InputError(
                f"the mel is of shape {tuple(feats.shape)}, but this vocoder was "
                f"trained on mels of shape (frames, {self.tts.odim})"
            )
        if not torch.isfinite(feats).all():
            raise InputError("the mel holds NaN or infinite values")
        feats = feats.to(self.device, torch.float32)[None]
        if self.model.normalize is not None:
            feats = self.model.normalize(feats.clone())[0]
        with as_input_errors(), self._products():
            return self.tts.inference(feats=feats[0], **sampling)["wav"]

    def resynthesize(self, wav: Tensor, **sampling: Any) -> Tensor:
        """Take the mel of a recording (T_wav,) at ``fs`` and turn it into a wave again.

        Raises:
            InputError: The wave cannot be used, or an option is out of range.
        """
        wav = self._wave(wav)
        return self.vocode(self.features(wav), **sampling)[: len(wav)]

    @torch.no_grad()
    def features(self, wav: Tensor) -> Tensor:
        """Denormalised log-mels (T_feats, n_mels) of a recording (T_wav,)."""
        return self.model.feats_extract(self._wave(wav)[None])[0][0]

    def generate(
        self,
        seconds: float | None = None,
        label: int | str | None = None,
        **sampling: Any,
    ) -> Tensor:
        """Generate a wave of a class, or of nothing but noise.

        Args:
            seconds: Its length; default: that of a training clip.
            label: The class by name or number, for a model with labels.
            **sampling: See the class.

        Raises:
            InputError: The label is missing or out of range, or so is an option.
        """
        diffwave, sids = self._generator(), self._label(label)
        with as_input_errors(), self._products():
            return diffwave.inference(sids=sids, seconds=seconds, **sampling)["wav"]

    def denoise(
        self, wav: Tensor, t: float, label: int | str | None = None, **sampling: Any
    ) -> Tensor:
        """Clean a noisy wave by the reverse process from time ``t`` on.

        Args:
            wav: (T_wav,), at ``fs``.
            t: Where to start, in (0, T].
            label: The class by name or number, for a model with labels.
            **sampling: ``num_steps``, ``eta``, ``solver`` and ``seed``.

        Raises:
            InputError: The wave cannot be used, or an option is out of range.
        """
        diffwave = self._generator()
        wav, sids = self._wave(wav), self._label(label)
        with as_input_errors(), self._products():
            cond = label_cond(diffwave, sids)
            return denoise(diffwave, wav, t, cond, Sampling(**sampling))

    def interpolate(
        self,
        first: Tensor,
        second: Tensor,
        t: float,
        weight: float = 0.5,
        label: int | str | None = None,
        **sampling: Any,
    ) -> Tensor:
        """Blend two waves of the same length in the latent space of time ``t``.

        Args:
            first: (T_wav,), at ``fs``.
            second: (T_wav,).
            t: Time of the latent space, in (0, T].
            weight: Share of the second, 0 ... 1.
            label: The class by name or number, for a model with labels.
            **sampling: ``num_steps``, ``eta``, ``solver`` and ``seed``.

        Raises:
            InputError: The waves cannot be used, or an option is out of range.
        """
        diffwave = self._generator()
        waves, sids = (self._wave(first), self._wave(second)), self._label(label)
        with as_input_errors(), self._products():
            cond = label_cond(diffwave, sids)
            options = Sampling(**sampling)
            return interpolate(diffwave, *waves, weight, t, cond, options)

    def check_sampling(self, **sampling: Any) -> None:
        """Refuse ``num_steps`` or ``schedule`` outside the range of the model.

        Raises:
            InputError: The message names the range.
        """
        with as_input_errors():
            self.tts.times(**sampling)

    def _products(self) -> AbstractContextManager:
        return products_in(self.dtype, self.tts, self.device)

    def _generator(self) -> DiffWave:
        if not isinstance(self.tts, DiffWave) or self.conditioning == "mel":
            raise self._wrong_kind("label or none")
        return self.tts

    def _wrong_kind(self, expected: str) -> InputError:
        return InputError(
            f"{self.name} has conditioning {self.conditioning!r}: this takes a "
            f"DiffWave with conditioning {expected}"
        )

    def _wave(self, wav: Tensor) -> Tensor:
        if wav.dim() != 1 or not len(wav):
            raise InputError(
                f"the wave is of shape {tuple(wav.shape)}, expected one channel of "
                "samples (T_wav,)"
            )
        if not torch.isfinite(wav).all():
            raise InputError("the wave holds NaN or infinite samples")
        return wav.to(self.device, torch.float32)

    def _label(self, label: int | str | None) -> Tensor | None:
        if label is not None and self.conditioning == "none":
            raise InputError(
                f"label is {label}, but this DiffWave knows no labels: leave it out"
            )
        if isinstance(label, str) and not label.isdigit():
            if label not in self.labels:
                known = ", ".join(self.labels) or "numbers alone"
                raise InputError(f"no label {label!r}: this DiffWave knows {known}")
            label = self.labels[label]
        return None if label is None else torch.tensor([int(label)], device=self.device)
