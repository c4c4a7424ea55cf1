"""A sentence of the validation set as it is and as the model speaks it: one picture."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from espnet_prodiff.fileio.figures import new_figure


@dataclass(frozen=True)
class Spoken:
    """What is shown of a sentence.

    Attributes:
        wav: Samples, (T_wav,).
        mel: In dB, (T, n_mels).
        f0: In Hz, 0 where unvoiced, (T,).
        durations: Frames of each token, (N,); None without tokens.
    """

    wav: np.ndarray
    mel: np.ndarray
    f0: np.ndarray
    durations: np.ndarray | None = None


def draw(reference: Spoken, predicted: Spoken, seconds: float, title: str) -> Figure:
    """Draw two mels with the ends of their tokens, and both F0 below.

    Args:
        reference: The recording.
        predicted: The model's speech.
        seconds: Length of a frame.
        title: Of the picture.
    """
    figure = new_figure(9, 6)
    rows = figure.subplots(3, 1, sharex=True)
    limits = tuple(np.percentile(reference.mel, [1, 100]))
    sides = {"reference": reference, "predicted": predicted}
    for axes, (name, side) in zip(rows, sides.items(), strict=False):
        axes.imshow(
            side.mel.T,
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            cmap="magma",
            vmin=limits[0],
            vmax=limits[1],
            extent=(0, len(side.mel) * seconds, 0, side.mel.shape[1]),
        )
        axes.set_ylabel("mel bin")
        axes.set_title(name, loc="left", fontsize="medium")
        if side.durations is not None:
            ends = np.cumsum(side.durations) * seconds
            axes.vlines(ends, 0, side.mel.shape[1], "white", lw=0.4, alpha=0.7)
        _draw_f0(rows[2], side.f0, seconds, name)
    rows[2].set_ylabel("F0, Hz")
    rows[2].set_xlabel("seconds")
    rows[2].legend(loc="upper right", fontsize="small")
    longest = max(len(side.mel) for side in sides.values())
    rows[2].set_xlim(0, longest * seconds)
    figure.suptitle(title, fontsize="medium")
    return figure


def _draw_f0(axes: Axes, f0: np.ndarray, seconds: float, name: str) -> None:
    voiced = np.where(f0 > 0, f0, np.nan)
    axes.plot((np.arange(len(f0)) + 0.5) * seconds, voiced, label=name, lw=1)
