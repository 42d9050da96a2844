"""`/metrics`: how the site and the portal are, as Prometheus reads it; numbers by role and state, never an agent's name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client import Counter as Count
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.models import DsoState, Health, Status

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class RequestMetrics:
    """ASGI middleware outside all others: counts requests and their time, by route and never by what an address says."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        labels = ("method", "route", "status")
        self._count = Count("iles_portal_requests", "Requests to the portal.", labels, registry=registry)
        self._seconds = Histogram(
            "iles_portal_request_seconds",
            "Seconds to an answer's head.",
            ("route",),
            registry=registry,
            buckets=_BUCKETS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on and look at the answer's status."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = perf_counter()

        async def seen(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = _route(scope)
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._count.labels(method, route, str(message["status"])).inc()
                self._seconds.labels(route).observe(perf_counter() - begun)
            await send(message)

        await self._app(scope, receive, seen)


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _route(scope: Scope) -> str:
    """The path as it was declared; what no route has is one word, however many addresses are tried."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) and path else "none"


class _Seen(Collector):
    """What a site told, as metrics of one reading."""

    def __init__(self, health: Health, dso: DsoState | None) -> None:
        self._health, self._dso = health, dso

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All of them."""
        health = self._health
        yield _by("iles_site_status", "1 for the state that the site is in.", ("status",),
                  (((one.value,), float(health.status is one)) for one in Status))  # fmt: skip
        yield _one("iles_site_time_seconds", "The site's own time, seconds since 1970.", health.now.timestamp())
        agents = Counter((agent.role, str(agent.alive).lower()) for agent in health.agents)
        yield _by(
            "iles_agents", "Agents by role, and whether their host lives.", ("role", "alive"), sorted(agents.items())
        )
        sums = {
            "iles_agent_events_handled": ("Events that agents have handled.", sum(a.handled for a in health.agents)),
            "iles_agent_messages_waiting": ("Messages in mailboxes.", sum(a.waiting for a in health.agents)),
            "iles_agent_failed_events": (
                "Events put aside, as a role failed.",
                sum(a.failed_events for a in health.agents),
            ),
            "iles_host_restarts": ("Lives that hosts began anew.", sum(a.restarts for a in health.agents)),
            "iles_devices": ("Devices that agents have.", sum(a.device is not None for a in health.agents)),
            "iles_devices_lost": (
                "Devices that do not answer.",
                sum(a.device_fault is not None for a in health.agents),
            ),
            "iles_journal_lag": ("Entries of the journal that are not synced.", health.journal.lag),
        }
        for name, (says, value) in sums.items():
            yield _one(name, says, float(value))
        yield _one("iles_journal_ok", "1 where the journal is well.", float(health.journal.state in ("ok", "closed")))
        if self._dso is not None:
            yield from _of_dso(self._dso)


def _of_dso(state: DsoState) -> Iterator[GaugeMetricFamily]:
    peaks = [((point.id,), max(point.loading_pct)) for point in state.points if point.loading_pct]
    yield _by("iles_point_loading_percent", "The day's highest expected loading.", ("point",), peaks)
    needs = [((point.id,), float(sum(watts != 0 for watts in point.need_w))) for point in state.points]
    yield _by("iles_point_isps_in_need", "ISPs of the day in which a point needs flexibility.", ("point",), needs)
    orders = Counter((order.status.value,) for order in state.orders)
    yield _by("iles_orders", "Orders of the last days, by state.", ("status",), sorted(orders.items()))


def _one(name: str, says: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, says, value=value)


def _by(
    name: str, says: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, says, labels=labels)
    for of, value in values:
        family.add_metric(of, value)
    return family


def written(requests: CollectorRegistry, health: Health, dso: DsoState | None) -> bytes:
    """The page: the site's metrics, then the portal's own."""
    site = CollectorRegistry(auto_describe=False)
    site.register(_Seen(health, dso))
    return generate_latest(site) + generate_latest(requests)
