"""The microgrid as one unit: what homes give comes up as one envelope, what the DSO wants comes down to the homes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from agents.planning.instance.bands import BothWays, FlexBand
from agents.planning.instance.on_call import CalledLimit
from agents.planning.jobs import run
from agents.roles.dso import DsoRole
from agents.roles.dso.consumption_limits import ConsumptionLimits
from agents.roles.dso.instance_control import NextHeartbeat
from agents.roles.effects import Arm, Compute, Disarm, Effect, Publish, Send
from agents.roles.events import Computed, Fired, Received
from agents.roles.grid_messages import SupplyLimited
from agents.roles.iles_manager import IlesConfig, IlesRole, LimitedHome
from agents.roles.iles_manager.instance import EnvelopeDue
from agents.roles.iles_manager.limit_keeping import WHOLE, LookAtLimit
from agents.roles.instance_messages import (
    Heartbeat,
    HomeFlexibility,
    LimitCalled,
    LimitHeld,
    LimitLifted,
    PortfolioFlexibility,
    SetpointAsked,
    SetpointSplit,
)
from agents.roles.messages import Filed
from agents.roles.part import MOMENT
from agents.roles.prosumer.supply_limits import SupplyLimits
from agents.roles.role import Role
from cim.platform.mailbox.requests import MAILBOX, MicrogridLimitWanted, MicrogridSetpointWanted, RequestAnswered
from cim.platform.publications.grid import EnvelopeStep, MicrogridEnvelope, MicrogridLimited
from market.rules import Control
from market.uftp import DPrognosis, FlexRequest
from tests.roles.test_roles_dso import analysed, hear_all
from tests.worlds import players
from tests.worlds.players import AHEAD, DAY, FIRST, NOON, POINT, RULES, UPPER

MINUTE = timedelta(minutes=1)
UNTIL = NOON + 30 * MINUTE
ISP = DAY.isp_of(NOON)
HOMES = (LimitedHome("farm-a", "ean.farm-a", 20_000), LimitedHome("farm-b", "ean.farm-b", 0))
CALL = LimitCalled(CalledLimit("n-1", 16_000, UNTIL, 11_000))
PV, STORE = FlexBand(700, (4_000,) * 96), FlexBand(900, (6_000,) * 96, (1_000,) * 96)
GIVES = {("agr", POINT): BothWays((PV,), ()), ("agr-2", UPPER): BothWays((STORE,), (STORE,))}


def tell(role: Role, message: Any, sender: str, now: datetime = NOON) -> list[Effect]:
    """What a role wants when it is told something."""
    return role.handle(Received(sender, 1, message), now)


def of(effects: list[Effect], kind: type) -> list[Any]:
    """Messages and publications of a kind."""
    found = [e.message if isinstance(e, Send) else e.publication for e in effects if isinstance(e, Send | Publish)]
    return [one for one in found if isinstance(one, kind)]


def prognosis(seller: str, point: str, power_w: int, revision: int = 1) -> DPrognosis:
    """A seller's, the same in all ISPs."""
    header = players.aggregator().me.header("iles", AHEAD, None, "DPrognosis", seller, point, str(revision))
    return DPrognosis(header, FIRST, point, revision, (power_w,) * 96, RULES.timezone, RULES.isp_minutes)


def manager() -> IlesRole:
    """It has heard of two portfolios: they will draw 5 kW each, of which 4 kW each are no limitable device's."""
    role = IlesRole("iles", RULES, players.key("iles"), IlesConfig("weather", (), "ledger", "dso", homes=HOMES))
    for (seller, point), gives in GIVES.items():
        tell(role, prognosis(seller, point, 5_000), seller, AHEAD)
        tell(role, PortfolioFlexibility(point, FIRST, 1, gives, (4_000,) * 96, 90), seller, AHEAD)
    return role


# ---- up: the envelope ----------------------------------------------------------------------------------------------------


