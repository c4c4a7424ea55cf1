"""Noise schedules: alpha and sigma as functions of a continuous time."""

import math
from typing import TypeAlias

import torch

from espnet_prodiff.errors import UserError, check_positive

Time: TypeAlias = float | torch.Tensor


class NoiseSchedule:
    """Variance-preserving schedule ``x_t = alpha(t) * x_0 + sigma(t) * eps``.

    Time runs from 0 (clean, alpha = 1, sigma = 0) to ``num_train_steps`` (T). Between
    integers alpha is interpolated linearly, which makes WaveGrad's continuous noise
    level and DiffWave's fractional fast-sampling steps points on the same axis.

    Args:
        alphas: Strictly decreasing alphas at the times 0 ... T, starting at 1, (T+1,).

    Raises:
        UserError: If ``alphas`` does not describe such a schedule.
    """

    def __init__(self, alphas: torch.Tensor) -> None:
        alphas = torch.as_tensor(alphas, dtype=torch.float64).cpu()
        if alphas.dim() != 1 or len(alphas) < 2:
            raise UserError(
                "alphas must be a vector of at least two values, alpha(0) ... "
                f"alpha(T), but its shape is {tuple(alphas.shape)}"
            )
        if alphas[0] != 1 or not (alphas.diff() < 0).all() or alphas[-1] < 0:
            raise UserError(
                "alphas must start at 1, decrease strictly and stay at or above 0, "
                f"but they run {alphas[:3].tolist()} ... {alphas[-3:].tolist()}"
            )
        self._alphas = alphas

    @classmethod
    def from_betas(cls, betas: torch.Tensor) -> "NoiseSchedule":
        """Build from DDPM's betas: alpha(t)^2 = prod_{i<=t} (1 - beta_i) (Ho 2020).

        Args:
            betas: The noise variances of steps 1 ... T, each in (0, 1], (T,).
        """
        betas = torch.as_tensor(betas, dtype=torch.float64)
        if betas.dim() != 1 or not ((betas > 0) & (betas <= 1)).all():
            raise UserError(f"betas must be a vector of values in (0, 1]: {betas}")
        alpha_bar = torch.cumprod(1 - betas, dim=0)
        return cls(torch.cat([alpha_bar.new_ones(1), alpha_bar.sqrt()]))

    @classmethod
    def linear(
        cls, num_train_steps: int, beta_start: float, beta_end: float
    ) -> "NoiseSchedule":
        """Betas equally spaced from ``beta_start`` to ``beta_end`` (Ho 2020)."""
        check_positive("num_train_steps", num_train_steps)
        ends = (beta_start, beta_end)
        return cls.from_betas(
            torch.linspace(*ends, num_train_steps, dtype=torch.float64)
        )

    @classmethod
    def cosine(cls, num_train_steps: int) -> "NoiseSchedule":
        """alpha(t) = cos(pi/2 * t/T) (Salimans & Ho 2022, section 2).

        The log-SNR is clipped to [-20, 20] at the noisy end only: the clean end has to
        stay exactly clean.
        """
        check_positive("num_train_steps", num_train_steps)
        steps = num_train_steps
        angle = torch.linspace(0, math.pi / 2, steps + 1, dtype=torch.float64)
        noisiest = math.sqrt(1 / (1 + math.exp(20)))  # alpha at a log-SNR of -20
        return cls(angle.cos().clamp(min=noisiest))

    @classmethod
    def vpsde(
        cls, num_train_steps: int, beta_min: float = 0.1, beta_max: float = 40.0
    ) -> "NoiseSchedule":
        """Discretised variance-preserving SDE, as ProDiff uses it.

        beta_t = 1 - exp(-beta_min/T - (beta_max - beta_min) * (2t - 1) / (2 T^2))
        """
        check_positive("num_train_steps", num_train_steps)
        steps = num_train_steps
        t = torch.arange(1, steps + 1, dtype=torch.float64)
        rate = beta_min / steps + (beta_max - beta_min) * (2 * t - 1) / (2 * steps**2)
        return cls.from_betas(-torch.expm1(-rate))

    @property
    def num_train_steps(self) -> int:
        """T, the noisiest time."""
        return len(self._alphas) - 1

    @property
    def cleanest_time(self) -> float:
        """The time of log-SNR 20: before it nothing is left to denoise, nor trained."""
        return float(self.t_from_alpha(1 / math.sqrt(1 + math.exp(-20))))

    def alpha(self, t: Time) -> torch.Tensor:
        """Scale of the clean data at time ``t``, float64, with the shape of ``t``."""
        t = self._check_time(t)
        table = self._alphas.to(t.device)
        lower = t.floor().long().clamp(max=self.num_train_steps - 1)
        return torch.lerp(table[lower], table[lower + 1], t - lower)

    def sigma(self, t: Time) -> torch.Tensor:
        """Scale of the noise at time ``t``, float64, with the shape of ``t``."""
        alpha = self.alpha(t)
        return ((1 - alpha) * (1 + alpha)).sqrt()

    def log_snr(self, t: Time) -> torch.Tensor:
        """log(alpha^2 / sigma^2) at time ``t``; infinite at t = 0."""
        alpha = self.alpha(t)
        return 2 * alpha.log() - torch.log((1 - alpha) * (1 + alpha))

    def t_from_alpha(self, alpha: Time) -> torch.Tensor:
        """The time at which the clean data have scale ``alpha``; inverts ``alpha``.

        Raises:
            UserError: If ``alpha`` lies outside the schedule.
        """
        alpha = torch.as_tensor(alpha, dtype=torch.float64)
        table = self._alphas.to(alpha.device)
        if not ((alpha >= table[-1]) & (alpha <= 1)).all():
            raise UserError(
                f"alpha must lie in [{table[-1].item():.6g}, 1], the range of this "
                f"schedule, but it is {alpha.tolist()}"
            )
        upper = torch.searchsorted(-table, -alpha).clamp(min=1)
        above, below = table[upper - 1], table[upper]
        return upper - 1 + (above - alpha) / (above - below)

    def timesteps(self, num_steps: int) -> torch.Tensor:
        """Evenly spaced times from T down to 0, float64, (num_steps + 1,).

        Raises:
            UserError: If ``num_steps`` is not in 1 ... T.
        """
        total = self.num_train_steps
        if isinstance(num_steps, bool) or not isinstance(num_steps, int):
            raise UserError(f"num_steps must be an integer, but it is {num_steps!r}")
        if not 1 <= num_steps <= total:
            raise UserError(
                f"num_steps must be between 1 and {total}, the number of steps of the "
                f"noise schedule, but it is {num_steps}"
            )
        return torch.linspace(total, 0, num_steps + 1, dtype=torch.float64)

    def _check_time(self, t: Time) -> torch.Tensor:
        t = torch.as_tensor(t, dtype=torch.float64)
        # Only on the CPU: reading a value back from a GPU would stall it.
        inside = (t >= 0) & (t <= self.num_train_steps)
        if t.device.type == "cpu" and not inside.all():
            raise UserError(
                f"times must lie in [0, {self.num_train_steps}], but they are "
                f"{t.tolist()}"
            )
        return t
