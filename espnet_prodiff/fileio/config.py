"""Training configs: what ESPnet's parser is given of them, and differences."""

import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from espnet_prodiff.errors import ConfigError
from espnet_prodiff.fileio.yaml_files import read_yaml

# conf/ of the repository, which the package brings along.
SHIPPED = Path(__file__).parents[1] / "conf"
# What YAML 1.1, which PyYAML reads, takes for a word: it wants 5.0e-4.
EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")
# Options of ours that were called otherwise.
OLD_NAMES = {"start_model_file": "init_from"}


def find_config(path: str | Path) -> Path:
    """A file, or else a config of the package by its name in ``conf/``."""
    shipped = SHIPPED / path
    return shipped if shipped.is_file() and not Path(path).is_file() else Path(path)


def read_config(path: str | Path) -> dict[str, Any]:
    """Read a training config; see `find_config`.

    Raises:
        FileNotFoundError: The file does not exist.
        ConfigError: It is not a yaml mapping, or says ``base``.
    """
    config = read_yaml(find_config(path), "training config", aliases=True)
    if "base" in config:
        raise ConfigError(
            f"{path} says base: {config['base']}, which is no longer read, as ESPnet's "
            "own readers pass over it: copy what it takes from there into the file"
        )
    return {OLD_NAMES.get(name, name): value for name, value in config.items()}


def with_numbers(value: Any) -> Any:
    """Return a value of a config with 5e-4 as the number that everybody means."""
    if isinstance(value, dict):
        return {key: with_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_numbers(item) for item in value]
    if isinstance(value, str) and EXPONENT.fullmatch(value):
        return float(value)
    return value


def merge_configs(base: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with the differences in ``config``.

    Mappings such as tts_conf are merged key by key, except options of another class
    than in the base (``scheduler_conf`` with another ``scheduler``, say); every other
    value replaces that of the base.
    """
    merged = dict(base)
    for key, value in config.items():
        owner = key.removesuffix("_conf")
        same_owner = config.get(owner, base.get(owner)) == base.get(owner)
        if isinstance(value, dict) and isinstance(base.get(key), dict) and same_owner:
            value = base[key] | value
        merged[key] = value
    return merged


def training_options(path: str) -> dict[str, Any]:
    """Return ESPnet's and our training options of the config ``path``.

    The plugin's ``student`` becomes part of ``tts_conf``; ``distill_from`` is dropped.

    Raises:
        FileNotFoundError: The file does not exist.
        ConfigError: See `read_config`, or it has ``phases``.
    """
    config = read_config(path)
    if "phases" in config:
        raise ConfigError(
            f"{path} has phases, which only espnet_prodiff.bin.distill runs; each of "
            "them can be run alone with the phase.yaml in its experiment directory"
        )
    config.pop("distill_from", None)  # of bin.distill; here --teacher_model_file says
    # bin.distill keeps the student's options apart from those of the teacher.
    student = config.pop("student", None) or {}
    if student:
        config["tts_conf"] = (config.get("tts_conf") or {}) | student
    return config


@contextlib.contextmanager
def options_of_config(config: dict[str, Any]) -> Iterator[list[str]]:
    """Yield the command-line words that give ESPnet's parser a config; it may be {}."""
    if not config:
        yield []
        return
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        yaml.safe_dump(config, file, sort_keys=False)
        file.flush()
        yield ["--config", file.name]