def test_homes_tell_what_they_give_before_their_prognoses_and_the_aggregator_adds_it_up() -> None:
    """Two PV plants at 80 % sun and nobody else: as much more consumption as both feed in, at one price, at one point."""
    pump = players.market_of_farms()
    kinds = [type(m) for s, t, m in pump.log if s == "farm-a" and isinstance(m, HomeFlexibility | DPrognosis)]
    assert kinds == [HomeFlexibility, DPrognosis]
    (told,) = pump.said(PortfolioFlexibility, to="iles")
    (sums,) = pump.said(DPrognosis, to="iles")
    assert (told.congestion_point, told.period, told.revision) == (POINT, FIRST, sums.revision)
    homes = pump.said(HomeFlexibility)
    assert [len(home.gives.up) for home in homes] == [1, 1]
    assert [sum(rows) for rows in zip(*(home.gives.up[0].power_w for home in homes), strict=True)] == list(
        told.gives.up[0].power_w
    )
    assert max(told.gives.up[0].power_w) > 0
    assert told.gives.down == ()
    assert told.rest_w == sums.power_w  # no device there can be limited
    assert told.delivered_pct is None


def test_rows_of_another_length_or_of_nobodys_home_are_not_taken() -> None:
    """A member's with 95 ISPs, and one of a stranger: each lapses and changes nothing."""
    role = players.aggregator()
    sound = HomeFlexibility("ean.farm-a", FIRST, BothWays(), (0,) * 96)
    assert tell(role, sound, "farm-a", AHEAD) == []
    assert len(tell(role, replace(sound, rest_w=(0,) * 95), "farm-a", AHEAD)) == 1
    assert len(tell(role, sound, "stranger", AHEAD)) == 1


def test_all_that_is_told_at_an_instant_becomes_one_envelope() -> None:
    """Expected 10 kW; alone in an ISP 4 + 4 kW more (a store of 1 kWh in a quarter-hour) or 4 less; two steps up, one down."""
    role = manager()
    again = PortfolioFlexibility(POINT, FIRST, 2, GIVES["agr", POINT], (4_000,) * 96, None)
    assert tell(role, again, "agr", AHEAD) == [Arm(EnvelopeDue(FIRST), AHEAD + MOMENT)]
    (found,) = of(role.handle(Fired(EnvelopeDue(FIRST)), AHEAD), MicrogridEnvelope)
    assert (set(found.expected_w), set(found.low_w), set(found.high_w)) == ({10_000}, {6_000}, {18_000})
    assert found.steps == (
        EnvelopeStep(True, 700, PV.power_w, ()),
        EnvelopeStep(True, 900, STORE.power_w, STORE.room_wh),
        EnvelopeStep(False, 900, STORE.power_w, STORE.room_wh),
    )
    assert (found.portfolios, found.told, found.delivered_pct) == (2, 2, 90)


def test_an_older_revision_changes_no_envelope() -> None:
    """It is told as lapsed, and no envelope follows."""
    old = PortfolioFlexibility(POINT, FIRST, 1, BothWays(), (0,) * 96, None)
    assert not [e for e in tell(manager(), old, "agr", AHEAD) if isinstance(e, Arm)]


# ---- down: setpoints -----------------------------------------------------------------------------------------------------


def asked(role: IlesRole, power_w: int) -> SetpointSplit:
    """The manager's answer to a setpoint of two ISPs."""
    (job,) = tell(role, SetpointAsked("n-1", FIRST, 60, 61, power_w), "dso", AHEAD)
    assert isinstance(job, Compute)
    (sent,) = role.handle(Computed(job.reference, run(job.job, job.arguments)), AHEAD)
    assert isinstance(sent, Send)
    assert isinstance(sent.message, SetpointSplit)
    return sent.message


def test_a_setpoint_falls_on_the_cheapest_portfolios() -> None:
    """5 kW more than expected: 4 by the plant and 1 by the store, in both ISPs; 2 kWh at 7 ct and half a one at 9."""
    found = asked(manager(), 15_000)
    assert found.shares == (("agr", POINT, ((60, 4_000), (61, 4_000))), ("agr-2", UPPER, ((60, 1_000), (61, 1_000))))
    assert (found.cost_e4, found.fault) == (700 * 2 + 450, None)
    assert asked(manager(), 10_000).shares == ()


