"""Progressive distillation: one training a phase, each student teaching the next."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from espnet_prodiff.diffusion import distillation_plan
from espnet_prodiff.diffusion.distillation import DISTILL_FROM
from espnet_prodiff.errors import ConfigError, check_choice
from espnet_prodiff.fileio.config import merge_configs, read_config
from espnet_prodiff.recipe.phase import (
    check_data_paths,
    inherited_options,
    train_phase,
    without_given,
)
from espnet_prodiff.training.teacher import Teacher, read_teacher

BEST = "valid.loss.best.pth"


@dataclass(frozen=True)
class Plan:
    """The options of a distillation.

    Attributes:
        teacher_model_file: Weights of the first teacher.
        teacher_num_steps: Steps that it is sampled with; None is, for a teacher that is
            no student, that of the config, otherwise the teacher's default.
        config: Training config of a phase. Beside ESPnet's options it may hold
            ``student``, the options of the network that differ from the teacher's,
            ``phases``: by a student's steps, what differs in its phase,
            ``distill_from``, and ``teacher_num_steps`` of the first teacher.
        num_steps: Steps to visit; None halves the teacher's down to an odd number.
        output_prefix: Of ``<prefix>_steps<N>``; None is the teacher's directory.
        model_file: Name of the weights that a student hands on.
        ngpu: GPUs of a training.
        distill_from: Teacher of each student, "previous" or "first"; with "first" a
            student still starts from the one before it. None is that of the config, or
            "previous".
        student: As ``student`` of the config, and wins over it.
        train_args: Further options of every training.
    """

    teacher_model_file: Path
    config: Path
    num_steps: Sequence[int] | None = None
    teacher_num_steps: int | None = None
    output_prefix: str | None = None
    model_file: str = BEST
    ngpu: int = 0
    distill_from: str | None = None
    student: dict[str, Any] = field(default_factory=dict)
    train_args: Sequence[str] = ()

    def output_dir(self, num_steps: int) -> Path:
        """Return the experiment directory of the student with ``num_steps``."""
        prefix = self.output_prefix or str(self.teacher_model_file.parent)
        return Path(f"{prefix}_steps{num_steps}")


def run_plan(plan: Plan) -> list[Path]:
    """Train or resume every phase.

    Returns:
        The weights of each student, in the order of the phases.

    Raises:
        FileNotFoundError: A file of the plan does not exist.
        UserError: The plan cannot be carried out, or a training failed; finished
            epochs are kept and the next call resumes after them.
    """
    config = read_config(plan.config)
    teacher_steps = config.pop("teacher_num_steps", None)
    teacher = read_teacher(plan.teacher_model_file, plan.teacher_num_steps)
    if teacher_steps and not plan.teacher_num_steps and not teacher.is_student:
        teacher = read_teacher(plan.teacher_model_file, teacher_steps)
    config_source = config.pop("distill_from", "previous")
    source = plan.distill_from or config_source
    inherited = {k: v for k, v in teacher.config.items() if k not in config}
    check_data_paths(without_given(inherited, plan.train_args), teacher.model_file)
    phases = _phases(teacher.num_steps, plan, source, config)
    if plan.num_steps and plan.num_steps[0] == teacher.num_steps:
        if not {**(config.get("student") or {}), **plan.student}:
            raise ConfigError(
                f"the teacher has {teacher.num_steps} steps already; a phase with as "
                "many is for a smaller student, but no option of its network differs "
                "(student: {denoiser_layers: ...})"
            )
        phases.insert(0, (teacher.num_steps, teacher.num_steps, source))
    models = {teacher.num_steps: teacher}
    model_files: list[Path] = []
    for number, (teacher_steps, num_steps, distill_from) in enumerate(phases, 1):
        title = f"phase {number} of {len(phases)}, {teacher_steps} -> {num_steps} steps"
        output_dir = plan.output_dir(num_steps)
        phase = _phase_config(models[teacher_steps], config, num_steps, plan.student)
        if model_files and distill_from == "first":
            phase["init_from"] = str(model_files[-1])
        train_phase(phase, output_dir, plan.ngpu, plan.train_args, title)
        student = read_teacher(output_dir / plan.model_file)
        if num_steps != teacher.num_steps or source == "previous":
            models[num_steps] = student
        model_files.append(student.model_file)
    return model_files


def _phases(
    teacher_steps: int, plan: Plan, source: str, config: dict[str, Any]
) -> list[tuple[int, int, str]]:
    """Return the teacher's steps, the student's and ``distill_from`` of every phase."""
    plans = [distillation_plan(teacher_steps, plan.num_steps, x) for x in DISTILL_FROM]
    phases = []
    for choices in zip(*plans, strict=True):
        name = _differences(config, choices[0][1]).get("distill_from", source)
        check_choice("distill_from", name, DISTILL_FROM)
        phases.append((*choices[DISTILL_FROM.index(name)], name))
    return phases


def _phase_config(
    teacher: Teacher,
    config: dict[str, Any],
    num_steps: int,
    student: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Merge the config of a phase: the teacher's data, features and network."""
    config = merge_configs(config, _differences(config, num_steps))
    different = _mapping(config.pop("student", None), "student") | (student or {})
    for name in ("phases", "distill_from"):
        config.pop(name, None)
    merged = inherited_options(teacher.config) | config
    # The student has the teacher's network, apart from ``student``'s options.
    merged["tts"] = teacher.config["tts"]
    merged["tts_conf"] = teacher.config["tts_conf"] | different
    merged["tts_conf"]["num_steps"] = num_steps
    merged["tts_conf"].pop("distilled_times", None)  # the training writes its own
    for part in ("feats_extract", "pitch_extract", "energy_extract"):
        merged[part] = teacher.config.get(part)
    merged["teacher_model_file"] = str(teacher.model_file)
    merged["teacher_num_steps"] = teacher.num_steps
    merged["resume"] = True
    return merged


def _differences(config: dict[str, Any], num_steps: int) -> dict[str, Any]:
    """Return what differs in the phase of the student with ``num_steps``."""
    phases = _mapping(config.get("phases"), "phases")
    return _mapping(phases.get(num_steps), f"phases: {num_steps}")


def _mapping(value: Any, name: str) -> dict[Any, Any]:
    if not isinstance(value, dict | None):
        where = f"{name} of the distillation's config"
        raise ConfigError(f"{where} must be a mapping, but it is {value!r}")
    return value or {}
