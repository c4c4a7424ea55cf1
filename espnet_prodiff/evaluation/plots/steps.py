"""What fewer steps cost: figures over the number of sampling steps."""

import re
from collections.abc import Mapping
from pathlib import Path

from matplotlib.ticker import NullFormatter, NullLocator

from espnet_prodiff.evaluation.measurement import Measurement
from espnet_prodiff.evaluation.table import MEL, SPEECH
from espnet_prodiff.fileio.figures import new_figure, save_figure

SHOWN = ("distance", "spread", "ndb", "mcd")
_STEPS = re.compile(r",? *\d+ steps?$")


def series_of(name: str) -> str:
    """Name of a system without its number of steps: "student, 2 steps" -> "student"."""
    return _STEPS.sub("", name) or name


def plot_steps(
    rows: Mapping[str, Mapping[str, Measurement]],
    num_steps: Mapping[str, int],
    path: str | Path,
) -> Path:
    """Draw the figures of several systems over their steps, a line for each series.

    Args:
        rows: Figures by system and column, as in ``Results``; the first system of
            ``num_steps`` is what the others are compared with.
        num_steps: Sampling steps by system.
        path: Where to save the PNG.
    """
    columns = [c for c in (*MEL, *SPEECH) if c.key in SHOWN]
    columns = [c for c in columns if any(c.key in rows[n] for n in num_steps)]
    columns.sort(key=lambda c: SHOWN.index(c.key))
    series: dict[str, list[str]] = {}
    for name in num_steps:
        series.setdefault(series_of(name), []).append(name)
    figure = new_figure(3.6 * len(columns), 3.8)
    panels = figure.subplots(1, len(columns), squeeze=False)[0]
    first = next(iter(num_steps))
    for axes, column in zip(panels, columns, strict=True):
        for label, names in series.items():
            points = sorted(
                (num_steps[n], rows[n][column.key])
                for n in names
                if column.key in rows[n]
            )
            x = [steps for steps, _ in points]
            y = [figure.mean * column.scale for _, figure in points]
            axes.plot(x, y, "o-", label=label)
        if column.key in rows[first]:
            level = rows[first][column.key].mean * column.scale
            axes.axhline(level, color="0.6", linewidth=0.8, linestyle="--")
        axes.set_xscale("log", base=2)
        ticks = sorted(set(num_steps.values()))
        axes.set_xticks(ticks, [str(n) for n in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("steps")
        axes.set_title(column.header, fontsize="medium")
        axes.grid(alpha=0.3)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return save_figure(figure, path)
