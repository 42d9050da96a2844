"""The auditor of the dispatch: it reads what ended, day by day, and states gaps that hold."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from agents.planning.dispatch.admm import Band, Outcome
from agents.planning.dispatch.flexibility import Flexibility, Storable
from agents.planning.dispatch.storage_step import stored
from agents.planning.elements.battery import Battery
from agents.planning.elements.element import ElementConfig
from agents.planning.elements.pv import Pv
from agents.roles.messages import PriceRound, SessionClosed, VppInvitation
from agents.roles.prosumer.vpp_member import VppMember
from cim.model.devices import DeviceKind
from cim.model.intervals import LocalDay
from cim.platform.publications.sessions import SessionConcluded
from experiments.run.dispatch.audit import DispatchAudit, SystemGap, as_ordered, asked_kw, shared_band_kw, with_plan
from experiments.run.dispatch.ended_sessions import DayByDay, EndedSessions, read
from experiments.run.dispatch.gaps import Gap, gap_of, together
from tests.worlds import portfolios
from tests.worlds.elements import NOTHING, priced, window
from tests.worlds.players import AHEAD, DAY, FIRST, Pump, market_of_farms


class World:
    """Notes where it was moved."""

    def __init__(self, heard: list[str]) -> None:
        self.heard = heard

    async def advance(self, to: datetime) -> None:
        """Moved on."""
        self.heard.append(to.isoformat())


def test_what_is_due_at_the_end_of_a_day_is_done_before_the_world_goes_on() -> None:
    """Once at each midnight that is reached, once for several that are passed at a time, before anything of the new day."""
    day = LocalDay(date(2016, 5, 20), "Europe/Vienna", 15)
    heard: list[str] = []

    async def then() -> None:
        heard.append("over")

    async def walk() -> None:
        world = DayByDay(World(heard), day, then)
        for at in (day.end - timedelta(minutes=5), day.end, day.end + timedelta(hours=3), day.next(3).end):
            await world.advance(at)

    asyncio.run(walk())
    assert [what == "over" for what in heard] == [False, True, False, False, True, False]


def ended(pump: Pump) -> EndedSessions:
    """What an auditor reads of the farms now."""
    found: EndedSessions = {}

    async def snapshot(name: str) -> bytes:
        return pump.roles[name].snapshot()

    asyncio.run(read(found, ("farm-a", "farm-b"), snapshot))
    return found


def session_of(pump: Pump, name: str, at: datetime) -> None:
    """The aggregator opens a session with a farm, asks a price and closes it."""
    pump.tell("farm-a", "agr", VppInvitation(name, FIRST, 1, 96), at)
    pump.tell("farm-a", "agr", PriceRound(name, 1, 0.3, np.full(96, -20.0)), at)
    pump.tell("farm-a", "agr", SessionClosed(name), at)


def test_sessions_that_ended_are_read_with_their_models_and_answers() -> None:
    """A closed session is there with the member's model and its last answer; an open one is not."""
    pump = market_of_farms()
    session_of(pump, "s-1", AHEAD)
    pump.tell("farm-a", "agr", VppInvitation("s-2", FIRST, 1, 96), AHEAD)
    (name,) = ended(pump)
    own = ended(pump)["s-1"]["farm-a"]
    assert name == "s-1"
    assert [model.element for model in own.models] == ["farm-a.pv"]
    assert float(own.deviations_kw[0].max()) > 0


def test_a_member_keeps_no_more_than_what_is_about_days_that_are_not_over() -> None:
    """Sessions about a day are forgotten with the first that ends after it; until then an auditor finds them."""
    pump = market_of_farms()
    session_of(pump, "s-1", AHEAD)
    state = pump.roles["farm-a"].part(VppMember).state
    pump.tell("farm-a", "agr", VppInvitation("s-2", FIRST, 90, 96), DAY.isp_start(80))
    pump.tell("farm-a", "agr", SessionClosed("s-2"), DAY.isp_start(80))
    assert set(state.past_sessions) == {"s-1", "s-2"}
    pump.tell("farm-a", "agr", VppInvitation("s-3", FIRST, 95, 96), DAY.isp_start(90))
    pump.tell("farm-a", "agr", SessionClosed("s-3"), DAY.end + timedelta(minutes=1))
    assert set(state.past_sessions) == {"s-3"}


def concluded(aggregator: str, low_kw: tuple[float, ...], high_kw: tuple[float, ...]) -> SessionConcluded:
    """A seller's session over these bands."""
    point, total = "ea1.2026-05.at.x:feeder", (0.0,) * len(low_kw)
    about = (aggregator, aggregator, "offer", point, FIRST, 45, ("m",), "converged", 3, ())
    return SessionConcluded(AHEAD, *about, low_kw, high_kw, total)


def test_sellers_of_one_request_are_asked_the_same_and_share_the_room() -> None:
    """What is asked for counts once, though each was left another room; what they may do elsewhere adds up."""
    east = concluded("east", (40.0, -30.0, -1e6), (90.0, 20.0, -15.0))
    west = concluded("west", (40.0, -10.0, -1e6), (80.0, 5.0, -15.0))
    np.testing.assert_array_equal(asked_kw(east), asked_kw(west))
    low, high = shared_band_kw([east, west])
    np.testing.assert_array_equal(low, [40.0, -40.0, -2e6])
    np.testing.assert_array_equal(high, [170.0, 25.0, -15.0])
    np.testing.assert_array_equal(shared_band_kw([east]), [east.low_kw, east.high_kw])


