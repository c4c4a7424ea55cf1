"""The contract of a waveform model: a scaled wave, clipped and in tiles."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from espnet_prodiff.common.crops import Crops, draw_crops
from espnet_prodiff.common.model import Callback, DiffusionTTS
from espnet_prodiff.common.padding import UtteranceNoise, validation_generator
from espnet_prodiff.common.sampling import Sampling
from espnet_prodiff.diffusion import ClippedDenoiser
from espnet_prodiff.diffusion.sampling_times import SPEECH_POWER
from espnet_prodiff.errors import UserError, check_positive


class WaveDiffusionTTS(DiffusionTTS):
    """A `DiffusionTTS` of waves, which is trained on pieces of the recordings.

    ``hop_length`` and ``sampling_rate`` are options of its constructor; the training
    enters those of the features.

    Attributes:
        tiled_network: Evaluates the network in bounded memory.
        wave_scale: The diffusion runs on waves times this. NOTE: 1 in the papers.
        hop_length: Samples of a mel frame.
        fs: Sampling rate in Hz.
    """

    tiled_network: type[nn.Module]
    wave_scale: float
    hop_length: int
    fs: int
    feature_options = ("hop_length", "sampling_rate")
    default_num_steps = 50
    # Speech is loud and quiet, so its steps go far up: above 40 dB an exact denoiser of
    # its bins gains little more, and a trained DiffWave did best or nearly so between
    # these in 4, 6 and 12 steps (benchmarks/results, step_placement and diffwave_ends).
    snr_ends = (-20.0, 40.0)

    def set_wave(self, hop_length: int, sampling_rate: int, wave_scale: float) -> None:
        """Take over the constructor's options of the wave.

        Raises:
            UserError: If one is outside its range.
        """
        check_positive("hop_length", hop_length)
        check_positive("sampling_rate", sampling_rate)
        if not 0 < wave_scale < math.inf:
            raise UserError(
                f"wave_scale must be greater than 0, but it is {wave_scale}"
            )
        self.hop_length, self.fs = hop_length, sampling_rate
        self.wave_scale = wave_scale

    def random_crops(
        self,
        speech: Tensor,
        samples: Sequence[int],
        feats: Tensor,
        frames: Sequence[int],
        crop_frames: int,
    ) -> tuple[Crops, torch.Generator | None]:
        """Cut training clips, see ``draw_crops``; in validation always the same.

        Returns the clips and the source of a validation's times and noise.
        """
        generator = None
        if not self.training:
            generator = validation_generator(samples, speech.device)
        places = (crop_frames, self.hop_length, generator)
        crops = draw_crops(speech, samples, feats, frames, *places)
        return crops, generator

    @property
    def data_power(self) -> float:
        """Mean square of speech as it is diffused."""
        return self.wave_scale**2 * SPEECH_POWER

    @property
    def require_raw_speech(self) -> bool:
        """ESPnet passes the wave beside the mel."""
        return True

    @property
    def require_vocoder(self) -> bool:
        """False: the output is a wave already."""
        return False

    @property
    def default_eta(self) -> float:
        """1, ancestral, as in the papers; 0 for a student, distilled for DDIM steps."""
        return 0.0 if self.is_student else 1.0

    def sampled_denoiser(self, network: nn.Module | None = None) -> ClippedDenoiser:
        """The denoiser as it is sampled, which is also what a student learns from.

        With ``network`` in the place of its own.
        """
        mine = self.denoiser
        return ClippedDenoiser(
            mine.network if network is None else network,
            mine.schedule,
            mine.prediction_type,
            mine.noise_cond,
            limit=self.wave_scale,
        )

    @torch.no_grad()
    def generate_wave(
        self,
        num_samples: int,
        cond: Tensor | None,
        sampling: Sampling,
        callback: Callback | None = None,
    ) -> Tensor:
        """Denoise white noise to a wave (num_samples,) in [-1, 1].

        ``cond`` is the denoiser's conditioning of one utterance, ``callback`` that of
        ``espnet_prodiff.diffusion.sample``.
        """
        times = self.times(sampling.num_steps, sampling.schedule)
        noise = UtteranceNoise([num_samples], sampling.seed, sampling.temperature)
        x_T = noise(next(self.parameters()).new_empty(1, 1, num_samples))
        return self.denoise_wave(x_T, times, cond, sampling, noise, callback)

    @torch.no_grad()
    def denoise_wave(
        self,
        x_t: Tensor,
        times: Tensor,
        cond: Tensor | None,
        sampling: Sampling,
        noise: UtteranceNoise,
        callback: Callback | None = None,
    ) -> Tensor:
        """Denoise x_t (1, 1, T_wav) at the first time to a wave (T_wav,) in [-1, 1]."""
        denoiser = self.sampled_denoiser(self.tiled_network(self.denoiser.network))
        x_0 = self.denoise(x_t, times, cond, None, sampling, noise, callback, denoiser)
        return (x_0[0, 0] / self.wave_scale).clamp(-1, 1)
