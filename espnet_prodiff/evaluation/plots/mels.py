"""Plots of mels: systems, seeds, steps of a sampling run, tokens over their frames.

Each takes the axes of its mels, the title of the picture and where to save the PNG.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from espnet_prodiff.errors import UserError
from espnet_prodiff.evaluation.plots.mel_axes import MelAxes, plot_grid, plot_mel
from espnet_prodiff.fileio.figures import new_figure, save_figure

MAX_STEPS = 8


def plot_mels(
    mels: Mapping[str, np.ndarray], scale: MelAxes, title: str, path: str | Path
) -> Path:
    """Plot an utterance's log-mel (T, n_mels) by system; lengths may differ."""
    rows = [[(name, mel * scale.decibels)] for name, mel in mels.items()]
    seconds = max(map(len, mels.values())) * scale.seconds_per_frame
    size = max(8.0, min(18.0, 3 * seconds)), 0.7 + 1.9 * len(mels)
    return plot_grid(rows, scale, size, title, path, aspect=40)


def plot_seeds(
    mels: Mapping[str, np.ndarray], scale: MelAxes, title: str, path: str | Path
) -> Path:
    """Plot a row of log-mels (num_seeds, T, n_mels) of one utterance by system."""
    rows = [
        [(f"{name}, seed {n}", mel * scale.decibels) for n, mel in enumerate(samples)]
        for name, samples in mels.items()
    ]
    size = 1.0 + 3.4 * len(rows[0]), 0.7 + 1.9 * len(rows)
    return plot_grid(rows, scale, size, title, path)


def plot_denoising(
    steps: Sequence[dict[str, Any]], scale: MelAxes, title: str, path: str | Path
) -> Path:
    """Plot noisy and predicted mel at every step of a sampling run.

    Args:
        steps: Arguments of the sampler's callback, with ``t``, ``s``, and ``x_t`` and
            ``x_0`` (1, n_mels, T); beyond 8 steps, 8 evenly spaced ones are shown.
        scale: Axes of the mel.
        title: Title of the picture.
        path: Where to save the PNG.
    """
    if len(steps) > MAX_STEPS:
        shown = set(np.linspace(0, len(steps) - 1, MAX_STEPS).round().astype(int))
        steps = [steps[i] for i in sorted(shown)]
    rows: tuple[list, list] = [], []
    for step in steps:
        t, s = float(step["t"]), float(step["s"])
        names = f"noisy, t = {t:g}", f"predicted clean, {t:g} → {s:g}"
        for row, name, key in zip(rows, names, ("x_t", "x_0"), strict=True):
            row.append((name, step[key][0].float().cpu().numpy().T))
    size = 1.0 + max(3.4 * len(steps), 6.0), 5.0
    label = "normalised log-mel"
    return plot_grid(rows, scale, size, title, path, (-3.0, 3.0), label=label)


def plot_alignment(
    mel: np.ndarray,
    durations: np.ndarray,
    tokens: Sequence[str],
    scale: MelAxes,
    title: str,
    path: str | Path,
) -> Path:
    """Plot tokens over the frames that they last.

    Args:
        mel: Log-mel (T, n_mels).
        durations: Frames per token, as many as tokens.
        tokens: Labels, eos included.
        scale: Axes of the mel.
        title: Title of the picture.
        path: Where to save the PNG.

    Raises:
        UserError: Not as many durations as tokens.
    """
    if len(durations) != len(tokens):
        raise UserError(f"{len(durations)} durations for {len(tokens)} tokens.")
    figure = new_figure(max(8.0, 0.24 * len(tokens)), 3.6)
    axes = figure.subplots()
    plot_mel(axes, mel * scale.decibels, scale)
    ends = np.cumsum(durations) * scale.seconds_per_frame
    top = scale.n_mels - 0.5
    start, number = 0.0, 0
    for token, end in zip(tokens, ends, strict=True):
        if end > start:  # tokens without frames have no place
            axes.axvline(end, color="white", linewidth=0.7, alpha=0.8)
            height = top + (0.02 + 0.055 * (number % 3)) * scale.n_mels
            axes.text((start + end) / 2, height, token, ha="center", fontsize="small")
            start, number = end, number + 1
    axes.set_ylim(-0.5, top)
    axes.set_xlabel("seconds")
    figure.suptitle(title, fontsize="medium", wrap=True)
    axes.set_title(" \n ", fontsize="medium")  # room for the labels
    return save_figure(figure, path)
