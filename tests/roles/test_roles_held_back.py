"""What an emergency's limit of consumption held back: told by the home, counted by the DSO, and never below the minimum."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.roles.dso import DsoRole
from agents.roles.dso.consumption_limits import ConsumptionLimits
from agents.roles.effects import Send
from agents.roles.events import Fired, Recalled
from agents.roles.messages import Filed
from agents.roles.parts.meter_data import MeterData
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.held_back import EmergencyHeld, held_back_w, inside_share, until
from agents.roles.prosumer.metering_messages import TellMetering
from agents.roles.prosumer.supply_limits import SupplyLimitEnds, SupplyLimits
from cim.model.devices import Mode, Setpoint
from cim.platform.mailbox.requests import RequestAnswered
from market.settlement.held_back import HELD_BACK, HELD_SINCE
from market.uftp import Metering, MeteringResponse
from tests.roles.test_roles_consumption_limits import (
    ISP,
    TOLD,
    UNTIL,
    WANTED,
    asked,
    home,
    sent,
    setpoints,
)  # fmt: skip
from tests.worlds import players
from tests.worlds.players import AHEAD, DAY, FIRST, NOON, dso

MINUTES = timedelta(minutes=1)
LEAST = replace(players.RULES, least_device_w=4_200)


def held(begin_min: int = 0, end_min: int = 30, expected_kw: float = 6.0, most_kw: float = 3.0) -> EmergencyHeld:
    """A limit of one element, in minutes from noon on."""
    expected = {FIRST: {"e": np.full(DAY.count, expected_kw)}}
    return EmergencyHeld("n", NOON + begin_min * MINUTES, NOON + end_min * MINUTES, expected, {"e": most_kw})


def told(limits: list[EmergencyHeld], measured_kw: float) -> dict[int, int]:
    """ISP -> watts that these held back of the element, at a measured power."""
    found = held_back_w(limits, "e", DAY, np.full(DAY.count, measured_kw))
    return {} if found is None else {isp: watts for isp, watts in enumerate(found, start=1) if watts}


# ---- the sum -------------------------------------------------------------------------------------------------------------


def test_a_limit_counts_by_its_share_of_a_quarter_hour() -> None:
    """From five past to half past: two thirds of the first, all of the second, nothing of others."""
    share = inside_share(NOON + 5 * MINUTES, NOON + 30 * MINUTES, DAY)
    assert {isp: round(float(x), 6) for isp, x in enumerate(share, start=1) if x} == {ISP: 0.666667, ISP + 1: 1.0}


def test_no_more_was_held_back_than_lay_beyond_the_limit_and_was_not_drawn() -> None:
    """6 kW expected, 3 let: at 3 kW 3 were held back; at 1 kW too, the rest is its own lack; at 5 kW one; at 6 none."""
    assert told([held()], 3.0) == {ISP: 3_000, ISP + 1: 3_000}
    assert told([held()], 1.0) == {ISP: 3_000, ISP + 1: 3_000}
    assert told([held()], 5.0) == {ISP: 1_000, ISP + 1: 1_000}
    assert told([held()], 6.0) == told([held(expected_kw=2.0)], 0.0) == {}


def test_a_limit_that_was_lifted_holds_back_no_more_and_another_adds_its_share() -> None:
    """Lifted after five minutes a third counts; where another takes over for the rest of the ISP, all of it."""
    first = until(held(), NOON + 5 * MINUTES)
    assert told([first], 3.0) == {ISP: 1_000}
    assert told([first, held(begin_min=5, end_min=15)], 3.0) == {ISP: 3_000}
    assert until(held(), UNTIL + MINUTES).end == UNTIL


@given(expected=st.floats(0, 20), most=st.floats(0, 20), measured=st.floats(0, 20), minutes=st.integers(1, 45))
def test_what_is_told_is_never_more_than_what_was_not_drawn(
    expected: float, most: float, measured: float, minutes: int
) -> None:
    """Whatever was expected and let: told and drawn together are no more than was expected, to a watt."""
    for watts in told([held(0, minutes, expected, most)], measured).values():
        assert 0 < watts <= 1000 * (expected - measured) + 1
        assert watts <= 1000 * (expected - most) + 1


# ---- the home ------------------------------------------------------------------------------------------------------------


def metered(role: ProsumerRole) -> dict[tuple[str, str], Metering]:
    """(recipient, meter) -> what it tells of the day after it."""
    at = DAY.end + timedelta(hours=1)
    effects = [
        *role.handle(Fired(TellMetering(FIRST)), at),
        *role.handle(Fired(TellMetering(FIRST)), at + timedelta(minutes=5)),
    ]
    return {
        (e.to, e.message.ean): e.message for e in effects if isinstance(e, Send) and isinstance(e.message, Metering)
    }


def watts_of(message: Metering) -> dict[int, int]:
    """ISP -> watts that its profile says were held back."""
    profile = message.profile(HELD_BACK)
    return {} if profile is None else {isp: watts for isp, watts in enumerate(profile.values, start=1) if watts}


def test_element_and_connection_tell_aggregator_and_dso_what_was_held_back() -> None:
    """Of the heat pump's 4 kW the limit lets 3; nothing was drawn: one kilowatt in two quarter-hours; without a limit nothing."""
    role = home()
    asked(role, TOLD, sender="dso")
    role.handle(Fired(SupplyLimitEnds("number-1")), UNTIL)
    messages, one = metered(role), {ISP: 1_000, ISP + 1: 1_000}
    for reader in ("agr", "dso"):
        assert watts_of(messages[reader, "ean.farm-a"]) == one
    assert watts_of(messages["agr", "farm-a.heat"]) == one
    assert watts_of(messages["agr", "farm-a.ev"]) == {}
    assert all(watts_of(message) == {} for message in metered(home()).values())


