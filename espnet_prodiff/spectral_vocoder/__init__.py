"""A vocoder of spectra at the frame rate. Imports ESPnet, hence on demand."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from espnet_prodiff.spectral_vocoder.spectral_vocoder import SpectralVocoder

__all__ = ["SpectralVocoder"]


def __getattr__(name: str) -> Any:
    if name == "SpectralVocoder":
        from espnet_prodiff.spectral_vocoder.spectral_vocoder import SpectralVocoder

        return SpectralVocoder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
