"""How a model's own speed, pitch and energy are changed by a `Prosody`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from espnet2.tts.espnet_model import ESPnetTTSModel
from torch import Tensor, nn

from espnet_prodiff.errors import InputError
from espnet_prodiff.inference.options import model_options
from espnet_prodiff.inference.prosody import PROSODY_OPTIONS, Prosody


def check_prosody(model: ESPnetTTSModel, conf: dict[str, Any]) -> None:
    """Check the prosody among decoding options before anything is run.

    Raises:
        InputError: An option is out of range, or the model has nothing to change it by.
    """
    changes = Prosody.of(conf).changes()
    name = type(model.tts).__name__
    if "speed" in changes and not {"speed", "alpha"} & model_options(model.tts):
        raise InputError(f"speed cannot be set: {name} has no durations to scale")
    for option, extract in _extractors(model).items():
        if option not in changes:
            continue
        if not _predictors(model.tts, option):
            raise InputError(
                f"{option} cannot be set: {name} has no {option} predictor"
            )
        if extract is None:
            raise InputError(
                f"{option} cannot be set: this {name} was trained on ready-made "
                f"{option} values, whose unit is not known"
            )
        if conf.get("use_teacher_forcing"):
            raise InputError(
                f"{option} cannot be set with use_teacher_forcing, which takes that of "
                "the recording"
            )


def without_prosody(model: ESPnetTTSModel, conf: dict[str, Any]) -> dict[str, Any]:
    """Return decoding options in terms of the model: its own speed, or its alpha."""
    speed = Prosody.of(conf).speed
    conf = {key: value for key, value in conf.items() if key not in PROSODY_OPTIONS}
    if speed == 1:
        return conf
    if "speed" in model_options(model.tts):
        return {**conf, "speed": speed}
    return {**conf, "alpha": conf.get("alpha", 1.0) / speed}


@contextmanager
def changed_predictions(model: ESPnetTTSModel, conf: dict[str, Any]) -> Iterator[None]:
    """Let the pitch and energy predictors of a model predict what the options want."""
    changes = Prosody.of(conf).changes()
    change_of = {
        "pitch": (
            model.pitch_normalize,
            lambda x: _transpose(model, changes["pitch"], x),
        ),
        "energy": (model.energy_normalize, lambda x: _amplify(changes["energy"], x)),
    }
    handles = [
        predictor.register_forward_hook(_Denormalized(*change))
        for option, change in change_of.items()
        if option in changes
        for predictor in _predictors(model.tts, option)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def with_volume(wav: Tensor, conf: dict[str, Any]) -> Tensor:
    """Return a wave as loud as the decoding options want it."""
    volume = Prosody.of(conf).volume
    return wav if volume == 1 else (wav * volume).clamp(-1, 1)


class _Normalizer(Protocol):
    def __call__(self, values: Tensor) -> tuple[Tensor, Any]: ...

    def inverse(self, values: Tensor) -> tuple[Tensor, Any]: ...


class _Denormalized:
    """Hook of a predictor: a change made where values have their physical unit."""

    def __init__(
        self, normalize: _Normalizer | None, change: Callable[[Tensor], Tensor]
    ) -> None:
        self.normalize, self.change = normalize, change

    def __call__(self, _: nn.Module, inputs: tuple, predicted: Tensor) -> Tensor:
        # (B, N, 1), a value for each token; ESPnet's normalisers work in place.
        if self.normalize is None:
            changed = self.change(predicted)
        else:
            values = self.normalize.inverse(predicted.clone())[0]
            changed = self.normalize(self.change(values))[0]
        padding = inputs[1] if len(inputs) > 1 else None
        return changed if padding is None else changed.masked_fill(padding, 0.0)


def _transpose(model: ESPnetTTSModel, semitones: float, f0: Tensor) -> Tensor:
    """Shift F0 in Hz or, as in ESPnet's recipes, its logarithm.

    ESPnet's extractor writes 0 where a token is unvoiced: what the predictor puts
    nearer to that than to the lowest F0 stays there.
    """
    extract = model.pitch_extract
    lowest = math.log(extract.f0min) if extract.use_log_f0 else extract.f0min
    octaves = semitones / 12
    shifted = f0 + octaves * math.log(2) if extract.use_log_f0 else f0 * 2**octaves
    return torch.where(f0 > lowest / 2, shifted, f0)


def _amplify(decibels: float, energy: Tensor) -> Tensor:
    """Scale energies, which ESPnet's extractor gives as amplitudes; silence stays."""
    return torch.where(energy > 0, energy * 10 ** (decibels / 20), energy)


def _extractors(model: ESPnetTTSModel) -> dict[str, nn.Module | None]:
    return {"pitch": model.pitch_extract, "energy": model.energy_extract}


def _predictors(tts: nn.Module, option: str) -> list[nn.Module]:
    """The modules that predict it, under the name that ESPnet's models give them."""
    modules = tts.named_modules()
    return [
        m for name, m in modules if name.rpartition(".")[2] == f"{option}_predictor"
    ]
