"""Bids, parameters and names that do not fit are refused in one sentence; large markets stay exact."""

from __future__ import annotations

import re

import numpy as np
import pytest

from cim.model.errors import BadInput
from market.mechanisms.bids import Bid, Bids
from market.mechanisms.mechanism import NOBODY
from market.mechanisms.registry import MECHANISMS, mechanism, procuring
from market.mechanisms.uniform_price import UniformPrice
from tests.worlds.bids import buyer, random_market, seller


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([buyer("a", 0, 5)], "bids: 'a' has 0 Wh; expected at least 1"),
        ([seller("a", -3, 5)], "bids: 'a' has -3 Wh; expected at least 1"),
        ([buyer("a", 1, 5), seller("a", 1, 5)], "bids: 'a' stands there twice; expected each name once"),
        ([buyer("a", 2**40, 2**30)], f"bids: all quantities at {2**30} e4 per kWh exceed 64 bits; expected smaller ones"),
    ],
)  # fmt: skip
def test_bids_that_do_not_fit_are_named(rows: list[Bid], words: str) -> None:
    """Which bid, which value, what was expected."""
    with pytest.raises(BadInput, match=re.escape(words)):
        Bids.of(rows)


def test_columns_of_different_lengths_are_refused() -> None:
    """Each column has as many values as there are names."""
    one = np.ones(1, dtype=np.int64)
    with pytest.raises(BadInput, match="1 values of quantity_wh for 2 names"):
        Bids(("a", "b"), np.ones(2, dtype=bool), one, np.ones(2, dtype=np.int64), ("", ""))
    with pytest.raises(BadInput, match="1 values of points for 2 names"):
        Bids(("a", "b"), np.ones(2, dtype=bool), np.ones(2, dtype=np.int64), np.ones(2, dtype=np.int64), ("",))


def test_an_unknown_mechanism_is_answered_with_the_known() -> None:
    """The sentence lists them all."""
    with pytest.raises(BadInput, match="mechanism 'auction' is unknown; expected one of pay-as-bid, uniform-price, "):
        mechanism("auction")


def test_names_are_unique_and_lead_back() -> None:
    """Thirteen mechanisms, each found by its name."""
    assert len({known.name for known in MECHANISMS}) == len(MECHANISMS) >= 13
    assert all(mechanism(known.name) is known for known in MECHANISMS)


@pytest.mark.parametrize("k", [-1, 101])
def test_a_k_outside_its_range_is_refused(k: int) -> None:
    """k is a share."""
    with pytest.raises(BadInput, match=f"k_pct: {k}; expected 0 to 100"):
        UniformPrice(k)


def test_bids_go_to_arrays_and_back() -> None:
    """One by one and as arrays they are the same."""
    rows = random_market(1).one_by_one()
    assert Bids.of(rows).one_by_one() == rows
    assert len(NOBODY) == 0


def test_a_hundred_thousand_bids_clear_exactly() -> None:
    """Money balances to the unit, and every price is within its bid."""
    rng = np.random.default_rng(1)
    count = 100_000
    bids = Bids(
        tuple(f"b{n}" for n in range(count)), rng.random(count) < 0.5, rng.integers(1, 9000, count),
        rng.integers(1, 3000, count), ("",) * count,
    )  # fmt: skip
    found = UniformPrice().clear(bids)
    assert found.surplus_e7 == 0
    assert found.traded_wh == int(found.quantity_wh[~bids.buys].sum()) > 0
    worth = found.quantity_wh * bids.price_e4
    assert (np.where(bids.buys, worth - found.amount_e7, found.amount_e7 - worth) >= 0).all()


def test_only_what_serves_one_buyer_is_for_the_dsos_day() -> None:
    """Pay-as-bid, uniform price, VCG and a posted price; the others are refused with the names of these."""
    able = [known.name for known in MECHANISMS if known.properties.procures]
    assert able == ["pay-as-bid", "uniform-price", "vcg", "posted-price"]
    assert [procuring(name).name for name in able] == able
    for known in MECHANISMS:
        if known.name not in able:
            with pytest.raises(BadInput, match=f"mechanism '{known.name}' cannot pay the offers of a single buyer"):
                procuring(known.name)
