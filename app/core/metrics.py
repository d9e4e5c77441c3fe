"""Prometheus metrics. Labels come from route templates and fixed words, never from a value that a caller sent."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector, generate_latest

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "clientele_request_seconds", "Time to answer, by route.", ("method", "route", "status"),
            buckets=BUCKETS, registry=self.registry,
        )  # fmt: skip
        self.feed_sequence = Gauge("clientele_feed_sequence", "Newest event on the feed.", registry=self.registry)
        self._lag = Gauge(
            "clientele_lag", "How far the feed and the workers are behind; NaN if the database did not say.", ("of",),
            registry=self.registry,
        )  # fmt: skip
        self._pools = Gauge(
            "clientele_connections_in_use", "Database connections in use, by pool.", ("pool",), registry=self.registry
        )
        ProcessCollector(registry=self.registry)
        self._lag_names: set[str] = set()
        self._children: dict[tuple[str, str, int], Histogram] = {}

    def watch_pool(self, name: str, in_use: Callable[[], float]) -> None:
        """Show how many connections of a pool are in use, asked when the metrics are read."""
        self._pools.labels(name).set_function(in_use)

    def lag(self, report: Mapping[str, float] | None) -> None:
        """Keep what the probes said, or that they could not."""
        if report is not None:
            self._lag_names |= set(report)
        for name in self._lag_names:
            self._lag.labels(name).set((report or {}).get(name, float("nan")))

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        key = (method, route, status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self.requests.labels(method, route, str(status))
        child.observe(seconds)

    def exposition(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
