"""Yaml files: a plain mapping or a clear error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from espnet_prodiff.errors import ConfigError
from espnet_prodiff.fileio.atomic import write_text

# libyaml's where PyYAML was built with it: ten times as fast.
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_BYTES, MAX_DEPTH = 4 * 2**20, 50  # a list of 100,000 tokens is 2 MiB


def read_yaml(path: str | Path, what: str, aliases: bool = False) -> dict[str, Any]:
    """Read a yaml mapping without running anything in it; ``what`` names its kind.

    Args:
        path: The file.
        what: For messages.
        aliases: Allow ``*names``, with which a few bytes make a huge value. ESPnet
            writes none.

    Raises:
        FileNotFoundError: There is no such file.
        ConfigError: It is not a plain yaml mapping, or too large.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{what} {path} does not exist")
    with path.open("rb") as file:
        return parse_yaml(file.read(MAX_BYTES + 1), f"{what} {path}", aliases)


def parse_yaml(content: bytes, where: str, aliases: bool = False) -> dict[str, Any]:
    """Read a yaml mapping of that content; ``where`` begins the messages.

    Raises:
        ConfigError: See `read_yaml`.
    """
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{where} is larger than {MAX_BYTES} bytes: it is no config")
    try:
        depth = 0
        for event in yaml.parse(content, Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.AliasEvent) and not aliases:
                raise ValueError(f"it has the alias *{event.anchor}: write it out")
            if depth > MAX_DEPTH:
                raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
        config = yaml.load(content, Loader)
    except Exception as error:  # arbitrary bytes trip yaml in any way
        raise ConfigError(f"{where} is not plain yaml: {error}") from error
    if not isinstance(config, dict):
        raise ConfigError(
            f"{where} holds a {type(config).__name__}, expected a mapping"
        )
    return config


def write_yaml(path: str | Path, config: dict[str, Any]) -> None:
    """Write a yaml mapping atomically."""
    write_text(path, yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
