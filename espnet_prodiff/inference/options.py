"""Decoding options: those of the model, of `Sampling` and of a DiffWave vocoder."""

from __future__ import annotations

import inspect
import math
from typing import Any

from espnet2.tts.abs_tts import AbsTTS

from espnet_prodiff.common.model import DiffusionTTS
from espnet_prodiff.common.sampling import SAMPLING_OPTIONS, Sampling
from espnet_prodiff.errors import InputError
from espnet_prodiff.inference.inputs import as_input_errors
from espnet_prodiff.inference.streaming import INPUTS
from espnet_prodiff.inference.vocoder import Vocoder
from espnet_prodiff.inference.wave_generator import WaveGenerator

# Options of a DiffWave vocoder, by their names beside the acoustic model's.
VOCODER_OPTIONS = {"vocoder_num_steps": "num_steps", "vocoder_schedule": "schedule"}


def model_options(tts: AbsTTS) -> set[str]:
    """Return the names of the options that a model's ``inference`` takes."""
    if isinstance(tts, DiffusionTTS):
        return set(SAMPLING_OPTIONS).union(tts.decoding_options)
    data = {"text", "feats", "pitch", "energy", *INPUTS}
    return set(inspect.signature(tts.inference).parameters) - data


def vocoder_options(conf: dict[str, Any]) -> dict[str, Any]:
    """Return the vocoder's options among decoding options, by the vocoder's names."""
    return {VOCODER_OPTIONS[key]: conf[key] for key in VOCODER_OPTIONS & conf.keys()}


def changed_options(sampling: Sampling) -> dict[str, Any]:
    """Return the options of `Sampling` that are not at their defaults."""
    defaults = vars(Sampling())
    return {k: v for k, v in vars(sampling).items() if v != defaults[k]}


def check_options(
    tts: AbsTTS, vocoder: Vocoder | None, conf: dict[str, Any], defaults: dict[str, Any]
) -> None:
    """Check decoding options before anything is run.

    The names in ``defaults``, set unless one says otherwise, are not checked.

    Raises:
        InputError: An option is unknown to model and vocoder, or out of range.
    """
    accepted = model_options(tts) | {"seed", "speed", "pitch", "energy", "volume"}
    if isinstance(vocoder, WaveGenerator) and isinstance(vocoder.tts, DiffusionTTS):
        accepted |= VOCODER_OPTIONS.keys()
    elif for_diffwave := sorted(conf.keys() & VOCODER_OPTIONS.keys()):
        raise InputError(
            f"{' and '.join(for_diffwave)} is for a DiffWave vocoder (--vocoder_file), "
            f"but the vocoder is {vocoder}"
        )
    if unknown := sorted(conf.keys() - accepted - defaults.keys()):
        raise InputError(
            f"{type(tts).__name__} has no decoding option {', '.join(unknown)}; it has "
            f"{', '.join(sorted(accepted))}"
        )
    alpha = conf.get("alpha", 1.0)
    if not isinstance(alpha, int | float) or not 0 < alpha < math.inf:
        raise InputError(f"alpha is {alpha!r}, expected a number > 0 (1: as trained)")
    sampling = Sampling(**{key: conf[key] for key in SAMPLING_OPTIONS & conf.keys()})
    if isinstance(tts, DiffusionTTS):
        with as_input_errors():
            tts.times(sampling.num_steps, sampling.schedule)
    of_vocoder = vocoder_options(conf)
    if of_vocoder and isinstance(vocoder, WaveGenerator):
        vocoder.check_sampling(**of_vocoder)
