"""ProDiff: text to mel (2207.06389). Imports ESPnet, hence loaded on demand."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from espnet_prodiff.prodiff.prodiff import ProDiff

__all__ = ["ProDiff"]


def __getattr__(name: str) -> Any:
    # The network beside this file needs torch alone and must not wait for ESPnet.
    if name == "ProDiff":
        from espnet_prodiff.prodiff.prodiff import ProDiff

        return ProDiff
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
