"""What Prometheus reads: how requests go, and how the house behind them stands."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
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


class _Durations:
    """How long operations of one type took: how many within each bucket and no smaller one, and all together."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.sum_s = 0.0

    def count(self, duration_s: float) -> None:
        self.counts[bisect_left(BUCKETS_S, duration_s)] += 1
        self.sum_s += duration_s


class Metrics:
    """Counts requests, and asks how things stand whenever it is scraped.

    All counting is done in the event loop's thread, so plain numbers do: prometheus_client's own take a lock each.
    """

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str], int] = {}
        self._durations: dict[str, _Durations] = {}

    def count(self, operation: str, codes: Sequence[str], duration_s: float) -> None:
        """Count one operation over HTTP with the codes of its errors, none when it went well."""
        key = (operation, codes[0] if codes else "ok")
        self._requests[key] = self._requests.get(key, 0) + 1
        durations = self._durations.get(operation)
        if durations is None:
            durations = self._durations[operation] = _Durations()
        durations.count(duration_s)

    def text(self, standing: Standing) -> bytes:
        """All of it, in Prometheus' text format."""
        now = CollectorRegistry()
        now.register(_Fixed(lambda: [*self._counted(), *_families(standing)]))
        return generate_latest(now)

    def _counted(self) -> Iterable[Metric]:
        requests = CounterMetricFamily(
            "saifu_requests",
            "GraphQL operations over HTTP, by operation type and outcome: ok, or the code of the first error.",
            labels=("operation", "outcome"),
        )
        for labels, number in self._requests.items():
            requests.add_metric(labels, number)
        durations = HistogramMetricFamily(
            "saifu_request_duration_seconds",
            "From the first byte of a GraphQL request to its answer.",
            labels=("operation",),
        )
        for operation, took in self._durations.items():
            within = zip((*map(str, BUCKETS_S), "+Inf"), accumulate(took.counts), strict=True)
            durations.add_metric((operation,), [(bound, float(count)) for bound, count in within], took.sum_s)
        return requests, durations


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
