"""A whole market's day with a meter or link lost, a counter at zero once, a sub-meter that lies: no money for nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cim.model.readings import Kind, Quality, Reading
from cim.platform.memory_store import MemoryStore
from cim.platform.publications.incidents import MetersDisagree, PointNotMetered
from cim.platform.publications.measured import ReadingRefused
from cim.platform.publications.settlement import SettlementAnswered
from experiments.run.incidents.incident import Incident, IncidentKind
from experiments.run.incidents.reader import incidents_of
from market.uftp import AcceptedDisputed, FlexOrderSettlement, FlexSettlement
from tests.worlds.miniature import SELLER, Miniature
from tests.worlds.players import DAY
from tests.worlds.undisturbed import undisturbed

NOON = DAY.at(12)
COUNTERS = (Kind.ENERGY_IMPORT, Kind.ENERGY_EXPORT)
Fault = Callable[[Reading, datetime], Reading]


def lost(since: datetime) -> Fault:
    """No answer from an instant on."""
    return lambda r, now: r if now < since else replace(r, value=0.0, quality=Quality.ABSENT)


def zero_once(at: datetime) -> Fault:
    """Both counters read 0 at one instant."""
    return lambda r, now: replace(r, value=0.0) if r.kind in COUNTERS and now == at else r


def lies(share: float) -> Fault:
    """A generator's own meter shows only a share of what it gave, and of its power."""
    seen = (*COUNTERS, Kind.POWER)
    return lambda r, _: replace(r, value=r.value * share) if r.kind in seen else r


def day(device: str = "", kind: str = "", share: float = 0.0) -> Miniature:
    """The market's day with a fault of one device."""
    return _day(device, kind, share)


@cache
def _day(device: str, kind: str, share: float) -> Miniature:
    faults: dict[str, Fault] = {
        "": lambda r, _: r,
        "noon": lost(NOON),
        "day": lost(DAY.start),
        "zero": zero_once(NOON),
        "lies": lies(share),
    }
    with TemporaryDirectory() as folder:
        path, always = Path(folder) / "ledger.db", kind == "lies"
        since = (DAY.start if kind == "day" else NOON) - timedelta(microseconds=1)
        market = Miniature(path) if always else undisturbed(since, path)
        honest, fault = market.physics.readings, faults[kind]

        def readings(asked: str) -> tuple[Reading, ...]:
            found = honest(asked)
            return tuple(fault(r, r.at) for r in found) if asked == device else found

        market.physics.readings = readings  # type: ignore[method-assign]
        if always:
            market.begin()
        market.go_on(DAY.end + 6 * (DAY.end - DAY.isp_start(DAY.count - 3)))
        market.ledger.close()
    return market


def orders(market: Miniature, element: str = "") -> list[FlexOrderSettlement]:
    """All that was settled; of an element alone where it is named."""
    rows = [row for told in market.said(FlexSettlement) for row in told.order_settlements]
    return [row for row in rows if not element or row.congestion_point == element]


def undisputed(market: Miniature) -> bool:
    """Both sides found the same everywhere."""
    answers = [answer.disposition for told in market.told(SettlementAnswered) for answer in told.answers]
    return bool(answers) and set(answers) == {AcceptedDisputed.ACCEPTED}


@pytest.mark.slow
@pytest.mark.parametrize("since", ["noon", "day"])
@pytest.mark.parametrize("device", ["home-a.meter", "home-a.pv", "home-c.bat"])
def test_what_is_lost_is_neither_paid_nor_fined(device: str, since: str) -> None:
    """Its elements have no row after the loss, nobody at its point is fined for them, the DSO is told, nobody disputes."""
    market, home = day(device, since), device.partition(".")[0]
    elements = (f"{home}.pv", f"{home}.bat") if device.endswith("meter") else (device,)
    first = DAY.isp_of(NOON) if since == "noon" else 1
    dead = [isp for element in elements for row in orders(market, element) for isp in row.isps if isp.start >= first]
    assert dead == []
    assert undisputed(market)
    told = market.told(PointNotMetered)
    if device.endswith("meter"):
        assert {ean for one in told for ean in one.connections} == {f"ean.{home}"}
        mine = [t for t in market.said(FlexSettlement) if t.header.recipient_domain == f"{SELLER[home]}.example"]
        rows = [isp for told_ in mine for row in told_.order_settlements for isp in row.isps if isp.power_deficiency_w]
        assert all(isp.start < first for isp in rows)
    assert orders(market), "and the others go on"


def report(market: Miniature) -> dict[IncidentKind, list[Incident]]:
    """What the report says went wrong, by kind."""
    store = MemoryStore()
    for agent, told in market.published:
        store.put(agent, told)
    found = incidents_of(store, market.rules, "dso.example")
    return {kind: [one for one in found if one.kind is kind] for kind in IncidentKind}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("device", "kind", "fault", "who"),
    [
        ("home-a.meter", IncidentKind.NOT_METERED, "noon", "agr"),
        ("home-a.meter", IncidentKind.READING_REFUSED, "zero", "home-a.meter"),
        ("home-a.pv", IncidentKind.METERS_DISAGREE, "lies", "ean.home-a"),
    ],
)
def test_the_report_says_what_went_wrong_and_that_nobody_earned_by_it(
    device: str, kind: IncidentKind, fault: str, who: str
) -> None:
    """A row that names who; of what nobody metered nothing is paid or fined, and an undisturbed day has no row at all."""
    rows = report(day(device, fault, 1 / 3 if fault == "lies" else 0.0))
    (row,) = rows[kind]
    assert row.who == who
    if kind is IncidentKind.METERS_DISAGREE:
        assert row.money == "its elements are neither paid nor fined for it"
    if kind is IncidentKind.NOT_METERED:
        assert row.neither_wh > 0
        assert " 0.0 kWh fined" in row.money
    assert not any(report(day()).values())


@pytest.mark.slow
@pytest.mark.parametrize("device", ["home-a.meter", "home-a.bat"])
def test_a_counter_at_zero_for_one_reading_costs_and_earns_nothing(device: str) -> None:
    """The reading is refused by name, and the day's money is what it would have been to a hundredth of a euro."""
    market, sound = day(device, "zero"), day()
    refused = market.told(ReadingRefused)
    assert [(one.device, one.at) for one in refused] == [(device, NOON)]
    for pay in ("price", "penalty"):
        ours, theirs = (sum(getattr(row, pay) for row in orders(one)) for one in (market, sound))
        assert abs(ours - theirs) <= 100
    assert undisputed(market)


@pytest.mark.slow
def test_a_sub_meter_that_lies_earns_nothing() -> None:
    """It shows a third of what its plant gave, as if it had been held back: the balance finds it, and nobody pays for it."""
    market = day("home-a.pv", "lies", 1 / 3)
    (incident,) = market.told(MetersDisagree)
    assert incident.usage_point == "ean.home-a"
    rows = [isp.start for row in orders(market, "home-a.pv") for isp in row.isps]
    assert set(rows).isdisjoint(incident.isps)
    assert undisputed(market)
