"""WaveGrad 2: iterative refinement, text to wave (Chen et al. 2021, 2106.09660)."""

from collections.abc import Sequence
from typing import Any

import torch
from espnet2.torch_utils.device_funcs import force_gatherable
from torch import Tensor, nn

from espnet_prodiff.common.crops import check_hop
from espnet_prodiff.common.padding import append_eos, on_host
from espnet_prodiff.common.plugin import CHECKPOINT_FORMAT
from espnet_prodiff.common.wave_diffusion import noise_schedule, objective_of
from espnet_prodiff.common.wave_model import WaveDiffusionTTS
from espnet_prodiff.diffusion import Denoiser
from espnet_prodiff.errors import UserError, check_positive
from espnet_prodiff.wavegrad2.duration_predictor import Predictors
from espnet_prodiff.wavegrad2.encoder import TextEncoder
from espnet_prodiff.wavegrad2.factors import upsample_factors
from espnet_prodiff.wavegrad2.inference import speak
from espnet_prodiff.wavegrad2.loss import build_specaug, duration_loss, mel_loss
from espnet_prodiff.wavegrad2.network import WaveGradNetwork
from espnet_prodiff.wavegrad2.tiling import TiledNetwork
from espnet_prodiff.wavegrad2.upsampling import gaussian_upsampling


