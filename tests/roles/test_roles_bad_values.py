"""Values that nothing real shows, meters that lie or are dead, and jobs that fail: each is refused or told, none is settled."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from agents.planning.elements.element import ElementConfig
from agents.roles.aggregator.interval_metering import IntervalMetering
from agents.roles.aggregator.prognosis_sums import PrognosisSums
from agents.roles.dso.prognoses import Prognoses
from agents.roles.dso.trading_round import SafetyOf
from agents.roles.dso.trading_rounds import TradingRounds
from agents.roles.effects import Compute, Effect, Publish, Send
from agents.roles.events import Computed, Fired, Measured, Received
from agents.roles.grid_messages import NobodyMetered
from agents.roles.messages import DeviceReport, MeterUpdate
from agents.roles.parts.meter_data import MeterData
from agents.roles.parts.settlement_as_buyer import DaySettled
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.day_planning import DayPlanning
from agents.roles.prosumer.meter_checks import MONTH_DAYS, MeterChecks
from agents.roles.prosumer.metering_messages import TellMetering
from agents.roles.prosumer.prognoses import ForecastDay
from cim.model.devices import DeviceKind
from cim.model.readings import Kind, Reading
from cim.platform.publications.incidents import (
    ElementSuspended,
    MessageLapsed,
    MetersDisagree,
    PointNotMetered,
    SiteNotMetered,
    WorkFailed,
)
from market.settlement.day import lost_isps
from market.uftp import DPrognosis, Header, Metering, MeteringProfile
from tests.worlds import players, terms
from tests.worlds.players import AHEAD, DAY, FIRST, NOON, POINT, RULES

PV, METER = "farm-a.pv", "farm-a.meter"


def published(effects: list[Effect], kind: type) -> list[Any]:
    """What is published of a kind."""
    return [e.publication for e in effects if isinstance(e, Publish) and isinstance(e.publication, kind)]


def prognosis(sender: str, place: str, level_w: int, revision: int = 1) -> DPrognosis:
    """A flat prognosis."""
    name = f"{sender} {place} {revision}"
    header = Header(f"{sender}.example", "x", AHEAD, name, name)
    return DPrognosis(header, FIRST, place, revision, (level_w,) * 96, RULES.timezone)


def test_a_prognosis_a_thousandfold_is_refused_by_the_dso_and_the_next_one_counts() -> None:
    """The reason names the power and what the connections carry; the sound prognosis before it stays the newest."""
    role = players.dso(carries_w=10_000)
    sound, absurd = prognosis("agr", POINT, -9000), prognosis("agr", POINT, -9_000_000, 2)
    role.handle(Received("agr", 1, sound), AHEAD)
    effects = role.handle(Received("agr", 2, absurd), AHEAD)
    (told,) = published(effects, MessageLapsed)
    assert told.reason == "Power: -9000000 W; its connections there carry at most 10000 W"
    assert [m.power_w[0] for m in role.part(Prognoses).state.newest.values()] == [-9000]
    role.handle(Received("agr", 3, prognosis("agr", POINT, -8000, 3)), AHEAD)
    assert [m.power_w[0] for m in role.part(Prognoses).state.newest.values()] == [-8000]


def test_a_members_absurd_forecast_is_not_added_up() -> None:
    """One member's prognosis x 1000 is passed over with the reason; the portfolio's sum is that of the others."""
    role = players.aggregator(carries_w=10_000)
    for name, level in (("farm-a", -5_000_000), ("farm-b", -4000)):
        effects = role.handle(Received(name, 1, prognosis(name, f"ean.{name}", level)), AHEAD)
    assert list(role.part(PrognosisSums).state.forecasts[FIRST]) == ["farm-b"]
    assert published(effects, MessageLapsed) == []


def test_an_absurd_meter_update_counts_as_blind() -> None:
    """A power that the connection cannot carry is no delivery: the member's forecast stands in for it."""
    role = players.aggregator(carries_w=10_000)
    role.handle(Received("farm-a", 1, prognosis("farm-a", "ean.farm-a", -4000)), AHEAD)
    update = MeterUpdate("ean.farm-a", NOON - RULES.interval, NOON, 5_000_000)
    role.handle(Received("farm-a", 2, update), NOON)
    assert role.part(IntervalMetering).power_kw(POINT) == -4.0


