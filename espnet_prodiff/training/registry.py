"""The ``--tts`` keys that are ours."""

from collections.abc import Callable
from types import MethodType
from typing import Any

from espnet2.tasks.abs_task import AbsTask
from espnet2.tasks.tts import TTSTask, tts_choices

from espnet_prodiff.common.model import DiffusionTTS
from espnet_prodiff.common.plugin import PluginTTS
from espnet_prodiff.diffwave.diffwave import DiffWave
from espnet_prodiff.fileio.checkpoint import safe_torch_load
from espnet_prodiff.prodiff.prodiff import ProDiff
from espnet_prodiff.spectral_vocoder.spectral_vocoder import SpectralVocoder
from espnet_prodiff.wavegrad2.wavegrad2 import WaveGrad2

# ESPnet 202511 has a teacher-only prodiff; it stays reachable under its own key.
BUILTIN_KEY = "prodiff_builtin"

CLASSES: dict[str, type[PluginTTS]] = {
    "prodiff": ProDiff,
    "diffwave": DiffWave,
    "wavegrad2": WaveGrad2,
    "spectral_vocoder": SpectralVocoder,
}


LOADER = "build_model_from_file"  # of ESPnet's own Text2Speech


def diffusion_classes() -> dict[str, type[DiffusionTTS]]:
    """Those among them that are diffusion models, which can be distilled."""
    return {k: v for k, v in CLASSES.items() if issubclass(v, DiffusionTTS)}


def register() -> None:
    """Enter our models into ESPnet's choices; calling it again changes nothing.

    From then on ESPnet's own ``Text2Speech`` runs no code of a model file either.

    Raises:
        RuntimeError: If another package has put its own class under one of our keys.
    """
    choices = tts_choices.classes
    builtin = choices.get("prodiff")
    if builtin is not None and builtin.__module__.startswith("espnet2."):
        choices[BUILTIN_KEY] = choices.pop("prodiff")
    for key, our_class in CLASSES.items():
        holder = choices.setdefault(key, our_class)
        if holder is not our_class:
            raise RuntimeError(
                f"--tts {key} already belongs to {holder.__module__}."
                f"{holder.__name__}: espnet_prodiff cannot register its own"
            )
    if LOADER not in vars(TTSTask):
        setattr(TTSTask, LOADER, classmethod(_without_code(getattr(AbsTask, LOADER))))


def _without_code(load: MethodType) -> Callable[..., Any]:
    def load_safely(cls: type[TTSTask], *args: Any, **kwargs: Any) -> Any:
        with safe_torch_load():
            return load.__func__(cls, *args, **kwargs)

    return load_safely