class WaveGrad2(WaveDiffusionTTS):
    """WaveGrad 2 as an ESPnet model (``tts: wavegrad2``), text to wave in one model.

    An encoder of the tokens, Gaussian upsampling to frames, and WaveGrad's U-net, which
    learns from windows of the frames, with a continuous alpha as noise condition.
    Teacher and student are the same class: a student differs in its weights and in
    ``num_steps``.

    Args:
        idim: Number of tokens.
        odim: Number of mel bins; only the multi-task loss has to do with mels.
        embed_dim: Channels of the token embedding.
        encoder_channels: Channels of the convolutions and of the BiLSTM's output.
        encoder_conv_layers: Convolutions before the BiLSTM.
        encoder_kernel_size: Their kernel.
        encoder_dropout: Dropout behind each.
        zoneout: Share of the BiLSTM's states that keep their value at a token.
        predictor_channels: Channels of the duration and range predictors.
        predictor_dropout: Their dropout.
        decoder_size: "base", or "large" with twice the blocks.
        decoder_channels: Channels of the five upsampling blocks, coarse to fine.
        decoder_pre_channels: Channels of the convolution before them.
        decoder_in_channels: Channels of the convolution of the noisy wave.
        window_frames: Frames of a training window: 64 or 256 in the paper.
        hop_length: Samples of a frame. The training enters the features' own.
        sampling_rate: In Hz. The training enters the features' own.
        diffusion_steps: T, the grid of the noise schedule; noise is drawn between its
            points too.
        diffusion_scheduler: "linear", "cosine" or "vpsde".
        beta_start: First beta of "linear".
        beta_end: Last beta of "linear".
        num_steps: Sampling steps; default: ``default_num_steps``.
        distilled_times: Times that a student was distilled at, with the final 0.
        prediction_type: What the network predicts: "eps" (the paper), "x_0" or "v".
        loss: "l1" (the paper) or "l2", on what the network predicts.
        wave_scale: The diffusion runs on waves times this, see DiffWave; 1 in the
            paper.
        duration_loss_weight: Weight of the error of the log-durations.
        mel_loss_weight: Weight of the multi-task loss, the L1 of the mel as a linear
            layer reads it from the upsampled frames; 0: off (paper, ablation).
        specaug_conf: Options of ESPnet's SpecAug, applied to the upsampled frames in
            training, without its time warp; None: off (paper, ablation).
        spks: Number of speaker ids.
        langs: Number of language ids.
        spk_embed_dim: Dimension of speaker embeddings.
        spk_embed_integration_type: "add" or "concat".
        espnet_prodiff: Version of the checkpoint format.

    Raises:
        UserError: If an option has a value that is not among its own.
    """

    # NOTE: 1000 in the paper, which finds 50 nearly as good.
    default_num_steps = 50
    train_times = "continuous"
    half_devices = ("cuda",)  # on a CPU torch's convolutions take longer so, measured
    tiled_network = TiledNetwork
    decoding_options = (*WaveDiffusionTTS.decoding_options, "speed")

    def __init__(
        self,
        idim: int,
        odim: int,
        *,
        embed_dim: int = 512,
        encoder_channels: int = 512,
        encoder_conv_layers: int = 3,
        encoder_kernel_size: int = 5,
        encoder_dropout: float = 0.5,
        zoneout: float = 0.1,
        predictor_channels: int = 512,
        predictor_dropout: float = 0.5,
        decoder_size: str = "base",
        decoder_channels: Sequence[int] = (512, 512, 256, 128, 128),
        decoder_pre_channels: int = 768,
        decoder_in_channels: int = 32,
        window_frames: int = 64,
        hop_length: int = 256,
        sampling_rate: int = 22050,
        diffusion_steps: int = 1000,
        diffusion_scheduler: str = "linear",
        beta_start: float = 1.0e-6,
        beta_end: float = 0.01,
        num_steps: int | None = None,
        distilled_times: Sequence[float] | None = None,
        prediction_type: str = "eps",
        loss: str = "l1",
        wave_scale: float = 1.0,
        duration_loss_weight: float = 1.0,
        mel_loss_weight: float = 0.0,
        specaug_conf: dict[str, Any] | None = None,
        spks: int | None = None,
        langs: int | None = None,
        spk_embed_dim: int | None = None,
        spk_embed_integration_type: str = "add",
        espnet_prodiff: int = CHECKPOINT_FORMAT,
    ) -> None:
        super().__init__()
        check_positive("window_frames", window_frames)
        self.set_wave(hop_length, sampling_rate, wave_scale)
        weights = {"duration_loss": duration_loss_weight, "mel_loss": mel_loss_weight}
        for name, weight in weights.items():
            if not 0 <= weight < float("inf"):
                raise UserError(f"{name}_weight must be 0 or more, but it is {weight}")
        self.idim, self.odim, self.eos = idim, odim, idim - 1
        self.window_frames = window_frames
        # ESPnet's recipes give 0 or less where there is none.
        self.spks = spks if spks and spks > 1 else None
        self.langs = langs if langs and langs > 1 else None
        has_spembs = spk_embed_dim is not None and spk_embed_dim > 0
        self.spk_embed_dim = spk_embed_dim if has_spembs else None
        self.duration_loss_weight = duration_loss_weight
        self.mel_loss_weight = mel_loss_weight

        self.text_side = TextEncoder(
            idim,
            embed_dim=embed_dim,
            encoder_channels=encoder_channels,
            encoder_conv_layers=encoder_conv_layers,
            encoder_kernel_size=encoder_kernel_size,
            encoder_dropout=encoder_dropout,
            zoneout=zoneout,
            spks=self.spks,
            langs=self.langs,
            spk_embed_dim=self.spk_embed_dim,
            spk_embed_integration_type=spk_embed_integration_type,
        )
        hidden = self.text_side.out_channels
        self.resampling = Predictors(hidden, predictor_channels, predictor_dropout)
        self.specaug = build_specaug(specaug_conf)
        self.mel_proj = nn.Linear(hidden, odim) if mel_loss_weight else None

        schedule = noise_schedule(
            diffusion_scheduler, diffusion_steps, beta_start, beta_end
        )
        network = WaveGradNetwork(
            hidden,
            upsample_factors(hop_length, len(decoder_channels)),
            channels=decoder_channels,
            pre_channels=decoder_pre_channels,
            in_channels=decoder_in_channels,
            size=decoder_size,
        )
        # A time t ~ U(0, T] is WaveGrad's level between two points of the grid, s ~
        # U{1 ... T}, sqrt(alpha_bar) ~ U(l_s, l_{s-1}); alpha is linear between.
        self.set_diffusion(
            Denoiser(network, schedule, prediction_type, noise_cond="alpha"),
            objective_of(loss, prediction_type, times="continuous"),
            num_steps=num_steps,
            distilled_times=distilled_times,
            checkpoint_format=espnet_prodiff,
        )

    def forward(
        self,
        text: Tensor,
        text_lengths: Tensor,
        feats: Tensor,
        feats_lengths: Tensor,
        speech: Tensor,
        speech_lengths: Tensor,
        durations: Tensor,
        durations_lengths: Tensor,
        spembs: Tensor | None = None,
        sids: Tensor | None = None,
        lids: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Training loss of a batch, on a random window of every utterance.

        See `DiffusionTTS` for the arguments.

        Raises:
            UserError: If the mels have another hop than the model, or an input that
                it was built for is missing.
        """
        host = on_host(speech_lengths, feats_lengths, text_lengths)
        check_hop(host[1], host[0], self.hop_length)
        text = text[:, : max(host[2])]
        tokens, lengths = append_eos(text, text_lengths, self.eos)
        window, generator = self.random_crops(
            speech, host[0], feats, host[1], self.window_frames
        )
        frames = torch.arange(self.window_frames, device=text.device)
        inputs: dict[str, Any] = {
            "tokens": tokens,
            "lengths": lengths,
            "durations": durations[:, : tokens.shape[1]],
            "frames": window.start[:, None] + frames,
            "spembs": spembs,
            "sids": sids,
            "lids": lids,
        }
        with torch.set_grad_enabled(
            torch.is_grad_enabled() and not self.trains_denoiser_only
        ):
            log_durations, cond = self.condition(**inputs)
        x_0 = self.wave_scale * window.wav
        diffusion = self.objective(
            self.denoiser, x_0, cond, window.mask, generator, inputs
        )
        losses = {"diffusion_loss": diffusion}
        loss = diffusion
        if not self.trains_denoiser_only:  # else constants that hide the rest
            losses["duration_loss"] = duration_loss(
                log_durations, inputs["durations"], lengths
            )
            loss = loss + self.duration_loss_weight * losses["duration_loss"]
            if self.mel_proj is not None:
                valid = inputs["frames"] < feats_lengths[:, None]
                losses["mel_loss"] = mel_loss(self.mel_proj, cond, window.mel, valid)
                loss = loss + self.mel_loss_weight * losses["mel_loss"]
        stats = {"loss": loss.detach(), **{k: v.detach() for k, v in losses.items()}}
        return force_gatherable((loss, stats, len(text)), loss.device)

    def condition(
        self,
        tokens: Tensor,
        lengths: Tensor,
        durations: Tensor,
        frames: Tensor,
        **identity: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Log-durations (B, N) and the denoiser's conditioning (B, C, F) of a batch.

        From token ids with eos (B, N), their lengths (B,), the frames of each token
        (B, N), the indices of the wanted frames (B, F), ``spembs``, ``sids`` and
        ``lids``. Behind the end of an utterance there is nothing to be conditioned on,
        and the result is 0.
        """
        hidden = self.text_side(tokens, lengths, **identity)
        sigma = self.resampling.ranges(hidden, durations, lengths)
        _, upsampled = gaussian_upsampling(hidden, durations, sigma, frames)
        if self.specaug is not None and self.training and not self.trains_denoiser_only:
            upsampled, _ = self.specaug(upsampled)
        inside = frames < durations.sum(1, keepdim=True)
        upsampled = upsampled * inside.unsqueeze(-1)
        return self.resampling.log_durations(hidden, lengths), upsampled.transpose(1, 2)

    def inference(self, text: Tensor, **options: Any) -> dict[str, Tensor]:
        """Speak one utterance: ``wavegrad2.inference.speak`` with this model."""
        return speak(self, text, **options)