def test_it_is_told_since_when_the_limit_was_known() -> None:
    """By element and connection, in ISPs in which something was held back; of two limits of one ISP, the first."""
    role = home()
    asked(role, TOLD, NOON + MINUTES, sender="dso")
    asked(role, replace(TOLD, consumption_pct=None), NOON + 5 * MINUTES, sender="dso")
    asked(role, replace(TOLD, number="number-2"), NOON + 5 * MINUTES, sender="dso")
    messages, first = metered(role), int((NOON + MINUTES).timestamp())
    for message in (messages["dso", "ean.farm-a"], messages["agr", "ean.farm-a"], messages["agr", "farm-a.heat"]):
        profile = message.profile(HELD_SINCE)
        assert profile is not None
        assert {isp: at for isp, at in enumerate(profile.values, start=1) if at} == {ISP: first, ISP + 1: first + 240}
        assert profile.unit == "s"


def test_a_metering_with_a_profile_of_another_day_is_not_taken() -> None:
    """One value too few of what was held back: the DSO says so, and keeps nothing."""
    role, told_of = dso(), home()
    asked(told_of, TOLD, sender="dso")
    message = metered(told_of)["dso", "ean.farm-a"]
    short = tuple(replace(p, values=p.values[1:]) if p.profile_type == HELD_BACK else p for p in message.profiles)
    (answer,) = sent(
        asked(role, replace(message, profiles=short), DAY.end + timedelta(hours=1), sender="farm-a"), MeteringResponse
    )
    assert answer.rejection_reason == f"HeldBack: {DAY.count - 1} values; expected {DAY.count}"
    assert role.part(MeterData).of("ean.farm-a", FIRST) is None
    asked(role, message, DAY.end + timedelta(hours=1), sender="farm-a")
    assert role.part(MeterData).of("ean.farm-a", FIRST) == message


def test_what_is_lifted_early_is_told_by_its_share() -> None:
    """Lifted after five of thirty minutes: a third of a kilowatt in the first quarter-hour alone."""
    role = home()
    asked(role, TOLD, sender="dso")
    asked(role, replace(TOLD, consumption_pct=None), NOON + 5 * MINUTES, sender="dso")
    assert watts_of(metered(role)["dso", "ean.farm-a"]) == {ISP: 333}


