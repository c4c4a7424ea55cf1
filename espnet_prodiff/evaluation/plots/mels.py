"""Plots of mels: systems below each other, seeds beside, tokens over their frames."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from espnet_prodiff.errors import UserError
from espnet_prodiff.evaluation.plots.mel_axes import MelAxes, plot_mel, shared_limits
from espnet_prodiff.fileio.figures import new_figure, save_figure


def plot_mels(
    mels: Mapping[str, np.ndarray], scale: MelAxes, title: str, path: str | Path
) -> Path:
    """Plot an utterance as several systems speak it, one time axis for all.

    Args:
        mels: Log-mel (T, n_mels) by system; lengths may differ.
        scale: Its axes.
        title: Title of the picture, e.g. the sentence.
        path: Where to save the PNG.
    """
    loud = {name: mel * scale.decibels for name, mel in mels.items()}
    limits = shared_limits(list(loud.values()))
    seconds = max(len(mel) for mel in mels.values()) * scale.seconds_per_frame
    figure = new_figure(max(8.0, min(18.0, 3 * seconds)), 0.7 + 1.9 * len(mels))
    rows = figure.subplots(len(mels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, mel) in zip(rows, loud.items(), strict=True):
        image = plot_mel(axes, mel, scale, limits, name)
        axes.set_xlim(0, seconds)
    rows[-1].set_xlabel("seconds")
    figure.colorbar(image, ax=list(rows), label="dB", aspect=40, pad=0.01)
    figure.suptitle(title, fontsize="medium", wrap=True)
    return save_figure(figure, path)


def plot_seeds(
    mels: Mapping[str, np.ndarray], scale: MelAxes, title: str, path: str | Path
) -> Path:
    """Plot one utterance from several seeds, a row for each system.

    Args:
        mels: Log-mels (num_seeds, T, n_mels) by system, all of one length.
        scale: Their axes.
        title: Title of the picture.
        path: Where to save the PNG.
    """
    loud = {name: samples * scale.decibels for name, samples in mels.items()}
    limits = shared_limits([mel for samples in loud.values() for mel in samples])
    num_seeds = len(next(iter(mels.values())))
    figure = new_figure(1.0 + 3.4 * num_seeds, 0.7 + 1.9 * len(mels))
    grid = figure.subplots(
        len(mels), num_seeds, sharex=True, sharey=True, squeeze=False
    )
    for row, (name, samples) in zip(grid, loud.items(), strict=True):
        for seed, (axes, mel) in enumerate(zip(row, samples, strict=True)):
            image = plot_mel(axes, mel, scale, limits, f"{name}, seed {seed}")
            if seed:
                axes.set_ylabel("")
    for axes in grid[-1]:
        axes.set_xlabel("seconds")
    figure.colorbar(image, ax=grid.ravel().tolist(), label="dB", pad=0.01)
    figure.suptitle(title, fontsize="medium", wrap=True)
    return save_figure(figure, path)


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
    starts = np.concatenate([[0.0], ends[:-1]])
    top = scale.n_mels - 0.5
    spoken = [
        (token, start, end)
        for token, start, end in zip(tokens, starts, ends, strict=True)
        if end > start  # tokens without frames have no place
    ]
    for number, (token, start, end) in enumerate(spoken):
        axes.axvline(end, color="white", linewidth=0.7, alpha=0.8)
        height = top + (0.02 + 0.055 * (number % 3)) * scale.n_mels
        axes.text((start + end) / 2, height, token, ha="center", fontsize="small")
    axes.set_ylim(-0.5, top)
    axes.set_xlabel("seconds")
    figure.suptitle(title, fontsize="medium", wrap=True)
    axes.set_title(" \n ", fontsize="medium")  # room for the labels
    return save_figure(figure, path)
