"""One table and one figure over all phases of a distillation."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_prodiff.evaluation.plots.losses import read_stats
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.fileio.checkpoint import load_weights
from espnet_prodiff.fileio.figures import new_figure, save_figure
from espnet_prodiff.fileio.yaml_files import read_yaml

_PARTS = ("train", "valid")
_HEADER = (
    "| teacher -> student | method, distance, weight | denoiser | weights | updates |"
    " learning rate | loss, first and best epoch | minutes |"
)
_NOTES = """\
- loss: validation, weighted distance to the targets that the teacher's steps give; \
teacher and target differ from phase to phase.
- denoiser: layers x channels where they are options of the model."""


@dataclass(frozen=True)
class Phase:
    """A phase, read from its directory: the student's weights, config and teacher.yaml.

    ``losses`` are by "train" or "valid" and epoch, ``minutes`` those of both, and
    ``num_weights`` is the size of the student's denoiser.
    """

    model_file: Path
    config: Mapping[str, Any]
    teacher: Mapping[str, Any]
    losses: Mapping[str, Mapping[int, float]]
    minutes: float
    num_weights: int

    @property
    def steps(self) -> str:
        """Steps of teacher and student, for the table."""
        student = self.config["tts_conf"]["num_steps"]
        return f"{self.teacher['teacher_num_steps']} -> {student}"

    @property
    def updates_per_epoch(self) -> int | None:
        """Updates of an epoch; None where an epoch is the whole training set."""
        iters = self.config.get("num_iters_per_epoch")
        return None if iters is None else iters // self.config["accum_grad"]


def read_phase(model_file: str | Path) -> Phase:
    """Read a phase: the student's weights, and what lies beside them.

    Raises:
        FileNotFoundError: config.yaml, teacher.yaml or checkpoint.pth is missing.
        UserError: A file is damaged.
    """
    model_file = Path(model_file)
    exp = model_file.parent
    config = read_yaml(exp / "config.yaml", "training config")
    teacher = read_yaml(exp / "teacher.yaml", "teacher record")
    stats = read_stats(exp)
    losses = {k: {e: float(x[k]["loss"]) for e, x in stats.items()} for k in _PARTS}
    times = [x[k]["time"].total_seconds() / 60 for x in stats.values() for k in _PARTS]
    weights = load_weights(model_file)
    sizes = [w.numel() for k, w in weights.items() if k.startswith("tts.denoiser.")]
    return Phase(model_file, config, teacher, losses, sum(times), sum(sizes))


def report_phases(model_files: Sequence[str | Path]) -> tuple[Path, Path]:
    """Write and print ``distillation.md``, and ``.png``, in the last phase's directory.

    ``model_files`` are the students' weights, in the order of the phases.

    Raises:
        FileNotFoundError, UserError: See `read_phase`.
    """
    phases = [read_phase(file) for file in model_files]
    table = phases[-1].model_file.with_name("distillation.md")
    text = to_markdown(phases)
    write_text(table, text)
    figure = plot_phases(phases, table.with_suffix(".png"))
    print(text)
    print("\n".join(f"wrote {file}" for file in (*model_files, table, figure)))
    return table, figure


def to_markdown(phases: Sequence[Phase]) -> str:
    """Return the table, a row for each phase."""
    teacher = phases[0].teacher["teacher_model_file"]
    lines = ["# Distillation", "", f"Teacher: {teacher}", ""]
    lines += [_HEADER, "|---|---|---|" + "---:|" * 5, *map(_row, phases), "", _NOTES]
    return "\n".join(lines) + "\n"


def _row(phase: Phase) -> str:
    config, valid = phase.config, phase.losses["valid"]
    options = config["tts_conf"]
    of_denoiser = re.compile(rf"(denoiser|{config['tts']}).*_(layers|channels)")
    sizes = [options[key] for key in options if of_denoiser.fullmatch(key)]
    per_epoch = phase.updates_per_epoch
    updates = f"{len(valid)} epochs" if per_epoch is None else per_epoch * len(valid)
    loss = (config[f"distill_{key}"] for key in ("method", "distance", "weight"))
    cells = (
        phase.steps,
        ", ".join(loss),
        " x ".join(map(str, sizes)) or "default",
        f"{phase.num_weights:,}",
        updates,
        f"{config['optim_conf'].get('lr', 'default')}",
        f"{valid[min(valid)]:.4f} {min(valid.values()):.4f}" if valid else "",
        f"{phase.minutes:.1f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def plot_phases(phases: Sequence[Phase], path: str | Path) -> Path:
    """Plot the losses of all phases one after the other, and save them as PNG."""
    figure = new_figure(max(6.0, 3.2 * len(phases)), 3.8)
    axes = figure.subplots()
    start, lowest = 0, math.inf
    for phase in phases:
        unit = phase.updates_per_epoch or 1
        for part, colour in zip(_PARTS, ("C0", "C1"), strict=True):
            curve = phase.losses[part]
            x = [start + epoch * unit for epoch in sorted(curve)]
            y = [curve[epoch] for epoch in sorted(curve)]
            label = part if phase is phases[0] else None
            axes.plot(x, y, ".-", color=colour, label=label)
            lowest = min([lowest, *y])
        length = max(phase.losses["valid"], default=0) * unit
        text = f"{phase.steps}\n{phase.config['distill_method']}"
        place, units = (start + length / 2, 0.98), ("data", "axes fraction")
        axes.annotate(text, place, xycoords=units, ha="center", va="top")
        start += length
        axes.axvline(start, color="0.7", linewidth=0.8)
    if lowest > 0:
        axes.set_yscale("log")
    in_updates = all(phase.updates_per_epoch for phase in phases)
    axes.set_xlabel("updates" if in_updates else "epochs")
    axes.set_ylabel("distance to the target")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
    return save_figure(figure, path)
