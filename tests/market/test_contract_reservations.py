"""A reservation is only ever reduced, in its hours, and what stays reserved is what is owed and paid for."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.intervals import LocalDay
from market.contracts.contract import PORTFOLIO, BaselineKind, FlexContract, FlexElement
from market.contracts.reservations import reserved_on, share_w, update_fault
from market.contracts.templates import from_template
from market.settlement.day import reservation
from market.settlement.payments import capacity_amount
from market.uftp import IspPower

FIRST = date(2026, 4, 1)
DAY = LocalDay(FIRST, "Europe/Vienna", 15)


def option(*sizes: int, amount_up_w: int = 0, amount_down_w: int = 0, **changes: Any) -> FlexContract:
    """An option on portfolios p0, p1, ... of these sizes."""
    elements = tuple(FlexElement(f"p{k}", PORTFOLIO, s, -s, BaselineKind.ELEMENTS) for k, s in enumerate(sizes))
    return from_template(
        "dso-flexoption", contract_id="c", buyer="dso.example", seller="agr.example", start_date=FIRST, end_date=FIRST,
        timezone="Europe/Vienna", flex_elements=elements, amount_up_w=amount_up_w, amount_down_w=amount_down_w, **changes,
    )  # fmt: skip


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=6), st.integers(1, 100), st.booleans())
def test_the_shares_of_the_portfolios_sum_to_the_amount(sizes: list[int], part: int, up: bool) -> None:
    """Whatever is rounded, and none is beyond its portfolio by more than a watt; another portfolio has none."""
    amount = max(sum(sizes) * part // 100, 1)
    contract = option(*sizes, amount_up_w=amount if up else 0, amount_down_w=0 if up else -amount)
    shares = [share_w(contract, f"p{k}") for k in range(len(sizes))]
    assert sum(shares) == (amount if up else -amount)
    assert all(abs(share) <= size + 1 for share, size in zip(shares, sizes, strict=True))
    assert share_w(contract, "elsewhere") == 0


def test_without_an_update_all_is_reserved_in_its_hours_and_nothing_beside_them() -> None:
    """From 10:00 to 15:00: ISPs 41 to 60."""
    reserved = reserved_on(option(1000, 3000, amount_up_w=800, start_minute=600, end_minute=900), {}, DAY)
    assert {isp for isp, watts in reserved.items() if watts} == set(range(41, 61))
    assert set(reserved.values()) == {0, 800}


def test_what_is_given_back_at_one_point_stays_reserved_at_the_other() -> None:
    """A quarter of the amount falls on the smaller portfolio."""
    contract = option(1000, 3000, amount_up_w=800)
    assert reserved_on(contract, {"p0": {50: 0, 51: 100}}, DAY)[50] == 600
    assert reserved_on(contract, {"p0": {50: 0, 51: 100}}, DAY)[51] == 700
    assert reserved_on(contract, {"p0": {50: 0}, "p1": {50: 0}}, DAY)[50] == 0


@pytest.mark.parametrize(
    ("contract", "point", "kept", "row", "why"),
    [
        (option(1000, amount_up_w=500), "p0", {}, IspPower(50, 0), None),
        (option(1000, amount_up_w=500), "p0", {}, IspPower(50, 500), None),
        (option(1000, amount_up_w=500), "p0", {}, IspPower(50, 501), "501 W in ISP 50; 500 W are reserved"),
        (option(1000, amount_up_w=500), "p0", {}, IspPower(50, -1), "-1 W in ISP 50"),
        (option(1000, amount_up_w=500), "p0", {51: 100}, IspPower(50, 200, 2), "200 W in ISP 51; 100 W are reserved"),
        (option(1000, amount_down_w=-500), "p0", {}, IspPower(50, -400), None),
        (option(1000, amount_down_w=-500), "p0", {}, IspPower(50, -501), "-501 W in ISP 50"),
        (option(1000, amount_up_w=500, end_minute=600), "p0", {}, IspPower(50, 1), "0 W are reserved"),
        (option(1000, amount_up_w=500), "p9", {}, IspPower(50, 0), "CongestionPoint: p9 is not covered"),
    ],
)
def test_an_update_may_only_reduce(
    contract: FlexContract, point: str, kept: dict[int, int], row: IspPower, why: str | None
) -> None:
    """In either direction, after an earlier update, outside the hours; the reason names ISP and watts."""
    fault = update_fault(contract, point, kept, (row,), DAY)
    assert (fault is None) if why is None else (why in (fault or ""))


def test_a_framework_reserves_nothing_to_give_back() -> None:
    """Its amount is only the most that may be called."""
    elements = (FlexElement("p0", PORTFOLIO, 1000, -1000, BaselineKind.ELEMENTS),)
    framework = from_template(
        "dso-framework", contract_id="f", buyer="dso.example", seller="agr.example", start_date=FIRST, end_date=FIRST,
        timezone="Europe/Vienna", flex_elements=elements,
    )  # fmt: skip
    assert "is a framework" in (update_fault(framework, "p0", {}, (IspPower(50, 0),), DAY) or "")


@given(
    st.dictionaries(st.integers(1, 96), st.integers(0, 500)), st.dictionaries(st.integers(1, 96), st.integers(0, 900))
)
def test_capacity_is_paid_for_what_stays_reserved(kept: dict[int, int], asked: dict[int, int]) -> None:
    """Where as much is offered as is asked for, the day earns the mean of what is reserved; and the obligation is the less
    of reserved and asked for: offering that much is enough.
    """
    contract = option(1000, amount_up_w=500)
    reserved = reserved_on(contract, {"p0": kept}, DAY)
    offered = {isp: min(watts, reserved[isp]) for isp, watts in asked.items()}
    rows = reservation(contract, asked, offered, 96, {}, None, reserved)
    assert [row.reserved_power_w for row in rows] == [kept.get(isp, 500) for isp in range(1, 97)]
    paid = capacity_amount(contract, rows)
    assert abs(paid - contract.capacity_price_e4_per_kw_day * sum(reserved.values()) / 96_000) <= 0.5
