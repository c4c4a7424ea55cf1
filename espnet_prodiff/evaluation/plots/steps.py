"""Plot of figures over the number of sampling steps."""

import re
from collections.abc import Mapping
from pathlib import Path

from matplotlib.ticker import NullFormatter, NullLocator

from espnet_prodiff.evaluation.measurement import Measurement
from espnet_prodiff.evaluation.metrics.cepstrum import MCD
from espnet_prodiff.evaluation.metrics.diversity import NDB
from espnet_prodiff.evaluation.metrics.mel_statistics import DISTANCE, SPREAD
from espnet_prodiff.fileio.figures import new_figure, save_figure

METRICS = (DISTANCE, SPREAD, NDB, MCD)
_STEPS = re.compile(r",? *\d+ steps?$")


def series_of(name: str) -> str:
    """Name of a system without its number of steps: "student, 2 steps" -> "student"."""
    return _STEPS.sub("", name) or name


def plot_steps(
    rows: Mapping[str, Mapping[str, Measurement]],
    num_steps: Mapping[str, int],
    path: str | Path,
) -> Path:
    """Plot figures of several systems over their steps, a line for each series.

    Args:
        rows: Figures by system and key of the metric, as in ``Results``.
        num_steps: Sampling steps by system; the others are compared with the first.
        path: Where to save the PNG.
    """
    metrics = [m for m in METRICS if any(m.key in rows[n] for n in num_steps)]
    all_series = list(dict.fromkeys(map(series_of, num_steps)))
    figure = new_figure(3.6 * len(metrics), 3.8)
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    first = next(iter(num_steps))
    for axes, metric in zip(panels, metrics, strict=True):
        level = {
            name: rows[name][metric.key].mean * metric.scale
            for name in sorted(num_steps, key=lambda name: num_steps[name])
            if metric.key in rows[name]
        }
        for series in all_series:
            names = [name for name in level if series_of(name) == series]
            x, y = [num_steps[n] for n in names], [level[n] for n in names]
            axes.plot(x, y, "o-", label=series)
        if first in level:
            axes.axhline(level[first], color="0.6", linewidth=0.8, linestyle="--")
        axes.set_xscale("log", base=2)
        ticks = sorted(set(num_steps.values()))
        axes.set_xticks(ticks, [str(n) for n in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("steps")
        axes.set_title(metric.header, fontsize="medium")
        axes.grid(alpha=0.3)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return save_figure(figure, path)
