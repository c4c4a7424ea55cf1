"""espeak-ng for ESPnet's g2p, found where a wheel has put it."""

import importlib.util
import os
from pathlib import Path


def prepare_espeak(g2p: str | None) -> None:
    """Point phonemizer to the library of the espeakng-loader wheel, if need be.

    The wheel (GPL) is found by its file, never imported. Nothing is done unless
    ``g2p``, ESPnet's option, is an espeak one, or where ``PHONEMIZER_ESPEAK_LIBRARY``
    is set.

    Raises:
        ModuleNotFoundError: An espeak g2p without phonemizer.
    """
    if g2p is None or not g2p.startswith("espeak"):
        return
    if importlib.util.find_spec("phonemizer") is None:
        raise ModuleNotFoundError(
            f"g2p {g2p} needs phonemizer and espeak-ng, which are not installed: "
            "pip install 'espnet_prodiff[espeak]' (GPL packages)"
        )
    wheel = importlib.util.find_spec("espeakng_loader")
    if "PHONEMIZER_ESPEAK_LIBRARY" in os.environ or not (wheel and wheel.origin):
        return
    folder = Path(wheel.origin).parent
    names = ("libespeak-ng.so", "libespeak-ng.dylib", "espeak-ng.dll")
    library = next((folder / n for n in names if (folder / n).exists()), None)
    data = folder / "espeak-ng-data"
    if library is not None and data.is_dir():
        os.environ["PHONEMIZER_ESPEAK_LIBRARY"] = str(library)
        os.environ.setdefault("PHONEMIZER_ESPEAK_DATA_PATH", str(data))
        os.environ.setdefault("ESPEAK_DATA_PATH", str(data))
