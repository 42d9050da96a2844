"""Each mechanism on examples whose answers are known: the literature's double auction, and small ones by hand."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from market.mechanisms.alternating_offers import AlternatingOffers
from market.mechanisms.bids import Bids
from market.mechanisms.continuous_double_auction import ContinuousDoubleAuction
from market.mechanisms.contract_net import ContractNet
from market.mechanisms.mcafee import McAfee
from market.mechanisms.mechanism import Clearing, Mechanism, Setting
from market.mechanisms.muda import Muda
from market.mechanisms.pay_as_bid import PayAsBid
from market.mechanisms.posted_price import PostedPrice
from market.mechanisms.trade_reduction import TradeReduction
from market.mechanisms.uniform_price import UniformPrice
from market.mechanisms.vcg import Vcg
from market.negotiation.concession import Side
from tests.worlds.bids import UNIT, buyer, random_market, seller, textbook


def by_name(clearing: Clearing) -> dict[str, tuple[int, float]]:
    """Who trades: its quantity and what it pays or gets, in whole money."""
    rows = zip(clearing.bids.names, clearing.quantity_wh.tolist(), clearing.amount_e7.tolist(), strict=True)
    return {name: (quantity, amount / UNIT) for name, quantity, amount in rows if quantity}


class Textbook(NamedTuple):
    """An answer on the literature's example."""

    mechanism: Mechanism
    trades: int
    paid: float
    received: float
    gains: float


@pytest.mark.parametrize(
    "answer",
    [
        Textbook(UniformPrice(50), 2, 175.0, 175.0, 25.0),
        Textbook(UniformPrice(0), 2, 170.0, 170.0, 25.0),
        Textbook(UniformPrice(100), 2, 180.0, 180.0, 25.0),
        Textbook(McAfee(), 2, 175.0, 175.0, 25.0),
        Textbook(TradeReduction(), 1, 90.0, 85.0, 20.0),
        Textbook(Vcg(), 2, 170.0, 180.0, 25.0),
        Textbook(PayAsBid(), 2, 165.0, 165.0, 25.0),
        Textbook(PostedPrice(90 * UNIT), 2, 180.0, 180.0, 25.0),
        Textbook(PostedPrice(82 * UNIT), 1, 82.0, 82.0, 20.0),
    ],
    ids=lambda answer: answer.mechanism.name,
)
def test_the_literatures_double_auction(answer: Textbook) -> None:
    """Bids 100 90 80 70 60, asks 80 85 95 100 110: trades, payments and gains as facts of the literature say."""
    found = answer.mechanism.clear(textbook())
    assert found.traded_wh == answer.trades
    assert (found.paid_e7 / UNIT, found.received_e7 / UNIT) == (answer.paid, answer.received)
    assert found.gains_e7 / UNIT == answer.gains


def test_prices_on_the_literatures_double_auction() -> None:
    """k = 1/2 and McAfee: 87.5 for all. Trade reduction: 90 and 85. VCG: 85 and 90, a deficit of 10."""
    for mechanism in (UniformPrice(), McAfee()):
        assert by_name(mechanism.clear(textbook())) == dict.fromkeys(("b100", "b90", "s80", "s85"), (1, 87.5))
    assert by_name(TradeReduction().clear(textbook())) == {"b100": (1, 90.0), "s80": (1, 85.0)}
    vcg = Vcg().clear(textbook())
    assert by_name(vcg) == {"b100": (1, 85.0), "b90": (1, 85.0), "s80": (1, 90.0), "s85": (1, 90.0)}
    assert vcg.surplus_e7 == -10 * UNIT


def test_mcafee_falls_back_where_its_price_does_not_suit() -> None:
    """Bids 100 90 10, asks 80 85 200: (10 + 200) / 2 = 105 is above the marginal bid of 90, so one trade at 90 and 85."""
    rows = [buyer(f"b{p}", 1, p * UNIT) for p in (100, 90, 10)] + [seller(f"s{p}", 1, p * UNIT) for p in (80, 85, 200)]
    assert by_name(McAfee().clear(Bids.of(rows))) == {"b100": (1, 90.0), "s80": (1, 85.0)}


