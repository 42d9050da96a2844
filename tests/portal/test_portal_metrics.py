"""`/metrics` and `/ready`: what Prometheus and a supervisor see, by a service's token, without any agent's name."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cim.model.errors import IlesError
from portal.app import create_app
from portal.auth.caller import SERVICE_PATHS
from portal.models import Status
from portal.tokens import service_tokens
from tests.worlds.doubles import BEARER, NOON, TOKEN, FakeSite, client, get, healthy

SERVICES = {"m" * 43: "metrics"}
SCRAPER = {"Authorization": f"Bearer {'m' * 43}"}


def scraped(site: FakeSite, *before: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """All samples, after some other calls."""

    async def run() -> str:
        async with client(create_app(site, TOKEN, services=SERVICES)) as caller:
            for path in before:
                await caller.get(path, headers=BEARER)
            answer = await caller.get("/metrics", headers=SCRAPER)
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            return answer.text

    families = text_string_to_metric_families(asyncio.run(run()))
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_the_sites_figures_are_there_as_prometheus_reads_them() -> None:
    """Its state, its time, agents by role, what waits and failed, the grid's points and orders."""
    found = scraped(FakeSite())
    assert found["iles_site_status", (("status", "ok"),)] == 1
    assert found["iles_site_status", (("status", "down"),)] == 0
    assert found["iles_site_time_seconds", ()] == NOON.timestamp()
    assert found["iles_agents", (("alive", "true"), ("role", "battery"))] == 1
    assert found["iles_agents", (("alive", "false"), ("role", "battery"))] == 1
    assert (found["iles_agent_messages_waiting", ()], found["iles_agent_failed_events", ()]) == (4, 1)
    assert found["iles_point_loading_percent", (("point", "ean.1"),)] == 80.5
    assert found["iles_orders", (("status", "upcoming"),)] == 1


def test_no_agent_is_named_and_no_address_makes_a_series() -> None:
    """Requests are counted by route as it was declared; what no route has is one word."""
    found = scraped(FakeSite(), "/dso/state", "/dso/state", "/nowhere/1", "/nowhere/2", "/market/assets")
    requests = {labels: value for (name, labels), value in found.items() if name == "iles_portal_requests_total"}
    assert requests == {
        (("method", "GET"), ("route", "/dso/state"), ("status", "200")): 2,
        (("method", "GET"), ("route", "none"), ("status", "404")): 2,
        (("method", "GET"), ("route", "/market/assets"), ("status", "200")): 1,
    }
    assert "farm" not in str(found)
    assert found["iles_portal_request_seconds_count", (("route", "/dso/state"),)] == 2


def test_a_services_token_opens_its_paths_and_nothing_else() -> None:
    """What scrapes metrics sees neither grid nor market."""

    async def run() -> list[int]:
        async with client(create_app(FakeSite(), TOKEN, services=SERVICES)) as caller:
            paths = ("/metrics", "/health", "/ready", "/dso/state", "/market/assets", "/openapi.json")
            return [(await caller.get(path, headers=SCRAPER)).status_code for path in paths]

    assert asyncio.run(run()) == [200, 200, 200, 403, 403, 403]
    assert asyncio.run(get("/metrics")).status_code == 401


def test_a_site_without_a_grid_yet_has_metrics_all_the_same() -> None:
    """A scrape does not fail because the site has just begun."""
    site = FakeSite(dso=IlesError("not described yet"))
    assert not [name for name, _ in scraped(site) if name.startswith("iles_point")]


@pytest.mark.parametrize(
    ("health", "dso", "code"),
    [
        (healthy(), None, 200),
        (healthy(Status.DEGRADED), None, 200),
        (healthy(Status.DOWN), None, 503),
        (IlesError("away"), None, 503),
        (healthy(), IlesError("not described yet"), 503),
    ],
)
def test_ready_says_yes_or_no_to_anybody(health: object, dso: object, code: int) -> None:
    """And nothing else."""
    answer = asyncio.run(get("/ready", None, FakeSite(health, dso)))  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()) == (code, {"ready": code == 200})


def test_a_services_token_lies_in_a_file_of_its_own(tmp_path: Path) -> None:
    """Made once, for its owner alone."""
    tokens = service_tokens(tmp_path, SERVICE_PATHS)
    assert list(tokens.values()) == ["metrics"]
    assert service_tokens(tmp_path, SERVICE_PATHS) == tokens
    path = tmp_path / "portal.services" / "metrics.token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
