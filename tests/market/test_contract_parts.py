"""What a contract says of its elements and prices, what its templates begin with, and which of several is in force."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.codec.codec import decode, encode
from cim.model.errors import BadInput
from market.contracts.contract import (
    PORTFOLIO,
    ActivationPriceKind,
    BaselineKind,
    CountedPer,
    FlexContract,
    FlexElement,
    in_force,
)
from market.contracts.limits import ContractLimits
from market.contracts.templates import TEMPLATES, from_template

FIRST, LAST = date(2026, 5, 1), date(2026, 5, 31)
BATTERY = FlexElement("bess", "battery", 5000, -4000, BaselineKind.RUNNING_PLAN, 1500)
PV = FlexElement("pv", "pv", 2000, 0, BaselineKind.AVAILABLE_POWER)
BOTH = (BATTERY, PV)


def made(name: str = "household-daily", elements: tuple[FlexElement, ...] = BOTH, **changes: Any) -> FlexContract:
    """A contract of a template."""
    return from_template(
        name, contract_id="c-1", buyer="agr.example", seller="farm.example", start_date=FIRST, end_date=LAST,
        timezone="Europe/Vienna", flex_elements=elements, **changes,
    )  # fmt: skip


# As docs and site files count on them: (activations a day, runtime and recovery in ISPs, penalty, capacity, volume, kind).
BEGINS: dict[str, tuple[int, int, int, int, int, int, ActivationPriceKind, bool]] = {
    "household-daily": (4, 16, 2, 1000, 200, 1200, ActivationPriceKind.FIXED, True),
    "plant-daily": (8, 32, 0, 2000, 500, 800, ActivationPriceKind.MAXIMUM, True),
    "dso-flexoption": (6, 32, 0, 3000, 600, 1500, ActivationPriceKind.MAXIMUM, True),
    "dso-framework": (24, 96, 0, 3000, 0, 1500, ActivationPriceKind.MAXIMUM, False),
    "microgrid-service": (100, 100, 0, 0, 600, 0, ActivationPriceKind.MAXIMUM, True),
    "balancing-framework": (100, 100, 0, 2000, 0, 10_000, ActivationPriceKind.MAXIMUM, False),
}


@pytest.mark.parametrize("name", list(TEMPLATES))
def test_a_template_begins_with_its_own_numbers(name: str) -> None:
    """Each limit and price stands in the contract under its own name, and the whole day of the whole week is covered."""
    contract = made(name, (replace(BATTERY, volume_price_e4_per_kwh=None), PV))
    assert BEGINS[name] == (
        contract.max_activations, contract.max_runtime_isps, contract.recovery_isps, contract.penalty_e4_per_kwh,
        contract.capacity_price_e4_per_kw_day, contract.volume_price_e4_per_kwh, contract.activation_price,
        contract.reserved,
    )  # fmt: skip
    assert (contract.days_of_week, contract.start_minute, contract.end_minute) == ((1, 2, 3, 4, 5, 6, 7), 0, 1440)
    assert (contract.counted_per, contract.deficiency_cap, contract.currency) == (CountedPer.DAY, True, "EUR")
    assert (contract.amount_up_w, contract.amount_down_w, contract.isp_minutes) == (7000, -4000, 15)
    assert name in BEGINS
    assert TEMPLATES[name].name == name


CHANGES: dict[str, object] = {
    "days_of_week": (2, 4), "start_minute": 60, "end_minute": 120, "amount_up_w": 1, "amount_down_w": -1,
    "max_activations": 1, "counted_per": CountedPer.TERM, "max_runtime_isps": 1, "recovery_isps": 9,
    "penalty_e4_per_kwh": 1, "capacity_price_e4_per_kw_day": 1, "volume_price_e4_per_kwh": 1,
    "activation_price": ActivationPriceKind.MAXIMUM, "currency": "CHF", "deficiency_cap": False,
}  # fmt: skip


@pytest.mark.parametrize("name", list(CHANGES))
def test_each_parameter_may_differ_from_the_template_alone(name: str) -> None:
    """What is changed is changed, and every other field stays as the template has it."""
    plain, changed = made(), made(**{name: CHANGES[name]})
    differing = {f.name for f in fields(FlexContract) if getattr(plain, f.name) != getattr(changed, f.name)}
    assert differing == {name}
    assert getattr(changed, name) == CHANGES[name]


def test_a_template_with_a_change_that_does_not_fit_is_refused() -> None:
    """The change is checked with the rest: more than the elements can move, and an end before the start."""
    with pytest.raises(BadInput, match=r"contract c-1: amount_up_w: 7001; expected 0\.\.7000"):
        made(amount_up_w=7001)
    with pytest.raises(BadInput, match="end_minute: 60; expected 0 <= start_minute"):
        made(start_minute=60, end_minute=60)


def test_a_portfolio_is_known_by_the_kind_of_all_its_elements() -> None:
    """One device among portfolios, and an order need not name a congestion point."""
    points = tuple(FlexElement(name, PORTFOLIO, 100, -100) for name in ("lv", "mv"))
    assert made("dso-flexoption", points).of_portfolios
    assert not made("dso-flexoption", (points[0], PV)).of_portfolios
    assert not made().of_portfolios


def test_an_element_is_found_by_its_name_alone() -> None:
    """And is paid its own price, or the contract's where it has none, or is not covered."""
    contract = made()
    assert contract.element("pv") is PV
    assert contract.element("PV") is contract.element("") is None
    assert [contract.price_e4_per_kwh(name) for name in ("bess", "pv", "heat")] == [1500, 1200, 1200]
    assert contract.own_costs_e4_per_kwh == {"bess": 300, "pv": 0}


