"""Which agents share a host, and where, is a setting; waits on clocks end when somebody wants them to."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.assembly.placed_where import where_of
from agents.runtime.clocks import PacedClock, SimClock, WallClock
from agents.runtime.envelope import Parcel
from agents.runtime.placement import HostPlan, Placement, missing_resources
from cim.model.errors import BadInput
from tests.worlds.chatter import MINUTE, START, chatterer


async def interrupted(clock: Any, at: datetime) -> datetime | None:
    """A wait that somebody ends."""
    waiting = asyncio.ensure_future(clock.reach(at))
    await asyncio.sleep(0)
    clock.interrupt()
    reached: datetime | None = await waiting
    return reached


@pytest.mark.parametrize("kind", ["paced", "wall"])
def test_a_wait_ends_when_it_is_interrupted(kind: str) -> None:
    """However long it would have taken; and the next one does not begin."""

    async def both() -> tuple[Any, Any]:
        clock: Any = PacedClock(START, 1.0) if kind == "paced" else WallClock()
        far = clock.now() + timedelta(days=9)
        return await interrupted(clock, far), await clock.reach(far)

    assert asyncio.run(both()) == (None, None)


def test_instants_that_are_over_have_come() -> None:
    """A paced clock gives the instant that was asked for; the wall clock what it is now, never an earlier one."""

    async def all_of_them() -> None:
        paced, wall = PacedClock(START, 1e9), WallClock()
        assert await SimClock().reach(START) == START
        assert await paced.reach(START + 5 * MINUTE) == START + 5 * MINUTE
        paced.restart(START + 9 * MINUTE)
        assert await paced.reach(START + 7 * MINUTE) == START + 7 * MINUTE
        long_ago = datetime(2000, 1, 1, tzinfo=UTC)
        reached = await wall.reach(long_ago)
        assert reached is not None
        assert reached > long_ago

    asyncio.run(all_of_them())


# ---- placement ---------------------------------------------------------------------------------------------------------

NAMES = ("agr", "dso", "farm-a", "farm-b", "farm-a.pv")
AGENTS = tuple(chatterer(name) for name in NAMES)


@pytest.mark.parametrize("number", [0, -1, 10_001])
def test_agents_per_actor_out_of_range_is_one_sentence(number: int) -> None:
    """From 1 to 10,000."""
    with pytest.raises(BadInput, match=f"agents_per_actor: {number}; expected 1 to 10000"):
        Placement(number)
    assert (Placement(1).agents_per_actor, Placement(10_000).agents_per_actor) == (1, 10_000)


@pytest.mark.parametrize(("number", "hosts"), [(1, 5), (2, 3), (4, 2), (10_000, 1)])
def test_everybody_has_exactly_one_host(number: int, hosts: int) -> None:
    """Alone under their own name, or packed in the order they came."""
    placed = Placement(number).place(AGENTS)
    assert len(placed) == hosts
    assert sorted(spec.name for plan in placed.values() for spec in plan.specs) == sorted(NAMES)
    assert all(len(plan.specs) <= number for plan in placed.values())
    if number == 1:
        assert set(placed) == set(NAMES)


def test_device_agents_stay_with_their_wire() -> None:
    """The first pattern that fits gives the resource; nobody shares a host with agents of another one."""
    placement = Placement(3, where_of(["farm-a*=wire-a", "farm*=wire-b"]))
    placed = {tuple(s.name for s in h.specs): h.resource for h in placement.place(AGENTS).values()}
    assert placed == {("agr", "dso"): None, ("farm-a", "farm-a.pv"): "wire-a", ("farm-b",): "wire-b"}
    assert Placement(1, where_of(["*.pv=roof"])).place(AGENTS)["farm-a.pv"] == HostPlan((AGENTS[4],), "roof")


def test_agents_of_devices_on_one_connection_share_a_host() -> None:
    """EVSEs of one station stay together, alone with 1 for each actor and in whichever pack has room, the others as ever."""
    agents = tuple(replace(spec, device=spec.name) for spec in AGENTS)
    dialling = {"dso": "charger", "farm-b": "charger", "farm-a": "farm-a"}
    for size, packs in (
        (1, ["agr", "dso farm-b", "farm-a", "farm-a.pv"]),
        (2, ["agr", "dso farm-b", "farm-a farm-a.pv"]),
    ):
        placed = Placement(size).place(agents, dialling)
        assert [" ".join(spec.name for spec in plan.specs) for plan in placed.values()] == packs
    with pytest.raises(BadInput, match="place: devices that dial in share one actor, but are placed on"):
        Placement(1, where_of(["farm*=wire"])).place(agents, dialling)


@pytest.mark.parametrize("text", ["farm", "=wire", "farm=", ""])
def test_a_bad_place_is_one_sentence(text: str) -> None:
    """It names the text and gives an example."""
    with pytest.raises(BadInput, match=r"^place: '.*'; expected PATTERN=RESOURCE, for example 'farm-1\*=wire-strem'$"):
        where_of([text])


def test_a_resource_that_no_node_offers_is_said_once() -> None:
    """Instead of waiting for ever."""
    placed = Placement(1, where_of(["farm*=wire", "agr=node:10.0.0.9"])).place(AGENTS)
    (sentence,) = missing_resources(placed, {"CPU": 2.0, "node:10.0.0.9": 1.0})
    assert sentence.startswith("place: no node offers the resource 'wire'; expected a node started with --resources")


def test_a_parcel_has_one_name() -> None:
    """(source, number) is what a receiver acknowledges."""
    assert Parcel("a", 3, ())[:2] == ("a", 3)