def test_limits_of_days_that_are_closed_are_forgotten() -> None:
    """What is settled for good needs no reason any more."""
    role = home()
    asked(role, TOLD, sender="dso")
    role.part(SupplyLimits).prune(FIRST)
    assert len(role.part(SupplyLimits).state.held) == 1
    role.part(SupplyLimits).prune(DAY.next().day)
    assert role.part(SupplyLimits).state.held == ()


def test_no_device_is_held_below_the_stated_minimum() -> None:
    """At 20 % the station of 11 kW keeps 4.2 kW and not 2.2; the heat pump of 6 kW 4.0, which it is expected to take."""
    role = home(LEAST)
    effects = asked(role, replace(TOLD, consumption_pct=20), sender="dso")
    assert setpoints(effects)["farm-a.ev"][0] == Setpoint(Mode.LIMIT, 4_200)
    assert setpoints(effects)["farm-a.heat"][0] == Setpoint(Mode.TARGET, 4_000)


# ---- the DSO -------------------------------------------------------------------------------------------------------------


def isps(role: DsoRole, ean: str = "ean.farm-a") -> set[int]:
    """The quarter-hours in which it limited a connection."""
    return set(role.part(ConsumptionLimits).limited_isps(ean, FIRST))


def test_the_dso_knows_when_it_limited_whom() -> None:
    """Half an hour, both farms and not the park above; lifted in the first quarter-hour, the second is free again."""
    role = dso()
    asked(role, WANTED)
    assert isps(role) == isps(role, "ean.farm-b") == {ISP, ISP + 1}
    assert isps(role, "ean.park") == set()
    asked(role, replace(WANTED, number="number-2", consumption_pct=None), NOON + 5 * MINUTES)
    assert isps(role) == {ISP}
    role.part(ConsumptionLimits).prune(DAY.next().day)
    assert isps(role) == set()


def test_another_limit_takes_over_where_it_begins() -> None:
    """Ten minutes after the first, until two quarter-hours later: all three count, and none after."""
    role = dso()
    asked(role, WANTED)
    asked(role, replace(WANTED, number="number-2", until=NOON + 45 * MINUTES), NOON + 10 * MINUTES)
    assert isps(role) == {ISP, ISP + 1, ISP + 2}


def test_after_a_loss_the_ledger_says_when_it_was_limited() -> None:
    """Two records, the second of which lifted it: the same quarter-hours as before."""
    role, records = dso(), []
    for wanted, at in (
        (WANTED, NOON),
        (replace(WANTED, number="number-2", consumption_pct=None), NOON + 5 * MINUTES),
    ):
        records += [r for filed in sent(asked(role, wanted, at), Filed) for r in filed.records]
    again = dso()
    again.handle(Recalled(tuple(records), (), AHEAD, NOON + 20 * MINUTES), NOON + 20 * MINUTES)
    assert isps(again) == isps(role) == {ISP}


@pytest.mark.parametrize(
    ("pct", "limitable_w", "words"),
    [
        (20, (6_000, 11_000), "expected 39 to 100"),
        (38, (11_000,), "leaves 4180 W to the largest device, and each is left 4200 W"),
        (39, (11_000,), None),
        (100, (4_000,), "no device below"),
        (70, (6_000,), None),
    ],
)
def test_a_limit_below_the_stated_minimum_is_refused(pct: int, limitable_w: tuple[int, ...], words: str | None) -> None:
    """One sentence with what is left, what must be, and from which percentage on it can be; and nobody is told."""
    role = dso(LEAST)
    part = role.part(ConsumptionLimits)
    ours = (replace(c, limitable_w=limitable_w) for c in part._config.connections)
    part._config = replace(part._config, connections=tuple(ours))
    effects = asked(role, replace(WANTED, consumption_pct=pct))
    (answer,) = sent(effects, RequestAnswered)
    if words is None:
        assert answer.accepted
        assert "each device is left 4200 W, or its rating" in answer.reason
    else:
        assert (answer.accepted, len(effects)) == (False, 1)
        assert words in answer.reason
