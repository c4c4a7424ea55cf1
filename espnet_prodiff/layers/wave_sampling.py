"""How the models of waves are sampled: steps by number or by schedule, tile by tile."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from espnet_prodiff.diffusion import Denoiser, sample
from espnet_prodiff.layers.sampling_schedules import resolve


class WaveSampling:
    """The half of a model of waves that denoises."""

    denoiser: Denoiser
    tiled_network: type[nn.Module]  # evaluates the network in bounded memory
    num_steps: int
    is_student: bool
    wave_scale: float

    @property
    def default_eta(self) -> float:
        """1, ancestral, as in the papers; 0 for a student, distilled for DDIM steps."""
        return 0.0 if self.is_student else 1.0

    def times(
        self,
        num_steps: int | None = None,
        schedule: str | Sequence[float] | None = None,
    ) -> Tensor:
        """Decreasing sampling times that end at 0, (num_steps + 1,).

        Raises:
            ValueError: If they are outside the range of the noise schedule, or both
                arguments are given.
        """
        if schedule is None:
            steps = self.num_steps if num_steps is None else num_steps
            return self.denoiser.schedule.timesteps(steps)
        if num_steps is not None:
            raise ValueError(
                f"num_steps ({num_steps}) and schedule ({schedule}) exclude each other:"
                " a schedule has its own number of steps"
            )
        return resolve(schedule, self.denoiser.schedule)

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
        ours = self.denoiser
        tiled = self.tiled_network(ours.network)
        denoiser = Denoiser(tiled, ours.schedule, ours.prediction_type, ours.noise_cond)
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
