"""What is reserved of a portfolio falls on the members that are paid to stand by, each by its contract, and on nobody else."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from market.contracts.reservations import passed_on
from tests.worlds.players import DAY, FIRST, agreement

PAID = replace(
    agreement("farm-a", FIRST, FIRST), capacity_price_e4_per_kw_day=100, amount_up_w=6_000, amount_down_w=-2_000
)


@given(
    watts=st.integers(-50_000, 50_000),
    sizes=st.lists(st.tuples(st.integers(1, 20_000), st.booleans()), min_size=1, max_size=6),
)
def test_the_parts_sum_up_and_nobody_has_more_than_it_is_paid_for(watts: int, sizes: list[tuple[int, bool]]) -> None:
    """All that is reserved where the paid have as much, else all that they have; who is not paid has nothing to keep."""
    contracts = {
        f"m-{k}": replace(PAID, capacity_price_e4_per_kw_day=100 * paid, amount_up_w=size, amount_down_w=-size)
        for k, (size, paid) in enumerate(sizes)
    }
    shares = passed_on({45: watts}, contracts, DAY)
    able = sum(size for size, paid in sizes if paid)
    assert sum(abs(rows[45]) for rows in shares.values()) == min(abs(watts), able)
    for name, rows in shares.items():
        contract = contracts[name]
        assert contract.capacity_price_e4_per_kw_day > 0
        assert contract.amount_down_w <= rows[45] <= contract.amount_up_w
        assert rows[45] * watts > 0


def test_outside_its_hours_a_contract_keeps_nothing() -> None:
    """It covers the morning: ISP 45 begins at eleven, ISP 60 at a quarter to three."""
    morning = replace(PAID, start_minute=0, end_minute=720)
    assert passed_on({45: 1_000, 60: 1_000}, {"a": morning}, DAY) == {"a": {45: 1_000}}
    assert passed_on({60: 1_000}, {"a": morning, "b": PAID}, DAY) == {"b": {60: 1_000}}
