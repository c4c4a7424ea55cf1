"""Speed, pitch, energy and volume of what is said, in the units of a listener."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from espnet_prodiff.errors import InputError


@dataclass(frozen=True)
class Prosody:
    """How something is said, the same for every model and under the same names.

    Attributes:
        speed: How many times as fast; 2 takes half the time.
        pitch: Semitones up (or down, below 0), through the model's pitch predictor.
        energy: dB louder (or softer, below 0), through its energy predictor: the voice
            changes as it did in training where it was louder.
        volume: Factor on the finished wave, which is limited to [-1, 1].

    Raises:
        InputError: One is outside its range.
    """

    speed: float = 1.0
    pitch: float = 0.0
    energy: float = 0.0
    volume: float = 1.0

    def __post_init__(self) -> None:
        for name, least, most, what in (
            ("speed", 0.1, 10.0, "a number from 0.1 to 10 (2: twice as fast)"),
            ("pitch", -24.0, 24.0, "a number of semitones from -24 to 24"),
            ("energy", -40.0, 40.0, "a number of dB from -40 to 40"),
            ("volume", 0.0, 100.0, "a factor from 0 to 100 (1: as it is)"),
        ):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and least <= value <= most):
                raise InputError(f"{name} is {value!r}, expected {what}")

    @classmethod
    def of(cls, conf: dict[str, Any]) -> Prosody:
        """Return what decoding options say of it."""
        return cls(**{name: conf[name] for name in PROSODY_OPTIONS & conf.keys()})

    def changes(self) -> dict[str, Any]:
        """Return what differs from the voice as it was trained, by name."""
        return {
            f.name: v for f in fields(self) if (v := vars(self)[f.name]) != f.default
        }


PROSODY_OPTIONS = frozenset(field.name for field in fields(Prosody))
