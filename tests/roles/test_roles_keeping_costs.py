"""An offer holds what it is expected to cost to keep it, by assumption first and then by what it did cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from agents.planning.forecast.error_quantiles import ASSUMED_DAYS, KEPT_DAYS
from agents.roles.aggregator import AggregatorRole, Member
from agents.roles.aggregator.keeping_costs import KeepingCosts, OrderCosts
from agents.roles.aggregator.making_whole import ClaimsAnswered
from agents.roles.aggregator.prognosis_sums import PrognosisSums
from agents.roles.aggregator.promises import OrderDropped, OrderTaken, Promises
from agents.roles.aggregator.vpp_session import PointDay
from agents.roles.parts.contracts import Contracts
from market.contracts.contract import BaselineKind, FlexElement
from market.uftp import DPrognosis, FlexOrder, FlexOrderSettlement, IspPower
from tests.worlds import players, terms
from tests.worlds.players import AHEAD, DAY, FARMS, FIRST, POINT, RULES, aggregator, agreement, dso

PENALTY_E4 = 3000
SUN = BaselineKind.AVAILABLE_POWER
ISPS = tuple(IspPower(isp, 6000) for isp in range(45, 49))


@dataclass
class Sums:
    """What the aggregator's accounts say: what each member is paid, and what its orders to the DSO came to."""

    earned: int
    rows: tuple[FlexOrderSettlement, ...]

    def earned_e4(self, member: str, period: date) -> int:
        """A member's pay, less its fines."""
        return self.earned

    def of_dso(self, period: date) -> tuple[FlexOrderSettlement, ...]:
        """The DSO's orders."""
        return self.rows


def order(price: int = 1320, reference: str = "o-1") -> FlexOrder:
    """The DSO's order of these ISPs."""
    header = dso().me.header("agr", AHEAD, None, "FlexOrder", reference)
    return FlexOrder(header, FIRST, POINT, reference, price, "EUR", ISPS, RULES.timezone, 15)


def foretold(largest_w: int = -100_000, plant_w: int = 50_000, kind: BaselineKind = SUN) -> AggregatorRole:
    """An aggregator that has just foretold its portfolio's day; each of its two members has contracted a plant."""
    members = tuple(Member(name, f"ean.{name}", POINT) for name in FARMS)
    role = AggregatorRole("agr", RULES, players.key("agr"), terms.aggregator_config(members, keeping_share=1.0))
    for name in FARMS:
        element = FlexElement(f"{name}.pv", "pv", plant_w, 0, kind)
        contract = replace(agreement(name, contract_id=f"c-{name}"), flex_elements=(element,))
        role.part(Contracts).agreed(contract, AHEAD)
    header = dso().me.header("agr", AHEAD, None, "DPrognosis")
    told = DPrognosis(header, FIRST, POINT, 1, (largest_w,) * DAY.count, RULES.timezone)
    role.part(PrognosisSums).state.newest[PointDay(POINT, FIRST)] = told
    return role


def expected(role: AggregatorRole, isps: tuple[IspPower, ...] = ISPS, ahead: timedelta = timedelta(0)) -> int:
    """What keeping these ISPs is to cost, the members asking 10 ct/kWh."""
    asked = round(sum(row.power_w for row in isps) / 4000 * 1000)
    return role.part(KeepingCosts).expected_e4(
        POINT, FIRST, isps, asked_e4=asked, penalty_e4_per_kwh=PENALTY_E4, now=AHEAD + ahead
    )


def test_the_assumption_goes_by_lead_and_size() -> None:
    """A day ahead 12 % of 100 kW is to be missed by 4.8 kW on average (0.4 deviations), less what a fine caps: some 4 ct."""
    role = foretold()
    assert 4 * 0.25 * 3.5 * 1000 < expected(role) < 4 * 0.25 * 4.8 * 1000
    near = expected(role, ahead=DAY.isp_start(45) - AHEAD - timedelta(hours=1))
    assert near < expected(role) * 0.6, "an hour ahead 5 %"
    assert expected(foretold(-10_000)) < expected(role) / 5


def test_only_what_sun_and_wind_drive_is_assumed_to_err() -> None:
    """Half as much sun under contract errs by half; a CHP's running plan is kept, until experience says otherwise."""
    assert expected(foretold(plant_w=25_000)) == pytest.approx(expected(foretold()) / 2, rel=0.1)
    assert expected(foretold(kind=BaselineKind.RUNNING_PLAN)) == 0


