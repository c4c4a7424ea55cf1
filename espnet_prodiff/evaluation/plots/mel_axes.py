"""A mel with its axes, the panel of most pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import librosa
import numpy as np
from matplotlib.axes import Axes

TICKS_HZ = (200, 500, 1000, 2000, 4000, 8000)


@dataclass(frozen=True)
class MelAxes:
    """Scales from frames and bins of a mel to seconds, hertz and decibels.

    Attributes:
        fs: Sampling rate in Hz.
        hop_length: Samples per frame.
        n_mels: Number of bins.
        fmin: Lowest frequency in Hz.
        fmax: Highest frequency in Hz.
        decibels: Factor from the log-mel to dB.
    """

    fs: int
    hop_length: int
    n_mels: int
    fmin: float
    fmax: float
    decibels: float = 20.0

    @classmethod
    def of_feats_extract(cls, feats_extract: Any) -> "MelAxes":
        """Read them from ESPnet's ``LogMelFbank``."""
        p = feats_extract.get_parameters()
        base = feats_extract.logmel.log_base
        return cls(
            fs=p["fs"],
            hop_length=p["n_shift"],
            n_mels=p["n_mels"],
            fmin=p["fmin"] or 0.0,
            fmax=p["fmax"] or p["fs"] / 2,
            decibels=20.0 / np.log(10.0) if base is None else 20.0 * np.log10(base),
        )

    @property
    def seconds_per_frame(self) -> float:
        """Return the time between frames."""
        return self.hop_length / self.fs

    def ticks(self) -> tuple[list[float], list[str]]:
        """Return positions in bins and labels in kHz of round frequencies."""
        centres = librosa.mel_frequencies(
            self.n_mels + 2, fmin=self.fmin, fmax=self.fmax
        )[1:-1]
        shown = [f for f in TICKS_HZ if centres[0] <= f <= centres[-1]]
        positions = np.interp(shown, centres, np.arange(self.n_mels))
        return positions.tolist(), [f"{f / 1000:g}" for f in shown]


def plot_mel(
    axes: Axes,
    mel: np.ndarray,
    scale: MelAxes,
    limits: tuple[float, float] | None = None,
    title: str = "",
) -> Any:
    """Plot a mel (T, n_mels) with frequency on the left, time below left unlabelled.

    Returns:
        The image, for a colour bar.
    """
    low, high = limits or (None, None)
    image = axes.imshow(
        mel.T,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        cmap="magma",
        vmin=low,
        vmax=high,
        extent=(0, len(mel) * scale.seconds_per_frame, -0.5, scale.n_mels - 0.5),
    )
    positions, labels = scale.ticks()
    axes.set_yticks(positions, labels)
    axes.set_ylabel("kHz")
    axes.set_title(title, loc="left", fontsize="medium")
    return image


def shared_limits(mels: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return colour limits for several mels: the 1st percentile to the maximum."""
    values = np.concatenate([mel.ravel() for mel in mels])
    return float(np.percentile(values, 1)), float(values.max())
