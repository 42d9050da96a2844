"""The DSO's engineers ask its agent over HTTP: by session with CSRF, or by token; each request is written down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from cim.platform.access.principals import Role
from cim.platform.mailbox import mailbox as module
from cim.platform.mailbox.mailbox import Mailbox
from cim.platform.mailbox.requests import (
    AggregatorWanted,
    ConsumptionLimitWanted,
    DisputeAnswerWanted,
    ElementKeptWanted,
    FlexibilityWanted,
    KeyRotationWanted,
    MicrogridLimitWanted,
    MicrogridSetpointWanted,
    OfferOrderWanted,
    PointLimitWanted,
    RequestAnswered,
    SettlementWanted,
    WorksEndWanted,
    WorksWanted,
)
from portal.actions import ActionSite
from portal.app import create_app
from portal.shift_log import ShiftLog
from tests.worlds.doubles import BEARER, NOON, TOKEN, FakeSite
from tests.worlds.log_ins import Door, browser, enter

TOKENS = {"f" * 43: "farm.example", "d" * 43: "dso.example"}
ROLES = {"farm.example": Role.PROSUMER, "dso.example": Role.DSO}
DSO = {"Authorization": f"Bearer {'d' * 43}"}
FLEXIBILITY = {"point": "ea1.point", "period": "2025-06-21", "first_isp": 60, "last_isp": 62, "power_w": -5000}
LIMIT = {"point": "ea1.point", "feed_in_pct": 30, "minutes": 20}


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """Users with passwords."""
    return Door(tmp_path)


def portal(door: Door) -> tuple[FastAPI, Mailbox]:
    """A portal of a living site, and its mailbox."""
    box = Mailbox(door.folder / "m.sqlite")
    actions = ActionSite(box, "dso.example", lambda: NOON, door.log_in.audit, ShiftLog(door.folder / "shift.sqlite"))
    app = create_app(FakeSite(), TOKEN, parties=TOKENS, roles=ROLES, log_in=door.log_in, actions=actions)
    return app, box


def talk(app: FastAPI, talking: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    """One conversation."""

    async def run() -> None:
        async with browser(app) as caller:
            await talking(caller)

    asyncio.run(run())


def test_an_engineer_asks_and_sees_the_answer(door: Door) -> None:
    """202 with a number; then what the agent says; the record says who asked for what."""
    app, box = portal(door)

    async def talking(caller: httpx.AsyncClient) -> None:
        await enter(caller, "ada")
        csrf = {"X-CSRF-Token": (await caller.get("/session")).json()["csrf"]}
        asked = await caller.post("/dso/actions/flexibility", json=FLEXIBILITY, headers=csrf)
        assert (asked.status_code, asked.json()["state"], asked.json()["by"]) == (202, "waiting", "ada")
        number = asked.json()["number"]
        (letter,) = box.deal(1, lambda _: 1)
        assert letter.request == FlexibilityWanted(number, "ada", "ea1.point", NOON.date(), 60, 62, -5000)
        box.answered(RequestAnswered(number, False, "no prognosis"), NOON)
        told = (await caller.get(f"/dso/actions/{number}")).json()
        assert (told["state"], told["reason"], told["kind"]) == ("refused", "no prognosis", "flexibility")
        assert told["request"] == {**FLEXIBILITY, "choose_until": None}
        assert (await caller.get("/dso/actions")).json() == [told]
        assert (await caller.get("/dso/actions/nowhere")).status_code == 404

    talk(app, talking)
    entry = door.log_in.audit.entries()[-1]
    assert (entry.who, entry.role, entry.act, entry.allowed) == ("ada", "dso", "act", True)
    assert "power_w=-5000" in entry.asked


def test_an_emergency_ends_by_the_sites_clock(door: Door) -> None:
    """Twenty minutes of the site's time from now; null lifts it; a repeated number is the same request."""
    app, box = portal(door)

    async def talking(caller: httpx.AsyncClient) -> None:
        for _ in range(2):
            asked = await caller.post("/dso/actions/point-limit", json=LIMIT | {"number": "chosen-1"}, headers=DSO)
            assert asked.status_code == 202
        lifted = await caller.post("/dso/actions/point-limit", json=LIMIT | {"feed_in_pct": None}, headers=DSO)
        assert lifted.json()["request"]["feed_in_pct"] is None
        other = {**LIMIT, "number": "chosen-1", "feed_in_pct": 0}
        assert (await caller.post("/dso/actions/point-limit", json=other, headers=DSO)).status_code == 409

    talk(app, talking)
    first = box.get("chosen-1")
    assert first is not None
    assert first.request == PointLimitWanted("chosen-1", "dso.example", "ea1.point", 30, NOON + timedelta(minutes=20))
    assert len(box.newest(10)) == 2


