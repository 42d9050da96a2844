"""Each parameter of a contract is enforced at activation: a call that breaks it is refused by its name, one within is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.contracts.contract import ActivationPriceKind, CountedPer, FlexContract, FlexElement
from market.contracts.enforcement import Call, call_fault, calling, price_range_e4

ISP = timedelta(minutes=15)
NOON = datetime(2026, 5, 20, 10, tzinfo=UTC)  # a Wednesday, 12:00 in Vienna
CONTRACT = FlexContract(
    "c-1", "dso.example", "agr.example", date(2026, 4, 1), date(2026, 9, 30), (1, 2, 3, 4, 5), 600, 960, "Europe/Vienna",
    15, (FlexElement("lv", "portfolio", 80_000, -80_000), FlexElement("mv", "portfolio", 90_000, -90_000)), 100_000,
    -50_000, 2, 4, 4, 3000, 600, 2000,
)  # fmt: skip


def call(first: datetime = NOON, isps: int = 2, watts: int = 10_000, **more: object) -> Call:
    """A call of so many ISPs at so many watts."""
    return replace(Call({first + k * ISP: watts for k in range(isps)}), **more)  # type: ignore[arg-type]


def used(first: datetime, isps: int = 1, watts: int = 10_000) -> dict[datetime, int]:
    """What was ordered before."""
    return {first + k * ISP: watts for k in range(isps)}


@pytest.mark.parametrize(
    ("parameter", "before", "asked", "why"),
    [
        ("start date", {}, call(datetime(2026, 3, 31, 10, tzinfo=UTC)), "date: 2026-03-31 is outside 2026-04-01.."),
        ("end date", {}, call(datetime(2026, 10, 1, 10, tzinfo=UTC)), "date: 2026-10-01 is outside"),
        ("days of week", {}, call(NOON + timedelta(days=3)), "day of week: Saturday 2026-05-23 is not covered"),
        ("first hour", {}, call(NOON - 9 * ISP), "hours of day: 09:45 is outside 10:00..16:00"),
        ("last hour", {}, call(NOON + 15 * ISP), "hours of day: 16:00 is outside 10:00..16:00"),
        ("ISP", {}, call(NOON + timedelta(minutes=5)), "ISP: 12:05:00 is not the start of an ISP"),
        ("flex elements", {}, call(element="hv"), "element: hv is not covered; expected lv, mv"),
        ("an element's power", {}, call(watts=80_001, element="lv"), "element: 80001 W of lv at 2026-05-20 12:00; at most"),
        ("amount up", {}, call(watts=100_001), "amount: 100001 W at 2026-05-20 12:00; expected -50000..100000 W"),
        ("amount up, in sum", used(NOON, watts=95_000), call(watts=5_001), "amount: 100001 W at 2026-05-20 12:00"),
        ("amount down", {}, call(watts=-50_001), "amount: -50001 W at 2026-05-20 12:00; expected -50000..100000 W"),
        ("activations", used(NOON - 8 * ISP) | used(NOON - 3 * ISP), call(NOON + 4 * ISP),
         "activations: 3 on 2026-05-20; at most 2"),
        ("runtime", {}, call(isps=5), "runtime: 5 ISPs from 2026-05-20 12:00; at most 4"),
        ("runtime, prolonged", used(NOON - 3 * ISP, 3), call(), "runtime: 5 ISPs from 2026-05-20 11:15; at most 4"),
        ("recovery", used(NOON - 4 * ISP), call(), "recovery: 3 ISPs before 2026-05-20 12:00; at least 4"),
        ("maximum price", {}, call(price_e4=10_001), "price: 10001; at most 10000 .maximum activation price"),
    ],
)  # fmt: skip
def test_a_call_that_breaks_a_parameter_is_refused_by_its_name(
    parameter: str, before: dict[datetime, int], asked: Call, why: str
) -> None:
    """The reason says which parameter, which value, and what the contract allows."""
    fault = call_fault(CONTRACT, before, asked)
    assert fault is not None, parameter
    assert why.replace("(", ".") in fault.replace("(", "."), parameter


@pytest.mark.parametrize(
    ("before", "asked"),
    [
        ({}, call(NOON - 8 * ISP, 4)),
        ({}, call(NOON + 12 * ISP, 4)),
        ({}, call(watts=80_000, element="lv")),
        ({}, call(watts=100_000)),
        ({}, call(watts=-50_000)),
        (used(NOON, 2, 95_000), call(watts=5_000)),
        (used(NOON, 2, 95_000), call(watts=-145_000)),
        (used(NOON - 2 * ISP, 2), call()),
        (used(NOON - 5 * ISP), call()),
        ({}, call(price_e4=10_000)),
        ({}, call(price_e4=0)),
    ],
)
def test_a_call_just_within_every_parameter_is_allowed(before: dict[datetime, int], asked: Call) -> None:
    """The bounds themselves belong to the contract."""
    assert call_fault(CONTRACT, before, asked) is None


def test_a_fixed_price_is_neither_undercut_nor_exceeded() -> None:
    """5 kWh at 20 ct: exactly 1.0000; where elements have their own prices, between the least and the most of them."""
    fixed = replace(CONTRACT, activation_price=ActivationPriceKind.FIXED)
    assert call_fault(fixed, {}, call(price_e4=10_000)) is None
    assert call_fault(fixed, {}, call(price_e4=9_999)) == "price: 9999; expected 10000 (fixed activation price)"
    assert call_fault(fixed, {}, call(price_e4=10_001)) == "price: 10001; expected 10000 (fixed activation price)"
    lv, mv = fixed.flex_elements
    priced = replace(
        fixed, flex_elements=(replace(lv, volume_price_e4_per_kwh=2000), replace(mv, volume_price_e4_per_kwh=3000))
    )
    assert price_range_e4(priced, call()) == (10_000, 15_000)
    assert price_range_e4(priced, call(element="mv")) == (15_000, 15_000)
    assert call_fault(priced, {}, call(price_e4=9_999)) == "price: 9999; expected 10000..15000 (fixed activation price)"


def test_activations_over_the_term_are_counted_over_all_days() -> None:
    """Two were used in April: a third in May is one too many, however few there were on the day."""
    term = replace(CONTRACT, counted_per=CountedPer.TERM)
    april = used(datetime(2026, 4, 1, 10, tzinfo=UTC)) | used(datetime(2026, 4, 2, 10, tzinfo=UTC))
    assert call_fault(term, april, call()) == "activations: 3 in the term; at most 2"
    assert call_fault(CONTRACT, april, call()) is None


def test_what_was_taken_back_still_was_an_activation() -> None:
    """An ISP whose orders sum to nothing counts as activated: the device was moved for it."""
    assert call_fault(CONTRACT, used(NOON - 4 * ISP, watts=0), call()) == (
        "recovery: 3 ISPs before 2026-05-20 12:00; at least 4"
    )


def test_the_contract_that_allows_all_is_the_one_called() -> None:
    """What lies within the option is called under it, the rest under the framework, and nothing where neither fits."""
    framework = replace(CONTRACT, contract_id="c-2", amount_up_w=170_000, start_minute=0, end_minute=1440)
    both = (CONTRACT, framework)
    assert calling(both, {}, [call(), call(isps=1)]) is CONTRACT
    assert calling(both, {}, [call(), call(watts=120_000)]) is framework
    assert calling(both, {}, [call(NOON - 20 * ISP)]) is framework
    assert calling(both, {"c-1": used(NOON, 2, 95_000)}, [call()]) is framework
    assert calling(both, {}, [call(watts=170_001)]) is None


@given(
    watts=st.lists(st.integers(-60_000, 60_000).filter(bool), min_size=1, max_size=6),
    gaps=st.lists(st.integers(0, 9), min_size=6, max_size=6),
)
def test_whatever_is_allowed_one_after_another_never_adds_up_to_more_than_the_contract(
    watts: list[int], gaps: list[int]
) -> None:
    """Calls that were each allowed: their sum keeps amount, runtime, recovery, activations and hours in every ISP."""
    taken: dict[datetime, int] = {}
    for power, gap in zip(watts, gaps, strict=False):
        asked = call(NOON - 8 * ISP + gap * 2 * ISP, 2, power)
        if call_fault(CONTRACT, taken, asked) is None:
            for start, value in asked.power_w.items():
                taken[start] = taken.get(start, 0) + value
    assert all(CONTRACT.amount_down_w <= value <= CONTRACT.amount_up_w for value in taken.values())
    starts = sorted(taken)
    runs = 1 + sum(after - before > ISP for before, after in pairwise(starts)) if starts else 0
    assert runs <= CONTRACT.max_activations
    assert all(NOON - 8 * ISP <= start < NOON + 16 * ISP for start in starts)
    rests = [after - before - ISP for before, after in pairwise(starts)]
    assert all(rest == timedelta(0) or rest >= CONTRACT.recovery_isps * ISP for rest in rests)
