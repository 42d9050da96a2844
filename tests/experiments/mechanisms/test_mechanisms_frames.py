"""Mechanisms for pandas: frames of bids in, frames of trades out, refusals in one sentence."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from cim.model.errors import BadInput
from experiments.mechanisms.frames import bids_of, clear, compare
from market.mechanisms.network import NetworkLimits
from market.mechanisms.posted_price import PostedPrice
from market.mechanisms.registry import MECHANISMS
from market.mechanisms.uniform_price import UniformPrice

TEXTBOOK = pd.DataFrame(
    [("buyer", price) for price in (100.0, 90.0, 80.0, 70.0, 60.0)]
    + [("seller", price) for price in (80.0, 85.0, 95.0, 100.0, 110.0)],
    columns=["side", "price_ct_per_kwh"],
).assign(quantity_wh=1000, name=lambda frame: [f"p{row}" for row in range(len(frame))])


def test_the_literatures_example_as_a_frame() -> None:
    """In ct and kWh: two trades at 87.5 ct, so each pays or gets 0.875; VCG lacks 0.10."""
    trades = clear(TEXTBOOK, "uniform-price")
    traded = trades.parties[trades.parties["quantity_wh"] > 0]
    assert list(traded["name"]) == ["p0", "p1", "p5", "p6"]
    assert list(traded["price_ct_per_kwh"]) == [87.5] * 4
    assert list(traded["amount"]) == pytest.approx([0.875] * 4)
    assert trades.surplus == 0
    assert clear(TEXTBOOK, "vcg").surplus == pytest.approx(-0.10)


def test_pairs_are_a_frame_where_they_are_settled() -> None:
    """Pay-as-bid brings the best together, each at the ask; a uniform price settles no pairs."""
    pairs = clear(TEXTBOOK, "pay-as-bid").pairs
    assert pairs.to_dict("list") == {
        "buyer": ["p0", "p1"], "seller": ["p5", "p6"], "quantity_wh": [1000, 1000], "price_ct_per_kwh": [80.0, 85.0],
    }  # fmt: skip
    assert clear(TEXTBOOK, "uniform-price").pairs.empty


def test_every_mechanism_clears_a_frame() -> None:
    """A row for each of them, with what facts of the literature say of the known ones."""
    table = compare(TEXTBOOK)
    assert list(table.index) == [known.name for known in MECHANISMS]
    assert table.loc["vcg", "surplus"] == pytest.approx(-0.10)
    assert table.loc["trade-reduction", "surplus"] == pytest.approx(0.05)
    assert table.loc["mcafee", "traded_wh"] == 2000
    assert (table["gains"] <= table.loc["vcg", "gains"] + 1e-12).all()


def test_a_mechanism_of_ones_own_parameters() -> None:
    """By name or made: k = 0 is the marginal ask; a posted price of 82 ct suits one seller."""
    assert clear(TEXTBOOK, UniformPrice(0)).parties["price_ct_per_kwh"].dropna().unique().tolist() == [85.0]
    assert clear(TEXTBOOK, PostedPrice(8200)).clearing.traded_wh == 1000


def test_places_and_limits_go_with_the_frame() -> None:
    """A seller behind a line of 6 Wh sells 6; the other one the rest."""
    limits = NetworkLimits(("balance", "line"), ("here", "there"), ((1.0, 1.0), (0.0, -1.0)), (0, 6))
    bids = pd.DataFrame(
        [("b", "buyer", 10, 50.0, "here"), ("far", "seller", 20, 10.0, "there"), ("near", "seller", 20, 30.0, "here")],
        columns=["name", "side", "quantity_wh", "price_ct_per_kwh", "point"],
    )
    assert list(clear(bids, "network-aware", limits=limits).parties["quantity_wh"]) == [10, 6, 4]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop(columns="side"), "bids: column 'side' is missing; expected name, side, quantity_wh, price_ct_per_kwh"),
        (lambda f: f.assign(side="bidder"), "bids: side 'bidder' is unknown; expected buyer or seller"),
        (lambda f: f.assign(quantity_wh=0.5), "bids: quantity_wh is not whole; expected whole watt-hours"),
        (lambda f: f.assign(price_ct_per_kwh="dear"), "bids: price_ct_per_kwh in row 0 is 'dear'; expected a number"),
        (lambda f: f.assign(price_ct_per_kwh=np.nan), "bids: price_ct_per_kwh in row 0 is nan; expected a number"),
        (lambda f: f.assign(name="same"), "bids: 'same' stands there twice; expected each name once"),
    ],
)  # fmt: skip
def test_frames_that_do_not_fit_are_refused(change: object, words: str) -> None:
    """Which column, which value, what was expected."""
    assert callable(change)
    with pytest.raises(BadInput, match=re.escape(words)):
        bids_of(change(TEXTBOOK))
