"""DiffWave: a diffusion model of waveforms (Kong et al. 2021, 2009.09761)."""

from collections.abc import Sequence
from typing import Any

import torch
from espnet2.torch_utils.device_funcs import force_gatherable
from torch import Tensor

from espnet_prodiff.common.crops import check_hop
from espnet_prodiff.common.model import Callback
from espnet_prodiff.common.padding import on_host
from espnet_prodiff.common.plugin import CHECKPOINT_FORMAT
from espnet_prodiff.common.sampling import Sampling
from espnet_prodiff.common.wave_diffusion import noise_schedule, objective_of
from espnet_prodiff.common.wave_model import WaveDiffusionTTS
from espnet_prodiff.diffusion import Denoiser
from espnet_prodiff.diffwave.inference import inference_inputs
from espnet_prodiff.diffwave.network import DiffWaveNetwork
from espnet_prodiff.diffwave.tiling import TiledNetwork
from espnet_prodiff.errors import UserError, check_choice, check_positive

CONDITIONINGS = ("mel", "label", "none")


class DiffWave(WaveDiffusionTTS):
    """DiffWave as an ESPnet model (``tts: diffwave``), trained in the standard stages.

    With a mel it is a vocoder, with a label or nothing it generates waves. Text
    and durations are not used. Teacher and student are the same class: a student
    differs in its weights and in ``num_steps``.

    Args:
        idim: Number of tokens; not used.
        odim: Number of mel bins.
        diffwave_layers: Residual layers: 30 (BASE, LARGE), 36 (unconditional).
        diffwave_channels: Their channels: 64 (BASE), 128 (LARGE), 256 (unconditional).
        dilation_cycle: Dilations run 1, 2, 4 ... over so many layers.
        conditioning: "mel", "label" (``sids``: a speaker or any other class) or "none".
        num_labels: Number of labels with "label"; ESPnet's utt2sid counts from 1, so
            it is the number of speakers and one more.
        hop_length: Samples of a mel frame. The training enters the features' own.
        sampling_rate: In Hz. The training enters the features' own.
        diffusion_steps: T.
        diffusion_scheduler: "linear", "cosine" or "vpsde".
        beta_start: First beta of "linear".
        beta_end: Last beta of "linear".
        train_times: Times at which a teacher is trained: "discrete" (1 ... T, the
            paper) or "continuous" ((0, T]), which is as good in any number of steps.
        num_steps: Sampling steps; default: T, but 50 with continuous times.
        distilled_times: Times that a student was distilled at, with the final 0.
        prediction_type: What the network predicts: "eps" (the paper), "x_0" or "v".
        loss: "l2" (the paper) or "l1", on what the network predicts.
        wave_scale: The diffusion runs on waves times this; 1 in the paper. Noise
            schedules are meant for data of power 1, but the power of speech is some
            0.004: unscaled, most times of a schedule that ends in noise are all noise.
        crop_frames: Frames of a training clip. NOTE: 62 of 256 samples, 15,872, as the
            paper's clips of 16,000 are no whole number of frames.
        espnet_prodiff: Version of the checkpoint format.

    Raises:
        UserError: If an option has a value that is not among its own.
    """

    tiled_network = TiledNetwork
    needs_durations = False
    decoding_options = ("seconds", "use_teacher_forcing", "callback")
    layer_major = DiffWaveNetwork.LAYER_MAJOR
    half_devices = ("cpu", "cuda")

    def __init__(
        self,
        idim: int,
        odim: int,
        *,
        diffwave_layers: int = 30,
        diffwave_channels: int = 64,
        dilation_cycle: int = 10,
        conditioning: str = "mel",
        num_labels: int | None = None,
        hop_length: int = 256,
        sampling_rate: int = 22050,
        diffusion_steps: int = 50,
        diffusion_scheduler: str = "linear",
        beta_start: float = 1.0e-4,
        beta_end: float = 0.05,
        train_times: str = "discrete",
        num_steps: int | None = None,
        distilled_times: Sequence[float] | None = None,
        prediction_type: str = "eps",
        loss: str = "l2",
        wave_scale: float = 1.0,
        crop_frames: int = 62,
        espnet_prodiff: int = CHECKPOINT_FORMAT,
    ) -> None:
        super().__init__()
        check_choice("conditioning", conditioning, CONDITIONINGS)
        if (num_labels is not None) != (conditioning == "label"):
            raise UserError(
                "num_labels of diffwave goes with conditioning label, but num_labels "
                f"is {num_labels} and conditioning is {conditioning}"
            )
        self.set_wave(hop_length, sampling_rate, wave_scale)
        check_positive("crop_frames", crop_frames)
        self.idim, self.odim, self.crop_frames = idim, odim, crop_frames
        self.conditioning = conditioning
        self.num_labels = self.spks = num_labels
        # ESPnet's name for "inference takes the recording's mel", so stage 8 passes it.
        self.use_gst = conditioning == "mel"

        schedule = noise_schedule(
            diffusion_scheduler, diffusion_steps, beta_start, beta_end
        )
        vocoder = self.use_gst
        network = DiffWaveNetwork(
            diffwave_channels,
            diffwave_layers,
            dilation_cycle,
            n_mels=odim if vocoder else None,
            hop_length=hop_length if vocoder else None,
            num_labels=num_labels,
            train_times=train_times,
            interpolate_times=espnet_prodiff > 1 or num_steps is None,
        )
        self.set_diffusion(
            Denoiser(network, schedule, prediction_type, noise_cond="step"),
            objective_of(loss, prediction_type, train_times),
            num_steps=num_steps,
            distilled_times=distilled_times,
            checkpoint_format=espnet_prodiff,
            train_times=train_times,
        )

    def forward(
        self,
        text: Tensor,
        text_lengths: Tensor,
        feats: Tensor,
        feats_lengths: Tensor,
        speech: Tensor,
        speech_lengths: Tensor,
        sids: Tensor | None = None,
        durations: Tensor | None = None,
        durations_lengths: Tensor | None = None,
        spembs: Tensor | None = None,
        lids: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Training loss of a batch, on a random piece of every utterance.

        See `DiffusionTTS` for the arguments; text, spembs and lids are ignored, and
        sids are the labels. Durations (B, F, odim) are normalised mels of an acoustic
        model, to train on instead of the recordings' (bin.finetune_vocoder): ESPnet has
        no name for such an input and passes this one on as it is. Real durations (B, N)
        are ignored.

        Raises:
            UserError: If the mels have another hop than the model, or the labels are
                missing or out of range.
        """
        samples, frames = on_host(speech_lengths, feats_lengths)
        check_hop(frames, samples, self.hop_length)
        if durations is not None and durations.dim() == 3:
            if durations_lengths is None:
                raise TypeError("durations (B, F, odim) come with durations_lengths")
            feats, (frames,) = durations, on_host(durations_lengths)
        crops, generator = self.random_crops(
            speech, samples, feats, frames, self.crop_frames
        )
        inputs = {"mel": crops.mel, "sids": sids}
        _, cond = self.condition(**inputs)
        x_0 = self.wave_scale * crops.wav
        loss = self.objective(self.denoiser, x_0, cond, crops.mask, generator, inputs)
        stats = {"loss": loss.detach(), "diffusion_loss": loss.detach()}
        return force_gatherable((loss, stats, len(speech)), loss.device)

    def condition(
        self, mel: Tensor | None = None, sids: Tensor | None = None
    ) -> tuple[None, Tensor | None]:
        """The mel (B, odim, F), the labels (B,) of ``sids`` (B, 1), or None."""
        if self.conditioning != "label":
            return None, mel if self.conditioning == "mel" else None
        if sids is None:
            raise UserError(
                "conditioning of diffwave is label, but the data have no sids: run "
                "the recipe with --use_sid true, or give a label file as "
                "--train_data_path_and_name_and_type <file>,sids,text_int"
            )
        labels = sids.reshape(-1)
        self.check_labels(labels)
        return None, labels

    def check_labels(self, labels: Tensor) -> None:
        """Refuse labels that the model does not have (`UserError`)."""
        if self.num_labels is None:
            raise TypeError("this DiffWave has no labels")
        if not ((labels >= 0) & (labels < self.num_labels)).all():
            raise UserError(
                f"labels must lie in 0 ... {self.num_labels - 1} (num_labels of "
                f"tts_conf), but they are {labels.flatten().tolist()}"
            )

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
        callback: Callback | None = None,
        **sampling: Any,
    ) -> dict[str, Tensor]:
        """Denoise white noise to a wave (DiffWave, Algorithm 2).

        Args:
            text: Ignored; ESPnet passes it to every model.
            feats: Normalised mel, (F, odim), with conditioning "mel".
            sids: Label, (1,), with conditioning "label".
            durations: Ignored.
            use_teacher_forcing: Without effect: the mel is the recording's anyway.
            seconds: Length without a mel; default: that of a training clip.
            callback: See ``espnet_prodiff.diffusion.sample``.
            **sampling: Options of `Sampling`.

        Returns:
            wav (T_wav,) in [-1, 1]: F * hop samples where there is a mel.

        Raises:
            UserError: If an input is missing or an option is outside its range.
        """
        cond, samples = inference_inputs(self, feats, sids, seconds)
        wav = self.generate_wave(samples, cond, Sampling(**sampling), callback)
        return {"wav": wav}
