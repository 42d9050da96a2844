"""A site stands still for days and wakes: every day is metered once with what really flowed, and closed in its order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from agents.assembly.roles import agent_spec
from agents.roles.messages import DeviceSchedule
from agents.roles.prosumer.meter_checks import MeterChecks
from agents.runtime.envelope import Outcome, Task
from agents.runtime.host import host as host_module
from agents.runtime.host.host import Host
from agents.runtime.host.hosted_agent import HostedAgent
from agents.runtime.host.ledger_effects import LedgerEffects
from agents.runtime.scheduler import RoundScheduler
from cim.model.devices import DeviceKind, Nameplate, WeatherForecast
from market.ledger.reader import LedgerReader
from market.uftp import DPrognosis, FlexOrder, FlexSettlement, Metering
from tests.worlds import benches
from tests.worlds.miniature import HOMES, RATED_W, Miniature
from tests.worlds.physics import sunshine
from tests.worlds.players import DAY

DEVICE = {f"{home}.{what}": f"{home}.{what}" for home in HOMES for what in ("pv", "bat")}
DEVICE |= {home: f"{home}.meter" for home in HOMES} | {"iles": "weather"}


class Thing:
    """A device of the miniature's physics."""

    def __init__(self, name: str, physics: Any) -> None:
        self.name, self.physics, self.news = name, physics, list[Any]()

    def listen(self, on_news: Any) -> None:
        """It says nothing by itself."""

    async def open(self, now: datetime) -> Nameplate:
        """Its nameplate."""
        what = self.name.rpartition(".")[2]
        if what == "pv":
            return Nameplate(DeviceKind.PV, "M", "M", "1", RATED_W)
        if what == "bat":
            return Nameplate(DeviceKind.BATTERY, "M", "M", "1", 3000, 3000, 8000)
        return Nameplate(DeviceKind.METER if what == "meter" else DeviceKind.WEATHER, "M", "M", "1")

    async def sync(self, now: datetime) -> None:
        """Nothing to do."""

    async def measure(self, now: datetime) -> Any:
        """As the physics has it now."""
        self.physics.advance(now)
        if self.name != "weather":
            return self.physics.readings(self.name)
        sun = tuple(sunshine(now + timedelta(minutes=15 * k + 7)) for k in range(192))
        self.news.append(WeatherForecast(now, now, 900, sun))
        return ()

    async def command(self, setpoint: Any, valid_until: datetime, now: datetime) -> None:
        """It follows."""
        self.physics.setpoints[self.name] = (setpoint, valid_until)

    async def release(self, now: datetime) -> None:
        """It runs by its own rule."""
        self.physics.setpoints.pop(self.name, None)

    def drain(self) -> Any:
        """What it has to say."""
        news, self.news = tuple(self.news), []
        return news

    async def close(self) -> None:
        """Nothing to let go of."""


class Still:
    """The miniature's agents on one real host, whose clock leaps from `stop` to `wake`; it is its own runtime, field and clock."""

    waits = False

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, stop: datetime, wake: datetime, days: int, term_days: int
    ) -> None:
        market = Miniature(folder / "unused.db", days=days, term_days=term_days)
        self.roles, self.rules, self.physics = market.roles, market.rules, market.physics
        self.stop, self.wake, self.path = stop, wake, folder / "ledger.db"
        self.host_of: Mapping[str, str] = dict.fromkeys(self.roles, "one")
        self.said: list[tuple[datetime, str, str, Any]] = []
        self.counters: dict[datetime, dict[str, float]] = {}
        self.now = market.start
        patch.setattr(host_module, "build_role", lambda spec, _: self.roles[spec.name])
        address = HostedAgent.address

        def heard(hosted_agent: HostedAgent, to: str, message: Any) -> Any:
            self.said.append((self.now, hosted_agent.name, to, message))
            return address(hosted_agent, to, message)

        patch.setattr(HostedAgent, "address", heard)
        end = DAY.next(days - 1).end + timedelta(hours=9)
        self.scheduler = RoundScheduler(self, self, market.start, end, lambda *_: None, self._at, self)
        asyncio.run(self._live())

    async def _live(self) -> None:
        await self.open(self.now)
        await self.scheduler.run()
        await self.host.close()

    def _at(self, now: datetime) -> None:
        self.now = now

    async def open(self, now: datetime) -> None:
        """One host for all."""
        specs = tuple(
            agent_spec(name, "ledger-keeper" if name == "ledger" else "prosumer", b"", None, DEVICE.get(name))
            for name in self.roles
        )
        ports: dict[str, Any] = {device: Thing(device, self.physics) for device in DEVICE.values()}
        ledger_effects = LedgerEffects(self.path, self.rules.keys, {"site": "still"})
        self.host = Host(specs, self.rules, ports, benches.inline, self.host_of, ledger_effects=ledger_effects)
        await self.host.open(now)

    async def resume(self) -> dict[str, tuple[Outcome, ...]]:
        """At the start."""
        return {"one": await self.host.resume()}

    async def work(self, now: datetime, tasks: Mapping[str, Task]) -> dict[str, Outcome]:
        """The host's round."""
        return {"one": await self.host.work(now, tasks["one"])}

    async def overdue(self) -> dict[str, Outcome]:
        """Nobody is late."""
        return {}

    async def missed(self) -> tuple[str, ...]:
        """Nobody dies."""
        return ()

    async def reach(self, at: datetime) -> datetime:
        """Nothing comes between `stop` and `wake`."""
        return self.wake if self.stop <= at < self.wake else at

    def interrupt(self) -> None:
        """Nobody waits."""

    async def advance(self, to: datetime) -> None:
        """Time goes on, also for who stands still."""
        for edge in (DAY.start, *(DAY.next(k).end for k in range(self.rules.days))):
            if self.physics.now < edge <= to:
                self.physics.advance(edge)
                self.counters[edge] = self.net_wh()
        self.physics.advance(to)

    def net_wh(self) -> dict[str, float]:
        """What each connection's counters show: import less export."""
        return {
            home: self.physics.energy[f"{home}.meter"][0] - self.physics.energy[f"{home}.meter"][1] for home in HOMES
        }

    def all_said(self, kind: type) -> list[tuple[datetime, str, str, Any]]:
        """All messages of a type."""
        return [row for row in self.said if isinstance(row[3], kind)]

    def failed_events(self) -> list[str]:
        """What failed."""
        return [p.error for hosted_agent in self.host.hosted_agents.values() for p in hosted_agent.failed_events]