def test_only_engineers_act(door: Door) -> None:
    """A farmer's session and token, nobody, and a session without CSRF: 401 or 403, and nothing is put."""
    app, box = portal(door)

    async def talking(caller: httpx.AsyncClient) -> None:
        async def act(headers: dict[str, str]) -> int:
            return (await caller.post("/dso/actions/point-limit", json=LIMIT, headers=headers)).status_code

        assert await act({}) == 401
        assert await act({"Authorization": f"Bearer {'f' * 43}"}) == 403
        await enter(caller, "ada")
        assert await act({}) == 403
        await enter(caller, "farmer")
        csrf = (await caller.get("/session")).json()["csrf"]
        assert await act({"X-CSRF-Token": csrf}) == 403

    talk(app, talking)
    assert box.newest(10) == []


@pytest.mark.parametrize(
    "changes",
    [{"feed_in_pct": 101}, {"feed_in_pct": -1}, {"minutes": 0}, {"minutes": 10_000}, {"point": ""}, {"point": 5}, {"more": 1},
     {"number": "short"}, {"number": "with space in it"}],
)  # fmt: skip
def test_what_is_out_of_bounds_is_422_and_nothing_is_put(door: Door, changes: dict[str, object]) -> None:
    """Each field has its bounds."""
    app, box = portal(door)

    async def talking(caller: httpx.AsyncClient) -> None:
        assert (await caller.post("/dso/actions/point-limit", json=LIMIT | changes, headers=DSO)).status_code == 422

    talk(app, talking)
    assert box.newest(10) == []


