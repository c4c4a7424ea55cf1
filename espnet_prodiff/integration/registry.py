"""Which ``--tts`` keys are ours."""

import inspect
from typing import Any

from espnet2.tasks.tts import tts_choices
from espnet2.tts.abs_tts import AbsTTS

from espnet_prodiff.diffwave.diffwave import DiffWave
from espnet_prodiff.prodiff.prodiff import ProDiff
from espnet_prodiff.wavegrad2.wavegrad2 import WaveGrad2

# ESPnet 202511 has a teacher-only prodiff; it stays reachable under its own key.
BUILTIN_KEY = "prodiff_builtin"

CLASSES: dict[str, type[AbsTTS]] = {
    "prodiff": ProDiff,
    "diffwave": DiffWave,
    "wavegrad2": WaveGrad2,
}


def own_num_steps(config: dict[str, Any]) -> int:
    """Steps that a model of ours is sampled in, unless one says otherwise.

    Args:
        config: Of its training.
    """
    conf = config.get("tts_conf") or {}
    if conf.get("num_steps") is not None:
        return conf["num_steps"]
    options = inspect.signature(CLASSES[config["tts"]]).parameters
    train_times = "continuous"  # of a model without the option
    if "train_times" in options:
        train_times = conf.get("train_times", options["train_times"].default)
    return CLASSES[config["tts"]].steps_by_default(num_train_steps(config), train_times)


def num_train_steps(config: dict[str, Any]) -> int:
    """T of a model of ours, by the config of its training."""
    default = inspect.signature(CLASSES[config["tts"]]).parameters["diffusion_steps"]
    return (config.get("tts_conf") or {}).get("diffusion_steps", default.default)


def register() -> None:
    """Enter our models into ESPnet's choices; calling it again changes nothing.

    Raises:
        RuntimeError: If another package has put its own class under one of our keys.
    """
    taken = tts_choices.classes
    builtin = taken.get("prodiff")
    if builtin is not None and builtin is not ProDiff:
        if builtin.__module__.startswith("espnet2."):
            taken[BUILTIN_KEY] = builtin
            del taken["prodiff"]
    for key, our_class in CLASSES.items():
        holder = taken.setdefault(key, our_class)
        if holder is not our_class:
            raise RuntimeError(
                f"--tts {key} already belongs to {holder.__module__}."
                f"{holder.__name__}: espnet_prodiff cannot register its own"
            )
