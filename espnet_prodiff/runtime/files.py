"""The files of an exported voice."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from espnet_prodiff.errors import ConfigError

FORMAT = 1
VOICE = "voice.json"

Run = Callable[..., list[np.ndarray]]


def read_about(folder: Path) -> dict[str, Any]:
    """Read a voice.json.

    Raises:
        FileNotFoundError: The folder holds none.
        ConfigError: It is damaged or of another format.
    """
    file = folder / VOICE
    if not file.is_file():
        raise FileNotFoundError(
            f"{folder} is no exported voice: it has no {VOICE}; write one with "
            "espnet-prodiff export VOICE --onnx DIR"
        )
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        found = about.get("format")
    except (ValueError, AttributeError) as error:
        raise ConfigError(f"{file} is damaged: {error}") from error
    if found != FORMAT:
        raise ConfigError(
            f"{file} is of format {found}, this version reads {FORMAT}: export the "
            "voice again"
        )
    return about


class Loader:
    """Loads graphs of a folder.

    Args:
        folder: Where they lie.
        threads: Of each.
        providers: Of onnxruntime, the best first.
    """

    def __init__(self, folder: Path, threads: int, providers: Sequence[str]) -> None:
        self.folder, self.providers = folder, list(providers)
        self.options = onnxruntime.SessionOptions()
        self.options.intra_op_num_threads = threads
        self.options.log_severity_level = 3

    def __call__(self, name: str) -> Run:
        """Return what runs a graph: its outputs in order, of its inputs by name.

        Raises:
            ConfigError: Its file is missing or damaged.
        """
        path = self.folder / f"{name}.onnx"
        try:
            session = onnxruntime.InferenceSession(
                str(path), self.options, providers=self.providers
            )
        except Exception as error:  # onnxruntime's have no common class
            raise ConfigError(f"{path} cannot be loaded: {error}") from error
        return lambda **inputs: session.run(None, inputs)