def test_a_setpoint_outside_the_envelope_is_refused_by_isp() -> None:
    """6 kW less for half an hour: the store holds 1 kWh, so 2 kW of 6 are missing or more in one of the ISPs."""
    found = asked(manager(), 4_000)
    assert found.shares == ()
    assert found.fault is not None
    assert found.fault.startswith("power_w: 4000 W; in 2 of its ISPs the members cannot give it: in ISP 6")
    assert found.fault.endswith("less consumption are missing")


def test_only_the_dso_sets_the_microgrid() -> None:
    """An aggregator that tries is told of as lapsed, and nothing is split."""
    effects = tell(manager(), SetpointAsked("n-1", FIRST, 60, 61, 0), "agr", AHEAD)
    assert not [e for e in effects if isinstance(e, Compute | Send)]


def test_the_dso_asks_each_point_for_its_share_in_a_round_of_trading() -> None:
    """The engineer's wish goes to the manager; of its answer each point's sellers are asked for that point's watts."""
    role = players.dso()
    hear_all(role)
    analysed(role, {})
    analysed(role, {})
    wanted = MicrogridSetpointWanted("number-1", "ada", FIRST, 60, 61, 15_000)
    (sent,) = tell(role, wanted, MAILBOX, AHEAD)
    assert sent == Send("iles", SetpointAsked("number-1", FIRST, 60, 61, 15_000))
    shares = (("agr", POINT, ((60, 4_000),)), ("agr-2", POINT, ((60, 500),)))
    effects = tell(role, SetpointSplit("number-1", FIRST, shares, 1_850), "iles", AHEAD)
    (answer,) = of(effects, RequestAnswered)
    assert answer.accepted
    assert answer.reason.startswith("1.12 kWh are to be moved, by 2 portfolios at 1 congestion points, for 0.18 EUR")
    requests = of(analysed(role, {}), FlexRequest)
    assert {one.congestion_point for one in requests} == {POINT}
    assert {row.min_power_w for one in requests for row in one.isps if row.start == 60} == {4_500}
    assert tell(role, SetpointSplit("number-1", FIRST, shares, 0), "iles", AHEAD) == []  # it was answered


def test_a_setpoint_that_cannot_be_ordered_or_split_is_refused() -> None:
    """Past its day; and with the manager's own reason."""
    wanted = MicrogridSetpointWanted("number-1", "ada", FIRST, 60, 61, 15_000)
    (told,) = of(tell(players.dso(), replace(wanted, last_isp=97), MAILBOX, AHEAD), RequestAnswered)
    assert (told.accepted, told.reason.startswith("ISPs 60 to 97; expected 1 to 96")) == (False, True)
    role = players.dso()
    tell(role, wanted, MAILBOX, AHEAD)
    (told,) = of(tell(role, SetpointSplit("number-1", FIRST, (), 0, "nobody gives"), "iles", AHEAD), RequestAnswered)
    assert told == RequestAnswered("number-1", False, "nobody gives")


# ---- down: a limit on call -----------------------------------------------------------------------------------------------


def limits(effects: list[Effect]) -> list[tuple[str, int | None, datetime | None]]:
    """What homes are told: whose connection, which share, until when."""
    return [(m.usage_point, m.consumption_pct, m.end) for m in of(effects, SupplyLimited)]


def test_a_limit_leaves_devices_what_the_rest_does_not_need() -> None:
    """16 kW, of which 8 kW are the rest's: 40 % of 20 kW; who has no such device is told nothing; the DSO is answered."""
    effects = tell(manager(), CALL, "dso")
    assert limits(effects) == [("ean.farm-a", 40, UNTIL)]
    assert of(effects, LimitHeld) == [LimitHeld("n-1", NOON, 40, 16_000, False, UNTIL)]
    assert of(effects, MicrogridLimited) == [MicrogridLimited(NOON, "n-1", 16_000, 40, False, UNTIL, True, 8_000)]
    assert Arm(LookAtLimit(), NOON + 5 * MINUTE) in effects
    assert limits(tell(manager(), CALL, "agr")) == []


