"""Packages of ESPnet's g2p: espeak-ng where a wheel has put it, and what is missing."""

import importlib.util
import os
from pathlib import Path

from espnet_prodiff.extras import install_command


def point_to_espeak() -> None:
    """Point phonemizer to the library of the espeakng-loader wheel, if it is there.

    The wheel (GPL) is found by its file, never imported. Done when the package is
    imported, so that the g2p of every command and stage finds it, ESPnet's own commands
    among them; what ``PHONEMIZER_ESPEAK_LIBRARY`` says already stays.
    """
    if "PHONEMIZER_ESPEAK_LIBRARY" in os.environ:
        return
    wheel = importlib.util.find_spec("espeakng_loader")
    if wheel is None or not wheel.origin:
        return
    folder = Path(wheel.origin).parent
    names = ("libespeak-ng.so", "libespeak-ng.dylib", "espeak-ng.dll")
    library = next((folder / n for n in names if (folder / n).exists()), None)
    data = folder / "espeak-ng-data"
    if library is not None and data.is_dir():
        os.environ["PHONEMIZER_ESPEAK_LIBRARY"] = str(library)
        os.environ.setdefault("PHONEMIZER_ESPEAK_DATA_PATH", str(data))
        os.environ.setdefault("ESPEAK_DATA_PATH", str(data))


# By the beginning of a g2p of ESPnet: its package, and the extra that brings it.
PACKAGES = {
    "espeak": ("phonemizer", "espeak"),
    "pyopenjtalk": ("pyopenjtalk", "japanese"),
}


def require_g2p(g2p: str | None) -> None:
    """Refuse a g2p of ESPnet whose package is not installed.

    Raises:
        ModuleNotFoundError: The message is the command that installs it.
    """
    for start, (package, extra) in PACKAGES.items():
        missing = importlib.util.find_spec(package) is None
        if g2p and g2p.startswith(start) and missing:
            licence = " (GPL packages)" if extra == "espeak" else ""
            raise ModuleNotFoundError(
                f"g2p {g2p} needs {package}, which is not installed: "
                f"{install_command(extra)}{licence}"
            )
