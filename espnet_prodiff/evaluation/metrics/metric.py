"""The record that stands beside each formula."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Generic, TypeVar

from espnet_prodiff.evaluation.measurement import Measurement, measure, measure_ratio

Subject = TypeVar("Subject")
Value = float | tuple[float, float]


@dataclass(frozen=True)
class Metric(Generic[Subject]):
    """A figure of the table.

    Attributes:
        key: Name in the JSON file.
        header: Heading of its column, with the unit.
        format: Format of its numbers.
        definition: Its definition in a line or two.
        compute: The formula, from the subject of the metric's family (see
            ``subjects``). For a `SpeechPair` or a `WavePair` it returns the value of
            the utterance: nan where that is not defined, None where the subject lacks
            the data. For `MelSamples` it returns values by utterance or by seed.
        scale: Factor from the stored unit to that of the heading.
        is_ratio: Each value is a numerator and a denominator, and the figure the ratio
            of their sums. It has no single values in the JSON file.
        extra: Optional package that it needs, an extra of ours of the same name;
            without it every value is nan.
    """

    key: str
    header: str
    format: str
    definition: str
    compute: Callable[[Subject], Any]
    scale: float = 1.0
    is_ratio: bool = False
    extra: str | None = None

    @property
    def is_missing(self) -> bool:
        """True without the optional package that it needs."""
        return self.extra is not None and find_spec(self.extra) is None

    def summarise(self, values: Collection[Any]) -> Measurement | None:
        """Return the figure of values of ``compute``, None without a finite one."""
        if self.is_ratio and values:
            return measure_ratio(*zip(*values, strict=True))
        return measure(list(values))
