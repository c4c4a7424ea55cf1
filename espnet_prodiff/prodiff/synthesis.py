"""ProDiff's inference: text to mel in a few denoising steps."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from espnet_prodiff.diffusion import sample
from espnet_prodiff.layers.durations import frames_of
from espnet_prodiff.layers.padding import UtteranceNoise, append_eos, length_mask
from espnet_prodiff.layers.sampled_model import SampledModel
from espnet_prodiff.prodiff.text_side import TextSide


class Synthesis(SampledModel, TextSide):
    """Inference of ProDiff."""

    data_power = 1.0  # normalised mels
    # A voice shows in every bin, so it is decided on where single bins are all noise:
    # between these a trained teacher's few steps come nearest to its many.
    snr_ends = (-30.0, 30.0)
    default_num_steps = 8

    def inference(self, text: Tensor, **options: Any) -> dict[str, Tensor]:
        """Synthesise one utterance: ``inference_batch`` without the batch.

        Args:
            text: Token ids, (N,).
            **options: As of ``inference_batch``, each input without its list.

        Returns:
            feat_gen (L, odim), duration (N + 1,), pitch (N + 1, 1), energy (N + 1, 1).
        """
        inputs = ("feats", "durations", "spembs", "sids", "lids", "pitch", "energy")
        for name in inputs:
            if options.get(name) is not None:
                options[name] = [options[name]]
        return self.inference_batch([text], **options)[0]

    @torch.no_grad()
    def inference_batch(
        self,
        texts: Sequence[Tensor],
        feats: Sequence[Tensor] | None = None,
        durations: Sequence[Tensor] | None = None,
        spembs: Sequence[Tensor] | None = None,
        sids: Sequence[Tensor] | None = None,
        lids: Sequence[Tensor] | None = None,
        pitch: Sequence[Tensor] | None = None,
        energy: Sequence[Tensor] | None = None,
        *,
        alpha: float = 1.0,
        use_teacher_forcing: bool = False,
        num_steps: int | None = None,
        schedule: str | Sequence[float] | None = None,
        eta: float = 0.0,
        solver: str = "ddim",
        temperature: float = 1.0,
        seed: int | None = None,
        callback: Callable[[dict[str, Any]], None] | None = None,
    ) -> list[dict[str, Tensor]]:
        """Synthesise utterances; each comes out as it would alone.

        Args:
            texts: Token ids, (N_i,) each.
            feats: Normalised mels, the style reference of GST, (L_i, odim) each.
            durations: Frames of each token and eos, (N_i + 1,) each.
            spembs: Speaker embeddings, (spk_embed_dim,) each.
            sids: Speaker ids, (1,) each.
            lids: Language ids, (1,) each.
            pitch: Token-averaged log-F0, (N_i + 1, 1) each.
            energy: Token-averaged energy, (N_i + 1, 1) each.
            alpha: Factor on the predicted durations: 2 speaks at half the speed.
            use_teacher_forcing: Whether to use the given durations, pitch and energy;
                what is not given is predicted.
            num_steps: Steps, placed by SNR; default: the model's own.
            schedule: Steps at other places instead, see
                ``diffusion.sampling_times.resolve``.
            eta: Share of fresh noise in "ddim", 0 ... 1.
            solver: "ddim" or "dpmsolver++".
            temperature: Factor on the noise.
            seed: Seed of each utterance's noise; default: torch's own generator.
            callback: See ``espnet_prodiff.diffusion.sample``.

        Returns:
            For each utterance a dict of feat_gen (L_i, odim), duration (N_i + 1,),
            pitch (N_i + 1, 1) and energy (N_i + 1, 1).

        Raises:
            ValueError: If an option is outside its range or an input is missing.
        """
        if not alpha > 0:
            raise ValueError(f"alpha must be greater than 0, but it is {alpha}")
        if not temperature >= 0:
            raise ValueError(f"temperature must not be negative: {temperature}")
        timesteps = self.times(num_steps, schedule)
        if not all(len(text) for text in texts):
            raise ValueError("text is empty: there is nothing to say")
        text_lengths = torch.tensor([len(text) for text in texts]).to(texts[0].device)
        tokens, lengths = append_eos(_pad(texts), text_lengths, self.eos)
        encoded = self.encode(
            tokens,
            lengths,
            mels=None if feats is None else _pad(feats),
            mel_lengths=None if feats is None else [len(mel) for mel in feats],
            spembs=None if spembs is None else torch.stack(list(spembs)),
            sids=None if sids is None else torch.stack(list(sids)),
            lids=None if lids is None else torch.stack(list(lids)),
        )
        forced = use_teacher_forcing
        frames = frames_of(encoded.log_duration, lengths, alpha)
        frames = _pad(durations).long() if forced and durations else frames
        pitch = _pad(pitch) if forced and pitch else encoded.pitch
        energy = _pad(energy) if forced and energy else encoded.energy
        cond = self.expand(encoded.hidden, frames, pitch, energy)

        mel_lengths = frames.sum(1)
        mask = length_mask(mel_lengths, cond.shape[2], cond.dtype)
        noise = UtteranceNoise(mel_lengths.tolist(), seed, temperature)
        mels = sample(
            self.denoiser,
            noise(cond.new_empty(len(texts), self.odim, cond.shape[2])),
            timesteps,
            cond,
            None if mask.all() else mask,
            eta=eta,
            solver=solver,
            noise_fn=noise,
            callback=callback,
        ).transpose(1, 2)
        return [
            {
                "feat_gen": mels[i, : mel_lengths[i]],
                "duration": frames[i, :length],
                "pitch": pitch[i, :length],
                "energy": energy[i, :length],
            }
            for i, length in enumerate(lengths.tolist())
        ]


def _pad(rows: Sequence[Tensor], value: float = 0) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(
        list(rows), batch_first=True, padding_value=value
    )
