"""What mechanisms are built of: the matched book against counting unit by unit, lots, rations, and what messages are counted."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.mechanisms.alternating_offers import AlternatingOffers
from market.mechanisms.bids import Bids
from market.mechanisms.continuous_double_auction import ContinuousDoubleAuction
from market.mechanisms.contract_net import ContractNet
from market.mechanisms.convex import ConvexCosts, Scaled
from market.mechanisms.lots import drawn
from market.mechanisms.mcafee import McAfee
from market.mechanisms.mechanism import Clearing, Mechanism, Pairs, Setting, at_one_price, by_pairs
from market.mechanisms.muda import Muda
from market.mechanisms.network import OPEN
from market.mechanisms.order_book import match, paired, paired_at, served
from market.mechanisms.pay_as_bid import PayAsBid
from market.mechanisms.posted_price import PostedPrice, accepted
from market.mechanisms.trade_reduction import TradeReduction, rationed
from market.mechanisms.uniform_price import UniformPrice
from market.mechanisms.vcg import Vcg
from market.negotiation.concession import Side
from tests.worlds.bids import buyer, markets, seller


def units(bids: Bids) -> tuple[list[int], list[int]]:
    """Every Wh as a bid of its own: what buyers would pay, falling, and what sellers ask, rising."""
    pays = [price for price, wh, buys in zip(bids.price_e4, bids.quantity_wh, bids.buys, strict=True) if buys
            for _ in range(wh)]  # fmt: skip
    asks = [price for price, wh, buys in zip(bids.price_e4, bids.quantity_wh, bids.buys, strict=True) if not buys
            for _ in range(wh)]  # fmt: skip
    return sorted(map(int, pays), reverse=True), sorted(map(int, asks))


@given(markets())
def test_the_book_trades_unit_by_unit_while_the_buyer_pays_what_the_seller_asks(bids: Bids) -> None:
    """Against counting single watt-hours: the volume, and the range of prices at which nobody would trade otherwise."""
    pays, asks = units(bids)
    volume = sum(pay >= ask for pay, ask in zip(pays, asks, strict=False))
    found = match(bids)
    assert found.volume_wh == volume
    quantity = found.quantity_wh
    assert quantity[bids.buys].sum() == quantity[~bids.buys].sum() == volume
    if not pays or not asks:
        assert found.low_e4 is found.high_e4 is None
        return
    lowest = max([*asks[volume - 1 : volume], *pays[volume : volume + 1]]) if volume else max(pays[:1])
    highest = min([*pays[volume - 1 : volume], *asks[volume : volume + 1]]) if volume else min(asks[:1])
    assert (found.low_e4, found.high_e4) == (lowest, highest)
    assert lowest <= highest or not volume


@given(markets())
def test_the_book_serves_the_better_price_first_and_of_equals_the_earlier(bids: Bids) -> None:
    """Whoever trades less than it bid is followed by nobody that trades on its side."""
    found = match(bids)
    quantity = found.quantity_wh
    for side in (found.buyers, found.sellers):
        prices = bids.price_e4[side.order]
        ordered = [
            (int(p) if side is found.sellers else -int(p), int(o)) for p, o in zip(prices, side.order, strict=True)
        ]
        assert ordered == sorted(ordered)
        full = [quantity[o] == bids.quantity_wh[o] for o in side.order]
        for (before, after), place in zip(pairwise(full), side.order[1:], strict=True):
            assert before or not after
            assert before or quantity[place] == 0


@given(markets(), st.integers(-20, 60), st.integers(1, 40), st.sampled_from(Side))
def test_one_more_bid_never_makes_the_market_worth_less(bids: Bids, price: int, wh: int, side: Side) -> None:
    """Efficient gains are monotone in who takes part; and a bid that no other side suits changes nothing."""
    before = UniformPrice().clear(bids)
    more = Bids.of([*bids.one_by_one(), (buyer if side is Side.BUYER else seller)("late", wh, price)])
    assert UniformPrice().clear(more).gains_e7 >= before.gains_e7
    hopeless = buyer("late", wh, -21) if side is Side.BUYER else seller("late", wh, 61)
    assert UniformPrice().clear(Bids.of([*bids.one_by_one(), hopeless])).gains_e7 == before.gains_e7


@given(st.lists(st.integers(0, 20), max_size=8), st.integers(0, 100))
def test_a_volume_falls_to_quantities_in_turn(quantities: list[int], volume: int) -> None:
    """All of the first before anything of the next, and no more than there is."""
    found = served(np.array(quantities, dtype=np.int64), volume).tolist()
    left = volume
    for quantity, given_ in zip(quantities, found, strict=True):
        assert given_ == min(quantity, left)
        left -= given_


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.data())
def test_a_ration_is_in_proportion_to_the_unit(quantities: list[int], data: st.DataObject) -> None:
    """Whole units that add up, each within one of its share, none above its quantity."""
    total = sum(quantities)
    volume = data.draw(st.integers(0, total))
    found = rationed(np.array(quantities, dtype=np.int64), volume).tolist()
    assert sum(found) == volume
    for quantity, part in zip(quantities, found, strict=True):
        assert 0 <= part <= quantity
        assert abs(part - quantity * volume / total) < 1


@given(markets(), st.floats(0, 1))
def test_pairs_bring_the_best_together_and_split_what_they_gain(bids: Bids, share: float) -> None:
    """Quantities of the book exactly; each price from the ask up to the bid, the seller's share of the gain above the ask."""
    quantity = match(bids).quantity_wh
    bought, sold, wh = paired(bids, quantity)
    assert (wh > 0).all()
    for side, places in ((bids.buys, bought), (~bids.buys, sold)):
        assert np.bincount(places, weights=wh, minlength=len(bids)).tolist() == np.where(side, quantity, 0).tolist()
    assert (np.diff(bids.price_e4[bought]) <= 0).all()
    assert (np.diff(bids.price_e4[sold]) >= 0).all()
    made = paired_at(bids, quantity, share)
    ask, pay = bids.price_e4[made.seller], bids.price_e4[made.buyer]
    assert (ask <= made.price_e4).all()
    assert (made.price_e4 <= pay).all()
    assert (np.abs(made.price_e4 - ask - share * (pay - ask)) < 1 + 1e-9).all()


