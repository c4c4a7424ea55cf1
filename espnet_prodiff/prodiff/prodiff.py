"""ProDiff: progressive fast diffusion, text to mel (Huang et al. 2022, 2207.06389)."""

import inspect
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

import torch
from espnet2.torch_utils.device_funcs import force_gatherable
from torch import Tensor, nn

from espnet_prodiff.common.model import Callback, DiffusionTTS
from espnet_prodiff.common.padding import (
    append_eos,
    length_mask,
    on_host,
    validation_generator,
)
from espnet_prodiff.common.plugin import CHECKPOINT_FORMAT
from espnet_prodiff.common.sampling import Sampling
from espnet_prodiff.diffusion import TRAIN_TIMES, Denoiser
from espnet_prodiff.errors import check_choice
from espnet_prodiff.prodiff.encoder import TextEncoder
from espnet_prodiff.prodiff.inference import synthesize
from espnet_prodiff.prodiff.loss import clean_data_objective, variance_errors
from espnet_prodiff.prodiff.network import ProDiffNetwork, RepeatedCond
from espnet_prodiff.prodiff.options import (
    noise_schedule,
    text_options,
    with_text_options,
)


class ProDiff(DiffusionTTS, TextEncoder):
    """ProDiff as an ESPnet text-to-mel model (``tts: prodiff``).

    FastSpeech2's encoder conditions a gated residual denoiser which predicts the
    clean mel. Teacher and student are the same class: a student differs in its weights
    and in ``num_steps``, the number of steps that it was distilled for.

    Every option of ESPnet's built-in ``prodiff`` is accepted with the same meaning.

    Args:
        idim: Number of tokens.
        odim: Number of mel bins.
        denoiser_layers: Residual layers of the denoiser.
        denoiser_channels: Its channels.
        diffusion_steps: T, the steps of the noise schedule. NOTE: 4 by default as in
            the paper, 1000 in ESPnet's built-in.
        diffusion_timescale: Without effect, as in ESPnet's built-in.
        diffusion_beta: Largest beta rate of the "vpsde" schedule.
        diffusion_scheduler: "vpsde", "cosine" or "linear".
        diffusion_cycle_ln: Dilations run 1, 2, 4 ... over so many layers; 1: none.
        num_steps: Sampling steps; default: ``diffusion_steps``, but 8 with continuous
            times.
        distilled_times: Times that a student was distilled at, with the final 0.
        prediction_type: What the network predicts: "x_0", "eps" or "v".
        noise_cond: Its noise condition: "step", "alpha" or "log_snr".
        train_times: Times at which a teacher is trained: "discrete" (1 ... T) or
            "continuous" ((0, T], Salimans & Ho), which leaves the number of steps,
            and so the chain of its students, open.
        variance_loss_weight: Weight of the duration, pitch and energy losses (ProDiff,
            section 4.4: 0.1).
        espnet_prodiff: Version of the checkpoint format.
        **text: FastSpeech2's options for encoder, predictors, speakers,
            languages, speaker embeddings and GST.

    Raises:
        UserError: If an option is unknown or has a value that is not among its own.
    """

    # A voice shows in every bin, so it is decided on where single bins are all noise:
    # between these a trained teacher's few steps come nearest to its many.
    snr_ends = (-30.0, 30.0)
    layer_major = ProDiffNetwork.LAYER_MAJOR
    half_devices = ("cpu", "cuda")
    runs_on_rows = True
    channel_axes = ProDiffNetwork.CHANNEL_AXES
    decoding_options = (*DiffusionTTS.decoding_options, "speed")

    def __init__(
        self,
        idim: int,
        odim: int,
        *,
        denoiser_layers: int = 20,
        denoiser_channels: int = 256,
        diffusion_steps: int = 4,
        diffusion_timescale: int = 1,
        diffusion_beta: float = 40.0,
        diffusion_scheduler: str = "vpsde",
        diffusion_cycle_ln: int = 1,
        num_steps: int | None = None,
        distilled_times: Sequence[float] | None = None,
        prediction_type: str = "x_0",
        noise_cond: str = "step",
        train_times: str = "discrete",
        variance_loss_weight: float = 0.1,
        espnet_prodiff: int = CHECKPOINT_FORMAT,
        **text: Any,
    ) -> None:
        options = text_options(text)
        super().__init__(idim, odim, **options)
        del self.decoder, self.feat_out, self.criterion
        schedule = noise_schedule(
            diffusion_scheduler,
            diffusion_steps,
            diffusion_beta,
            diffusion_timescale,
            espnet_prodiff,
        )
        network = ProDiffNetwork(
            n_mels=odim,
            cond_channels=options["adim"],
            channels=denoiser_channels,
            layers=denoiser_layers,
            dilation_cycle=diffusion_cycle_ln,
        )
        check_choice("train_times", train_times, TRAIN_TIMES)
        self.set_diffusion(
            Denoiser(network, schedule, prediction_type, noise_cond),
            partial(clean_data_objective, times=train_times),
            num_steps=num_steps,
            distilled_times=distilled_times,
            checkpoint_format=espnet_prodiff,
            train_times=train_times,
        )
        # NOTE: padding never counts, even where use_masking is false as by default.
        self.use_weighted_masking = options["use_weighted_masking"]
        self.variance_loss_weight = variance_loss_weight

    def product_layers(self) -> list[nn.Module]:
        """Layers whose weights may be rounded to half precision at inference."""
        network = self.denoiser.network
        layers = [network.in_proj, network.cond_proj, network.skip_proj]
        blocks: tuple[Any, ...] = (
            getattr(self.encoder, "encoders", self.encoder),
            self.duration_predictor.conv,
            self.pitch_predictor.conv,
            self.energy_predictor.conv,
            network.layers,
        )
        for part in (part for block in blocks for part in block.modules()):
            if isinstance(part, nn.Linear | nn.Conv1d):
                layers.append(part)
        return layers

    def explain_foreign_weights(
        self, names: Collection[str], prefix: str
    ) -> str | None:
        """A message on the weights of ESPnet's built-in, which has our name."""
        if not any(n.startswith(f"{prefix}decoder.denoiser_res.") for n in names):
            return None
        return (
            "these are the weights of ESPnet's built-in prodiff, not of ours: to use "
            "them, set 'tts: prodiff_builtin' in the config.yaml beside them"
        )

    def forward(
        self,
        text: Tensor,
        text_lengths: Tensor,
        feats: Tensor,
        feats_lengths: Tensor,
        durations: Tensor,
        durations_lengths: Tensor,
        pitch: Tensor,
        pitch_lengths: Tensor,
        energy: Tensor,
        energy_lengths: Tensor,
        spembs: Tensor | None = None,
        sids: Tensor | None = None,
        lids: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Training loss of a batch; see `DiffusionTTS` for the arguments."""
        # DataParallel hands on batches with the padding of a longer one.
        variances = (durations_lengths, pitch_lengths, energy_lengths)
        host = on_host(text_lengths, feats_lengths, *variances)
        most = [max(lengths) for lengths in host]
        inputs = self.cond_inputs(
            text=text[:, : most[0]],
            text_lengths=text_lengths,
            feats=feats[:, : most[1]],
            feats_lengths=feats_lengths,
            durations=durations[:, : most[2]],
            pitch=pitch[:, : most[3]],
            energy=energy[:, : most[4]],
            num_frames=most[1],
            spembs=spembs,
            sids=sids,
            lids=lids,
        )
        with torch.set_grad_enabled(
            torch.is_grad_enabled() and not self.trains_denoiser_only
        ):
            encoded, cond = self.condition(**inputs)
        mel = inputs["mels"].transpose(1, 2)
        mask = length_mask(feats_lengths, mel.shape[2], mel.dtype)
        diffusion = self.objective(
            self.denoiser,
            mel * mask,
            cond,
            mask,
            None if self.training else validation_generator(host[1], mel.device),
            inputs,
        )
        duration, pitch_error, energy_error = variance_errors(
            (encoded.log_duration.unsqueeze(2), encoded.pitch, encoded.energy),
            (inputs["durations"].unsqueeze(2), inputs["pitch"], inputs["energy"]),
            encoded.mask.transpose(1, 2),
            alike=self.use_weighted_masking,
        )
        loss = diffusion
        if not self.trains_denoiser_only:  # else a constant that hides the rest
            variance = duration + pitch_error + energy_error
            loss = loss + self.variance_loss_weight * variance
        stats = {
            "loss": loss.detach(),
            "diffusion_loss": diffusion.detach(),
            "duration_loss": duration.detach(),
            "pitch_loss": pitch_error.detach(),
            "energy_loss": energy_error.detach(),
        }
        return force_gatherable((loss, stats, len(text)), loss.device)

    def cond_inputs(
        self, text: Tensor, text_lengths: Tensor, feats: Tensor, **others: Any
    ) -> dict[str, Any]:
        """Arguments of ``condition`` from ESPnet's, with eos behind the text."""
        tokens, lengths = append_eos(text, text_lengths, self.eos)
        others["mel_lengths"] = others.pop("feats_lengths")
        return {"tokens": tokens, "lengths": lengths, "mels": feats, **others}

    def condition(
        self,
        tokens: Tensor,
        lengths: Tensor,
        durations: Tensor,
        pitch: Tensor,
        energy: Tensor,
        num_frames: int | None = None,
        **identity: Tensor | None,
    ) -> tuple[Any, RepeatedCond]:
        """Encoded text and the denoiser's conditioning, of ``num_frames`` (L)."""
        encoded = self.encode(tokens, lengths, **identity)
        parts = (durations, pitch, energy, num_frames)
        return encoded, self.expand(encoded.hidden, *parts)

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
        speed: float = 1.0,
        use_teacher_forcing: bool = False,
        callback: Callback | None = None,
        **sampling: Any,
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
            speed: How many times as fast; the length is right to half a frame.
            use_teacher_forcing: Use the given durations, pitch and energy; what is not
                given is predicted.
            callback: See ``espnet_prodiff.diffusion.sample``.
            **sampling: Options of `Sampling`.

        Returns:
            For each utterance feat_gen (L_i, odim), duration (N_i + 1,), pitch
            (N_i + 1, 1) and energy (N_i + 1, 1).

        Raises:
            UserError: If an option is outside its range or an input is missing.
        """
        inputs = (feats, durations, spembs, sids, lids, pitch, energy)
        options = (alpha, speed, use_teacher_forcing, Sampling(**sampling), callback)
        return synthesize(self, texts, *inputs, *options)


# ESPnet reads the options of a model (--print_config) from the signature.
ProDiff.__signature__ = with_text_options(inspect.signature(ProDiff))
