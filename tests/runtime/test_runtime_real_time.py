"""Where time goes on while a host works: nothing stale is written, now or after a stop, and frames are told the time."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from agents.assembly.agents_of_site import agents_of_site
from agents.assembly.device_links import SocketLinks
from agents.assembly.placed_where import where_of
from agents.runtime.clocks import wall_time
from agents.runtime.envelope import Task
from agents.runtime.host.host import Host
from agents.runtime.placement import DIAL_IN_HOST, Placement
from cim.model.devices import DeviceKind, WeatherForecast
from cim.model.errors import BadInput
from cim.platform.publications.measured import ReadingsTaken
from devices.dial_in.passwords import known_passwords
from devices.dial_in.server import DialInServer
from devices.port.port import Port
from devices.weather import WeatherPort, WeatherSource
from environment.profiles.library import load
from environment.sites import load_site
from experiments.faults.local_cluster import Crash
from market.ledger.signing import Signer, load_or_create_secret
from tests.worlds import benches
from tests.worlds.chatter import MINUTE, START, chatterer
from tests.worlds.memory_journal import MemoryJournal, MemoryStore
from tests.worlds.one_host import OneHost
from tests.worlds.players import AHEAD, RULES

PV = chatterer("farm-a.pv", device=True, ticks=99)


class Watch:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        """What it shows."""
        return self.at


def commanded(here: OneHost) -> list[Any]:
    """(valid until, written at) of what the PV plant was commanded, from now on."""
    told: list[Any] = []

    async def command(setpoint: Any, valid_until: datetime, now: datetime) -> None:
        told.append((valid_until, now))

    here.ports["farm-a.pv"].command = command
    return told


def test_a_setpoint_lives_from_when_it_is_written() -> None:
    """A host that is behind the clock gives the device only the time that is left, so that it ends when it should."""
    watch = Watch()
    here = OneHost(PV, clock=watch)
    told = commanded(here)
    watch.at = START + timedelta(seconds=20)
    here.work()
    ((valid_until, written),) = told
    assert written == START + timedelta(seconds=20) < valid_until


def test_a_setpoint_whose_time_has_passed_is_not_written() -> None:
    """A host that stood still writes nothing that was meant for another time."""
    watch = Watch()
    here = OneHost(PV, clock=watch)
    told = commanded(here)
    watch.at = START + timedelta(hours=9)
    here.work()
    assert told == []


@pytest.mark.parametrize(("stopped", "written"), [(timedelta(seconds=5), 1), (timedelta(hours=3), 0)])
def test_a_stop_before_a_setpoint_was_written_sends_no_stale_one_afterwards(stopped: timedelta, written: int) -> None:
    """Effects are carried out again after a stop; a setpoint only while it still holds, and for what is left of it."""
    watch, passed = Watch(), count(1)

    def point(name: str) -> None:
        if name == "appended" and next(passed) == 2:  # the reading is in, the command is not out
            raise Crash

    here = OneHost(PV, clock=watch, point=point)
    told = commanded(here)
    with pytest.raises(Crash):
        here.work()
    assert told == []
    watch.at = here.now = START + stopped
    here.restart()
    asyncio.run(here.host.resume())
    assert len(told) == written
    assert all(at == watch.at < valid_until for valid_until, at in told)


def test_a_machine_that_is_dialled_is_told_the_time_before_each_frame() -> None:
    """A station that asks what time it is between two instants of the market hears the real one."""

    class Machine:
        now, closed = START, False
        heard: tuple[Any, ...] = ()

        def attached(self) -> list[str]:
            self.heard = (*self.heard, self.now)
            return []

        def detached(self) -> None:
            pass

        def receive(self, frame: str) -> list[str]:
            self.heard = (*self.heard, self.now)
            return ["done"]

    async def simulation() -> tuple[Any, ...]:
        watch, machine = Watch(), Machine()
        watch.at = START + MINUTE
        server = DialInServer(authenticate=known_passwords({"cs": "a-password-of-16"}), clock=watch)
        server.register("ocpp", "cs", machine)
        await server.start()
        basic = base64.b64encode(b"cs:a-password-of-16").decode()
        headers = {"Authorization": f"Basic {basic}"}
        url, spoken = server.url("ocpp", "cs"), ["ocpp2.0.1"]
        async with connect(url, additional_headers=headers, subprotocols=spoken, proxy=None) as line:  # type: ignore[arg-type]
            watch.at = START + 2 * MINUTE
            await line.send("frame")
            await line.recv()
        await server.close()
        return machine.heard

    assert asyncio.run(simulation()) == (START + MINUTE, START + 2 * MINUTE)


def test_those_who_are_dialled_at_one_address_share_a_host() -> None:
    """Real stations know one address; all others are placed as before, and one address is on one node."""
    site = load_site("strem")
    made = agents_of_site(site, load(site.profiles), site.default_day, 1, 1)
    agents, kinds = made.agents, made.device_kinds
    dialling = SocketLinks(kinds=kinds).dialling
    inward = (DeviceKind.STATION, DeviceKind.GATEWAY, DeviceKind.APPLIANCE)
    assert set(dialling) == {name for name, kind in kinds.items() if kind in inward}
    placed = Placement(dial_in_together=True).place(agents, dialling)
    assert {s.name for s in placed[DIAL_IN_HOST].specs} == set(dialling)
    assert all(len(plan.specs) == 1 for host, plan in placed.items() if host != DIAL_IN_HOST)
    assert sum(len(plan.specs) for plan in placed.values()) == len(agents)
    somewhere = sorted(dialling)[0]
    with pytest.raises(BadInput, match=r"share one actor, but are placed on None, roof; expected one"):
        Placement(dial_in_together=True, where=where_of([f"{somewhere}=roof"])).place(agents, dialling)


def test_a_real_sites_keys_and_identifiers_come_from_its_secrets(tmp_path: Path) -> None:
    """Each party's key is in a file of its own, the same again after a stop; no weather service is made up."""
    site = load_site("strem")

    def secret(name: str) -> bytes:
        return load_or_create_secret(tmp_path / name)

    first, again = (agents_of_site(site, load(site.profiles), site.default_day, 1, 1, secret=secret) for _ in range(2))
    assert [spec.key for spec in first.agents] == [spec.key for spec in again.agents]
    assert first.rules == again.rules
    assert len({spec.key for spec in first.agents}) == len(first.agents)
    for spec in first.agents:
        domain = first.rules.domains[spec.name]
        assert spec.key == (tmp_path / domain).read_bytes()
        assert first.rules.keys[domain] == Signer(spec.key).public
    assert first.rules.seed == (tmp_path / "identifiers").read_bytes().hex()
    assert first.weather == WeatherSource(site.profiles, site.timezone, None)


