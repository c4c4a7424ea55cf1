"""A vocoder that predicts spectra at the frame rate and turns them into a wave."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from espnet2.layers.abs_normalize import AbsNormalize
from espnet2.torch_utils.device_funcs import force_gatherable
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank
from torch import Tensor, nn

from espnet_prodiff.common.crops import check_hop, draw_crops
from espnet_prodiff.common.padding import on_host, validation_generator
from espnet_prodiff.common.phase_integration import Start
from espnet_prodiff.common.plugin import CHECKPOINT_FORMAT, PluginTTS
from espnet_prodiff.errors import InputError, UserError, check_choice, check_positive
from espnet_prodiff.spectral_vocoder.features import LinearMels, inversion_of
from espnet_prodiff.spectral_vocoder.loss import (
    FLOOR,
    SpectralObjective,
    log_magnitude_loss,
    phase_losses,
)
from espnet_prodiff.spectral_vocoder.network import SpectralNetwork

PHASES = ("integrated", "direct")
Losses = tuple[Tensor, dict[str, Tensor]]


class SpectralVocoder(PluginTTS):
    """From log-mels to a wave (``tts: spectral_vocoder``), in the standard stages.

    The network sharpens the magnitudes that agree with the mel (`MelInversion`, the
    built-in vocoder's). Where the phases come from is ``phase``:

    - "integrated": the network predicts by how much they differ from frame to frame and
      from bin to bin, which is summed up, and some rounds of Griffin-Lim follow: what
      two cores can train;
    - "direct": the network predicts them as in Vocos (Siuzdak 2023, 2306.00814), for
      GPUs: to sound clean it has to be trained for long and with ``adversarial``.

    Text and durations are not used. It is no diffusion model and is not distilled.

    Args:
        idim: Number of tokens; not used.
        odim: Number of mel bins.
        spectral_layers: Blocks of the network.
        spectral_channels: Their channels.
        phase: "integrated" or "direct".
        rounds: Of Griffin-Lim, that keep the mel; default: 8, or 0 with direct
            phases.
        adversarial: Train against ESPnet's HiFi-GAN discriminators, with direct
            phases: {} or what differs from the defaults of
            ``espnet_prodiff.training.adversarial.AdversarialObjective``.
        crop_frames: Frames of a training clip.
        hop_length: Samples of a mel frame. The training enters the features' own.
        sampling_rate: In Hz. The training enters the features' own.
        n_fft: FFT size in samples. The training enters the features' own.
        espnet_prodiff: Version of the checkpoint format.

    Raises:
        UserError: If an option has a value that is not among its own.
    """

    conditioning = "mel"
    needs_durations = False
    decoding_options = ("use_teacher_forcing",)
    feature_options = ("hop_length", "sampling_rate", "n_fft")
    half_devices = ("cpu", "cuda")
    # ESPnet's names: inference takes the recording's mel; training takes the wave, too;
    # the output is a wave.
    use_gst = True
    require_raw_speech = True
    require_vocoder = False

    def __init__(
        self,
        idim: int,
        odim: int,
        *,
        spectral_layers: int = 8,
        spectral_channels: int = 256,
        phase: str = "integrated",
        rounds: int | None = None,
        adversarial: Mapping[str, Any] | None = None,
        crop_frames: int = 48,
        hop_length: int = 256,
        sampling_rate: int = 22050,
        n_fft: int = 1024,
        espnet_prodiff: int = CHECKPOINT_FORMAT,
    ) -> None:
        super().__init__()
        self.check_format(espnet_prodiff)
        check_choice("phase", phase, PHASES)
        for name in ("spectral_layers", "spectral_channels"):
            check_positive(name, locals()[name])
        if rounds is not None and (not isinstance(rounds, int) or rounds < 0):
            raise UserError(f"rounds is {rounds!r}, expected a whole number >= 0")
        if adversarial is not None and phase == "integrated":
            raise UserError(
                "adversarial training goes with phase: direct, but phase is "
                "integrated: no gradient passes through the sum"
            )
        self.idim, self.odim, self.phase = idim, odim, phase
        self.hop_length, self.fs, self.n_fft = hop_length, sampling_rate, n_fft
        self.rounds = (8 if phase == "integrated" else 0) if rounds is None else rounds
        self.adversarial = adversarial
        # Frames at either end of a clip whose windows reach beyond it.
        self.edge = -(-n_fft // (2 * hop_length))
        least = 2 * self.edge + 1 - (-2 * n_fft // hop_length)
        if crop_frames < least:
            raise UserError(
                f"crop_frames is {crop_frames}, but with windows of {n_fft} samples "
                f"and a hop of {hop_length} a clip needs {least} frames"
            )
        self.crop_frames = crop_frames
        self.network = SpectralNetwork(
            odim,
            n_fft // 2 + 1,
            5 if phase == "integrated" else 2,
            spectral_channels,
            spectral_layers,
        )
        self.objective: Callable[[Tensor, Tensor], Losses] = SpectralObjective(
            n_fft, sampling_rate
        )
        self.inversion: Any = None  # a MelInversion by take_features, as the next
        self.linear_mels: LinearMels | None = None

    def take_features(
        self, feats_extract: LogMelFbank, normalize: AbsNormalize | None
    ) -> None:
        """Learn from the features how a mel is made, to make it consistent again."""
        self.inversion = inversion_of(feats_extract, self.rounds, self._first_spectra)
        self.linear_mels = LinearMels(feats_extract, normalize)

    def forward(
        self,
        text: Tensor,
        text_lengths: Tensor,
        feats: Tensor,
        feats_lengths: Tensor,
        speech: Tensor,
        speech_lengths: Tensor,
        durations: Tensor | None = None,
        durations_lengths: Tensor | None = None,
        **_: Tensor,
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Training loss of a batch, on a random piece of every utterance.

        Args:
            text: Ignored, as what is not named here.
            text_lengths: Ignored.
            feats: Normalised log-mels, (B, F, odim).
            feats_lengths: (B,).
            speech: (B, T_wav).
            speech_lengths: (B,).
            durations: Normalised mels of an acoustic model, (B, F, odim), to train on
                instead; real durations (B, N) are ignored. See ``DiffWave.forward``.
            durations_lengths: (B,).

        Raises:
            UserError: If the mels have another hop than the model.
        """
        samples, frames = on_host(speech_lengths, feats_lengths)
        check_hop(frames, samples, self.hop_length)
        if durations_lengths is not None and durations is not None:
            if durations.dim() == 3:
                feats, (frames,) = durations, on_host(durations_lengths)
        generator = None
        if not self.training:
            generator = validation_generator(samples, speech.device)
        places = (self.crop_frames, self.hop_length, generator)
        crops = draw_crops(speech, samples, feats, frames, *places)
        mels = self._linear(crops.mel.transpose(1, 2))
        valid = torch.ones_like(crops.wav) if crops.mask is None else crops.mask
        if self.phase == "integrated":
            loss, stats = self._spectral_loss(mels, crops.wav[:, 0], valid[:, 0])
        else:
            loss, stats = self._wave_loss(mels, crops.wav[:, 0], valid[:, 0])
        return force_gatherable((loss, stats, len(speech)), loss.device)

    def _spectral_loss(self, mels: Tensor, wav: Tensor, valid: Tensor) -> Losses:
        inside = slice(self.edge, self.crop_frames - self.edge)
        spectra = self.inversion.stft(wav)[:, inside]
        log_magnitudes, *steps = self._outputs(mels)
        in_time, in_frequency = (x[:, inside] for x in self._phasors(steps))
        # Frames whose windows end before the recording does.
        mask = valid[:, :: self.hop_length, None][:, 2 * self.edge :]
        of_time, of_frequency = phase_losses((in_time, in_frequency), spectra, mask)
        parts = {
            "log_magnitude": log_magnitude_loss(
                log_magnitudes[:, inside], spectra, mask
            ),
            "phase_in_time": of_time,
            "phase_in_frequency": of_frequency,
        }
        loss = parts["log_magnitude"] + of_time + of_frequency
        stats = {name: part.detach() for name, part in parts.items()}
        return loss, {"loss": loss.detach(), **stats}

    def _wave_loss(self, mels: Tensor, wav: Tensor, valid: Tensor) -> Losses:
        fake = self.inversion.istft(self._spectra(mels))
        edge = self.edge * self.hop_length
        inside = slice(edge, fake.shape[1] - edge)
        return self.objective(fake[:, inside] * valid[:, inside], wav[:, inside])

    @torch.no_grad()
    def inference(
        self,
        text: Tensor | None = None,
        feats: Tensor | None = None,
        *,
        durations: Tensor | None = None,
        use_teacher_forcing: bool = False,
    ) -> dict[str, Tensor]:
        """Turn a mel into a wave.

        Args:
            text: Ignored; ESPnet passes it to every model.
            feats: Normalised log-mel, (F, odim).
            durations: Ignored.
            use_teacher_forcing: Without effect: the mel is the recording's anyway.

        Returns:
            wav ((F - 1) * hop,), but at least one hop.

        Raises:
            UserError: If the mel is missing or of another shape.
        """
        if feats is None or feats.dim() != 2 or feats.shape[1] != self.odim:
            shape = "missing" if feats is None else f"of shape {tuple(feats.shape)}"
            raise InputError(
                f"this vocoder takes mels (frames, {self.odim}), but the mel is {shape}"
            )
        # Half precision is a matter of the network's layers: spectra stay float32.
        with torch.autocast(feats.device.type, enabled=False):
            return {"wav": self.inversion([self._linear(feats)])[0].clamp(-1, 1)}

    def product_layers(self) -> list[nn.Module]:
        """Layers whose weights may be rounded to half precision at inference."""
        return self.network.product_layers()

    def _linear(self, feats: Tensor) -> Tensor:
        """Magnitude mels of normalised log-mels (..., F, odim)."""
        if self.linear_mels is None:
            raise UserError(
                "this vocoder has no features yet: build it by DiffusionTTSTask, or "
                "call take_features"
            )
        return self.linear_mels(feats)

    def _first_spectra(self, mel: Tensor, begin: int, end: int) -> Start | Tensor:
        """What the rounds start from, for frames of a magnitude mel (F, odim)."""
        before = max(begin - self.network.context, 0)
        around = mel[None, before : end + self.network.context]
        inside = slice(begin - before, end - before)
        if self.phase == "direct":
            return self._spectra(around)[0, inside]
        log_magnitudes, *steps = (out[0, inside] for out in self._outputs(around))
        magnitudes = log_magnitudes.exp()
        for _ in range(2):
            magnitudes = self.inversion.agree(magnitudes, mel[begin:end])
        # The angles of `_phasors`; complex numbers would take three times as long.
        advance = torch.atan2(steps[1], steps[0]) + self._own_advance(mel.device)
        difference = torch.atan2(steps[3], steps[2]) + math.pi
        # A peak whose phase is hard to tell ahead is a poor one to hang others on.
        salience = magnitudes * torch.hypot(steps[0], steps[1])
        return Start(magnitudes, advance, difference, salience)

    def _phasors(self, outputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Phasors of the steps in time and in frequency, of the network's outputs.

        It predicts by how much they differ from those of the bin's own frequency and of
        a sound in the middle of the window.
        """
        rotation = torch.exp(1j * self._own_advance(outputs[0].device))
        in_time = torch.complex(outputs[0], outputs[1]) * rotation
        return in_time, -torch.complex(outputs[2], outputs[3])

    def _own_advance(self, device: torch.device) -> Tensor:
        """Steps in time of the bins' own frequencies, without whole turns, (bins,)."""
        bins = torch.arange(self.n_fft // 2 + 1, device=device)
        return 2 * math.pi / self.n_fft * (bins * self.hop_length % self.n_fft)

    def _spectra(self, mels: Tensor) -> Tensor:
        """Complex spectra (B, F, bins) of magnitude mels, phases by the network."""
        log_magnitudes, angles = self._outputs(mels)
        return torch.polar(log_magnitudes.exp(), angles)

    def _outputs(self, mels: Tensor) -> list[Tensor]:
        """Log-magnitudes (B, F, bins) of magnitude mels (B, F, odim), and the rest."""
        with torch.no_grad(), torch.autocast(mels.device.type, enabled=False):
            prior = self.inversion.magnitudes(mels).clamp(min=FLOOR).log()
        # Logarithms of the mels of speech are -4 +- 2.5.
        outputs = self.network((mels.clamp(min=FLOOR).log() + 4) / 2.5).float()
        log_magnitudes, *angles = outputs.unbind(1)
        # No network starts with spectra louder than any sound.
        return [(prior + log_magnitudes).clamp(max=10), *angles]
