"""DiffWave: a wave of a mel, a label or nothing. Imports ESPnet, hence on demand."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from espnet_prodiff.diffwave.diffwave import DiffWave

__all__ = ["DiffWave"]


def __getattr__(name: str) -> Any:
    if name == "DiffWave":
        from espnet_prodiff.diffwave.diffwave import DiffWave

        return DiffWave
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
