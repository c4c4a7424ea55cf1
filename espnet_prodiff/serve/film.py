"""The mel of a sentence at every step of its denoising, to be drawn."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from espnet_prodiff.runtime.voice import Voice

DARK, BRIGHT = 5, 95  # percentiles of the last mel


def film_of(steps: Sequence[dict[str, Any]], voice: Voice) -> dict[str, Any]:
    """Return a film strip: the noise, then what every step leaves.

    Args:
        steps: What the sampler told, see ``espnet_prodiff.diffusion.sample``.
        voice: Whose mels they are.

    Returns:
        ``width``, ``height`` and ``frames``: ``t``, the time that is left, and
        ``pixels``, one byte each, row by row from the highest band, in base64.
    """
    mels = [steps[0]["x_t"], *(step["x_s"] for step in steps)]
    times = [steps[0]["t"], *(step["s"] for step in steps)]
    stats = voice.about["mel_statistics"] or {"mean": 0.0, "std": 1.0}
    scale = np.reshape(np.float32(stats["std"]), (-1, 1))
    mels = [
        mel * scale + np.reshape(np.float32(stats["mean"]), (-1, 1)) for mel in mels
    ]
    dark, bright = np.percentile(mels[-1], (DARK, BRIGHT))
    frames = []
    for time, mel in zip(times, mels, strict=True):
        levels = np.clip((mel - dark) / max(bright - dark, 1e-6), 0, 1)
        pixels = (255 * levels[::-1]).astype(np.uint8).tobytes()
        frames.append({"t": time, "pixels": base64.b64encode(pixels).decode()})
    height, width = mels[-1].shape
    return {"width": width, "height": height, "frames": frames}
