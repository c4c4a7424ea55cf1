"""Plot of a sampling run: noisy mel and predicted mel at every step."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from espnet_prodiff.evaluation.plots.mel_axes import MelAxes, plot_mel
from espnet_prodiff.fileio.figures import new_figure, save_figure

MAX_STEPS = 8


def plot_denoising(
    steps: Sequence[dict[str, Any]], scale: MelAxes, title: str, path: str | Path
) -> Path:
    """Plot what the sampler reports of its steps.

    Args:
        steps: Arguments of the sampler's callback, with ``t``, ``s``, and ``x_t`` and
            ``x_0`` (1, n_mels, T); beyond 8 steps, 8 evenly spaced ones are shown.
        scale: Axes of the mel.
        title: Title of the picture.
        path: Where to save the PNG.
    """
    shown = sorted(set(np.linspace(0, len(steps) - 1, MAX_STEPS).round().astype(int)))
    picked = [
        steps[i] for i in (shown if len(steps) > MAX_STEPS else range(len(steps)))
    ]
    figure = new_figure(1.0 + max(3.4 * len(picked), 6.0), 5.0)
    grid = figure.subplots(2, len(picked), sharex=True, sharey=True, squeeze=False)
    for column, step in enumerate(picked):
        t, s = float(step["t"]), float(step["s"])
        names = (f"noisy, t = {t:g}", f"predicted clean, {t:g} → {s:g}")
        for axes, key, name in zip(grid[:, column], ("x_t", "x_0"), names, strict=True):
            mel = step[key][0].float().cpu().numpy().T
            image = plot_mel(axes, mel, scale, (-3.0, 3.0), name)
            if column:
                axes.set_ylabel("")
        grid[1, column].set_xlabel("seconds")
    label = "normalised log-mel"
    figure.colorbar(image, ax=grid.ravel().tolist(), label=label, pad=0.01)
    figure.suptitle(title, fontsize="medium", wrap=True)
    return save_figure(figure, path)
