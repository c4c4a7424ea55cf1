"""Durations, pitch and energy between the encoder and the denoiser, in numpy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from espnet_prodiff.errors import InputError

MAX_FRAMES = 1000  # of a token, see common.durations


def durations(log_durations: np.ndarray, alpha: float, speed: float) -> np.ndarray:
    """Round predicted durations (N,) to frames, as ``common.durations`` does.

    Raises:
        InputError: A token would last for more than ``MAX_FRAMES``.
    """
    frames = np.exp(log_durations) - np.float32(1)
    frames = np.round(np.maximum(np.round(frames), 0) * np.float32(alpha))
    if speed != 1:
        ends = np.round(np.cumsum(frames, dtype=np.float64) / speed)
        frames = np.diff(ends, prepend=0)
    if not (frames <= MAX_FRAMES).all():
        raise InputError(
            f"with alpha {alpha} and speed {speed} a token would last for "
            f"{frames.max():.3g} frames, expected at most {MAX_FRAMES}"
        )
    frames = frames.astype(np.int64)
    return frames if frames.any() else np.ones_like(frames)


def transposed(
    pitch: np.ndarray, semitones: float, conf: Mapping[str, Any]
) -> np.ndarray:
    """Shift predicted pitch (1, N, 1); unvoiced tokens stay.

    Args:
        pitch: As the predictor gives it.
        semitones: Up.
        conf: ``pitch`` of a voice.json: ``log``, ``lowest`` (F0 in Hz), ``mean`` and
            ``std`` of the normalisation.
    """
    f0 = pitch * np.float32(conf["std"]) + np.float32(conf["mean"])
    octaves = semitones / 12
    lowest = math.log(conf["lowest"]) if conf["log"] else conf["lowest"]
    shifted = f0 + octaves * math.log(2) if conf["log"] else f0 * 2**octaves
    return _normalized(np.where(f0 > lowest / 2, shifted, f0), conf)


def loudened(
    energy: np.ndarray, decibels: float, conf: Mapping[str, Any]
) -> np.ndarray:
    """Scale predicted energy (1, N, 1); silence stays. ``conf`` as in `transposed`."""
    size = energy * np.float32(conf["std"]) + np.float32(conf["mean"])
    return _normalized(np.where(size > 0, size * 10 ** (decibels / 20), size), conf)


def _normalized(values: np.ndarray, conf: Mapping[str, Any]) -> np.ndarray:
    values = (values - np.float32(conf["mean"])) / np.float32(conf["std"])
    return values.astype(np.float32)