def test_a_limit_that_the_rest_alone_breaks_is_said_not_to_be_kept() -> None:
    """7 kW: devices draw nothing, and 8 kW are expected."""
    effects = tell(manager(), LimitCalled(CalledLimit("n-1", 7_000, UNTIL, 7_000)), "dso")
    (held,) = of(effects, LimitHeld)
    assert (held.consumption_pct, held.kept) == (0, False)


def test_a_silent_dso_brings_the_fail_safe_and_only_heartbeat_and_limit_end_it() -> None:
    """16 minutes of silence: 15 % for a day; a lift or a heartbeat alone change nothing; with a limit it is left at once."""
    role = manager()
    tell(role, CALL, "dso")
    for minute in (5, 10, 15):
        assert limits(role.handle(Fired(LookAtLimit()), NOON + minute * MINUTE)) == []
    silent = NOON + 16 * MINUTE
    effects = role.handle(Fired(LookAtLimit()), silent)
    assert limits(effects) == [("ean.farm-a", 15, silent + timedelta(hours=24))]
    (held,) = of(effects, LimitHeld)
    assert (held.import_w, held.failsafe, held.until) == (11_000, True, None)
    assert limits(tell(role, LimitLifted("n-2"), "dso", silent + MINUTE)) == []
    assert limits(tell(role, Heartbeat(silent), "dso", silent + MINUTE)) == []
    assert limits(role.handle(Fired(LookAtLimit()), silent + timedelta(hours=1))) == []
    tell(role, Heartbeat(silent), "dso", silent + timedelta(hours=1))
    until = silent + timedelta(hours=2)
    new = LimitCalled(CalledLimit("n-3", 18_000, until, 11_000))
    effects = tell(role, new, "dso", silent + timedelta(hours=1))
    assert limits(effects) == [("ean.farm-a", 50, until)]
    assert of(effects, LimitHeld)[0].failsafe is False


def test_homes_hear_of_a_fail_safe_again_before_what_they_were_told_ends() -> None:
    """Told for 24 hours; after 13 hours more it is told for 24 hours from then."""
    role = manager()
    tell(role, CALL, "dso")
    silent = NOON + 16 * MINUTE
    role.handle(Fired(LookAtLimit()), silent)
    later = silent + timedelta(hours=11)
    assert limits(role.handle(Fired(LookAtLimit()), later)) == []
    later = silent + timedelta(hours=13)
    (told,) = limits(role.handle(Fired(LookAtLimit()), later))
    assert told[2] == later + timedelta(hours=24)


def test_a_lift_and_an_end_free_the_devices_and_are_told_to_the_dso() -> None:
    """By request; and by itself, while heartbeats come; nothing is looked at any more."""
    role = manager()
    tell(role, CALL, "dso")
    effects = tell(role, LimitLifted("n-2"), "dso", NOON + MINUTE)
    assert limits(effects) == [("ean.farm-a", None, None)]
    assert (of(effects, LimitHeld)[0].number, of(effects, LimitHeld)[0].import_w) == ("n-2", None)
    assert Disarm(LookAtLimit()) in effects
    tell(role, CALL, "dso", NOON + 2 * MINUTE)
    tell(role, Heartbeat(NOON), "dso", UNTIL - MINUTE)
    assert limits(role.handle(Fired(LookAtLimit()), UNTIL)) == [("ean.farm-a", None, None)]


def test_more_of_the_rest_leaves_devices_less_at_the_next_look() -> None:
    """The rest is foretold 2 kW higher: 30 % instead of 40."""
    role = manager()
    tell(role, CALL, "dso")
    tell(role, PortfolioFlexibility(POINT, FIRST, 2, BothWays(), (6_000,) * 96, None), "agr", NOON + MINUTE)
    assert limits(role.handle(Fired(LookAtLimit()), NOON + 5 * MINUTE)) == [("ean.farm-a", 30, UNTIL)]


