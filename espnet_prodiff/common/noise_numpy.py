"""The noise of a seed, the same that torch draws on a CPU.

torch's generator is the Mersenne Twister, seeded with the seed's lower 32 bits, and
``torch.randn`` is Box and Muller's transform of uniform numbers in groups of 16: with
numpy's generator of that name a seed speaks here as it does in torch, to rounding.
"""

from __future__ import annotations

import math

import numpy as np

GROUP = 16


class Noise:
    """Draws standard normal noise, times a scale, one array after the other.

    Args:
        seed: A whole number >= 0; None: another noise every time.
        scale: Factor on the noise, a.k.a. temperature.
    """

    def __init__(self, seed: int | None, scale: float = 1.0) -> None:
        lower = None if seed is None else seed & 0xFFFFFFFF
        self._random = np.random.RandomState(lower)
        self._scale = np.float32(scale)

    def __call__(self, channels: int, length: int) -> np.ndarray:
        """Draw noise (channels, length), of 16 numbers or more, float32."""
        size = channels * length
        noise = np.empty(size, np.float32)
        whole = size // GROUP * GROUP
        uniform = self._uniform(size)
        noise[:whole] = _normal(uniform[:whole])
        if size > whole:  # the last group is drawn anew, over the end of the one before
            noise[-GROUP:] = _normal(self._uniform(GROUP))
        return self._scale * noise.reshape(channels, length)

    def _uniform(self, size: int) -> np.ndarray:
        bits = self._random.randint(0, 2**32, size, dtype=np.uint32)
        return (bits & 0xFFFFFF).astype(np.float32) * np.float32(2**-24)


def _normal(uniform: np.ndarray) -> np.ndarray:
    pairs = uniform.reshape(-1, 2, GROUP // 2)
    radius = np.sqrt(np.float32(-2) * np.log(np.float32(1) - pairs[:, 0]))
    angle = np.float32(2 * math.pi) * pairs[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)
