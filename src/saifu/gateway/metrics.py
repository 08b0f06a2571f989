"""What Prometheus reads: how requests go, and how the house behind them stands."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CONTENT_TYPE = CONTENT_TYPE_LATEST


OnResult = Callable[[str, Sequence[str], float], None]
"""Told of each operation: its kind, the codes of its errors, and how many seconds it took."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand at the moment of a scrape.

    Attributes:
        gauges: name → what it means, and its value.
        events: events of the log that this process has seen since it started, by type.
    """

    gauges: Mapping[str, tuple[str, float]]
    events: Mapping[str, int] = field(default_factory=dict)


class Metrics:
    """Counts requests, and asks how things stand whenever it is scraped."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "saifu_requests",
            "GraphQL operations over HTTP, by operation type and outcome: ok, or the code of the first error.",
            ("operation", "outcome"),
            registry=self._registry,
        )
        self._durations = Histogram(
            "saifu_request_duration_seconds",
            "From the first byte of a GraphQL request to its answer.",
            ("operation",),
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        # Finding the counter of its labels costs more than counting.
        self._counters: dict[tuple[str, str], Counter] = {}
        self._histograms: dict[str, Histogram] = {}

    def count(self, operation: str, codes: Sequence[str], duration_s: float) -> None:
        """Count one operation over HTTP with the codes of its errors, none when it went well."""
        outcome = codes[0] if codes else "ok"
        counter = self._counters.get((operation, outcome))
        if counter is None:
            counter = self._counters[operation, outcome] = self._requests.labels(operation, outcome)
        histogram = self._histograms.get(operation)
        if histogram is None:
            histogram = self._histograms[operation] = self._durations.labels(operation)
        counter.inc()
        histogram.observe(duration_s)

    def text(self, standing: Standing) -> bytes:
        """All of it, in Prometheus' text format."""
        now = CollectorRegistry()
        now.register(_Fixed(lambda: _families(standing)))
        return generate_latest(self._registry) + generate_latest(now)


class _Fixed(Collector):
    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterable[Metric]:
        return self._collect()


def _families(standing: Standing) -> Iterable[Metric]:
    for name, (meaning, value) in standing.gauges.items():
        yield GaugeMetricFamily(f"saifu_{name}", meaning, value=value)
    events = CounterMetricFamily(
        "saifu_log_events", "Events of the log that this process has seen, by type.", labels=("type",)
    )
    for kind, count in standing.events.items():
        events.add_metric((kind,), count)
    yield events
