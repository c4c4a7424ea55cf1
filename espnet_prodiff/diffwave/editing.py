"""What DiffWave does to waves: cleaning one, blending two (sections 5.4 and 5.5)."""

import torch
from torch import Tensor

from espnet_prodiff.diffwave.generation import Generation
from espnet_prodiff.layers.padding import UtteranceNoise


class Editing(Generation):
    """The part of DiffWave that starts in the middle of the reverse process."""

    @torch.no_grad()
    def denoise(
        self,
        wav: Tensor,
        t: float,
        cond: Tensor | None = None,
        *,
        num_steps: int | None = None,
        eta: float | None = None,
        solver: str = "ddim",
        seed: int | None = None,
    ) -> Tensor:
        """Clean a noisy wave: the reverse process from the middle (section 5.4).

        As in the paper the wave itself is taken for x_t, whatever its noise is like.

        Args:
            wav: (T_wav,).
            t: Where to start, in (0, T]; the paper's choice is T / 8 (25 of 200).
            cond: The label (1,) or None.
            num_steps: Steps from t; default: as many as the model's own below t.
            eta: See ``inference``, as the next two.
            solver: See there.
            seed: See there.

        Returns:
            Samples in [-1, 1], (T_wav,).

        Raises:
            ValueError: If t or an option is outside its range.
        """
        times = self.times_from(t, num_steps)
        x_t = self.wave_scale * wav[None, None]
        noise = UtteranceNoise([len(wav)], seed)
        return self.denoise_wave(x_t, times, cond, noise, eta, solver)

    @torch.no_grad()
    def interpolate(
        self,
        first: Tensor,
        second: Tensor,
        weight: float,
        t: float,
        cond: Tensor | None = None,
        *,
        num_steps: int | None = None,
        eta: float | None = None,
        solver: str = "ddim",
        seed: int | None = None,
    ) -> Tensor:
        """Blend two waves in the latent space of time t (section 5.5).

        x_t = (1 - weight) * x_t(first) + weight * x_t(second).
        NOTE: both waves get the same noise. With a noise of its own for each the blend
        would hold less noise than the network was trained to see at t.

        Args:
            first: (T_wav,).
            second: (T_wav,).
            weight: Share of the second, 0 ... 1.
            t: Time of the latent space, in (0, T]: the later, the less is kept of both.
            cond: The label (1,) or None.
            num_steps: See ``denoise``.
            eta: See ``inference``, as the next two.
            solver: See there.
            seed: See there.

        Returns:
            Samples in [-1, 1], (T_wav,).

        Raises:
            ValueError: If the lengths differ or an option is outside its range.
        """
        if first.shape != second.shape:
            raise ValueError(
                f"the waves have {len(first)} and {len(second)} samples: cut or pad "
                "them to the same length"
            )
        if not 0 <= weight <= 1:
            raise ValueError(f"weight must be between 0 and 1, but it is {weight}")
        times = self.times_from(t, num_steps)
        noise = UtteranceNoise([len(first)], seed)
        blend = ((1 - weight) * first + weight * second)[None, None]
        time = torch.tensor([t], dtype=torch.float64, device=blend.device)
        alpha, sigma = self.denoiser.alpha_sigma(time, blend)
        x_t = alpha * self.wave_scale * blend + sigma * noise(blend)
        return self.denoise_wave(x_t, times, cond, noise, eta, solver)
