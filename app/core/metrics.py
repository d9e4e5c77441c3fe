"""Prometheus metrics. Labels come from route templates and fixed words, never from a value that a caller sent."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "clientele_request_seconds", "Time to answer, by route.", ("method", "route", "status"),
            buckets=BUCKETS, registry=self.registry,
        )  # fmt: skip
        self.refused = Counter(
            "clientele_refused_total", "Requests refused before a handler.", ("code",), registry=self.registry
        )
        self.in_flight = Gauge("clientele_in_flight", "Requests being answered.", ("lane",), registry=self.registry)
        self.feed_sequence = Gauge("clientele_feed_sequence", "Newest event on the feed.", registry=self.registry)
        self._children: dict[tuple[str, str, int], Histogram] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        key = (method, route, status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self.requests.labels(method, route, str(status))
        child.observe(seconds)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
