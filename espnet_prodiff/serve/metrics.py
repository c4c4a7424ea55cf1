"""What a server counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)


class Metrics:
    """The figures of one server.

    Args:
        waiting: Tells how many requests wait or are being spoken.
        memory: Tells the megabytes of the loaded voices.
    """

    def __init__(
        self, waiting: Callable[[], float], memory: Callable[[], float]
    ) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        name = "espnet_prodiff_"
        self.requests = Counter(
            f"{name}requests", "Answers, by status", ["status"], registry=registry
        )
        self.hung_up = Counter(
            f"{name}hung_up", "Clients that did not wait", registry=registry
        )
        self.speech = Counter(
            f"{name}speech_seconds", "Speech that was made", registry=registry
        )
        self.first_sound = Histogram(
            f"{name}first_sound_seconds",
            "From a request to its first sentence",
            buckets=SECONDS,
            registry=registry,
        )
        Gauge(
            f"{name}waiting", "Requests that wait or run", registry=registry
        ).set_function(waiting)
        Gauge(
            f"{name}voices_megabytes", "Voices in memory, estimated", registry=registry
        ).set_function(memory)

    def text(self) -> bytes:
        """Return all of them in Prometheus' text format."""
        return generate_latest(self._registry)
