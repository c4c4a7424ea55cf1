"""The record of a teacher: its files, its config and its number of steps.

A plain record: the student holds no module of its teacher, so that the teacher is
neither saved with it, nor optimised, nor distributed.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from espnet2.tts.feats_extract.log_mel_fbank import LogMelFbank

from espnet_prodiff.common.meaning import differences, digest
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


def data_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what two models' options have to share for one to learn from the other.

    Or for one training to be the other's continuation.
    """
    tokens = options.get("token_list")
    if isinstance(tokens, str | Path):
        tokens = Path(tokens).read_text(encoding="utf-8").split("\n")
        tokens = tokens if tokens[-1] else tokens[:-1]
    found = {"token_list": tokens}
    for name in ("token_type", "cleaner", "g2p"):
        value = options.get(name)
        # A g2p of ours stands around a model that is trained on its phones.
        no_g2p = str(value) in ("none", "None") or str(value).startswith(FORMAT_KEY)
        found[name] = None if no_g2p else value
    if options.get("feats_extract") is not None and options.get("odim") is None:
        features = LogMelFbank if options["feats_extract"] == "fbank" else None
        conf = options.get("feats_extract_conf") or {}
        defaults = features(**conf).get_parameters() if features else {}
        found["feats_extract"] = options["feats_extract"]
        for name, value in (conf | defaults).items():
            found[f"feats_extract_conf {name}"] = value
    for part in ("normalize", "pitch_normalize", "energy_normalize"):
        file = (options.get(f"{part}_conf") or {}).get("stats_file")
        found[part] = options.get(part)
        if options.get(part) == "global_mvn" and file and Path(file).is_file():
            with np.load(file) as stats:
                numbers = [stats[name].tolist() for name in sorted(stats.files)]
            found[f"{part} statistics"] = digest(numbers)
    return found


def refuse_other_data(teacher: Teacher, args: argparse.Namespace) -> None:
    """Refuse a teacher of other tokens, features, texts or statistics.

    Raises:
        ConfigError: The message names each difference.
    """
    theirs, ours = data_options(teacher.config), data_options(vars(args))
    both = theirs.keys() & ours.keys()  # statistics may be gone
    if args.init_param:  # whose statistics come along
        both = {key for key in both if not key.endswith(" statistics")}
    changed = differences(
        {key: _shown(theirs[key]) for key in both},
        {key: _shown(ours[key]) for key in both},
        ("teacher", "student"),
    )
    if changed:
        raise ConfigError(
            f"the teacher {teacher.model_file} was trained on other data than its "
            "student would be:\n" + "\n".join(changed) + "\ntake the teacher's "
            "options and statistics, or a teacher of these"
        )


def _shown(value: Any) -> Any:
    return f"{len(value)} tokens, {digest(value)}" if isinstance(value, list) else value


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