NAMES = st.lists(st.integers(0, 99).map(str), unique=True, min_size=1, max_size=6).map(tuple)


@given(NAMES, st.integers(0, 2**40))
def test_a_lot_belongs_to_its_name(names: tuple[str, ...], seed: int) -> None:
    """Drawn again, in another order or among others it is the same; of 62 bits, never negative."""
    lots = dict(zip(names, drawn(seed, "half", names).tolist(), strict=True))
    assert drawn(seed, "half", names[::-1]).tolist() == [lots[name] for name in names[::-1]]
    assert drawn(seed, "half", names[:1]).tolist() == [lots[names[0]]]
    assert all(0 <= lot < 2**62 for lot in lots.values())
    assert drawn(seed, "turn", names).tolist() != list(lots.values())
    assert drawn(seed + 1, "half", names).tolist() != list(lots.values())


def test_lots_halve_a_large_market() -> None:
    """Of a thousand names about half are even; no two have the same lot."""
    lots = drawn(1, "half", tuple(f"p{k}" for k in range(1000)))
    assert 450 < int((lots % 2 == 0).sum()) < 550
    assert len(set(lots.tolist())) == 1000


THREE = Bids.of([buyer("a", 4, 30), seller("x", 3, 10), buyer("b", 2, 20), seller("y", 5, 25)])


@pytest.mark.parametrize(
    ("mechanism", "messages", "rounds"),
    [
        (PayAsBid(), 8, 1), (UniformPrice(), 8, 1), (Vcg(), 8, 1), (McAfee(), 8, 1), (TradeReduction(), 8, 1), (Muda(), 8, 1),
        # To all a price and from all an answer; then word to the three who accept 20: a, x and b.
        (PostedPrice(20), 11, 1),
        # Four bids, and word to both of each trade: a-x 3 and a-y 1.
        (ContinuousDoubleAuction(), 8, 4),
        # a: 2 cfps, 2 answers, 2 verdicts, 2 informs; b: 2 cfps, y answers and is told no, nothing is bought.
        (ContractNet(), 13, 2),
        # Two pairs, an offer and its acceptance each.
        (AlternatingOffers(), 4, 1),
    ],
    ids=lambda value: getattr(value, "name", ""),
)  # fmt: skip
def test_messages_are_counted_by_hand(mechanism: Mechanism, messages: int, rounds: int) -> None:
    """Buyers of 4 at 30 and 2 at 20, sellers of 3 at 10 and 5 at 25."""
    found = mechanism.clear(THREE)
    assert (found.messages, found.rounds) == (messages, rounds)


def test_a_clearing_sums_up_its_bids() -> None:
    """By hand: 3 Wh at 20 and 1 at 26; worth 4 x 30, costing 3 x 10 + 1 x 25."""
    found = by_pairs(THREE, Pairs.of([(0, 1, 3, 20), (0, 3, 1, 26)]), 5)
    assert found.quantity_wh.tolist() == [4, 3, 0, 1]
    assert found.amount_e7.tolist() == [86, 60, 0, 26]
    assert (found.traded_wh, found.paid_e7, found.received_e7, found.surplus_e7, found.gains_e7) == (4, 86, 86, 0, 65)
    one = at_one_price(THREE, np.array([4, 3, 0, 1]), 25, 8)
    assert (one.paid_e7, one.received_e7, len(one.pairs)) == (100, 100, 0)
    kept = Clearing(THREE, one.quantity_wh, one.amount_e7 - np.array([0, 5, 0, 0]), 8)
    assert kept.surplus_e7 == 5


@pytest.mark.parametrize(("price", "quantities"), [(9, [0] * 4), (10, [3, 3, 0, 0]), (25, [4, 3, 0, 1]), (31, [0] * 4)])
def test_a_posted_price_is_taken_by_who_accepts_it(price: int, quantities: list[int]) -> None:
    """The limit itself accepts; the longer side is served in turn, and at a price for one side alone nothing is traded."""
    assert PostedPrice(price).clear(THREE).quantity_wh.tolist() == quantities
    assert accepted(THREE, price, np.arange(4)).tolist() == quantities


