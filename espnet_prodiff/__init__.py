"""Fast diffusion speech synthesis as a plugin for ESPnet2."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from espnet_prodiff.common.espeak import point_to_espeak
from espnet_prodiff.common.postponed import postpone

if TYPE_CHECKING:
    from espnet_prodiff.diffwave import DiffWave
    from espnet_prodiff.inference.text2speech import Text2Speech
    from espnet_prodiff.inference.wave_generator import WaveGenerator
    from espnet_prodiff.prodiff import ProDiff
    from espnet_prodiff.spectral_vocoder import SpectralVocoder
    from espnet_prodiff.wavegrad2 import WaveGrad2

postpone("g2p_en")
point_to_espeak()

__version__ = "0.1.0"
__all__ = [
    "DiffWave",
    "ProDiff",
    "SpectralVocoder",
    "Text2Speech",
    "WaveGenerator",
    "WaveGrad2",
]

_MODULES = {
    "DiffWave": "diffwave",
    "SpectralVocoder": "spectral_vocoder",
    "ProDiff": "prodiff",
    "Text2Speech": "inference.text2speech",
    "WaveGenerator": "inference.wave_generator",
    "WaveGrad2": "wavegrad2",
}


def __getattr__(name: str) -> Any:
    # On demand: ESPnet takes seconds to import.
    if name in _MODULES:
        return getattr(import_module(f"espnet_prodiff.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