def test_a_procurement_pays_the_marginal_ask_whatever_k() -> None:
    """One buyer of 10 at 50; asks 4 at 10, 8 at 20, 5 at 30: the second is taken in part, so it alone sets the price."""
    bids = Bids.of([buyer("dso", 10, 50), seller("a", 4, 10), seller("b", 8, 20), seller("c", 5, 30)])
    for k in (0, 50, 100):
        found = UniformPrice(k).clear(bids)
        assert found.quantity_wh.tolist() == [10, 4, 6, 0]
        assert found.amount_e7.tolist() == [200, 80, 120, 0]
    assert PayAsBid().clear(bids).amount_e7.tolist() == [160, 40, 120, 0]
    # VCG: without a, 8 at 20 and 2 at 30 = 220 instead of 160 - 40: it gets 100. Without b, 4 at 10 and 5 at 30, and one
    # unit is not bought: 190 + 50 lost against 160 - 120, so 200.
    assert Vcg().clear(bids).amount_e7.tolist() == [160, 100, 200, 0]


def test_trade_reduction_rations_the_longer_side() -> None:
    """Buyers 6 at 50, 4 at 40; sellers 3 at 10, 5 at 20, 9 at 30: the margin is the buyer at 40 and the seller at 30.

    Inside are 6 and 3 + 5 = 8, so 6 are traded: of the sellers 6 x 3 / 8 = 2.25 and the rest, in whole units 2 and 4.
    """
    rows = [buyer("b1", 6, 50), buyer("b2", 4, 40), seller("s1", 3, 10), seller("s2", 5, 20), seller("s3", 9, 30)]
    found = TradeReduction().clear(Bids.of(rows))
    assert found.quantity_wh.tolist() == [6, 0, 2, 4, 0]
    assert found.amount_e7.tolist() == [240, 0, 60, 120, 0]


def test_one_buyer_alone_is_reduced_away() -> None:
    """Trade reduction and McAfee leave out the marginal buyer, which is the only one."""
    bids = Bids.of([buyer("dso", 10, 50), seller("a", 20, 10)])
    assert TradeReduction().clear(bids).traded_wh == McAfee().clear(bids).traded_wh == 0


def test_continuous_double_auction_by_hand() -> None:
    """Price, then time: who stands there longest at the best price is served, at the price that stands there.

    The ask of 30 meets nobody; the bid of 40 takes it at 30 and one of the ask of 35 at 35; the ask of 20 meets the bids
    of 25, the earlier one first.
    """
    rows = [seller("s30", 2, 30), seller("s35", 2, 35), buyer("b40", 3, 40),
            buyer("b25", 2, 25), buyer("b25-later", 2, 25), seller("s20", 3, 20)]  # fmt: skip
    found = ContinuousDoubleAuction().clear(Bids.of(rows))
    pairs = found.pairs
    trades = list(zip(pairs.buyer.tolist(), pairs.seller.tolist(), pairs.quantity_wh.tolist(), pairs.price_e4.tolist(),
                      strict=True))  # fmt: skip
    assert trades == [(2, 0, 2, 30), (2, 1, 1, 35), (3, 5, 2, 25), (4, 5, 1, 25)]
    assert found.messages == 6 + 2 * 4


@pytest.mark.parametrize("seed", range(20))
def test_the_book_is_never_crossed(seed: int) -> None:
    """After every bid, the best buyer that has something left is below the best such seller."""
    bids = random_market(seed, 8, 8)
    rows = bids.one_by_one()
    for count in range(1, len(rows) + 1):
        found = ContinuousDoubleAuction().clear(Bids.of(rows[:count]))
        left = found.quantity_wh < found.bids.quantity_wh
        bid = found.bids.price_e4[left & found.bids.buys].max(initial=-1)
        ask = found.bids.price_e4[left & ~found.bids.buys].min(initial=10**6)
        assert bid < ask