def test_without_a_weather_service_the_season_speaks_for_any_year() -> None:
    """The port says what it is, and gives sixty hours of the usual sun."""
    port = WeatherPort("weather", WeatherSource("simbench-rural1", "Europe/Vienna", None))
    now = datetime(2031, 12, 31, 17, 23, tzinfo=UTC)

    async def simulation() -> Any:
        plate = await port.open(now)
        await port.sync(now)
        return plate, port.drain()

    plate, (news,) = asyncio.run(simulation())
    assert plate.model == "usual sun of the season"
    assert isinstance(news, WeatherForecast)
    assert (news.start, len(news.pv_per_unit)) == (now.replace(minute=0), 240)


def test_the_wall_clock_is_utc() -> None:
    """And it goes on."""
    first = wall_time()
    assert first.tzinfo is UTC
    assert wall_time() >= first


@pytest.mark.parametrize("name", ["farm-a.pv", "farm-a"])
def test_a_device_that_was_missing_at_the_beginning_comes_in_at_the_next_start(name: str) -> None:
    """Its agent, which has a past by then, is told what it is, once, and reads it from then on."""
    (spec,) = (spec for spec in benches.specs() if spec.name == name)
    assert spec.device is not None
    store, port = MemoryStore(), benches.port(spec)
    neighbours = {other.name: "here" if other.name == name else "there" for other in benches.specs()}

    async def one_run(number: int) -> tuple[tuple[str, ...], list[type]]:
        ports: dict[str, Port] = {str(spec.device): port}
        here = Host((spec,), RULES, ports, benches.inline, neighbours, journal=MemoryJournal(store))
        missing = await here.open(AHEAD, allow_missing=True)
        outcome = await here.work(AHEAD, Task(number, (), number - 1))
        return missing, [type(publication) for _, publication in outcome.published]

    port.lost = True
    missing, published = asyncio.run(one_run(1))
    assert len(missing) == 1
    assert ReadingsTaken not in published
    port.lost = False
    assert asyncio.run(one_run(2)) == ((), [ReadingsTaken])
    assert ReadingsTaken not in asyncio.run(one_run(3))[1]