def test_what_is_promised_already_is_kept_anyway() -> None:
    """A second order of the same ISPs adds little beside the first: the portfolio errs once."""
    role = foretold()
    once = expected(role)
    told = role.part(PrognosisSums).newest(POINT, FIRST)
    role.part(Promises).taken(OrderTaken(order(), told), AHEAD)
    assert 0 <= expected(role) < once / 3


def test_without_a_fine_or_a_prognosis_nothing_is_added() -> None:
    """Under no contract nobody fines; before the first prognosis there is nothing to err."""
    assert expected(aggregator()) == 0
    part = foretold().part(KeepingCosts)
    assert part.expected_e4(POINT, FIRST, ISPS, asked_e4=600, penalty_e4_per_kwh=0, now=AHEAD) == 0


def learned(role: AggregatorRole, earned: int, *, claims: int = 0, penalty: int = 0) -> Any:
    """The part after a day whose one order was asked 600, and whose price holds 150 of the 600 of keeping; each farm earned so much."""
    part = role.part(KeepingCosts)
    part.taken(OrderCosts(order(), 600, 150), AHEAD)
    row = FlexOrderSettlement("o-1", FIRST, POINT, (), 1320, penalty, 1320 - penalty)
    part._accounts = Sums(earned, (row,))
    part.closed(ClaimsAnswered(FIRST, claims), DAY.end)
    return part


@pytest.mark.parametrize(
    ("earned", "claims", "penalty", "spent"), [(300, 0, 0, 0), (600, 0, 0, 600), (600, 50, 30, 680), (200, 0, 0, -200)]
)
def test_a_days_keeping_is_what_went_beyond_what_members_asked(
    earned: int, claims: int, penalty: int, spent: int
) -> None:
    """Paid to two farms, to make them whole and as fine, less the 600 that the order's parts were asked for."""
    part = learned(aggregator(), earned, claims=claims, penalty=penalty)
    assert part.state.days == ((600, spent),)
    share = part._config.keeping_share
    assert share == 0.25, "as the site's file assumes"
    expected_factor = (ASSUMED_DAYS * share * 600 + spent) / ((ASSUMED_DAYS + 1) * 600)
    assert part.factor == pytest.approx(max(expected_factor, 0.1))


def test_what_it_did_cost_scales_the_next_offers() -> None:
    """Ten days at twice what was expected: half as dear again as assumed; and never without bounds."""
    role = foretold()
    before = expected(role)
    role.part(KeepingCosts).state.days = ((600, 1200),) * 10
    assert expected(role) == pytest.approx(before * 1.5, abs=1)
    role.part(KeepingCosts).state.days = ((1, 10**6),) * 20
    assert expected(role) == pytest.approx(before * 4, abs=4)
    role.part(KeepingCosts).state.days = ((600, -(10**6)),) * 20
    assert 0 <= expected(role) < before / 5


def test_a_scaled_price_is_held_against_the_assumption_itself() -> None:
    """With a factor of 1.5 an order's 900 were 600 by the assumption: else each day's factor would scale the next once more."""
    part = foretold().part(KeepingCosts)
    part.state.days = ((600, 1200),) * 10
    part.taken(OrderCosts(order(), 600, 900), AHEAD)
    assert part.state.orders["o-1"].keeping_e4 == 600


def test_a_day_is_learned_once_and_forgotten_in_time() -> None:
    """A revision of its settlement changes nothing; no more than the last days are kept, and no order of a day that is closed."""
    part = learned(aggregator(), 600)
    part.closed(ClaimsAnswered(FIRST, 500), DAY.end)
    assert len(part.state.days) == 1
    part.state.days = ((1, 1),) * KEPT_DAYS
    part.state.closed = ()
    part.closed(ClaimsAnswered(FIRST, 0), DAY.end)
    assert len(part.state.days) == KEPT_DAYS
    part.prune(DAY.next(1).day)
    assert (part.state.orders, part.state.closed) == ({}, ())


def test_a_refused_order_costs_nothing() -> None:
    """What is dropped is not among the day's orders; a day without orders says nothing of keeping them."""
    part = aggregator().part(KeepingCosts)
    part.taken(OrderCosts(order(), 600, 60), AHEAD)
    part.dropped(OrderDropped(order()), AHEAD)
    part.closed(ClaimsAnswered(FIRST, 0), DAY.end)
    assert part.state.days == ()


def test_a_price_below_what_members_ask_expects_no_gain_of_keeping() -> None:
    """Where the DSO's contract caps the price, an order is expected to cost nothing to keep, never less than nothing."""
    part = aggregator().part(KeepingCosts)
    part.taken(OrderCosts(replace(order(), price=500), 600, 0), AHEAD)
    assert part.state.orders["o-1"].keeping_e4 == 0
    assert np.isfinite(part.factor)
