"""The mean of the best epochs' weights, as ESPnet names its files.

ESPnet 202511 adds whole numbers up, and averages an average where two criteria share an
epoch's file.
"""

import logging
from collections.abc import Collection, Sequence
from pathlib import Path

import torch
from espnet2.train.reporter import Reporter
from torch import Tensor

from espnet_prodiff.common.meaning import with_meaning
from espnet_prodiff.fileio.checkpoint import load_weights
from espnet_prodiff.training.keeping import model_file, point


def average_nbest_models(
    output_dir: Path,
    reporter: Reporter,
    best_model_criterion: Sequence[Sequence[str]],
    nbest: Collection[int] | int,
    suffix: str | None = None,
) -> None:
    """Write ``<phase>.<key>.ave_<n>best.pth`` and the link ``<phase>.<key>.ave.pth``.

    Floating-point weights are averaged in float64, all others are the best epoch's. An
    epoch whose file is gone is left out, by name.

    Args:
        output_dir: Of the training.
        reporter: Knows the best epochs.
        best_model_criterion: Phase, key and "min" or "max" of each criterion.
        nbest: Numbers of epochs to average.
        suffix: Of the files' names.
    """
    end = "pth" if suffix is None else f"{suffix}.pth"
    for phase, key, mode in best_model_criterion:
        if not reporter.has(phase, key):
            continue
        epochs = []
        for epoch in reporter.sort_epochs(phase, key, mode):
            if model_file(output_dir, epoch).exists():
                epochs.append(epoch)
            elif len(epochs) < max([nbest] if isinstance(nbest, int) else nbest):
                logging.warning(f"{epoch}epoch.pth is gone: not in any average")
        numbers = {nbest} if isinstance(nbest, int) else set(nbest)
        numbers = {n for n in numbers if 0 < n <= len(epochs)} or {1}
        for number in sorted(numbers):
            file = output_dir / f"{phase}.{key}.ave_{number}best.{end}"
            files = [model_file(output_dir, epoch) for epoch in epochs[:number]]
            if number == 1:
                point(file, files[0])
            else:
                logging.info(f"{file}: the mean of {', '.join(f.name for f in files)}")
                torch.save(mean_weights(files), file)
        point(output_dir / f"{phase}.{key}.ave.{end}", file)


def mean_weights(files: Sequence[Path]) -> dict[str, Tensor]:
    """Return the mean of model files of one model, the best one first."""
    best = load_weights(files[0])
    sums = {k: v.double() for k, v in best.items() if v.is_floating_point()}
    for file in files[1:]:
        for name, value in load_weights(file).items():
            if name in sums:
                sums[name] += value
    means = {k: (v / len(files)).to(best[k].dtype) for k, v in sums.items()}
    return with_meaning(best | means, best)
