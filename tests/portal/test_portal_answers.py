"""What the portal's pages say, to whom, and what they say when the site does not answer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest
from pydantic import ValidationError

from cim.model.errors import IlesError
from portal.app import create_app
from portal.guard import SECURITY_HEADERS
from portal.models import DsoState, FailedEvent, Health, HealthSummary, Status
from tests.worlds.doubles import BEARER, NOON, TOKEN, FakeSite, client, get, healthy


@pytest.mark.parametrize(("status", "code"), [(Status.OK, 200), (Status.DEGRADED, 200), (Status.DOWN, 503)])
def test_health_tells_a_load_balancer_by_its_code_whether_the_site_steers(status: Status, code: int) -> None:
    """200 while devices are steered, 503 when not, with and without the token."""
    for headers in ({}, BEARER):
        answer = asyncio.run(get("/health", headers, FakeSite(healthy(status))))
        assert (answer.status_code, answer.json()["status"]) == (code, status.value)


def test_without_the_token_health_is_counts_only() -> None:
    """No agent's name, device, host or error leaves the open door."""
    answer = asyncio.run(get("/health"))
    told = HealthSummary.model_validate_json(answer.text)
    assert (told.agents, told.alive, told.waiting, told.failed_events) == (2, 1, 4, 1)
    assert (told.site, told.now) == ("strem", NOON)
    for secret in ("farm", "battery", "KeyError", "journal"):
        assert secret not in answer.text


def test_with_the_token_health_is_everything() -> None:
    """All agents, the journal, and what was failed_events with its error."""
    answer = asyncio.run(get("/health", BEARER))
    assert Health.model_validate_json(answer.text) == healthy()


def test_the_dso_sees_grid_and_orders() -> None:
    """What the site told comes out unchanged, and reads back."""
    answer = asyncio.run(get("/dso/state", BEARER))
    assert answer.status_code == 200
    told = DsoState.model_validate_json(answer.text)
    assert told.points[0].need_w == (-500,)
    assert (told.orders[0].price, told.orders[0].isps[0].power_w) == (-800, -4000)
    assert answer.json()["now"] == "2025-06-21T12:00:00Z"


def test_a_site_that_fails_is_one_sentence_and_503() -> None:
    """Those with the token learn why, others only that; a fault of ours is no traceback and no text of its own."""
    site = FakeSite(IlesError("journal: away"), ValueError("secret inside"))
    told = asyncio.run(get("/health", BEARER, site))
    assert (told.status_code, told.json()) == (503, {"detail": "health: journal: away"})
    closed = asyncio.run(get("/health", None, site))
    assert closed.status_code == 503
    assert "journal" not in closed.text
    fault = asyncio.run(get("/dso/state", BEARER, site))
    assert (fault.status_code, fault.json()) == (503, {"detail": "dso state: looking at the site failed (ValueError)"})


class SlowSite(FakeSite):
    """Answers when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def health(self) -> Health:
        """Wait for the gate."""
        await self.gate.wait()
        return await super().health()


def test_a_site_that_does_not_answer_is_503() -> None:
    """The portal never waits longer than its patience."""

    async def ask() -> httpx.Response:
        async with client(create_app(SlowSite(), TOKEN, patience_s=0.01)) as caller:
            return await caller.get("/health", headers=BEARER)

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.json()) == (503, {"detail": "health: the site gave no answer within 0.01 s"})


def test_many_callers_cost_the_site_one_look() -> None:
    """Whoever knocks, and however often: agents are asked once, also when the first caller hangs up."""

    async def ask() -> tuple[list[int], int]:
        site = SlowSite()
        async with client(create_app(site, TOKEN, fresh_s=3600)) as caller:
            calls = [asyncio.create_task(caller.get("/health")) for _ in range(20)]
            for _ in range(50):
                await asyncio.sleep(0)
            calls[0].cancel()
            site.gate.set()
            answers = await asyncio.gather(*calls[1:])
            answers.append(await caller.get("/health", headers=BEARER))
        return [answer.status_code for answer in answers], site.asked

    assert asyncio.run(ask()) == ([200] * 20, 1)


def test_an_old_look_is_not_shown() -> None:
    """When a look is no longer fresh, the site is asked again."""

    async def ask() -> int:
        site = FakeSite()
        async with client(create_app(site, TOKEN, fresh_s=0)) as caller:
            await caller.get("/health")
            await caller.get("/health")
        return site.asked

    assert asyncio.run(ask()) == 2


@pytest.mark.parametrize("path", ["/health", "/dso/state", "/nowhere", "/openapi.json"])
@pytest.mark.parametrize("headers", [{}, BEARER, {"Authorization": "Bearer wrong"}])
def test_every_answer_carries_the_security_headers(path: str, headers: dict[str, str]) -> None:
    """Whatever the path and the outcome: no sniffing, no framing, no caching, no script."""
    answer = asyncio.run(get(path, headers))
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value
    assert "Strict-Transport-Security" not in answer.headers


def test_instants_are_utc_and_aware() -> None:
    """A local instant comes out as UTC; one without a zone is refused."""
    local = datetime(2025, 6, 21, 14, tzinfo=timezone(timedelta(hours=2)))
    assert FailedEvent(agent="a", at=local, kind="k", error="e").at.tzinfo is UTC
    with pytest.raises(ValidationError, match="timezone"):
        FailedEvent(agent="a", at=datetime(2025, 6, 21), kind="k", error="e")  # noqa: DTZ001
