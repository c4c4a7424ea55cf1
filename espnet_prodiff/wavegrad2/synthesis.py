"""WaveGrad 2's inference: text to wave in a few denoising steps."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from espnet_prodiff.layers.durations import frames_of
from espnet_prodiff.layers.padding import UtteranceNoise, append_eos
from espnet_prodiff.layers.wave_sampling import WaveSampling
from espnet_prodiff.wavegrad2.resampling import Resampling, gaussian_upsampling
from espnet_prodiff.wavegrad2.text_side import TextSide
from espnet_prodiff.wavegrad2.tiling import TiledNetwork

PART = 1024  # frames that are upsampled at once: their weights are (frames, tokens)


class Synthesis(WaveSampling):
    """The half of WaveGrad 2 that speaks."""

    tiled_network = TiledNetwork
    text_side: TextSide
    resampling: Resampling
    hop_length: int
    eos: int

    @torch.no_grad()
    def inference(
        self,
        text: Tensor,
        feats: Tensor | None = None,
        durations: Tensor | None = None,
        spembs: Tensor | None = None,
        sids: Tensor | None = None,
        lids: Tensor | None = None,
        *,
        alpha: float = 1.0,
        use_teacher_forcing: bool = False,
        num_steps: int | None = None,
        schedule: str | Sequence[float] | None = None,
        eta: float | None = None,
        solver: str = "ddim",
        temperature: float = 1.0,
        seed: int | None = None,
        callback: Callable[[dict[str, Any]], None] | None = None,
    ) -> dict[str, Tensor]:
        """Speak one utterance; the decoder's work needs the memory of a tile only.

        Args:
            text: Token ids, (N,).
            feats: Ignored; ESPnet passes it with teacher forcing.
            durations: Frames of each token and eos, (N + 1,).
            spembs: Speaker embedding, (spk_embed_dim,).
            sids: Speaker id, (1,).
            lids: Language id, (1,).
            alpha: Factor on the predicted durations: 2 speaks at half the speed.
            use_teacher_forcing: Whether to use the given durations.
            num_steps: Steps, placed by SNR; default: the model's own.
            schedule: Steps at other places instead, see
                ``diffusion.sampling_times.resolve``.
            eta: Share of fresh noise, 0 ... 1; default: ``default_eta``.
            solver: "ddim" or "dpmsolver++".
            temperature: Factor on the noise.
            seed: Seed of the noise; default: torch's own generator.
            callback: See ``espnet_prodiff.diffusion.sample``.

        Returns:
            wav (frames * hop,) in [-1, 1] and duration (N + 1,).

        Raises:
            ValueError: If an option is outside its range or an input is missing.
        """
        if not 0 < alpha < float("inf"):
            raise ValueError(f"alpha must be greater than 0, but it is {alpha}")
        if not temperature >= 0:
            raise ValueError(f"temperature must not be negative: {temperature}")
        if not len(text):
            raise ValueError("text is empty: there is nothing to say")
        times = self.times(num_steps, schedule)

        lengths = torch.tensor([len(text)], device=text.device)
        tokens, lengths = append_eos(text[None], lengths, self.eos)
        identity = (x if x is None else x[None] for x in (spembs, sids, lids))
        hidden = self.text_side(tokens, lengths, *identity)
        if use_teacher_forcing:
            frames = self._given_frames(durations, len(text) + 1)[None]
        else:
            log_durations = self.resampling.log_durations(hidden, lengths)
            frames = frames_of(log_durations, lengths, alpha)
        num_frames = int(frames.sum())
        if num_frames < 1:
            raise ValueError("the durations are all 0: there is nothing to say")
        sigma = self.resampling.ranges(hidden, frames, lengths)
        positions = torch.arange(num_frames, device=text.device).split(PART)
        parts = [gaussian_upsampling(hidden, frames, sigma, p)[1] for p in positions]
        cond = torch.cat(parts, dim=1)

        samples = num_frames * self.hop_length
        noise = UtteranceNoise([samples], seed, temperature)
        x_T = noise(cond.new_empty(1, 1, samples))
        cond = cond.transpose(1, 2)
        wav = self.denoise_wave(x_T, times, cond, noise, eta, solver, callback)
        return {"wav": wav, "duration": frames[0]}

    @staticmethod
    def _given_frames(durations: Tensor | None, num: int) -> Tensor:
        """Durations of teacher forcing, (num,).

        Raises:
            ValueError: If they are missing, too few or many, negative or NaN.
        """
        if durations is None:
            raise ValueError(
                "use_teacher_forcing takes the durations of the recording, but none "
                f"came: pass {num} durations (frames of each token and of eos)"
            )
        if len(durations) != num:
            raise ValueError(
                f"{len(durations)} durations were given, expected {num}: one for each "
                f"of the {num - 1} tokens and one for eos"
            )
        if not (durations >= 0).all():
            raise ValueError(f"durations must be 0 or more: {durations.tolist()}")
        return durations.long()

    def inference_batch(
        self, texts: Sequence[Tensor], **options: Any
    ) -> list[dict[str, Tensor]]:
        """Speak several utterances; each comes out as it would alone.

        One after the other: a second of one wave keeps the machine busy already, and
        the memory stays that of one tile.

        Args:
            texts: Token ids, (N_i,) each.
            **options: As of ``inference``; inputs are lists with one entry for each.
        """
        inputs = ("feats", "durations", "spembs", "sids", "lids")
        rows = {name: options.pop(name, None) or [None] * len(texts) for name in inputs}
        return [
            self.inference(text, **{k: v[i] for k, v in rows.items()}, **options)
            for i, text in enumerate(texts)
        ]
