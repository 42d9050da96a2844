"""A month of many members is that of each member alone, whatever parts it is worked off in; two sums differ where they differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from market.contracts.activations import Activations
from market.settlement.baselines import x_of_y_baseline
from market.settlement.batch import month
from market.settlement.batch.accounts import Accumulated, Differing, differences
from market.settlement.batch.month import MemberRows, XofY, month_rows
from market.settlement.batch.orders import SettledOrders, settle_table
from market.settlement.batch.tables import MeterTable, OrderTable, order_table
from tests.market.batch_worlds import contract, days_from, row_values, terms

DAYS = days_from(date(2026, 5, 4), 19)  # from a Monday on: two weeks of history, and Monday to Friday
FIRST, MEMBERS = 14, 5
METHOD = XofY(x=2, y=3, adjust_isps=8)
TIGHT = contract("c-0", max_runtime_isps=2, recovery_isps=4, max_activations=2, start_minute=60)
LOOSE = contract("c-1")
CONTRACTS, OF_PARTY = (TIGHT, LOOSE), np.array([0, 1, 0, 1, 0])


def world(seed: int) -> tuple[MeterTable, OrderTable]:
    """Meters with some gaps, and orders on three of the five days for some of the members."""
    rng = np.random.default_rng(seed)
    power = rng.integers(-3000, 6000, (MEMBERS, DAYS.count)).astype(np.int32)
    known = rng.random((MEMBERS, DAYS.count)) > 0.03
    rows: list[tuple[int, int, int, int]] = []
    for party in range(MEMBERS - 1):  # the last has no order
        for number, day in enumerate((FIRST, FIRST + 2, FIRST + 4)):
            begin = DAYS.slice_of(day).start + int(rng.choice([2, 8, 9, 40, 90]))
            order = 3 * party + number
            rows += [(party, begin + k, order, int(rng.integers(100, 900))) for k in range(int(rng.integers(1, 5)))]
    return MeterTable(DAYS, power, known), order_table(rows, [1000] * 15, OF_PARTY[np.arange(15) // 3].tolist())


def rows_of(meters: MeterTable, orders: OrderTable) -> MemberRows:
    """The month's rows."""
    return month_rows(meters, FIRST, orders, CONTRACTS, OF_PARTY, METHOD)


@pytest.mark.parametrize("seed", range(4))
def test_every_member_is_settled_as_if_alone(seed: int) -> None:
    """Baselines with event days left out and the same-day adjustment, gaps, limits and sums: member by member, day by day."""
    meters, orders = world(seed)
    found = rows_of(meters, orders)
    assert meters.known is not None
    for party in range(MEMBERS):
        mine = orders.party == party
        event_days = {int(DAYS.day_of[isp]) for isp in orders.isp[mine]}
        for day in range(FIRST, len(DAYS.days)):
            columns, here = DAYS.slice_of(day), mine & (DAYS.day_of[orders.isp] == day)
            isps = orders.isp[here] - columns.start
            event = int(isps.min()) + 1 if len(isps) else None
            baseline = x_of_y_baseline(
                DAYS.days[day],
                {DAYS.days[k].day: meters.power_w[party, DAYS.slice_of(k)] for k in range(day)},
                events=[DAYS.days[k].day for k in event_days], x=METHOD.x, y=METHOD.y,
                same_day=meters.power_w[party, columns], adjust_isps=METHOD.adjust_isps,
                event_isp=event if event is not None and event > METHOD.adjust_isps else None,
            )  # fmt: skip
            assert found.baseline_w[here].tolist() == baseline[isps].tolist()
            assert found.actual_w[here].tolist() == meters.power_w[party, columns][isps].tolist()
            expected = baseline.astype(np.int64)
            np.add.at(expected, isps, orders.ordered_w[here])
            off = np.abs(meters.power_w[party, columns] - expected)[meters.known[party, columns]]
            assert found.accumulated.deviation_wisp[party, day - FIRST] == off.sum()
            assert found.accumulated.energy_wisp[party, day - FIRST] == meters.power_w[party, columns].sum()


@pytest.mark.parametrize("seed", range(4))
def test_a_row_counts_when_it_was_metered_and_allowed(seed: int) -> None:
    """Beyond a limit it is neither paid nor fined; who keeps to the contract has no row beyond, who does not has one."""
    meters, orders = world(seed)
    found = rows_of(meters, orders)
    assert meters.known is not None
    assert found.counts.tolist() == (~found.beyond & meters.known[orders.party, orders.isp]).tolist()
    flat = [day.isp_start(k) for day in DAYS.days for k in range(1, day.count + 1)]
    for party in range(MEMBERS):
        mine = orders.party == party
        reason = Activations(CONTRACTS[OF_PARTY[party]]).allowed((), [flat[isp] for isp in orders.isp[mine]])
        assert bool(found.beyond[mine].any()) is (reason is not None)


