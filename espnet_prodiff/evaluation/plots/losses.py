"""Loss curves from what ESPnet's trainer keeps in ``checkpoint.pth``."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.ticker import MaxNLocator

from espnet_prodiff.errors import CheckpointError
from espnet_prodiff.fileio.checkpoint import load_weights
from espnet_prodiff.fileio.figures import new_figure, save_figure


def read_stats(exp_dir: str | Path) -> dict[int, dict[str, dict[str, Any]]]:
    """Read the statistics of a training with ``checkpoint.pth``, running no code.

    Returns:
        By epoch, for "train" and "valid", ``loss``, ``time`` and whatever else.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: It is no trainer's state.
    """
    path = Path(exp_dir) / "checkpoint.pth"
    try:
        return load_weights(path)["reporter"]["stats"]
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is no state of ESPnet's trainer") from error


def read_losses(exp_dir: str | Path) -> dict[str, dict[int, float]]:
    """Read for "train" and "valid" the loss by epoch, see ``read_stats``."""
    losses: dict[str, dict[int, float]] = {"train": {}, "valid": {}}
    for epoch, parts in read_stats(exp_dir).items():
        for name, curve in losses.items():
            if "loss" in parts.get(name, {}):
                curve[epoch] = float(parts[name]["loss"])
    return losses


def plot_losses(
    trainings: Mapping[str, Mapping[str, Mapping[int, float]]], path: str | Path
) -> Path:
    """Plot training and validation loss over epochs, a panel for each training.

    ``trainings`` has what ``read_losses`` returned, by name. Losses of a teacher and a
    student have different targets: they are not drawn together.
    """
    figure = new_figure(max(6.0, 4.6 * len(trainings)), 3.6)
    row = figure.subplots(1, len(trainings), squeeze=False)[0]
    for axes, (name, losses) in zip(row, trainings.items(), strict=True):
        for part, curve in losses.items():
            epochs = sorted(curve)
            values = [curve[epoch] for epoch in epochs]
            axes.plot(epochs, values, ".-", label=part)
        axes.set_title(name, fontsize="medium")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    row[0].set_ylabel("loss")
    return save_figure(figure, path)


def plot_trainings(exp_dirs: Sequence[Path], images: Path) -> list[Path]:
    """Plot the losses of directories, if they have checkpoints, in ``losses.png``."""
    trainings = {}
    for exp_dir in exp_dirs:
        try:
            trainings[exp_dir.name] = read_losses(exp_dir)
        except (CheckpointError, FileNotFoundError) as error:
            logging.warning("%s", error)
    return [plot_losses(trainings, images / "losses.png")] if trainings else []
