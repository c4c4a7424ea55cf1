"""Mels with their axes, alone or in a grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import librosa
import numpy as np
from matplotlib.axes import Axes

from espnet_prodiff.fileio.figures import new_figure, save_figure

TICKS_HZ = (200, 500, 1000, 2000, 4000, 8000)


@dataclass(frozen=True)
class MelAxes:
    """Scales from frames and bins of a mel to seconds, hertz and decibels.

    ``fs``, ``fmin`` and ``fmax`` are in Hz, ``hop_length`` in samples; ``decibels`` is
    the factor from the log-mel to dB.
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
        edges = librosa.mel_frequencies(self.n_mels + 2, fmin=self.fmin, fmax=self.fmax)
        centres = edges[1:-1]
        shown = [f for f in TICKS_HZ if centres[0] <= f <= centres[-1]]
        positions = np.interp(shown, centres, np.arange(self.n_mels))
        return positions.tolist(), [f"{f / 1000:g}" for f in shown]


def plot_mel(
    axes: Axes,
    mel: np.ndarray,
    scale: MelAxes,
    limits: tuple[float | None, float | None] = (None, None),
    title: str = "",
) -> Any:
    """Plot a mel (T, n_mels), time below left unlabelled; return the image."""
    image = axes.imshow(
        mel.T,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        cmap="magma",
        vmin=limits[0],
        vmax=limits[1],
        extent=(0, len(mel) * scale.seconds_per_frame, -0.5, scale.n_mels - 0.5),
    )
    axes.set_yticks(*scale.ticks())
    axes.set_ylabel("kHz")
    axes.set_title(title, loc="left", fontsize="medium")
    return image


def plot_grid(
    rows: Sequence[Sequence[tuple[str, np.ndarray]]],
    scale: MelAxes,
    size: tuple[float, float],
    title: str,
    path: str | Path,
    limits: tuple[float, float] | None = None,
    **colour_bar: Any,
) -> Path:
    """Plot rows of (title, mel (T, n_mels)) with common axes and colours.

    Args:
        rows: As many mels in each.
        scale: Their axes.
        size: Of the picture, in inches.
        title: Title of the picture.
        path: Where to save the PNG.
        limits: Lowest and highest value; default: the 1st percentile to the maximum.
        **colour_bar: Options of the colour bar.
    """
    mels = [mel for row in rows for _, mel in row]
    if limits is None:
        values = np.concatenate([mel.ravel() for mel in mels])
        limits = (float(np.percentile(values, 1)), float(values.max()))
    figure = new_figure(*size)
    grid = figure.subplots(
        len(rows), len(rows[0]), sharex=True, sharey=True, squeeze=False
    )
    pictures = [picture for row in rows for picture in row]
    for axes, (name, mel) in zip(grid.flat, pictures, strict=True):
        image = plot_mel(axes, mel, scale, limits, name)
        axes.set_xlim(0, max(map(len, mels)) * scale.seconds_per_frame)
    for axes in grid[:, 1:].flat:
        axes.set_ylabel("")
    for axes in grid[-1]:
        axes.set_xlabel("seconds")
    options = {"label": "dB", "pad": 0.01, **colour_bar}
    figure.colorbar(image, ax=grid.ravel().tolist(), **options)
    figure.suptitle(title, fontsize="medium", wrap=True)
    return save_figure(figure, path)