@pytest.mark.parametrize("at_once", [1, 2, 3, 5])
def test_how_many_are_worked_off_at_once_changes_nothing(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut into parts of one, two, three or five members: the same rows and sums."""
    meters, orders = world(9)
    whole = rows_of(meters, orders)
    monkeypatch.setattr(month, "_AT_ONCE", at_once)
    parts = rows_of(meters, orders)
    for name in ("baseline_w", "actual_w", "counts", "beyond"):
        assert getattr(parts, name).tolist() == getattr(whole, name).tolist()
    assert parts.accumulated.energy_wisp.tolist() == whole.accumulated.energy_wisp.tolist()
    assert parts.accumulated.deviation_wisp.tolist() == whole.accumulated.deviation_wisp.tolist()


def test_meters_without_gaps_are_as_meters_that_saw_everything() -> None:
    """No table of what is known means that all is."""
    meters, orders = world(1)
    all_known = MeterTable(DAYS, meters.power_w, np.ones(meters.power_w.shape, dtype=bool))
    one, two = (rows_of(each, orders) for each in (MeterTable(DAYS, meters.power_w), all_known))
    assert one.counts.tolist() == two.counts.tolist()
    assert one.accumulated.deviation_wisp.tolist() == two.accumulated.deviation_wisp.tolist()


def test_a_month_without_orders_has_no_rows_but_its_sums() -> None:
    """Nothing ordered: energy and deviation are told all the same."""
    meters, _ = world(2)
    found = rows_of(meters, order_table([], [], []))
    assert len(found.baseline_w) == len(found.counts) == 0
    assert found.accumulated.energy_wisp.shape == found.accumulated.deviation_wisp.shape == (MEMBERS, 5)
    assert int(found.accumulated.deviation_wisp.min()) > 0


def settled(meters: MeterTable, orders: OrderTable) -> tuple[SettledOrders, Accumulated]:
    """One party's sums."""
    rows = rows_of(meters, orders)
    done = settle_table(
        orders, terms(*CONTRACTS), 15, baseline_w=rows.baseline_w, actual_w=rows.actual_w, known=rows.counts
    )
    return done, rows.accumulated


def test_two_parties_with_the_same_data_agree_to_the_watt() -> None:
    """No difference, and what is not counted is neither paid nor fined by either."""
    meters, orders = world(3)
    ours = settled(meters, orders)
    assert differences(orders, DAYS, ours, settled(meters, orders), FIRST) == ()
    rows = rows_of(meters, orders)
    assert not ours[0].delivered_w[~rows.counts].any()
    assert not ours[0].deficiency_w[~rows.counts].any()
    assert (ours[0].net_e4 == ours[0].price_e4 - ours[0].penalty_e4).all()


@pytest.mark.parametrize("name", ["baseline_w", "actual_w", "delivered_w", "deficiency_w"])
def test_a_watt_in_one_row_is_told_with_its_place(name: str) -> None:
    """Whose row, on which day and in which ISP, which value, and both parties' numbers."""
    meters, orders = world(4)
    done, sums = settled(meters, orders)
    row = len(orders.party) - 1
    values = getattr(done, name).copy()
    values[row] += 1
    (found,) = differences(orders, DAYS, (done, sums), (replace(done, **{name: values}), sums), FIRST)
    party, isp = int(orders.party[row]), int(orders.isp[row])
    before = int(getattr(done, name)[row])
    assert found == Differing(party, int(DAYS.day_of[isp]), isp, name, before, before + 1)


@pytest.mark.parametrize("name", ["energy_wisp", "deviation_wisp"])
def test_a_difference_of_a_days_sum_is_told_after_the_rows(name: str) -> None:
    """By party and day of the calendar that the meters have, without an ISP; rows come first."""
    meters, orders = world(5)
    done, sums = settled(meters, orders)
    values = getattr(sums, name).copy()
    values[2, 3] -= 5
    actual = done.actual_w.copy()
    actual[0] += 2
    theirs = (replace(done, actual_w=actual), replace(sums, **{name: values}))
    first, second = differences(orders, DAYS, (done, sums), theirs, FIRST)
    assert (first.name, first.isp) == ("actual_w", int(orders.isp[0]))
    day_sum = int(getattr(sums, name)[2, 3])
    assert second == Differing(2, FIRST + 3, None, name, day_sum, day_sum - 5)
    assert differences(orders, DAYS, (done, sums), theirs)[1].day == 3  # counted from the sums' own first day


def test_one_misread_quarter_hour_is_found_where_it_lies() -> None:
    """One party's copy of one value is off by 7 W: of the rows only that ISP's, of the sums only that member's day."""
    meters, orders = world(6)
    row = int(np.flatnonzero(rows_of(meters, orders).counts)[0])
    party, isp = int(orders.party[row]), int(orders.isp[row])
    power = meters.power_w.copy()
    power[party, isp] += 7
    found = differences(orders, DAYS, settled(meters, orders), settled(replace(meters, power_w=power), orders), FIRST)
    assert {(one.party, one.day) for one in found} == {(party, int(DAYS.day_of[isp]))}
    assert {one.isp for one in found if one.name == "actual_w"} == {isp}
    (energy,) = (one for one in found if one.name == "energy_wisp")
    assert energy.theirs - energy.ours == 7
    assert row_values(orders, power)[row] - row_values(orders, meters.power_w)[row] == 7
