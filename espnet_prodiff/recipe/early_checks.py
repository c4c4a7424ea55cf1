"""What would fail minutes later in a stage's log, refused in the first second."""

import os
import shlex
from pathlib import Path

from espnet_prodiff.common.espeak import require_g2p
from espnet_prodiff.common.gpus import check_gpus
from espnet_prodiff.fileio.config import read_config
from espnet_prodiff.recipe.option_names import (
    SOURCES,
    check_config_names,
    check_option_words,
)
from espnet_prodiff.recipe.options import Options
from espnet_prodiff.recipe.pipeline import selected


def check_early(options: Options) -> None:
    """Check GPUs, the g2p's package, passed-on options and configs.

    Raises:
        UserError: Something would fail in a stage.
        ModuleNotFoundError: A package is missing.
        FileNotFoundError: A config does not exist.
    """
    stages = set(selected(options))
    if stages & {5, 6, 7, 8}:
        require_g2p(options.g2p)
    for kind in SOURCES:
        check_option_words(shlex.split(getattr(options, kind)), kind)
    configs = {"train_config": "train_args", "distill_config": "distill_args"}
    for name, kind in configs.items():
        path = getattr(options, name)
        if path and stages & {6, 7} and (name == "train_config" or Path(path).exists()):
            check_config_names(read_config(path), path, kind)
    if not os.environ.get("ESPNET_ROOT"):  # whose jobs may run on other machines
        check_gpus(options.ngpu if 7 in stages else 0)
        check_gpus(int(options.gpu_inference and 8 in stages))