Stand = Callable[..., Still]


@pytest.fixture(scope="module")
def stood(tmp_path_factory: pytest.TempPathFactory) -> Stand:
    """Called with stop, wake, days: the site that stood still so, made once; several tests look at the same one."""

    @cache
    def stand(stop: datetime, wake: datetime, days: int, term_days: int = 365) -> Still:
        with pytest.MonkeyPatch.context() as patch:
            return Still(tmp_path_factory.mktemp("still"), patch, stop, wake, days, term_days)

    return stand


@pytest.mark.slow
@pytest.mark.parametrize(("day", "hour", "minute"), [(4, 12, 0), (3, 6, 2), (2, 1, 2)])
def test_days_stood_still_over_are_metered_with_what_flowed(stood: Stand, day: int, hour: int, minute: int) -> None:
    """From the counters as they are read after waking: each connection's days add up to what flowed, and none is doubled."""
    days = day + 2
    wake = DAY.next(day).at(hour, minute)
    still = stood(DAY.at(12), wake, days)
    assert still.failed_events() == []
    first, last = (still.counters[edge] for edge in (DAY.start, DAY.next(days - 1).end))
    for home in HOMES:
        told = {m.period: sum(m.profile("Power").values) / 4 for _, who, to, m in still.all_said(Metering)
                if who == home and to == "dso"}  # fmt: skip
        assert list(told) == [DAY.next(k).day for k in range(days)]
        assert sum(told.values()) == pytest.approx(last[home] - first[home], abs=20 * days)  # whole watts in each ISP
        assert all(abs(energy) > 1000 for energy in told.values())
    with LedgerReader(still.path) as ledger:
        assert [head.number for head in ledger.heads()] == list(range(1, days + 2))


@pytest.mark.slow
def test_who_stood_still_for_four_days_expects_what_comes_and_is_ordered_at_once(stood: Stand) -> None:
    """The day goes by what is read after waking, the stored energy among it; that nobody was metered suspends nobody.

    More than 10 % of 30 days were not metered: the DSO saw that it was the whole site, before the day's first round.
    """
    today = DAY.next(4)
    wake = today.at(12)
    still = stood(DAY.at(12), wake, 6)
    orders = [(who, to) for at, who, to, m in still.all_said(FlexOrder) if at >= wake and m.period == today.day]
    called = {to for _, to in orders if to in HOMES}
    assert "dso" in {who for who, _ in orders}
    assert 0 < len(called) < len(HOMES)
    for home in HOMES:
        checks = still.roles[home].part(MeterChecks)
        assert not checks.state.suspended
        assert not any(checks.state.lost.values())
        if home in called:
            continue  # what comes is what was ordered
        *_, expected = [
            [row.power_w for row in m.isps for _ in range(row.duration)] for at, who, _, m in still.all_said(DPrognosis)
            if who == home and wake <= at <= wake + timedelta(minutes=5) and m.period == today.day
        ]  # fmt: skip
        (came,) = {m.profile("Power").values for _, who, to, m in still.all_said(Metering)
                   if who == home and to == "dso" and m.period == today.day}  # fmt: skip
        ahead = slice(today.isp_of(wake), None)
        # To the evening, when the battery serves the house: an empty one would leave it 400 W and more.
        assert expected[ahead] == pytest.approx(came[ahead], rel=0.1, abs=250)


@pytest.mark.slow
def test_who_stood_still_for_less_is_ordered_on_the_day_on_which_it_wakes(stood: Stand) -> None:
    """A day and a half without metering is borne: the DSO orders of the day, and batteries are held to what moves them."""
    today = DAY.next(2)
    wake = today.at(1, 2)
    still = stood(DAY.at(12), wake, 4)
    assert not any(still.roles[home].part(MeterChecks).is_suspended(f"{home}.bat") for home in HOMES)
    assert [m for at, who, _, m in still.all_said(FlexOrder) if who == "dso" and at > wake and m.period == today.day]
    held = [setpoint for at, _, to, m in still.all_said(DeviceSchedule) for setpoint in m.setpoints
            if to.endswith(".bat") and at > wake and m.period == today.day]  # fmt: skip
    assert any(setpoint is not None and setpoint.power_w for setpoint in held)


@pytest.mark.slow
def test_a_contract_that_ended_while_the_site_stood_still_is_settled_under(stood: Stand) -> None:
    """Its orders are from before, its successors are agreed before the old days are settled: they are, with every seller."""
    still = stood(DAY.at(13), DAY.next(9).at(12), 11, term_days=1)
    assert still.failed_events() == []
    settled = {(m.period_start, to) for _, who, to, m in still.all_said(FlexSettlement) if who == "dso"}
    assert {(DAY.next(k).day, seller) for k in range(11) for seller in ("agr", "agr-2")} == settled
