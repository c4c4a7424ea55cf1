"""The record of a teacher: its files, its config and its number of steps.

A plain record: the student holds no module of its teacher, so that the teacher is
neither saved with it, nor optimised, nor distributed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_prodiff.common.plugin import FORMAT_KEY
from espnet_prodiff.errors import ConfigError
from espnet_prodiff.fileio.checkpoint import file_sha256
from espnet_prodiff.fileio.yaml_files import read_yaml, write_yaml
from espnet_prodiff.training.registry import diffusion_classes

RECORD = "teacher.yaml"  # in the directory of a student's training


@dataclass(frozen=True)
class Teacher:
    """A trained model that a student learns from.

    Attributes:
        model_file: Its weights; its config.yaml lies beside them.
        config: Of its training.
        num_steps: Steps that it is sampled with.
    """

    model_file: Path
    config: dict[str, Any]
    num_steps: int

    @property
    def config_file(self) -> Path:
        """The config.yaml of its training."""
        return self.model_file.parent / "config.yaml"

    @property
    def conf(self) -> dict[str, Any]:
        """Its ``tts_conf``."""
        return self.config["tts_conf"]

    @property
    def is_student(self) -> bool:
        """True if it was distilled itself."""
        old = self.conf[FORMAT_KEY] == 1 and self.conf.get("num_steps") is not None
        return self.conf.get("distilled_times") is not None or old


def read_teacher(model_file: str | Path, num_steps: int | None = None) -> Teacher:
    """Find a teacher by its weights; ``num_steps`` are its own by default.

    Raises:
        FileNotFoundError: If a file is missing.
        ConfigError: If the model is none of ours or cannot be sampled so.
    """
    model_file = Path(model_file)
    if not model_file.is_file():
        raise FileNotFoundError(f"teacher_model_file {model_file} does not exist")
    config = read_yaml(model_file.parent / "config.yaml", "config of the teacher")
    conf = config.get("tts_conf") or {}
    if FORMAT_KEY not in conf:
        raise ConfigError(
            f"the teacher {model_file} was not trained by espnet_prodiff: its tts "
            f"is {config.get('tts')}, its tts_conf has no key {FORMAT_KEY}. "
            "Train one with --tts prodiff through python3 -m espnet_prodiff"
        )
    model_class = diffusion_classes().get(config["tts"])
    if model_class is None:
        raise ConfigError(
            f"the teacher {model_file} is a model of 'tts: {config['tts']}', which has "
            f"no steps to distil: give one of {', '.join(diffusion_classes())}"
        )
    total = model_class.num_train_steps_of(conf)
    num_steps = num_steps or model_class.num_steps_of(conf)
    if not 1 <= num_steps <= total:
        raise ConfigError(
            f"the teacher {model_file} can be sampled in 1 to {total} steps, but "
            f"teacher_num_steps is {num_steps}"
        )
    return Teacher(model_file, config, num_steps)


def record_teacher(output_dir: Path, teacher: Teacher) -> None:
    """Write down which teacher a training has, and hold the training to it.

    Raises:
        ConfigError: If the training began with another teacher.
    """
    record = {
        "teacher_model_file": str(teacher.model_file),
        "teacher_sha256": file_sha256(teacher.model_file),
        "teacher_num_steps": teacher.num_steps,
    }
    if not (output_dir / RECORD).exists():
        write_yaml(output_dir / RECORD, record)
        return
    before = read_yaml(output_dir / RECORD, "teacher record")
    if before.get("teacher_sha256") != record["teacher_sha256"]:
        raise ConfigError(
            f"the teacher of {output_dir} has changed since its training began: "
            f"{before.get('teacher_model_file')} had the SHA-256 "
            f"{before.get('teacher_sha256')}, {teacher.model_file} has "
            f"{record['teacher_sha256']}. Train in a new experiment directory"
        )
    if before.get("teacher_num_steps") != record["teacher_num_steps"]:
        raise ConfigError(
            f"the teacher of {output_dir} was sampled in "
            f"{before.get('teacher_num_steps')} steps when its training began, not "
            f"in {record['teacher_num_steps']}. Train in a new experiment directory"
        )
