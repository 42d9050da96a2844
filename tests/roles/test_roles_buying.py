"""The DSO buys by probability: day-ahead what is surely needed, the rest as the gate nears; it learns how sure it may be."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.planning.forecast.error_quantiles import LEADS
from agents.planning.grid_safety.assessment import Assessment
from agents.roles.dso import DsoRole
from agents.roles.dso.forecast_errors import ForecastErrors
from agents.roles.dso.ordering import Ordering
from agents.roles.dso.prognoses import Prognoses
from agents.roles.dso.requesting import needed_w
from agents.roles.dso.trading_rounds import TradingRounds
from agents.roles.events import Fired, Received
from agents.roles.messages import Receipt
from agents.roles.parts.settlement_as_buyer import SettleDay
from cim.model.arrays import Floats
from market.uftp import Header, Metering, MeteringProfile
from tests.roles.test_roles_dso import hear, hear_all, ordering
from tests.worlds import players
from tests.worlds.players import AHEAD, DAY, FIRST, NOON, POINT, dso

ISP = DAY.isp_of(NOON)


def sure_w(role: DsoRole, chance: float) -> Floats:
    """What the portfolio of `agr` will surely do."""
    return role.part(TradingRounds)._expected.sure_w("agr", POINT, DAY, AHEAD, np.full(96, chance))


def test_what_is_almost_sure_is_nearer_to_zero_than_what_is_expected() -> None:
    """A swing of 9 kW in the last days and 12 % of it as deviation a day ahead: 9 kW of feed-in are surely 7.2 kW."""
    role = dso()
    role.part(ForecastErrors)._history.state.history_kw["ean.farm-a"] = (np.full(96, -9.0),)
    hear_all(role)
    assert sure_w(role, 0.5) == pytest.approx(np.full(96, -9000.0))
    assert sure_w(role, 0.95)[1:] == pytest.approx(np.full(95, -9000.0 + 1.6449 * 0.12 * 9000), abs=1)


def test_nobody_is_beyond_what_is_promised() -> None:
    """Ordered up to -5 kW: expected at even odds -5 and not -9; what is sure anyway stays as it is."""
    role = dso()
    held = role.part(Ordering)
    filed, _ = ordering(role)
    hear(role, "ledger", Receipt(filed.reference))
    assert held.state.orders
    assert sure_w(role, 0.5)[47] == pytest.approx(-5000.0)


def test_the_last_gate_asks_less_surely() -> None:
    """A day ahead 95 %; on the day, an hour (until the next prognosis) from the gate on 65 %."""
    trading = dso().part(TradingRounds)
    assert set(trading._chances(DAY, AHEAD)) == {0.95}
    chances = trading._chances(DAY, NOON)
    first = ISP + trading.config.gate_isps
    assert set(chances[first - 1 : first + 3]) == {0.65}
    assert chances[first + 3] == 0.95


def test_what_the_next_round_can_still_buy_waits_for_it() -> None:
    """In a round at 12:40 only what cannot be ordered any more at 13:00 is at its last gate: two ISPs, not four."""
    trading = dso().part(TradingRounds)
    chances = trading._chances(DAY, NOON + timedelta(minutes=40))
    first = ISP + 2 + trading.config.gate_isps
    assert [float(chance) for chance in chances[first - 2 : first + 3]] == [0.95, 0.65, 0.65, 0.95, 0.95]


@given(st.integers(0, 24 * 12 - 1), st.integers(1, 24))
def test_every_isp_has_one_last_gate_and_none_is_missed(step: int, hours: int) -> None:
    """Whenever a round is: what it may order is at its last gate exactly where the next regular round cannot order it."""
    role = DsoRole(
        "dso", replace(players.rules(), revision_hours=hours), players.key("dso"), dso().part(Prognoses).config
    )
    trading, now = role.part(TradingRounds), DAY.start + step * timedelta(minutes=5)
    regular = [DAY.start + k * timedelta(hours=hours) for k in range(25)]
    later = [at for at in regular if now < at < DAY.end]
    gate = trading.config.gate_isps
    first, reached = DAY.isp_of(now) + gate, DAY.isp_of(later[0]) + gate if later else DAY.count + 1
    chances = trading._chances(DAY, now)
    assert [isp for isp in range(1, DAY.count + 1) if chances[isp - 1] == 0.65] == list(
        range(first, min(reached, DAY.count + 1))
    )


def test_a_metered_day_teaches_how_far_prognoses_were_off() -> None:
    """Foretold -9 kW and metered -6, but where something was ordered: 3 kW are learned for the prognosis's lead."""
    role = dso()
    hear_all(role)
    for name in ("farm-a", "farm-b", "park"):
        header = Header("farm-a.example", "dso.example", DAY.end, name, name)
        metering = Metering(
            header, FIRST, f"ean.{name}", 1, (MeteringProfile("Power", "W", (-6000,) * 96),), "Europe/Vienna"
        )
        role.handle(Received("farm-a", 1, metering), DAY.end)
    role.handle(Fired(SettleDay(FIRST)), DAY.end + timedelta(hours=3))
    learned = role.part(ForecastErrors).state.errors_w["agr", POINT]
    (day,) = learned[len(LEADS)]
    assert day.tolist() == [3000.0] * 24


def _told(metering: Metering):
    from agents.roles.events import Received

    return Received("farm-a", 1, metering)


def test_what_is_too_little_is_not_asked_for() -> None:
    """Below 500 W, or 250 Wh in a row, nothing; 600 W over two ISPs (300 Wh) are asked for whole."""
    need = np.zeros(96)
    need[9], need[19], need[29:31], need[39:41] = 400.0, 900.0, 600.0, -600.0
    found = Assessment(POINT, need, np.zeros(96), np.zeros(96), np.zeros(96))
    asked = needed_w(found, 1, 96, minimum_w=500, minimum_wh=250, hours=0.25)
    assert {int(k): float(asked[k]) for k in np.flatnonzero(asked)} == {29: 600.0, 30: 600.0, 39: -600.0, 40: -600.0}


def test_rebound_is_left_only_the_room_that_is_almost_surely_there() -> None:
    """Of 9 kW of feed-in expected 7.2 are sure and 10.8 may well come (5 %): room is what those leave; needs go by the 7.2."""
    role = dso()
    role.part(ForecastErrors)._history.state.history_kw["ean.farm-a"] = (np.full(96, -9.0),)
    hear_all(role)
    trading = role.part(TradingRounds)
    found = trading._expected.of_nodes(DAY, AHEAD, np.full(96, 0.95))
    swing_w = 1.6449 * 0.12 * 9000
    k = found.nodes.index("n1")
    assert found.most_w[k][50] - found.p_w[k][50] == pytest.approx(-swing_w, abs=1)
    assert found.sure_w[k][50] - found.p_w[k][50] == pytest.approx(swing_w, abs=1)