def test_the_turn_decides_who_is_served() -> None:
    """At 10 both buyers want 6 Wh of 3: whoever comes first has them."""
    assert accepted(THREE, 10, np.array([2, 0, 1, 3])).tolist() == [1, 3, 2, 0]


@pytest.mark.parametrize(("k", "price"), [(0, 25), (50, 27), (100, 30)])
def test_k_divides_the_range_of_prices_rounded_down(k: int, price: int) -> None:
    """Between the marginal ask of 25 and the marginal bid of 30, both wholly served: 25, 27.5 cut to 27, 30."""
    bids = Bids.of([*THREE.one_by_one()[:3], seller("y", 1, 25)])
    found = UniformPrice(k).clear(bids)
    assert found.quantity_wh.tolist() == [4, 3, 0, 1]
    assert found.amount_e7.tolist() == [4 * price, 3 * price, 0, price]
    # With more to sell the seller at the margin is served in part, and alone sets the price.
    assert UniformPrice(k).clear(THREE).amount_e7.tolist() == [100, 75, 0, 25]


@settings(max_examples=40)
@given(markets(), st.integers(1, 50))
def test_a_currency_a_hundred_times_smaller_changes_no_trade(bids: Bids, factor: int) -> None:
    """All prices times a factor: the efficient mechanisms trade the same quantities, VCG's payments grow by the factor."""
    scaled = replace(bids, price_e4=bids.price_e4 * factor)
    for mechanism in (PayAsBid(), UniformPrice(), Vcg(), TradeReduction(), ContinuousDoubleAuction(), ContractNet()):
        assert mechanism.clear(scaled).quantity_wh.tolist() == mechanism.clear(bids).quantity_wh.tolist()
    assert Vcg().clear(scaled).amount_e7.tolist() == (Vcg().clear(bids).amount_e7 * factor).tolist()


def test_mudas_halves_hang_on_names_and_seed_alone() -> None:
    """Bids in another order: the same names trade the same; another seed may halve otherwise, and money balances anyway."""
    bids = Bids.of([*(buyer(f"b{k}", 2, 40 + k) for k in range(8)), *(seller(f"s{k}", 2, k) for k in range(8))])
    turned = Bids.of(bids.one_by_one()[::-1])
    for seed in range(5):
        one, two = (Muda().clear(each, Setting(seed=seed)) for each in (bids, turned))
        traded = dict(zip(bids.names, one.quantity_wh.tolist(), strict=True))
        assert traded == dict(zip(turned.names, two.quantity_wh.tolist(), strict=True))
        assert one.surplus_e7 == 0


@given(
    slope=st.floats(0, 3), price=st.floats(-2, 2), low=st.floats(-2, 0), high=st.floats(0, 2), target=st.floats(-3, 3),
    rho=st.floats(0.1, 4), other=st.floats(0, 1),
)  # fmt: skip
def test_an_answer_to_a_price_costs_least(
    slope: float, price: float, low: float, high: float, target: float, rho: float, other: float
) -> None:
    """No other power within the bounds has a smaller sum of own cost and distance from the target."""
    costs = ConvexCosts(*(np.array([value]) for value in (slope, price, low, high)))
    (answer,) = costs.answer(np.array([target]), rho).tolist()

    def cost(power: float) -> float:
        return slope / 2 * power**2 + price * power + rho / 2 * (power - target) ** 2

    assert low <= answer <= high
    assert cost(answer) <= cost(low + other * (high - low)) + 1e-9


def test_bids_in_units_of_about_one_lead_back() -> None:
    """Mean quantity and range of prices are the units; buyers may only buy, sellers only sell; one price has a unit of 1."""
    scaled = Scaled.of(THREE)
    assert (scaled.unit_wh, scaled.unit_e4, scaled.base_e4) == (3.5, 20.0, 10.0)
    assert [scaled.price_e4(price) for price in scaled.costs.price.tolist()] == [30, 10, 20, 25]
    assert (scaled.costs.low * 3.5).tolist() == pytest.approx([-4, 0, -2, 0])
    assert (scaled.costs.high * 3.5).tolist() == pytest.approx([0, 3, 0, 5])
    assert Scaled.of(Bids.of([buyer("a", 1, 7)])).unit_e4 == 1.0


def test_the_open_grid_knows_one_place() -> None:
    """What is bought there is sold there; any other place is refused by name."""
    assert OPEN.columns(("", "")).tolist() == [[1.0, 1.0], [-1.0, -1.0]]
    with pytest.raises(BadInput, match="limits: point 'village' is unknown; expected one of ''"):
        OPEN.columns(("", "village"))
    assert replace(OPEN, points=("", "village"), share=((1.0, 0.5), (-1.0, -0.5))).columns(("village",)).tolist() == [
        [0.5],
        [-0.5],
    ]
