"""What the DSO pays for what it chooses: each mechanism's rule on offers that are profiles, by hand and by property."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.planning.grid_safety.offer_pricing import choose_and_price
from agents.planning.grid_safety.offer_selection import select
from agents.planning.jobs import run
from cim.model.arrays import Floats
from cim.model.errors import ProgrammingFault

HOURS = 0.25
NEED = np.array([10.0, 0.0, 10.0])
OUTSIDE = np.full(3, 1000.0)
# Of 10 kW in both ISPs asked for, 5 kWh, each seller could serve half or all of it.
CHEAP, DEAR, UNUSED = (np.array([5.0, 0.0, 5.0]), np.array([5.0, 0.0, 5.0]), np.array([10.0, 0.0, 10.0]))
OPTIONS, PRICES = (CHEAP, DEAR, UNUSED), (500, 1000, 4000)


def priced(mechanism: str, posted: int = 600) -> tuple[tuple[int, int], ...]:
    """The three offers of three sellers."""
    return choose_and_price(mechanism, posted, HOURS, NEED, OPTIONS, PRICES, (1, 1, 1), (0, 1, 2), OUTSIDE)


def test_pay_as_bid_pays_what_is_offered() -> None:
    """The two cheapest cover the need, each at its own price."""
    assert priced("pay-as-bid") == ((100, 500), (100, 1000), (0, 0))


def test_uniform_price_pays_all_what_the_dearest_chosen_asks() -> None:
    """2.5 kWh each; the dearest asks 1000 for them, 400 a kWh, so both get 1000."""
    assert priced("uniform-price") == ((100, 1000), (100, 1000), (0, 0))


def test_vcg_pays_what_each_spares() -> None:
    """Without one of them the third serves half of its 10 kW: 2000. So the first gets 500 + 3000 - 1500 = 2000, and the
    other as much: what its half would cost otherwise.
    """
    assert priced("vcg") == ((100, 2000), (100, 2000), (0, 0))


def test_a_posted_price_is_for_those_who_accept_it() -> None:
    """At 300 a kWh only the first (200) accepts and gets 750; at 600 two, 1500 each; at 100 nobody."""
    assert priced("posted-price", 300) == ((100, 750), (0, 0), (0, 0))
    assert priced("posted-price", 600) == ((100, 1500), (100, 1500), (0, 0))
    assert priced("posted-price", 100) == ((0, 0), (0, 0), (0, 0))


def test_what_cannot_serve_one_buyer_is_no_choice() -> None:
    """The command refuses it before anything runs; the job does not guess."""
    with pytest.raises(ProgrammingFault, match="mechanism 'muda' serves no single buyer"):
        priced("muda")


def test_it_is_a_job() -> None:
    """By the name that the DSO computes it under."""
    arguments = ("pay-as-bid", 0, HOURS, NEED, OPTIONS, PRICES, (1, 1, 1), (0, 1, 2), OUTSIDE)
    assert run("priced-selection", arguments) == priced("pay-as-bid")


@st.composite
def offers(draw: st.DrawFn) -> tuple[tuple[Floats, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Up to five options of up to three sellers."""
    count = draw(st.integers(1, 5))
    rows = [np.array(draw(st.lists(st.integers(0, 12), min_size=3, max_size=3)), dtype=float) for _ in range(count)]
    prices = draw(st.lists(st.integers(0, 3000), min_size=count, max_size=count))
    least = draw(st.lists(st.sampled_from([1, 50, 100]), min_size=count, max_size=count))
    sellers = sorted(draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)))
    return tuple(rows), tuple(prices), tuple(least), tuple(sellers)


@pytest.mark.parametrize("mechanism", ["pay-as-bid", "uniform-price", "vcg"])
@given(made=offers())
def test_nobody_gets_less_than_it_offered_and_the_choice_is_the_cheapest(
    mechanism: str, made: tuple[tuple[Floats, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]
) -> None:
    """Individually rational, and the same offers as by pay-as-bid: the mechanism says what is paid, not what is needed."""
    options, prices, least, sellers = made
    found = choose_and_price(mechanism, 0, HOURS, NEED, options, prices, least, sellers, OUTSIDE)
    assert tuple(factor for factor, _ in found) == select(NEED, options, prices, least, sellers, OUTSIDE)
    for (factor, paid), price in zip(found, prices, strict=True):
        assert paid >= round(price * factor / 100)
        assert paid == 0 or factor


@given(made=offers())
def test_under_a_uniform_price_a_kilowatt_hour_is_paid_alike(
    made: tuple[tuple[Floats, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]],
) -> None:
    """To the rounding of each payment, whoever is chosen."""
    options, prices, least, sellers = made
    found = choose_and_price("uniform-price", 0, HOURS, NEED, options, prices, least, sellers, OUTSIDE)
    energy = [option.sum() * HOURS * factor / 100 for option, (factor, _) in zip(options, found, strict=True)]
    chosen = [(paid, kwh) for (_, paid), kwh in zip(found, energy, strict=True) if kwh > 0]
    for paid, kwh in chosen:
        for other, kwh_of_other in chosen:
            assert abs(paid / kwh - other / kwh_of_other) <= 1 / kwh + 1 / kwh_of_other


@given(made=offers(), lie=st.integers(0, 4000), data=st.data())
def test_under_vcg_no_seller_of_a_single_offer_gains_by_another_price(
    made: tuple[tuple[Floats, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]], lie: int, data: st.DataObject
) -> None:
    """With offers that are ordered whole or not at all, to the rounding of a payment."""
    options, prices, _, _ = made
    liar, alone, whole = data.draw(st.integers(0, len(options) - 1)), tuple(range(len(options))), (100,) * len(options)
    told = tuple(lie if place == liar else price for place, price in enumerate(prices))

    def gain(asked: tuple[int, ...]) -> float:
        factor, paid = choose_and_price("vcg", 0, HOURS, NEED, options, asked, whole, alone, OUTSIDE)[liar]
        return paid - prices[liar] * factor / 100

    assert gain(told) <= gain(prices) + 1