def metering(ean: str, power: tuple[int, ...], *, lost: set[int] | None = None, owner: str = "farm-a") -> Metering:
    """A day's metering as its owner tells it."""
    profiles = [MeteringProfile("Power", "W", power)]
    if lost:
        profiles.append(MeteringProfile("Metered", "1", tuple(int(k not in lost) for k in range(1, len(power) + 1))))
    header = Header(f"{owner}.example", "dso.example", DAY.end, f"{ean}{power[0]}", ean)
    return Metering(header, FIRST, ean, 1, tuple(profiles), RULES.timezone)


@pytest.mark.parametrize("power", [(5_000_000,) * 96, (1000,) * 95])
def test_a_metering_that_cannot_be_is_not_taken(power: tuple[int, ...]) -> None:
    """Neither a power beyond the connection nor a day of another length counts; the connection stays unmetered."""
    role = players.dso(carries_w=10_000)
    effects = role.handle(Received("farm-a", 1, metering("ean.farm-a", power)), DAY.end)
    assert len(published(effects, MessageLapsed)) == 1
    assert role.part(MeterData).of("ean.farm-a", FIRST) is None


def test_nobody_tells_for_anothers_element() -> None:
    """Two members may use one name for an element: each keeps its own, and neither reaches the other's."""
    role = players.dso()
    for owner, watts in (("farm-a", 1000), ("farm-b", 7)):
        role.handle(Received(owner, 1, metering("pv", (watts,) * 96, owner=owner)), DAY.end)
    meters = role.part(MeterData)
    told = [meters.of_element("pv", f"{owner}.example", FIRST) for owner in ("farm-a", "farm-b")]
    assert [m.profiles[0].values[0] for m in told if m is not None] == [1000, 7]


def test_a_point_whose_meters_are_incomplete_is_told() -> None:
    """Which connections did not see which ISPs; a portfolio that was metered through is not mentioned."""
    role = players.dso()
    role.handle(Received("farm-b", 1, metering("ean.farm-b", (5,) * 96, owner="farm-b")), DAY.end)
    role.handle(Received("farm-a", 1, metering("ean.farm-a", (5,) * 96, lost={48, 49})), DAY.end)
    effects = role._emit(DaySettled(FIRST), DAY.end)
    told = published(effects, PointNotMetered)
    assert published(effects, SiteNotMetered) == [], "one of them was metered through"
    assert [(one.congestion_point, one.connections, len(one.isps)) for one in told] == [
        (POINT, ("ean.farm-a",), 2),
        (players.UPPER, ("ean.park",), 96),
    ]


def test_where_hardly_anybody_was_metered_the_site_stood_still() -> None:
    """Members hear of the ISPs that nine of ten connections did not see, and nobody hears of those of a single one."""
    role = players.dso()
    lost = {"ean.farm-a": {48, 49, 50}, "ean.farm-b": {48, 49}, "ean.park": {48, 49, 70}}
    for (ean, isps), owner in zip(lost.items(), ("farm-a", "farm-b", "agr"), strict=True):
        effects = role.handle(Received(owner, 1, metering(ean, (5,) * 96, lost=isps, owner=owner)), DAY.end)
    assert [one.isps for one in published(effects, SiteNotMetered)] == [(48, 49)]
    told = {e.to: e.message for e in effects if isinstance(e, Send) and isinstance(e.message, NobodyMetered)}
    assert told == dict.fromkeys(("agr", "farm-a", "farm-b"), NobodyMetered(FIRST, (48, 49)))


