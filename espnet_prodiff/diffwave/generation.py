"""DiffWave's inference: from a mel, a label or nothing to a wave."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from espnet_prodiff.diffwave.tiling import TiledNetwork
from espnet_prodiff.layers.padding import UtteranceNoise
from espnet_prodiff.layers.wave_sampling import WaveSampling


class Generation(WaveSampling):
    """The half of DiffWave that makes waves."""

    tiled_network = TiledNetwork
    conditioning: str
    num_labels: int | None
    hop_length: int
    fs: int
    crop_frames: int

    @torch.no_grad()
    def inference(
        self,
        text: Tensor | None = None,
        feats: Tensor | None = None,
        sids: Tensor | None = None,
        *,
        durations: Tensor | None = None,
        use_teacher_forcing: bool = False,
        seconds: float | None = None,
        num_steps: int | None = None,
        schedule: str | Sequence[float] | None = None,
        eta: float | None = None,
        solver: str = "ddim",
        temperature: float = 1.0,
        seed: int | None = None,
        callback: Callable[[dict[str, Any]], None] | None = None,
    ) -> dict[str, Tensor]:
        """Denoise white noise to a wave (DiffWave, Algorithm 2).

        Args:
            text: Ignored; ESPnet passes it to every model.
            feats: Normalised mel, (F, odim), with conditioning "mel".
            sids: Label, (1,), with conditioning "label".
            durations: Ignored.
            use_teacher_forcing: Without effect: the mel is the recording's anyway.
            seconds: Length without a mel; default: that of a training clip.
            num_steps: Steps, placed by SNR; default: the model's own.
            schedule: Steps at other places instead, see
                ``diffusion.sampling_times.resolve``.
            eta: Share of fresh noise, 0 ... 1; default: ``default_eta``.
            solver: "ddim" or "dpmsolver++".
            temperature: Factor on the noise.
            seed: Seed of the noise; default: torch's own generator.
            callback: See ``espnet_prodiff.diffusion.sample``.

        Returns:
            wav (T_wav,) in [-1, 1]: F * hop samples where there is a mel.

        Raises:
            ValueError: If an input is missing or an option is outside its range.
        """
        if not temperature >= 0:
            raise ValueError(f"temperature must not be negative: {temperature}")
        cond, samples = self._condition(feats, sids, seconds)
        noise = UtteranceNoise([samples], seed, temperature)
        like = next(self.parameters()).new_empty(1, 1, samples)
        times = self.times(num_steps, schedule)
        wav = self.denoise_wave(noise(like), times, cond, noise, eta, solver, callback)
        return {"wav": wav}

    def inference_batch(
        self,
        texts: Sequence[Tensor],
        feats: Sequence[Tensor] | None = None,
        sids: Sequence[Tensor] | None = None,
        durations: Sequence[Tensor] | None = None,
        **options: Any,
    ) -> list[dict[str, Tensor]]:
        """Make several waves; each comes out as it would alone.

        One after the other: a second of one wave keeps the machine busy already, and
        the memory stays that of one tile.

        Args:
            texts: Ignored but for their number.
            feats: See ``inference``, one for each, as the next two.
            sids: Labels.
            durations: Ignored.
            **options: As of ``inference``; a seed is each wave's own.
        """
        alone = [None] * len(texts)
        rows = zip(texts, feats or alone, sids or alone, strict=True)
        return [self.inference(*row, **options) for row in rows]

    def _condition(
        self, feats: Tensor | None, sids: Tensor | None, seconds: float | None
    ) -> tuple[Tensor | None, int]:
        """The network's conditioning and the length in samples."""
        if self.conditioning == "mel":
            if feats is None or feats.dim() != 2 or feats.shape[1] != self.odim:
                found = "missing" if feats is None else f"of shape {tuple(feats.shape)}"
                raise ValueError(
                    f"this DiffWave is a vocoder of mels (frames, {self.odim}), but "
                    f"the mel is {found}"
                )
            if seconds is not None:
                raise ValueError(
                    f"seconds is {seconds}, but the wave is as long as the mel"
                )
            return feats.T[None], len(feats) * self.hop_length
        if seconds is None:
            seconds = self.crop_frames * self.hop_length / self.fs
        if not 0 < seconds < float("inf") or round(seconds * self.fs) < 1:
            raise ValueError(f"seconds must be greater than 0, but it is {seconds}")
        return self.label_cond(sids), round(seconds * self.fs)

    def label_cond(self, sids: Tensor | int | None) -> Tensor | None:
        """The network's conditioning (1,) from a label; None where there are none.

        Raises:
            ValueError: If the label is missing, out of range, or of no use.
        """
        if self.conditioning != "label":
            return None
        if sids is None:
            raise ValueError(
                f"the label is missing: this DiffWave has the labels 0 ... "
                f"{self.num_labels - 1}"
            )
        label = torch.as_tensor(sids, device=next(self.parameters()).device)
        self.check_labels(label)
        return label.reshape(1)

    def check_labels(self, labels: Tensor) -> None:
        """Refuse labels that the model does not have.

        Raises:
            ValueError: The message names them.
        """
        if not ((labels >= 0) & (labels < self.num_labels)).all():
            raise ValueError(
                f"labels must lie in 0 ... {self.num_labels - 1} (num_labels of "
                f"tts_conf), but they are {labels.flatten().tolist()}"
            )
