"""What holds for every mechanism and all bids, and what each states of itself beyond."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.mechanisms.bids import Bids
from market.mechanisms.mechanism import Budget, Efficient, Mechanism, Truthful
from market.mechanisms.posted_price import PostedPrice
from market.mechanisms.registry import MECHANISMS
from market.mechanisms.uniform_price import UniformPrice
from tests.worlds.bids import SOLVED, gain_e7, linear, markets, random_market, with_price

BY_PRICES = ("dual-price", "peer-to-peer")  # what converges: efficient up to a tolerance
MARKETS = [PostedPrice(10) if known.name == "posted-price" else known for known in MECHANISMS]
each = pytest.mark.parametrize("mechanism", MARKETS, ids=lambda known: cast(Mechanism, known).name)


def best_gains(bids: Bids) -> int:
    """The largest gains there are, by a linear program that knows nothing of order books."""
    sign = np.where(bids.buys, 1.0, -1.0)
    if not len(bids):
        return 0
    found = linear(-sign * bids.price_e4, np.stack([sign, -sign]), np.zeros(2), bids.quantity_wh.astype(float))
    return round(float((sign * bids.price_e4) @ found.values))


@each
@given(bids=markets())
def test_what_is_bought_is_sold_and_nobody_trades_beyond_its_bid(mechanism: Mechanism, bids: Bids) -> None:
    """Watt-hours bought and sold are equal; no bid trades more than its quantity, or less than nothing."""
    found = mechanism.clear(bids, SOLVED)
    assert found.traded_wh == int(found.quantity_wh[~bids.buys].sum())
    assert (found.quantity_wh >= 0).all()
    assert (found.quantity_wh <= bids.quantity_wh).all()
    assert found.gains_e7 >= 0


@each
@given(bids=markets())
def test_nobody_pays_more_or_gets_less_than_its_bid(mechanism: Mechanism, bids: Bids) -> None:
    """Individually rational, bid by bid; who does not trade pays and gets nothing."""
    assert mechanism.properties.individually_rational
    found = mechanism.clear(bids, SOLVED)
    assert all(gain_e7(bids, place, found) >= 0 for place in range(len(bids)))
    assert (found.amount_e7[found.quantity_wh == 0] == 0).all()


@each
@given(bids=markets())
def test_money_is_kept_as_stated(mechanism: Mechanism, bids: Bids) -> None:
    """Balanced to the last 1e-7, or a surplus, or (VCG) a deficit."""
    surplus = mechanism.clear(bids, SOLVED).surplus_e7
    expected = {Budget.BALANCED: surplus == 0, Budget.SURPLUS: surplus >= 0, Budget.DEFICIT: surplus <= 0}
    assert expected[mechanism.properties.budget]


@each
@given(bids=markets())
def test_pairs_and_parties_say_the_same(mechanism: Mechanism, bids: Bids) -> None:
    """Where it is settled who trades with whom, each pair is a buyer and a seller, and the pairs add up to the clearing."""
    found = mechanism.clear(bids, SOLVED)
    pairs = found.pairs
    if not len(pairs):
        return
    assert bids.buys[pairs.buyer].all()
    assert not bids.buys[pairs.seller].any()
    assert (pairs.price_e4 <= bids.price_e4[pairs.buyer]).all()
    assert (pairs.price_e4 >= bids.price_e4[pairs.seller]).all()
    assert int(pairs.quantity_wh.sum()) == found.traded_wh
    assert int((pairs.quantity_wh * pairs.price_e4).sum()) == found.paid_e7 == found.received_e7


@pytest.mark.parametrize(
    "mechanism",
    [known for known in MARKETS if known.properties.efficient in {Efficient.YES, Efficient.IF_TRUTHFUL}
     and known.name not in BY_PRICES],
    ids=lambda known: cast(Mechanism, known).name,
)  # fmt: skip
@given(bids=markets())
def test_who_claims_efficiency_realises_all_gains(mechanism: Mechanism, bids: Bids) -> None:
    """With true bids, the gains are those of the linear program, to the unit."""
    assert mechanism.clear(bids, SOLVED).gains_e7 == best_gains(bids)


@pytest.mark.parametrize("name", BY_PRICES)
@pytest.mark.parametrize("seed", range(12))
def test_rounds_of_prices_come_close_to_all_gains(name: str, seed: int) -> None:
    """What only answers prices realises 97 % of the gains without telling a limit."""
    bids = random_market(seed)
    (mechanism,) = (known for known in MARKETS if known.name == name)
    found = mechanism.clear(bids)
    assert 0.97 * best_gains(bids) <= found.gains_e7 <= best_gains(bids)
    assert found.rounds > 1


@pytest.mark.parametrize("name", ["mcafee", "trade-reduction"])
@given(bids=markets(most_wh=1))
def test_with_bids_of_one_unit_at_most_the_least_trade_is_lost(name: str, bids: Bids) -> None:
    """The volume is the efficient one or one unit less, and the gains lost are the smallest of all trades."""
    (mechanism,) = (known for known in MARKETS if known.name == name)
    found, best = mechanism.clear(bids), UniformPrice().clear(bids)
    assert best.traded_wh - found.traded_wh in {0, 1}
    if found.traded_wh < best.traded_wh:
        worst_bid = min(p for p, q in zip(bids.price_e4[bids.buys], best.quantity_wh[bids.buys], strict=True) if q)
        dearest = max(p for p, q in zip(bids.price_e4[~bids.buys], best.quantity_wh[~bids.buys], strict=True) if q)
        assert best.gains_e7 - found.gains_e7 == worst_bid - dearest


TRUTHFUL = [known for known in MARKETS if known.properties.truthful in {Truthful.YES, Truthful.UNIT_DEMAND}]
OTHERS = [known for known in MARKETS if known not in TRUTHFUL]


@pytest.mark.parametrize("mechanism", TRUTHFUL, ids=lambda known: cast(Mechanism, known).name)
@given(data=st.data())
def test_no_lie_pays_where_truthfulness_is_claimed(mechanism: Mechanism, data: st.DataObject) -> None:
    """Whatever the others bid, no other price serves a party better than its own."""
    most = 1 if mechanism.properties.truthful is Truthful.UNIT_DEMAND else 40
    bids = data.draw(markets(most_wh=most, least=1))
    liar = data.draw(st.integers(0, len(bids) - 1))
    lie = data.draw(st.one_of(st.integers(-30, 70), st.sampled_from(bids.price_e4.tolist())))
    honest = gain_e7(bids, liar, mechanism.clear(bids, SOLVED))
    assert gain_e7(bids, liar, mechanism.clear(with_price(bids, liar, lie), SOLVED)) <= honest


@pytest.mark.parametrize("mechanism", OTHERS, ids=lambda known: cast(Mechanism, known).name)
def test_a_lie_pays_where_truthfulness_is_not_claimed(mechanism: Mechanism) -> None:
    """A search over small markets finds a party that gains by another price, so the claim is not too modest."""
    for seed in range(30):
        bids = random_market(seed, 3, 4, most_wh=5)
        for liar in range(len(bids)):
            honest = gain_e7(bids, liar, mechanism.clear(bids, SOLVED))
            for lie in range(200, 3000, 200):
                if gain_e7(bids, liar, mechanism.clear(with_price(bids, liar, lie), SOLVED)) > honest:
                    return
    pytest.fail(f"{mechanism.name}: nobody gained by any lie")


@each
def test_the_same_bids_are_cleared_the_same(mechanism: Mechanism) -> None:
    """Nothing hangs on hash seeds, clocks or what was cleared before."""
    bids = random_market(3)
    first = mechanism.clear(bids, SOLVED)
    mechanism.clear(random_market(4), SOLVED)
    again = mechanism.clear(Bids.of(bids.one_by_one()), SOLVED)
    assert first.quantity_wh.tolist() == again.quantity_wh.tolist()
    assert first.amount_e7.tolist() == again.amount_e7.tolist()
    assert (first.messages, first.rounds) == (again.messages, again.rounds)


@each
def test_a_side_without_bids_trades_nothing(mechanism: Mechanism) -> None:
    """Only buyers, only sellers, nobody at all: nothing is traded and nothing is paid."""
    bids = random_market(5)
    for side in (bids.buys, ~bids.buys, np.zeros(len(bids), dtype=bool)):
        alone = Bids.of(bid for bid, there in zip(bids.one_by_one(), side, strict=True) if there)
        found = mechanism.clear(alone, SOLVED)
        assert (found.traded_wh, found.paid_e7, found.received_e7) == (0, 0, 0)
