"""Orders settled in a batch are those settled one by one, to the ten-thousandth, stacks, caps, gaps and penalties alike."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.settlement.batch.orders import half_even, settle_table
from market.settlement.batch.tables import order_table
from market.settlement.day import settle
from market.settlement.orders import rounded
from tests.market.batch_worlds import DAY, WATTS, contract, days_from, order, row_values, terms

ISPS = 96
COUNT = st.integers(0, 10_000_000)


@given(COUNT, st.integers(1, 1_000_000))
def test_half_even_is_the_one_rounding_rule(numerator: int, denominator: int) -> None:
    """Rounding in a batch is that of an exact fraction."""
    assert half_even(np.array([numerator]), np.array([denominator])).tolist() == [
        rounded(Fraction(numerator, denominator))
    ]


@st.composite
def cases(
    draw: st.DrawFn,
) -> tuple[list[list[tuple[list[tuple[int, int]], int, int]]], np.ndarray, np.ndarray, np.ndarray]:
    """For each of some parties: its orders ((ISP, watts), price, contract), and baselines, meters and gaps for all."""
    parties = []
    for _ in range(draw(st.integers(1, 3))):
        orders = []
        for _ in range(draw(st.integers(0, 3))):
            powers = draw(st.dictionaries(st.integers(1, 4), WATTS.filter(bool), min_size=1, max_size=3))
            orders.append((sorted(powers.items()), draw(st.integers(0, 50_000)), draw(st.integers(0, 1))))
        parties.append(orders)
    rows = st.lists(WATTS, min_size=4, max_size=4)
    dense = [np.array([draw(rows) for _ in parties]) for _ in range(2)]
    known = np.array([draw(st.lists(st.booleans(), min_size=4, max_size=4)) for _ in parties])
    return parties, dense[0], dense[1], known


@given(cases(), st.integers(0, 9000), st.booleans(), st.none() | st.lists(WATTS, min_size=4, max_size=4))
def test_a_batch_settles_as_one_by_one(
    case: tuple[list[list[tuple[list[tuple[int, int]], int, int]]], np.ndarray, np.ndarray, np.ndarray],
    penalty: int,
    cap: bool,
    level: list[int] | None,
) -> None:
    """Every delivered and missing watt, price and penalty is that of the day's own settlement, by any level promised."""
    parties, baseline, actual, known = case
    contracts = [
        contract("c-0", penalty_e4_per_kwh=penalty, deficiency_cap=cap),
        contract("c-1", penalty_e4_per_kwh=3 * penalty + 1, deficiency_cap=not cap),
    ]
    numbered = [(party, one) for party, orders in enumerate(parties) for one in orders]
    rows = [(party, isp - 1, number, watts) for number, (party, one) in enumerate(numbered) for isp, watts in one[0]]
    table = order_table(rows, [one[1] for _, one in numbered], [one[2] for _, one in numbered])
    wide = [np.pad(part, ((0, 0), (0, ISPS - 4))) for part in (baseline, actual, known)]
    found = settle_table(
        table, terms(*contracts), 15, baseline_w=row_values(table, wide[0]), actual_w=row_values(table, wide[1]),
        known=row_values(table, wide[2]).astype(bool), level_w=None if level is None else np.array(level)[table.isp],
    )  # fmt: skip
    promised = None if level is None else {k + 1: watts for k, watts in enumerate(level)}
    row_of = {(int(table.order[k]), int(table.isp[k]) + 1): k for k in range(len(table.order))}
    for party, orders in enumerate(parties):
        mine = [number for number, (owner, _) in enumerate(numbered) if owner == party]
        made = [order(str(n), one[0], one[1], f"c-{one[2]}") for n, one in zip(mine, orders, strict=True)]
        lost = {k + 1 for k in range(4) if not known[party][k]}
        told = {k + 1: int(w) for k, w in enumerate(baseline[party])}
        settled = settle(made, told, [int(w) for w in wide[1][party]], contracts, lost, level_w=promised)
        assert {int(row.order_reference) for row in settled} <= set(mine)
        for row in settled:
            number = int(row.order_reference)
            assert (found.price_e4[number], found.penalty_e4[number]) == (row.price, row.penalty)
            for isp in row.isps:
                k = row_of[number, isp.start]
                batch = (found.baseline_w, found.actual_w, found.counted_w, found.delivered_w, found.deficiency_w)
                assert [row[k] for row in batch] == [
                    isp.baseline_power_w, isp.actual_power_w, isp.counted_power_w, isp.delivered_flex_power_w,
                    isp.power_deficiency_w,
                ]  # fmt: skip
        for number in {*mine} - {int(row.order_reference) for row in settled}:
            assert (found.price_e4[number], found.penalty_e4[number]) == (0, 0)


@given(st.lists(WATTS, min_size=3, max_size=3), st.lists(WATTS.filter(bool), min_size=1, max_size=3),
       st.lists(WATTS, min_size=3, max_size=3), st.lists(st.booleans(), min_size=3, max_size=3))  # fmt: skip
def test_what_truly_changed_is_paid_and_the_level_is_fined(
    base: list[int], orders: list[int], actual: list[int], fined: list[bool]
) -> None:
    """With a change measured otherwise than by the meter, delivered follows the change and the penalty the level."""
    changed = [b - a for a, b in zip(base, actual, strict=True)]
    made = [order(str(n), [(1, watts), (3, watts)], 900, "c-0") for n, watts in enumerate(orders)]
    held = contract("c-0", penalty_e4_per_kwh=4000)
    unfined = {k + 1 for k in range(3) if not fined[k]}
    expected = settle(
        made,
        {k + 1: base[k] for k in range(3)},
        actual + [0] * 93,
        [held],
        changed_w=changed + [0] * 93,
        unfined=unfined,
    )
    rows = [(0, isp, n, watts) for n, watts in enumerate(orders) for isp in (0, 2)]
    table = order_table(rows, [900] * len(orders), [0] * len(orders))
    dense = [np.array([values]) for values in (base, actual, changed, fined)]
    values = [row_values(table, part) for part in dense]
    found = settle_table(
        table,
        terms(held),
        15,
        baseline_w=values[0],
        actual_w=values[1],
        changed_w=values[2],
        fined=values[3].astype(bool),
    )
    assert found.price_e4.tolist() == [row.price for row in expected]
    assert found.penalty_e4.tolist() == [row.penalty for row in expected]


def test_an_order_with_a_price_and_no_power_is_refused() -> None:
    """As one by one: nobody could say what its power is worth."""
    table = order_table([(0, 0, 0, 0)], [100], [0])
    zeros = np.zeros(1, dtype=np.int64)
    with pytest.raises(BadInput, match="price and no power"):
        settle_table(table, terms(contract("c-0")), 15, baseline_w=zeros, actual_w=zeros)


def test_orders_come_sorted_and_once() -> None:
    """A row that stands twice, or out of order, is refused with its number: sums over groups would be wrong."""
    with pytest.raises(BadInput, match="row 1"):
        order_table([(0, 3, 0, 5), (0, 3, 0, 5)], [0], [0])
    assert days_from(DAY, 2).offsets.tolist() == [0, 96, 192]
