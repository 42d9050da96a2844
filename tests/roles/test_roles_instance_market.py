"""The microgrid as one unit in a whole market: a setpoint becomes orders, a limit reaches devices, silence brings the fail-safe."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.planning.instance.on_call import percent
from agents.roles.grid_messages import SupplyLimited
from agents.roles.role import Role
from cim.platform.mailbox.requests import MAILBOX, MicrogridLimitWanted, MicrogridSetpointWanted, RequestAnswered
from cim.platform.publications.grid import MicrogridEnvelope, MicrogridLimited
from market.uftp import FlexOrder, FlexRequest
from tests.worlds.miniature import Miniature
from tests.worlds.physics import BASE_W, BATTERY_W, HOMES
from tests.worlds.players import DAY, FIRST, POINT

MORNING = DAY.at(6) + timedelta(minutes=2)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def market(tmp_path: Path) -> Miniature:
    """Four homes with PV and a battery, two aggregators; it is 6:02 of the operated day."""
    made = Miniature(tmp_path / "ledger.db")
    made.play(MORNING)
    return made


def ask(market: Miniature, message: Any, now: datetime) -> None:
    """People ask the DSO's agent."""
    market.hear(MAILBOX, "dso", 1, message, now)


def envelope(market: Miniature) -> MicrogridEnvelope:
    """The newest of the operated day."""
    told: list[MicrogridEnvelope] = [one for one in market.told(MicrogridEnvelope) if one.period == FIRST]
    return told[-1]


def answer(market: Miniature, number: str) -> RequestAnswered | None:
    """What people were answered."""
    told = [m for _, to, m in market.sent if to == MAILBOX and m.number == number]
    return told[-1] if told else None


def test_every_revision_has_one_envelope_of_all_portfolios(market: Miniature) -> None:
    """Two portfolios told all; at 6:02, hours after midnight, the night's ISPs are over and noon's sun can be held back."""
    told = [one for one in market.told(MicrogridEnvelope) if one.period == FIRST]
    assert len({one.at for one in told}) == len(told)
    newest = told[-1]
    assert (newest.portfolios, newest.told) == (2, 2)
    noon = DAY.isp_of(DAY.at(12)) - 1
    assert newest.high_w[noon] > newest.expected_w[noon] > -4 * 10_000
    assert newest.high_w[:20] == newest.expected_w[:20] == newest.low_w[:20]


def test_a_setpoint_of_the_whole_becomes_orders_of_its_difference(market: Miniature) -> None:
    """2 kW more than expected in two ISPs of the morning: asked for at the point, offered and ordered in about that height."""
    first = DAY.isp_of(DAY.at(9))
    power_w = max(envelope(market).expected_w[first - 1 : first + 1]) + 2_000
    expected = {isp: power_w - envelope(market).expected_w[isp - 1] for isp in (first, first + 1)}
    before = len(market.said(FlexOrder))
    ask(market, MicrogridSetpointWanted("n-1", "ada", FIRST, first, first + 1, power_w), MORNING)
    market.go_on(MORNING + 10 * MINUTE)
    told = answer(market, "n-1")
    assert told is not None
    assert told.accepted, told.reason
    rows = {r.start: r.min_power_w for one in market.said(FlexRequest)[-2:] for r in one.isps if r.start in expected}
    assert rows == expected
    domains = {"agr.example", "agr-2.example"}
    orders = [o for o in market.said(FlexOrder)[before:] if o.header.recipient_domain in domains]
    assert {order.congestion_point for order in orders} == {POINT}
    ordered = {
        isp: sum(r.power_w for o in orders for r in o.isps if r.start <= isp < r.start + r.duration) for isp in expected
    }
    assert ordered == pytest.approx(expected, rel=0.05)


def test_a_setpoint_that_nobody_can_give_is_refused_and_nothing_is_asked_for(market: Miniature) -> None:
    """100 kW of import by four homes."""
    first, before = DAY.isp_of(DAY.at(9)), len(market.said(FlexRequest))
    ask(market, MicrogridSetpointWanted("n-1", "ada", FIRST, first, first, 100_000), MORNING)
    told = answer(market, "n-1")
    assert told is not None
    assert not told.accepted
    assert f"in ISP {first} " in told.reason
    assert len(market.said(FlexRequest)) == before


def share(market: Miniature) -> tuple[int | None, ...]:
    """What the homes were told last, each."""
    told = {to: m.consumption_pct for _, to, m in market.sent if isinstance(m, SupplyLimited)}
    return tuple(told.get(home) for home in HOMES)


def test_a_limit_holds_all_batteries_and_silence_the_fail_safe_until_heartbeat_and_limit(market: Miniature) -> None:
    """The rest and 3 kW: a quarter of four batteries of 3 kW; the DSO falls silent, then speaks again: its beat is not enough."""
    rest_w = 4 * BASE_W
    until = MORNING + timedelta(hours=2)
    ask(market, MicrogridLimitWanted("n-1", "ada", rest_w + 3_000, rest_w + 1_200, until), MORNING)
    told = answer(market, "n-1")
    assert told is not None
    assert told.accepted, told.reason
    began = market.told(MicrogridLimited)[-1]
    left = percent(rest_w + 3_000, began.rest_w, 4 * BATTERY_W)
    assert 0 < left < 100
    assert set(share(market)) == {left}
    market.go_on(MORNING + 40 * MINUTE)
    held = market.told(MicrogridLimited)
    assert not any(one.failsafe for one in held)  # heartbeats came
    charged = [
        command.setpoint.power_w
        for at, command in market.commands
        if at > MORNING and command.device.endswith(".bat") and command.setpoint is not None
    ]
    assert charged
    assert max(charged) <= BATTERY_W * max(one.consumption_pct or 0 for one in held) / 100 + 1

    dso: Role = market.roles.pop("dso")
    market.go_on(MORNING + 70 * MINUTE)
    failed = market.told(MicrogridLimited)[-1]
    assert (failed.failsafe, failed.import_w, failed.until) == (True, rest_w + 1_200, None)
    assert set(share(market)) == {percent(rest_w + 1_200, failed.rest_w, 4 * BATTERY_W)}
    market.go_on(until + 10 * MINUTE)
    assert set(share(market)) != {None}  # its end does not free it

    market.roles["dso"] = dso
    late = until + 10 * MINUTE
    ask(market, MicrogridLimitWanted("n-2", "ada", None, None, late + MINUTE), late)
    market.go_on(late + 5 * MINUTE)
    assert market.told(MicrogridLimited)[-1].failsafe
    ask(market, MicrogridLimitWanted("n-3", "ada", rest_w + 6_000, None, late + 60 * MINUTE), late + 5 * MINUTE)
    last = market.told(MicrogridLimited)[-1]
    assert (last.number, last.failsafe, last.import_w) == ("n-3", False, rest_w + 6_000)
    market.go_on(late + 70 * MINUTE)
    assert market.told(MicrogridLimited)[-1].import_w is None
    assert set(share(market)) == {None}


def test_the_order_of_deliveries_changes_no_envelope(tmp_path: Path) -> None:
    """In two orders of arrival the last envelope of the morning is the same."""
    found = []
    for seed in (1, 2):
        made = Miniature(tmp_path / f"{seed}.db", seed)
        made.play(MORNING)
        found.append(envelope(made))
    assert found[0] == found[1]
