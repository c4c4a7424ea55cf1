"""Which ``--tts`` keys are ours."""

from espnet2.tasks.tts import tts_choices
from espnet2.tts.abs_tts import AbsTTS

from espnet_prodiff.diffwave.diffwave import DiffWave
from espnet_prodiff.prodiff.prodiff import ProDiff

# ESPnet 202511 has a teacher-only prodiff; it stays reachable under its own key.
BUILTIN_KEY = "prodiff_builtin"

CLASSES: dict[str, type[AbsTTS]] = {"prodiff": ProDiff, "diffwave": DiffWave}


def register() -> None:
    """Enter our models into ESPnet's choices; calling it again changes nothing.

    Raises:
        RuntimeError: If another package has put its own class under one of our keys.
    """
    taken = tts_choices.classes
    builtin = taken.get("prodiff")
    if builtin is not None and builtin is not ProDiff:
        if builtin.__module__.startswith("espnet2."):
            taken[BUILTIN_KEY] = builtin
            del taken["prodiff"]
    for key, our_class in CLASSES.items():
        holder = taken.setdefault(key, our_class)
        if holder is not our_class:
            raise RuntimeError(
                f"--tts {key} already belongs to {holder.__module__}."
                f"{holder.__name__}: espnet_prodiff cannot register its own"
            )
