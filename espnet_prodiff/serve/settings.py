"""How a server is set up."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from espnet_prodiff.errors import UserError, check_positive


@dataclass(frozen=True)
class Settings:
    """How a server is set up.

    Attributes:
        voices: A folder of exported voices, or one of them.
        workers: Sentences that are spoken at the same time, one thread each.
        queue: Requests that may wait or run; more are refused (429).
        max_chars: Longest text (413).
        timeout: Seconds that a sentence may take from its request on (504).
        memory: Megabytes of the voices that are kept loaded.
        token: What clients have to know; None: nothing.

    Raises:
        UserError: A number is not above 0, or the folder does not exist.
    """

    voices: Path
    workers: int = os.cpu_count() or 1
    queue: int = 128
    max_chars: int = 4096
    timeout: float = 60.0
    memory: int = 2048
    token: str | None = None

    def __post_init__(self) -> None:
        for name in ("workers", "queue", "max_chars", "memory"):
            check_positive(name, getattr(self, name))
        if not self.timeout > 0:
            raise UserError(f"timeout is {self.timeout}, expected seconds above 0")
        if not self.voices.is_dir():
            raise UserError(
                f"{self.voices} is no folder, expected one of exported voices: "
                "espnet-prodiff export slt --onnx voices/slt"
            )
