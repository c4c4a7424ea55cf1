"""The voices of a folder, loaded when they are asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from espnet_prodiff.errors import InputError
from espnet_prodiff.runtime.files import VOICE, read_about
from espnet_prodiff.runtime.voice import Voice

MEGABYTE = 1e6
BASE = 40.0  # megabytes: a lexicon of 70,000 words and the sessions
COPIES = 2.0  # of the weights, as onnxruntime lays them out for its products


class UnknownVoice(InputError):
    """A name that no voice has."""


class Shelf:
    """The voices of a folder by name, some of them loaded.

    Names are looked up among those of the folder, they never become a path.

    Args:
        folder: Of exported voices, or one of them.
        memory: Megabytes of the voices that are kept; the one asked for last always is.
    """

    def __init__(self, folder: Path, memory: float) -> None:
        self.folder, self.memory = folder, memory
        self._loaded: OrderedDict[str, tuple[Voice, float]] = OrderedDict()
        self._lock = threading.Lock()
        self._loading = threading.Lock()  # one at a time

    def names(self) -> dict[str, Path]:
        """Return the folders of all voices, by name."""
        if (self.folder / VOICE).is_file():
            return {self.folder.resolve().name: self.folder}
        files = sorted(self.folder.glob(f"*/{VOICE}"))
        return {file.parent.name: file.parent for file in files}

    def loaded(self) -> dict[str, float]:
        """Return the estimated megabytes of the loaded voices, by name."""
        with self._lock:
            return {name: size for name, (_, size) in self._loaded.items()}

    def __getitem__(self, name: str) -> Voice:
        """Return a voice, which is loaded if need be.

        Raises:
            UnknownVoice: There is none of this name.
            ConfigError: It is damaged.
        """
        if (voice := self._take(name)) is not None:
            return voice
        known = self.names()
        if name not in known:
            there = ", ".join(known) or "none"
            raise UnknownVoice(f"no model {name!r} on this server; there are: {there}")
        with self._loading:
            if (voice := self._take(name)) is not None:  # another request was quicker
                return voice
            voice, size = Voice(known[name], threads=1), _megabytes(known[name])
            with self._lock:
                self._loaded[name] = (voice, size)
                while len(self._loaded) > 1 and self._sum() > self.memory:
                    self._loaded.popitem(last=False)  # what it speaks just now ends
            return voice

    def _take(self, name: str) -> Voice | None:
        with self._lock:
            if name not in self._loaded:
                return None
            self._loaded.move_to_end(name)
            return self._loaded[name][0]

    def _sum(self) -> float:
        return sum(size for _, size in self._loaded.values())


def _megabytes(folder: Path) -> float:
    weights = sum(file.stat().st_size for file in folder.glob("*.onnx")) / MEGABYTE
    widened = 2 if read_about(folder)["dtype"] == "float16" else 1
    return BASE + COPIES * widened * weights
