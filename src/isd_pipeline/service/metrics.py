"""Counts and durations as Prometheus reads them. No label holds anything that a client wrote."""

from collections.abc import Callable, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from isd_pipeline import __version__
from isd_pipeline.coding.coder import Answer

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """What one service has counted since it started."""

    def __init__(self, waiting: Callable[[], float]) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "isd_requests", "Requests.", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "isd_request_seconds",
            "From the first byte of a request to the last of its answer.",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        self._notes = Counter(
            "isd_notes", "Notes read, by outcome.", ["bundle", "outcome"], registry=registry
        )
        self._truncated = Counter(
            "isd_notes_truncated", "Notes not read to their end.", ["bundle"], registry=registry
        )
        self._model = Counter(
            "isd_model_seconds", "What the model took.", ["bundle"], registry=registry
        )
        line = Gauge("isd_notes_waiting", "Notes in line before the model.", registry=registry)
        line.set_function(waiting)
        about = Gauge("isd_info", "The version that serves.", ["version"], registry=registry)
        about.labels(__version__).set(1)
        ProcessCollector(registry=registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that has ended."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def read(self, bundle: str, answers: Sequence[Answer], seconds: float) -> None:
        """Count notes that a model has read."""
        problems = sum(answer.problem is not None for answer in answers)
        self._notes.labels(bundle, "codes").inc(len(answers) - problems)
        self._notes.labels(bundle, "problem").inc(problems)
        cut = sum(answer.truncated_at is not None for answer in answers)
        self._truncated.labels(bundle).inc(cut)
        self._model.labels(bundle).inc(seconds)

    def text(self) -> bytes:
        """All of it, in Prometheus's text form."""
        return generate_latest(self.registry)
