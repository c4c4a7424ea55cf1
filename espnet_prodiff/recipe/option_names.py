"""The names of a command's options, without the imports of it that take seconds.

They are read from its source, so a mistyped option is known in the first second and
not minutes later in the log of a stage.
"""

import difflib
import importlib.util
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from espnet_prodiff.errors import UserError

TRAINING = (
    "espnet2.tasks.abs_task",
    "espnet2.tasks.tts",
    "espnet_prodiff.training.options",
)
SOURCES = {
    "train_args": (*TRAINING, "espnet_prodiff.bin.tts_train"),
    "distill_args": (*TRAINING, "espnet_prodiff.bin.distill"),
    "align_args": ("espnet_prodiff.bin.align",),
    "inference_args": ("espnet2.bin.tts_inference", "espnet_prodiff.bin.tts_inference"),
    "evaluate_args": ("espnet_prodiff.bin.evaluate",),
}
# Of a config that bin.distill reads.
DISTILL_NAMES = {"student", "phases", "distill_from", "start_model_file"}


def option_names(kind: str) -> set[str]:
    """Return option names, without their dashes.

    Args:
        kind: A key of `SOURCES`: the recipe's option that passes them on.
    """
    text = ""
    for module in SOURCES[kind]:
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"module {module} has no file", name=module)
        text += Path(spec.origin).read_text(encoding="utf-8")
    names = set(re.findall(r'"--(\w+)"', text)) | {"help", "config"}
    # A choice of classes is an option and the one of its arguments.
    for choice in re.findall(r'ClassChoices\(\s*(?:name=)?"(\w+)"', text):
        names |= {choice, f"{choice}_conf"}
    if "optim_classes" in text:
        names |= {x + y for x in ("optim", "scheduler") for y in ("", "_conf")}
    return names


def check_option_words(words: Sequence[str], kind: str, what: str = "") -> None:
    """Refuse ``--names`` that a command does not have; beginnings of names are names.

    Args:
        words: Words of a command line.
        kind: See `option_names`.
        what: Where the words come from, for the message; default: ``--kind``.

    Raises:
        UserError: The message names the nearest option.
    """
    names = option_names(kind)
    for word in words:
        name = word[2:].partition("=")[0]
        if re.match(r"--[A-Za-z]", word) and not any(x.startswith(name) for x in names):
            what = what or f"--{kind}"
            raise UserError(f"{what}: no option --{name}{_nearest(name, names)}")


def check_config_names(config: Mapping[str, Any], path: str, kind: str) -> None:
    """Refuse a training config with a key that is no option.

    Raises:
        UserError: The message names the nearest option.
    """
    names = option_names(kind) | DISTILL_NAMES
    for name in config:
        if name not in names:
            raise UserError(f"{path}: no option {name}{_nearest(name, names)}")


def _nearest(name: str, names: Collection[str]) -> str:
    near = difflib.get_close_matches(name, sorted(names), n=1)
    return f"; did you mean {near[0]}?" if near else ""