def test_a_failed_analysis_ends_its_round_and_says_so() -> None:
    """The next congestion point is looked at; with the last one the round is over, and the next prognoses begin another."""
    role = players.dso()
    pairs = (("agr", POINT), ("agr-2", POINT), ("agr", players.UPPER))
    effects = [e for n, p in pairs for e in role.handle(Received(n, 1, prognosis(n, p, -9000)), AHEAD)]
    jobs = [e for e in effects if isinstance(e, Compute)]
    failures = 0
    while jobs:
        effects = role.handle(Computed(jobs[0].reference, None, "LinAlgError: singular"), AHEAD)
        failures += sum(told.error == "LinAlgError: singular" for told in published(effects, WorkFailed))
        jobs = [e for e in effects if isinstance(e, Compute)]
    assert failures == 2
    assert role.part(TradingRounds).state.rounds == {}
    effects = [e for n, p in pairs for e in role.handle(Received(n, 2, prognosis(n, p, -8000, 2)), AHEAD)]
    assert [e.reference for e in effects if isinstance(e, Compute)] == [SafetyOf(FIRST)]


def farm(carries_w: int = 13_000, days: int = 1) -> ProsumerRole:
    """A farm with 10 kW of PV and a base load of at most 3 kW."""
    elements = (ElementConfig(PV, DeviceKind.PV, 10_000),)
    config = terms.prosumer_config("farm-a", POINT, "agr", elements, (np.zeros(96),), carries_w)
    return ProsumerRole("farm-a", players.rules(days=days), players.key("farm-a"), config)


def lived(role: ProsumerRole, told_w: float, *, day: Any = DAY, dead: bool = False) -> list[Effect]:
    """A day on which the plant gives 6 kW, the base load takes 2 kW, and the plant's own meter shows something else."""
    for minutes in range(0, 24 * 60 + 1, 15):
        at, hours = day.start + timedelta(minutes=minutes), minutes / 60 + 24 * (day.day - FIRST).days
        shown = (Reading(PV, Kind.POWER, told_w, at), Reading(PV, Kind.ENERGY_EXPORT, -told_w * hours, at))
        if not dead:
            role.handle(Received(PV, 1, DeviceReport(PV, at, shown, ())), at)
        counters = {Kind.ENERGY_IMPORT: 0.0, Kind.ENERGY_EXPORT: 4000.0 * hours}
        role.handle(Measured(METER, tuple(Reading(METER, kind, x, at) for kind, x in counters.items()), ()), at)
    return role.handle(Fired(TellMetering(day.day)), day.end + timedelta(hours=1))


def told_lost(effects: list[Effect], ean: str) -> frozenset[int]:
    """The ISPs that an EAN's metering says it does not know."""
    messages: list[Any] = [e.message for e in effects if isinstance(e, Send)]
    return lost_isps([m for m in messages if isinstance(m, Metering) and m.ean == ean])


@pytest.mark.parametrize(("told_w", "lies"), [(-6000.0, False), (-1000.0, True), (-9900.0, True), (-5500.0, False)])
def test_a_sub_meter_that_lies_is_found_by_the_balance(told_w: float, lies: bool) -> None:
    """What is left for the base load cannot be: the element counts as not metered, the connection does, and it is told.

    A lie within what the base load may be (here up to 3 kW) cannot be told from it.
    """
    role = farm()
    role.me.rules.__dict__["interval"] = timedelta(minutes=15)  # read each quarter-hour: as good, and quicker
    effects = lived(role, told_w)
    incidents = published(effects, MetersDisagree)
    assert [len(one.isps) for one in incidents] == ([96] if lies else [])
    assert len(told_lost(effects, PV)) == (96 if lies else 0)
    assert told_lost(effects, "ean.farm-a") == frozenset()


