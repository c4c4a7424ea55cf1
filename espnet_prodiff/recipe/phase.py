"""One more training on the data of an earlier one: a student, a tuned vocoder."""

import logging
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from espnet_prodiff.errors import ConfigError
from espnet_prodiff.fileio.yaml_files import write_yaml
from espnet_prodiff.recipe.jobs import Job, Progress, run_jobs
from espnet_prodiff.recipe.training_log import TrainingLog
from espnet_prodiff.training.task import DiffusionTTSTask

# Options that a training sets itself; all others come from the earlier one.
_OWN = {"output_dir", "init_param", "resume", "config", "local_rank", "allow_pipes"}
_OWN |= {"use_wandb"}  # accounts of whoever trained it
DATA_FILES = re.compile(r"(train|valid)_(data_path_and_name_and_type|shape_file)")


def inherited_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a config.yaml that another training can take over.

    The config may have been downloaded: `check_data_paths` says what data it names.
    """
    options = {action.dest for action in DiffusionTTSTask.get_parser()._actions}
    return {
        key: value
        for key, value in config.items()
        if key in options - _OWN and not key.startswith("dist_")
    }


def check_data_paths(config: Mapping[str, Any], model_file: Path) -> None:
    """Refuse data that are not there, and say which are taken over.

    Args:
        config: Options of a training that were taken over from another one.
        model_file: Its weights.

    Raises:
        ConfigError: A table does not exist.
    """
    for key in filter(DATA_FILES.fullmatch, config):
        for entry in config[key] or []:
            file = Path(entry if isinstance(entry, str) else entry[0])
            if not file.is_file():
                raise ConfigError(
                    f"the training of {model_file} had its data in {file} ({key}), "
                    f"which does not exist here: give your own, --{key} ..."
                )
            logging.info(f"data of the teacher's training: {file} ({key})")


def without_given(config: dict[str, Any], words: Sequence[str]) -> dict[str, Any]:
    """Leave out tables of data that ``words`` of a command line replace."""
    given = {word.partition("=")[0].removeprefix("--") for word in words}
    return {
        k: v for k, v in config.items() if not DATA_FILES.match(k) or k not in given
    }


def train_phase(
    config: Mapping[str, Any],
    output_dir: Path,
    ngpu: int,
    train_args: Sequence[str],
    title: str,
) -> None:
    """Train, or go on training, as stage 7 does, with a progress bar of that title.

    ``config`` is kept as ``phase.yaml`` in the experiment directory ``output_dir``;
    ``train_args`` are options that win over it.

    Raises:
        UserError: The training failed; what it finished is resumed the next time.
    """
    output_dir.mkdir(parents=True, exist_ok=True)
    config_file = output_dir / "phase.yaml"
    write_yaml(config_file, without_given(dict(config), train_args))
    command = [
        *(sys.executable, "-m", "espnet_prodiff", "-m", "espnet2.bin.tts_train"),
        *("--config", str(config_file), "--output_dir", str(output_dir)),
        *("--ngpu", str(ngpu), "--multiprocessing_distributed", "true", *train_args),
    ]
    bar = Progress(title, "epoch", TrainingLog(output_dir).read)
    run_jobs([Job(command, output_dir / "train.log")], bar, single=False)