def test_contract_net_by_hand() -> None:
    """The first buyer takes the cheapest at what it asks, and leaves the dearer one to the buyer that cannot pay it.

    FIPA's messages: two calls to three sellers, an answer to each, accept or reject of each of 3 and 2 proposals (one
    seller has nothing left and refuses), and an inform for the one that is accepted.
    """
    rows = [buyer("first", 5, 90), buyer("second", 5, 60), seller("a", 5, 20), seller("b", 5, 70), seller("c", 5, 95)]
    found = ContractNet().clear(Bids.of(rows))
    assert found.quantity_wh.tolist() == [5, 0, 5, 0, 0]
    assert found.amount_e7.tolist() == [100, 0, 100, 0, 0]
    assert found.messages == 2 * 3 + 2 * 3 + (3 + 2) + 1
    other = ContractNet().clear(Bids.of([rows[1], rows[0], *rows[2:]]))
    assert (other.traded_wh, other.gains_e7) == (10, 5 * 40 + 5 * 20)  # in the other order both are served


@pytest.mark.parametrize(
    ("deltas", "first", "price"),
    [((0.9, 0.9), Side.SELLER, 52_631), ((0.8, 0.9), Side.SELLER, 71_428), ((0.9, 0.9), Side.BUYER, 47_368)],
)
def test_alternating_offers_split_by_rubinsteins_share(deltas: tuple[float, float], first: Side, price: int) -> None:
    """Worth 100,000 to the buyer, nothing to the seller: the first mover has .526316 (.9, .9) or .714286 (its .9, .8)."""
    bids = Bids.of([buyer("b", 1, 100_000), seller("s", 1, 0)])
    found = AlternatingOffers(delta_buyer=deltas[0], delta_seller=deltas[1], first=first).clear(bids)
    assert found.pairs.price_e4.tolist() == [price]
    assert found.messages == 2


def test_muda_trades_each_half_at_the_others_price() -> None:
    """Where the lot parts (b100, s80) from (b90, s84), the halves' middles are 90 and 87: each half trades at the other's."""
    rows = [buyer("b100", 1, 100), seller("s80", 1, 80), buyer("b90", 1, 90), seller("s84", 1, 84)]
    prices = set()
    for seed in range(60):
        found = Muda().clear(Bids.of(rows), Setting(seed=seed))
        if found.quantity_wh.tolist() == [1, 1, 1, 1]:
            prices.add(tuple(found.amount_e7.tolist()))
    assert (87, 87, 90, 90) in prices
    assert (90, 90, 90, 90) not in prices


def test_muda_is_nearly_efficient_in_large_markets() -> None:
    """With 2,000 bids it realises 95 % of the gains; with 4 it often realises none."""
    large = random_market(1, 1000, 1000)
    best = UniformPrice().clear(large).gains_e7
    assert Muda().clear(large).gains_e7 > 0.95 * best
    small = [Muda().clear(random_market(seed, 2, 2)).gains_e7 for seed in range(20)]
    assert small.count(0) > 5


def test_the_equilibrium_of_the_bilateral_k_double_auction() -> None:
    """k = 1/2, values uniform on [0, 1]: with bids 2v/3 + 1/12 and asks 2c/3 + 1/4, 27/32 of the possible gains
    (Chatterjee and Samuelson 1983); and no other ask serves a seller better against these bids.
    """
    count, scale = 60, 1_000_000
    values = (np.arange(count) + 0.5) / count
    bids, asks = (np.rint(scale * (2 * values / 3 + shift)).astype(int) for shift in (1 / 12, 1 / 4))
    realised = possible = 0.0
    for value, bid in zip(values, bids, strict=True):
        for cost, ask in zip(values, asks, strict=True):
            found = UniformPrice(50).clear(Bids.of([buyer("b", 1, int(bid)), seller("s", 1, int(ask))]))
            realised += (value - cost) * found.traded_wh
            possible += max(value - cost, 0.0)
    assert realised / possible == pytest.approx(27 / 32, abs=0.01)

    def earned(cost: float, ask: int) -> float:
        clearings = (UniformPrice(50).clear(Bids.of([buyer("b", 1, int(b)), seller("s", 1, ask)])) for b in bids)
        return sum(c.received_e7 / scale - cost * c.traded_wh for c in clearings) / count

    cost = 0.3
    equilibrium = earned(cost, round(scale * (2 * cost / 3 + 1 / 4)))
    others = [earned(cost, round(scale * ask)) for ask in np.linspace(cost, 0.9, 13)]
    assert max(others) <= equilibrium + 1e-3
    assert earned(cost, round(scale * cost)) < equilibrium - 0.01  # the truth serves it worse