def test_a_full_mailbox_is_503_with_a_time_to_come_back(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the site takes nothing, nothing more is promised."""
    monkeypatch.setattr(module, "_MOST_WAITING", 0)
    app, _ = portal(door)

    async def talking(caller: httpx.AsyncClient) -> None:
        full = await caller.post("/dso/actions/point-limit", json=LIMIT, headers=DSO)
        assert (full.status_code, full.headers["retry-after"]) == (503, "10")

    talk(app, talking)


def test_a_prosumer_keeps_its_own_element_and_sees_only_its_own_requests(door: Door) -> None:
    """By session or token; it goes to its own agent; the DSO's engineer and the operator have none to keep."""
    app, box = portal(door)
    keep = {"element": "farm.pv", "minutes": 60}
    farm = {"Authorization": f"Bearer {'f' * 43}"}

    async def talking(caller: httpx.AsyncClient) -> None:
        asked = await caller.post("/market/actions/keep", json=keep, headers=farm)
        assert (asked.status_code, asked.json()["kind"]) == (202, "keep-element")
        number = asked.json()["number"]
        await caller.post("/dso/actions/settlement", json={"period": "2025-06-20"}, headers=DSO)
        assert [one["number"] for one in (await caller.get("/market/actions", headers=farm)).json()] == [number]
        assert [one["kind"] for one in (await caller.get("/dso/actions", headers=DSO)).json()] == ["settlement"]
        assert (await caller.get(f"/market/actions/{number}", headers=farm)).status_code == 200
        assert (await caller.get(f"/dso/actions/{number}", headers=DSO)).status_code == 404
        for headers in (DSO, BEARER):
            assert (await caller.post("/market/actions/keep", json=keep, headers=headers)).status_code == 403

    talk(app, talking)
    recipients = {letter.recipient: letter.request for letter in box.deal(1, lambda _: 1)}
    kept = recipients["farm.example"]
    assert isinstance(kept, ElementKeptWanted)
    assert kept.until == NOON + timedelta(hours=1)
    assert isinstance(recipients["dso.example"], SettlementWanted)


ACTS: dict[str, dict[str, object]] = {
    "order": {"offer": "offer-1", "option": "s/100", "factor_pct": 50},
    "dispute": {"period": "2025-06-20", "buyer": "dso.example", "seller": "agr.example", "counts": "agr.example", "words": "seen"},
    "works": {"point": "ea1.point", "begin": "2025-06-21T16:00:00+02:00", "end": "2025-06-21T18:00:00+02:00", "carries_pct": 0,
              "words": "a joint"},
    "works-end": {"works": "number-of-works"},
    "consumption-limit": {"point": "ea1.point", "consumption_pct": 30, "minutes": 20},
    "microgrid-setpoint": {"period": "2025-06-20", "first_isp": 60, "last_isp": 61, "power_w": -5000},
    "microgrid-limit": {"import_w": 60000, "failsafe_w": 40000, "minutes": 20},
}  # fmt: skip
AT_FOUR = NOON.replace(hour=14)
WANTED = {
    "order": OfferOrderWanted("number-9", "dso.example", "offer-1", "s/100", 50),
    "dispute": DisputeAnswerWanted("number-9", "dso.example", date(2025, 6, 20), "dso.example", "agr.example", "agr.example",
                                   "seen"),
    "works": WorksWanted("number-9", "dso.example", "ea1.point", AT_FOUR, AT_FOUR + timedelta(hours=2), 0, True, "a joint"),
    "works-end": WorksEndWanted("number-9", "dso.example", "number-of-works"),
    "consumption-limit": ConsumptionLimitWanted("number-9", "dso.example", "ea1.point", 30, NOON + timedelta(minutes=20)),
    "microgrid-setpoint": MicrogridSetpointWanted("number-9", "dso.example", date(2025, 6, 20), 60, 61, -5000),
    "microgrid-limit": MicrogridLimitWanted("number-9", "dso.example", 60_000, 40_000, NOON + timedelta(minutes=20)),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(ACTS))
def test_each_act_of_an_engineer_is_one_request_to_its_agent(door: Door, kind: str) -> None:
    """Put twice it is one; another under its number is 409; a farmer is 403 and nobody 401; who asked is written down."""
    app, box = portal(door)
    path, body = f"/dso/actions/{kind}", ACTS[kind] | {"number": "number-9"}

    async def talking(caller: httpx.AsyncClient) -> None:
        for _ in range(2):
            asked = await caller.post(path, json=body, headers=DSO)
            assert (asked.status_code, asked.json()["kind"], asked.json()["state"]) == (202, kind, "waiting")
        first = next(iter(ACTS[kind]))
        other = body | {first: {"period": "2025-06-19", "import_w": 1}.get(first, "something-else")}
        assert (await caller.post(path, json=other, headers=DSO)).status_code == 409
        assert (await caller.post(path, json=body, headers={"Authorization": f"Bearer {'f' * 43}"})).status_code == 403
        assert (await caller.post(path, json=body)).status_code == 401
        assert (await caller.post(path, json=body | {"more": 1}, headers=DSO)).status_code == 422

    talk(app, talking)
    assert [letter.request for letter in box.deal(1, lambda _: 1)] == [WANTED[kind]]
    entry = door.log_in.audit.entries()[0]
    assert (entry.act, entry.what, entry.allowed) == ("act", f"{kind} number-9", True)


@pytest.mark.parametrize("begin", ["2025-06-21T16:00:00", "0001-01-01T00:00:00+14:00", "soon"])
def test_an_instant_has_its_offset_and_a_year_that_there_is(door: Door, begin: str) -> None:
    """Local time without its offset would be guessed: 422."""
    app, box = portal(door)

    async def talking(caller: httpx.AsyncClient) -> None:
        asked = await caller.post("/dso/actions/works", json=ACTS["works"] | {"begin": begin}, headers=DSO)
        assert asked.status_code == 422

    talk(app, talking)
    assert box.newest(10) == []


def test_a_time_to_choose_is_of_the_sites_clock_and_the_same_when_asked_again(door: Door) -> None:
    """Half an hour from the first time that it was asked."""
    app, box = portal(door)

    async def talking(caller: httpx.AsyncClient) -> None:
        for _ in range(2):
            body = FLEXIBILITY | {"choose_minutes": 30, "number": "number-8"}
            assert (await caller.post("/dso/actions/flexibility", json=body, headers=DSO)).status_code == 202

    talk(app, talking)
    (letter,) = box.deal(1, lambda _: 1)
    assert isinstance(letter.request, FlexibilityWanted)
    assert letter.request.choose_until == NOON + timedelta(minutes=30)


def test_a_prosumer_asks_for_another_aggregator_and_nobody_for_it(door: Door) -> None:
    """One request to its own agent, its answer at the same address; a DSO and the operator have no connection to change."""
    app, box = portal(door)
    farm = {"Authorization": f"Bearer {'f' * 43}"}
    body = {"to": "agr-west", "day": "2025-06-24", "number": "number-7"}

    async def talking(caller: httpx.AsyncClient) -> None:
        for _ in range(2):
            asked = await caller.post("/market/actions/aggregator", json=body, headers=farm)
            assert (asked.status_code, asked.json()["kind"], asked.json()["state"]) == (202, "aggregator", "waiting")
        box.deal(1, lambda _: 1)
        box.answered(
            RequestAnswered("number-7", False, "day: 2025-06-24; notice is given by 18:00 two days before"), NOON
        )
        told = (await caller.get("/market/actions/number-7", headers=farm)).json()
        assert (told["state"], told["request"]) == ("refused", {"to": "agr-west", "day": "2025-06-24"})
        for headers in (DSO, BEARER):
            assert (await caller.post("/market/actions/aggregator", json=body, headers=headers)).status_code == 403
        assert (await caller.post("/market/actions/aggregator", json=body)).status_code == 401
        odd = body | {"day": "soon"}
        assert (await caller.post("/market/actions/aggregator", json=odd, headers=farm)).status_code == 422

    talk(app, talking)
    (letter,) = box.newest(10)
    assert letter.recipient == "farm.example"
    assert letter.request == AggregatorWanted("number-7", "farm.example", "agr-west", date(2025, 6, 24))


def test_a_party_has_its_own_key_rotated_and_nobody_elses(door: Door) -> None:
    """Prosumer and DSO by their tokens, each to its own agent; the operator has no key."""
    app, box = portal(door)
    farm = {"Authorization": f"Bearer {'f' * 43}"}

    async def talking(caller: httpx.AsyncClient) -> None:
        for headers in (farm, DSO):
            asked = await caller.post("/market/actions/rotate-key", json={}, headers=headers)
            assert (asked.status_code, asked.json()["kind"]) == (202, "rotate-key")
            assert (await caller.get(f"/market/actions/{asked.json()['number']}", headers=headers)).status_code == 200
        assert (await caller.get(f"/market/actions/{asked.json()['number']}", headers=farm)).status_code == 404
        assert (await caller.post("/market/actions/rotate-key", json={}, headers=BEARER)).status_code == 403

    talk(app, talking)
    letters = box.deal(1, lambda _: 1)
    assert [letter.recipient for letter in letters] == ["farm.example", "dso.example"]
    assert all(isinstance(letter.request, KeyRotationWanted) for letter in letters)
