"""Yaml files: a plain mapping or a clear error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from espnet_prodiff.errors import ConfigError
from espnet_prodiff.fileio.atomic import write_text


def read_yaml(path: str | Path, what: str) -> dict[str, Any]:
    """Read a yaml mapping without running anything in it; ``what`` names its kind.

    Raises:
        FileNotFoundError: There is no such file.
        ConfigError: It is not a plain yaml mapping.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{what} {path} does not exist")
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{what} {path} is not plain yaml: {error}") from error
    if not isinstance(config, dict):
        raise ConfigError(
            f"{what} {path} holds a {type(config).__name__}, expected a mapping"
        )
    return config


def write_yaml(path: str | Path, config: dict[str, Any]) -> None:
    """Write a yaml mapping atomically."""
    write_text(path, yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