def test_what_the_choice_of_members_costs_is_told_apart_from_how_they_split() -> None:
    """Of two requests with 12 ct of gap over 60 ct, 8 ct are who was called, the other 4 how those did it."""
    first = SystemGap("p", ("a", "b"), Gap(30.0, 20.0, 40.0), Gap(30.0, 27.0, 30.0))
    second = SystemGap("p", ("c",), Gap(20.0, 18.0, 20.0), Gap(20.0, 19.0, 20.0))
    audited = DispatchAudit((), {}, (first, second))
    assert audited.system_gap == pytest.approx(12 / 60)
    assert audited.choice_gap == pytest.approx(8 / 60)
    assert DispatchAudit((), {}, ()).choice_gap == 0.0


@pytest.mark.parametrize("shape", portfolios.SHAPES)
def test_the_gap_of_the_rounds_is_small_and_never_below_nothing(shape: str) -> None:
    """What the ADMM found is above the bound by less than 2 % of what is at stake; a worse split has a larger gap."""
    models = portfolios.under_tariff(1, portfolios.portfolio(1, 8, 48))
    asked = portfolios.band(shape, models, 48)
    state, deviations = portfolios.negotiate(models, asked)
    assert state.outcome is not Outcome.FAILED
    found = gap_of(models, deviations, asked)
    assert -1e-9 <= found.relative < 0.02
    worse = gap_of(models, [deviation / 2 for deviation in deviations], asked)
    assert worse.relative > found.relative
    assert worse.bound_ct == pytest.approx(found.bound_ct)


def test_full_batteries_leave_no_gap() -> None:
    """Asked for more consumption at noon without room before it, full batteries beside PV: what is found is nearly the bound."""
    models: list[Flexibility] = []
    for number, size_kw in enumerate((30.0, 33.0, 70.0)):
        home = ElementConfig(f"b{number}", DeviceKind.BATTERY, int(size_kw * 1000), int(size_kw * 1000), 90_000)
        plant = ElementConfig(f"p{number}", DeviceKind.PV, 60_000, 0)
        models.append(Battery().flexibility(replace(priced(home, -40.0), stored_kwh=90.0), NOTHING, window(50, 73)))
        models.append(Pv().flexibility(priced(plant, -40.0), np.full(96, -40.0), window(50, 73)))
    low = np.zeros(24)
    low[2:4] = 8.0, 12.0
    asked = Band(low, np.full(24, 200.0), 50.0, 0.25)
    state, deviations = portfolios.negotiate(models, asked)
    assert state.outcome is Outcome.CONVERGED
    assert -1e-9 <= gap_of(models, deviations, asked).relative < 0.03


def test_gaps_together_are_weighed_by_what_they_are_stated_over() -> None:
    """1 ct of 10 and 3 of 90 are 4 of 100."""
    assert together([Gap(11.0, 10.0, 10.0), Gap(93.0, 90.0, 90.0)]) == pytest.approx(0.04)
    assert together([]) == 0.0


def test_what_the_dso_did_not_take_is_no_gap_of_the_system() -> None:
    """Half of a request was ordered: half is asked for, in either direction; what was over-delivered is asked for once."""
    asked = Band(np.array([8.0, -9.0, -2.0, 4.0]), np.array([9.0, -6.0, 2.0, 5.0]), 50.0, 0.25)
    ordered = as_ordered(asked, np.array([4.0, -3.0, 1.0, 4.5]))
    np.testing.assert_allclose(ordered.low_kw, [4.0, -9.0, -2.0, 4.0])
    np.testing.assert_allclose(ordered.high_kw, [9.0, -3.0, 2.0, 5.0])


def test_a_store_that_nobody_orders_may_run_by_its_plan() -> None:
    """A plan that overfills a battery by its owner's own account is within its bounds in the whole system."""
    battery = next(m for m in portfolios.portfolio(0, 4, 48) if isinstance(m, Storable))
    path = battery.energy_kwh + np.cumsum(stored(battery.store, battery.plan_kw))
    small = replace(battery, ceiling_kwh=np.full(48, 0.5 * float(path.max())))
    allowed = with_plan(small)
    assert isinstance(allowed, Storable)
    assert (path > small.ceiling_kwh + 1e-6).any()
    assert (path <= allowed.ceiling_kwh + 1e-9).all()
    assert (allowed.floor_kwh <= small.floor_kwh).all()
    assert gap_of([allowed], [np.zeros(48)], portfolios.band("evening", [battery], 48)).relative >= -1e-9


def test_what_sellers_found_in_common_rounds_is_one_split() -> None:
    """Two sessions with one gap count once: in the money of all, their median and how many were compared."""
    shared, alone = Gap(30.0, 20.0, 20.0), Gap(11.0, 10.0, 10.0)
    audited = DispatchAudit((), {"east": shared, "west": shared, "hold": alone}, ())
    assert (len(audited.splits), audited.overall_e4) == (2, 1100)
    assert audited.median == pytest.approx(0.3)
    assert audited.overall == pytest.approx(11 / 30)
