"""WaveGrad 2: a wave of a text. Imports ESPnet, hence on demand."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from espnet_prodiff.wavegrad2.wavegrad2 import WaveGrad2

__all__ = ["WaveGrad2"]


def __getattr__(name: str) -> Any:
    if name == "WaveGrad2":
        from espnet_prodiff.wavegrad2.wavegrad2 import WaveGrad2

        return WaveGrad2
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