def test_an_element_that_is_seldom_metered_is_suspended_and_comes_back() -> None:
    """Beyond 10 % of 30 days it offers nothing, and says so once; when the days without it are a month ago it counts."""
    role = farm(days=MONTH_DAYS + 8)
    role.me.rules.__dict__["interval"] = timedelta(minutes=15)
    told, day = list[ElementSuspended](), DAY
    for number in range(MONTH_DAYS + 5):
        told += published(lived(role, -6000.0, day=day, dead=number < 4), ElementSuspended)
        if number == 3:
            assert role.part(MeterChecks).is_suspended(PV)
        day = day.next()
    assert [(one.suspended, one.unmetered_isps) for one in told] == [(True, 384), (False, 288)]
    assert not role.part(MeterChecks).is_suspended(PV)
    assert replace(told[0], suspended=False).allowed_isps == 288


def test_a_standstill_of_the_whole_site_suspends_nobody() -> None:
    """What the DSO says of days that nobody saw lifts a suspension; what anybody else says does not, nor what it says of others."""
    role = farm(days=MONTH_DAYS + 8)
    role.me.rules.__dict__["interval"] = timedelta(minutes=15)
    day = DAY
    for _ in range(4):
        lived(role, -6000.0, day=day, dead=True)
        day = day.next()
    stood = NobodyMetered(FIRST, tuple(range(1, 97)))
    for sender, said in (("agr", stood), ("dso", replace(stood, period=day.day)), ("dso", replace(stood, isps=()))):
        role.handle(Received(sender, 1, said), day.at(9))
        assert role.part(MeterChecks).is_suspended(PV)
    told = published(role.handle(Received("dso", 1, stood), day.at(9)), ElementSuspended)
    assert [(one.element, one.suspended, one.unmetered_isps) for one in told] == [(PV, False, 288)]
    assert not role.part(MeterChecks).is_suspended(PV)
    half = NobodyMetered(DAY.next().day, tuple(range(1, 49)))
    assert role.handle(Received("dso", 1, half), day.at(9)) == []
    again = published(lived(role, -6000.0, day=day, dead=True), ElementSuspended)
    assert [(one.suspended, one.unmetered_isps) for one in again] == [(True, 288 - 48 + 96)]


def test_after_a_standstill_nobody_is_suspended_before_the_dso_can_say_whose_it_was() -> None:
    """Days told late are counted and judged with the next day that is told in time, unless the DSO excuses them before."""
    for excused in (False, True):
        role = farm(days=MONTH_DAYS)
        role.me.rules.__dict__["interval"] = timedelta(minutes=15)
        wake, told = DAY.next(4).at(9), list[ElementSuspended]()
        for ago in range(4):
            effects = role.handle(Fired(TellMetering(DAY.next(ago).day)), wake)
            effects += role.handle(
                Fired(TellMetering(DAY.next(ago).day)), wake + RULES.interval
            )  # the meter is read first
            told += published(effects, ElementSuspended)
        assert told == []
        for ago in range(4) if excused else ():
            told += published(
                role.handle(Received("dso", 1, NobodyMetered(DAY.next(ago).day, tuple(range(1, 97)))), wake),
                ElementSuspended,
            )
        told += published(lived(role, -6000.0, day=DAY.next(4)), ElementSuspended)
        assert [(one.suspended, one.unmetered_isps) for one in told] == ([] if excused else [(True, 384)])


def test_one_failing_element_never_silences_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """The prognosis goes out with the others and with what was expected of it before; which element failed is told."""
    role = farm()
    kind = type(role.part(DayPlanning)._kinds[PV])

    def broken(*_: Any) -> Any:
        raise ValueError("no such forecast")

    monkeypatch.setattr(kind, "forecast", broken)
    effects = role.handle(Fired(ForecastDay(FIRST)), AHEAD)
    sent: list[Any] = [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, DPrognosis)]
    assert len(sent) == 1
    assert [(told.about, told.error) for told in published(effects, WorkFailed)] == [
        (PV, "ValueError: no such forecast")
    ]