def test_an_element_that_costs_nothing_is_free_at_a_price_of_nothing() -> None:
    """A price of 0 is a price: it is paid, not replaced by the contract's."""
    free = made(elements=(replace(BATTERY, volume_price_e4_per_kwh=0),), volume_price_e4_per_kwh=0)
    assert free.price_e4_per_kwh("bess") == 0
    assert free.own_costs_e4_per_kwh == {"bess": 0}
    assert free.at_prices(700, 200).price_e4_per_kwh("bess") == 700


@given(change=st.integers(-5000, 5000), own=st.none() | st.integers(0, 5000))
def test_a_price_of_its_own_moves_by_the_change(change: int, own: int | None) -> None:
    """Name, kind, swing and baseline stay; without a price of its own the element stays the same object."""
    element = replace(BATTERY, volume_price_e4_per_kwh=own)
    moved = element.dearer_by(change)
    if own is None:
        assert moved is element
    else:
        assert moved == replace(element, volume_price_e4_per_kwh=own + change)


PRICES = st.integers(0, 4000)


@given(first=PRICES, then=PRICES, capacity=PRICES)
def test_prices_asked_for_twice_are_those_asked_for_last(first: int, then: int, capacity: int) -> None:
    """By way of another price or directly: the same contract, sound, whose owner's costs are what they were."""
    contract = made()
    twice = contract.at_prices(first, 0).at_prices(then, capacity)
    assert twice == contract.at_prices(then, capacity)
    assert twice.own_costs_e4_per_kwh == contract.own_costs_e4_per_kwh
    assert twice.faults == replace(twice).faults == ()


@pytest.mark.parametrize(
    ("volume", "capacity", "reserved", "named"),
    [(-1, 0, True, {"volume_price_e4_per_kwh"}), (0, -1, True, {"capacity_price_e4_per_kw_day"}),
     (0, 1, False, {"capacity_price_e4_per_kw_day"}), (0, 0, False, set()), (0, 1, True, set())],
)  # fmt: skip
def test_prices_that_no_contract_has_are_found_in_it(
    volume: int, capacity: int, reserved: bool, named: set[str]
) -> None:
    """Below zero, or for a reservation that a framework does not make: the contract at these prices says so."""
    contract = made("dso-flexoption" if reserved else "dso-framework", (FlexElement("lv", PORTFOLIO, 10, -10),))
    found = contract.at_prices(volume, capacity).faults
    assert {sentence.split(":")[0] for sentence in found} == named


def test_a_contract_at_other_prices_has_bytes_of_its_own() -> None:
    """What was kept of the contract it was made from, its bytes among it, is not taken for what it says itself."""
    contract = made("dso-flexoption", (FlexElement("lv", PORTFOLIO, 10, -10),))
    assert contract.encoded
    other = contract.at_prices(700, 200)
    wanted = replace(contract, volume_price_e4_per_kwh=700, capacity_price_e4_per_kw_day=200)
    assert other == wanted
    assert other.encoded == encode(wanted) != contract.encoded


def test_a_broken_contract_at_good_prices_stays_broken() -> None:
    """Nothing is taken for sound because a price was changed."""
    broken = replace(made(), max_activations=0)
    assert broken.at_prices(5, 5).faults == ("max_activations: 0; expected 1 or more",)


@given(up=st.integers(0, 12_000), down=st.integers(-12_000, 0))
def test_no_more_is_agreed_than_elements_can_move(up: int, down: int) -> None:
    """Cut to 7000 W up and 4000 W down; what fits already stays the same object."""
    contract = replace(made(), amount_up_w=up, amount_down_w=down)
    cut = contract.within_elements()
    assert (cut.amount_up_w, cut.amount_down_w) == (min(up, 7000), max(down, -4000))
    assert (cut is contract) == (up <= 7000 and down >= -4000)
    assert replace(cut, amount_up_w=up, amount_down_w=down) == contract


def test_an_isp_is_as_long_as_it_says() -> None:
    """15 minutes by default; other lengths by their number."""
    assert made().isp == timedelta(minutes=15)
    assert made(isp_minutes=60).isp == timedelta(hours=1)


SPANS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).map(sorted), max_size=5)


@given(spans=SPANS, day=st.integers(-1, 11))
def test_of_several_contracts_the_last_that_covers_the_day_counts(spans: list[list[int]], day: int) -> None:
    """Against plain counting: first and last day included, the later agreement before the earlier, else none."""
    contracts = [
        replace(made(), contract_id=str(k), start_date=FIRST + timedelta(days=a), end_date=FIRST + timedelta(days=b))
        for k, (a, b) in enumerate(spans)
    ]
    covering = [str(k) for k, (a, b) in enumerate(spans) if a <= day <= b]
    found = in_force(contracts, FIRST + timedelta(days=day))
    assert (found.contract_id if found else None) == (covering[-1] if covering else None)


def test_limits_travel() -> None:
    """What a party proposes in place of a template's limits keeps its three numbers apart."""
    limits = ContractLimits(1, 2, 3)
    assert decode(encode(limits)) == limits
    assert (limits.max_activations_per_day, limits.max_runtime_isps, limits.recovery_isps) == (1, 2, 3)
