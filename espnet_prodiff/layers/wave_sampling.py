"""How the waveform models are sampled: clipped, and tile by tile."""

from collections.abc import Callable
from typing import Any

import torch
from espnet2.tts.abs_tts import AbsTTS
from torch import Tensor, nn

from espnet_prodiff.diffusion import Denoiser, Prediction, sample
from espnet_prodiff.diffusion.sampling_times import SPEECH_POWER
from espnet_prodiff.diffusion.schedule import Time
from espnet_prodiff.layers.sampled_model import SampledModel


class ClippedDenoiser(Denoiser):
    """A Denoiser of what is known to lie within a range, as samples of a wave do.

    NOTE: the papers' samplers do not clip, known implementations do. Without it a
    network that has not learnt enough grows the wave from step to step, to infinity.

    Args:
        *args: Of Denoiser.
        limit: Largest size of the clean data.
    """

    def __init__(self, *args: Any, limit: float) -> None:
        super().__init__(*args)
        self.limit = limit

    def forward(
        self,
        x_t: Tensor,
        t: Time,
        cond: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Prediction:
        """Predict, with x_0 in the range and the eps that goes with it."""
        x_0, eps = super().forward(x_t, t, cond, mask)
        clipped = x_0.clamp(-self.limit, self.limit)
        times = torch.as_tensor(t, dtype=torch.float64, device=x_t.device)
        alpha, sigma = self.alpha_sigma(times.expand(len(x_t)), x_t)
        # x_t = alpha x_0 + sigma eps, before and after. From x_t itself: the prediction
        # of a network that has not learnt enough may be too large to be subtracted.
        of_clipped = (x_t - alpha * clipped) / sigma
        return Prediction(clipped, torch.where(clipped == x_0, eps, of_clipped))


class WaveSampling(SampledModel, AbsTTS):
    """What an ESPnet model of waves has in common with another: how it denoises."""

    tiled_network: type[nn.Module]  # evaluates the network in bounded memory
    wave_scale: float
    # Speech is loud and quiet, so its steps go far up: above 40 dB an exact denoiser of
    # its bins gains little more, and a trained DiffWave did best or nearly so between
    # these in 4, 6 and 12 steps (benchmarks/results, step_placement and diffwave_ends).
    snr_ends = (-20.0, 40.0)

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
        """What comes out is a wave already."""
        return False

    @property
    def default_eta(self) -> float:
        """1, ancestral, as in the papers; 0 for a student, distilled for DDIM steps."""
        return 0.0 if self.is_student else 1.0

    def sampled_denoiser(self, network: nn.Module | None = None) -> ClippedDenoiser:
        """The denoiser as it is sampled, which is also what a student learns from.

        Args:
            network: Takes the place of its own.
        """
        ours = self.denoiser
        return ClippedDenoiser(
            ours.network if network is None else network,
            ours.schedule,
            ours.prediction_type,
            ours.noise_cond,
            limit=self.wave_scale,
        )

    @torch.no_grad()
    def denoise_wave(
        self,
        x_t: Tensor,
        times: Tensor,
        cond: Tensor | None,
        noise_fn: Callable[[Tensor], Tensor],
        eta: float | None,
        solver: str,
        callback: Callable[[dict[str, Any]], None] | None = None,
    ) -> Tensor:
        """Samples (T_wav,) in [-1, 1] out of x_t (1, 1, T_wav) at the first time."""
        denoiser = self.sampled_denoiser(self.tiled_network(self.denoiser.network))
        if eta is None:
            eta = 0.0 if solver != "ddim" else self.default_eta
        x_0 = sample(
            denoiser,
            x_t,
            times,
            cond,
            eta=eta,
            solver=solver,
            noise_fn=noise_fn,
            callback=callback,
        )
        return (x_0[0, 0] / self.wave_scale).clamp(-1, 1)
