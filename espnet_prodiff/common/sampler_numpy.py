"""Sampling in numpy: `diffusion.sampler` and what it needs of a noise schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from espnet_prodiff.errors import InputError

Network = Callable[[np.ndarray, float], np.ndarray]


class Sampler:
    """The sampler of one voice.

    Args:
        conf: ``diffusion`` of its voice.json: ``alphas`` at the times 0 ... T,
            ``times`` by the number of steps, ``num_steps``, ``prediction_type`` and
            ``noise_cond``.
    """

    def __init__(self, conf: Mapping[str, Any]) -> None:
        self.alphas = np.array(conf["alphas"], np.float64)
        self.by_steps, self.num_steps = conf["times"], conf["num_steps"]
        self.prediction_type = conf["prediction_type"]
        self.noise_cond = conf["noise_cond"]

    def times(self, num_steps: int | None) -> list[float]:
        """Return the decreasing times of a number of steps; default: the voice's own.

        Raises:
            InputError: It is not among those that were exported.
        """
        steps = self.num_steps if num_steps is None else num_steps
        if isinstance(steps, bool) or str(steps) not in self.by_steps:
            counts = sorted(map(int, self.by_steps))
            raise InputError(
                f"num_steps is {steps!r}, expected a whole number from {counts[0]} to "
                f"{counts[-1]}"
            )
        return self.by_steps[str(steps)]

    def __call__(
        self,
        network: Network,
        x_t: np.ndarray,
        times: list[float],
        *,
        eta: float,
        solver: str,
        draw: Callable[[], np.ndarray],
        callback: Callable[[dict[str, Any]], None] | None,
    ) -> np.ndarray:
        """Denoise x_t (C, L) along the times, see ``diffusion.sampler.sample``."""
        previous: tuple[float, np.ndarray] | None = None
        for step, (t, s) in enumerate(zip(times[:-1], times[1:], strict=True)):
            x_0, eps = self._predict(network, x_t, t)
            alpha_t, sigma_t = self._scales(t)
            alpha_s, sigma_s = self._scales(s)
            if s == 0:
                x_s = x_0
            elif solver == "ddim":
                fresh = math.sqrt(1 - (alpha_t / alpha_s) ** 2)
                fresh *= eta * sigma_s / sigma_t
                kept = math.sqrt(sigma_s**2 - fresh**2)
                x_s = np.float32(alpha_s) * x_0 + np.float32(kept) * eps
                if eta:
                    x_s += np.float32(fresh) * draw()
            else:
                h = self._log_ratio(s) - self._log_ratio(t)
                direction = x_0
                if previous is not None:
                    before, x_0_before = previous
                    r = (self._log_ratio(t) - self._log_ratio(before)) / h
                    direction = x_0 + (x_0 - x_0_before) / np.float32(2 * r)
                x_s = np.float32(sigma_s / sigma_t) * x_t
                x_s -= np.float32(alpha_s * math.expm1(-h)) * direction
                previous = (t, x_0)
            if callback is not None:
                states = {"x_t": x_t, "x_0": x_0, "x_s": x_s}
                callback({"step": step, "t": t, "s": s, **states})
            x_t = x_s
        return x_t

    def _predict(
        self, network: Network, x_t: np.ndarray, t: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """x_0 and eps, (C, L) each, see ``diffusion.parameterization``."""
        condition = {
            "step": lambda: t,
            "alpha": lambda: self._scales(t)[0],
            "log_snr": lambda: 2 * self._log_ratio(t),
        }[self.noise_cond]()
        output = network(x_t, condition)
        alpha, sigma = (np.float32(scale) for scale in self._scales(t))
        if self.prediction_type == "x_0":
            return output, (x_t - alpha * output) / sigma
        if self.prediction_type == "eps":
            return (x_t - sigma * output) / alpha, output
        return alpha * x_t - sigma * output, sigma * x_t + alpha * output

    def _scales(self, t: float) -> tuple[float, float]:
        """alpha(t), linear between whole times, and sigma(t)."""
        alpha = float(np.interp(t, np.arange(len(self.alphas)), self.alphas))
        return alpha, math.sqrt((1 - alpha) * (1 + alpha))

    def _log_ratio(self, t: float) -> float:
        alpha, sigma = self._scales(t)
        return math.log(alpha / sigma)