def test_a_manager_goes_on_with_a_limit_from_its_snapshot() -> None:
    """Moved elsewhere, it misses the DSO as it would have."""
    role, other = manager(), manager()
    tell(role, CALL, "dso")
    other.restore(role.snapshot())
    assert limits(other.handle(Fired(LookAtLimit()), NOON + 16 * MINUTE))[0][1] == 15


def test_a_home_takes_the_managers_limit_as_the_dsos() -> None:
    """It holds under the whole's number; of an aggregator it is nothing."""
    told = SupplyLimited(WHOLE, "ean.farm-a", NOON, UNTIL, 40, False, WHOLE)
    role = players.farm("farm-a")
    tell(role, told, "agr")
    assert role.part(SupplyLimits).state.limits == {}
    tell(role, told, "iles")
    assert list(role.part(SupplyLimits).state.limits) == [WHOLE]


def limited(import_w: int | None = 16_000) -> MicrogridLimitWanted:
    """An engineer's wish."""
    return MicrogridLimitWanted("number-1" if import_w else "number-2", "ada", import_w, None, UNTIL)


def test_the_dso_records_a_limit_calls_it_and_goes_on_with_heartbeats() -> None:
    """The fail-safe is the limit where nothing is said; answered when the manager has; heartbeats stop when it is over."""
    role = players.dso()
    effects = tell(role, limited(), MAILBOX)
    assert [record.kind for filed in of(effects, Filed) for record in filed.records] == ["microgrid-limit"]
    assert of(effects, LimitCalled) == [LimitCalled(CalledLimit("number-1", 16_000, UNTIL, 16_000))]
    assert of(effects, Heartbeat) == [Heartbeat(NOON)]
    assert of(effects, RequestAnswered) == []
    (told,) = of(tell(role, LimitHeld("number-1", NOON, 40, 16_000, False, UNTIL), "iles"), RequestAnswered)
    assert told == RequestAnswered(
        "number-1", True, "limitable devices draw at most 40 % of their ratings, for 16000 W of import"
    )
    later = NOON + 5 * MINUTE
    beating = role.handle(Fired(NextHeartbeat()), later)
    assert beating == [Send("iles", Heartbeat(later)), Arm(NextHeartbeat(), later + 5 * MINUTE)]
    tell(role, LimitHeld("number-1", later, None, None, False, None), "iles", later)
    assert role.handle(Fired(NextHeartbeat()), later) == []


def test_what_the_whole_was_limited_for_is_fined_nobody() -> None:
    """The ISPs in which it held count as limited at every connection, and no others; a fail-safe's until the site's end."""
    role = players.dso()
    tell(role, LimitHeld("n-1", NOON, 40, 16_000, False, UNTIL), "iles")
    part = role.part(ConsumptionLimits)
    assert part.limited_isps("ean.farm-a", FIRST) == {ISP, ISP + 1}
    tell(role, LimitHeld("n-1", NOON, None, None, False, None), "iles", NOON + 10 * MINUTE)
    assert part.limited_isps("ean.park", FIRST) == {ISP}
    tell(role, LimitHeld("n-1", UNTIL, 15, 11_000, True, None), "iles", UNTIL)
    assert part.limited_isps("ean.park", FIRST) == {ISP, *range(ISP + 2, 97)}


@pytest.mark.parametrize(
    ("role", "wanted", "words"),
    [
        (players.dso(), limited(None), "is not limited"),
        (players.dso(), replace(limited(), until=NOON), "is over"),
        (players.dso(players.rules(Control.LOCAL)), limited(), "has no right"),
    ],
)
def test_a_limit_that_cannot_be_is_refused_with_a_reason(
    role: DsoRole, wanted: MicrogridLimitWanted, words: str
) -> None:
    """One sentence, and nobody is told anything."""
    effects = tell(role, wanted, MAILBOX)
    (answer,) = of(effects, RequestAnswered)
    assert (answer.accepted, len(effects), words in answer.reason) == (False, 1, True)
