"""What converges: exchange ADMM and peer-to-peer ADMM against closed forms and a central optimum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from market.mechanisms.convex import ConvexCosts
from market.mechanisms.dual_price import DualPrice, exchange
from market.mechanisms.peer_to_peer import Traders, agree
from tests.worlds.bids import random_market

FREE = np.full(5, np.inf)


@given(data=st.data())
def test_the_exchange_finds_the_closed_form(data: st.DataObject) -> None:
    """min sum a/2 p^2 + b p with sum p = 0: price = sum(b/a) / sum(1/a), p = (price - b) / a."""
    a = np.array(data.draw(st.lists(st.floats(0.3, 3.0), min_size=5, max_size=5)))
    b = np.array(data.draw(st.lists(st.floats(-2.0, 2.0), min_size=5, max_size=5)))
    found = exchange(ConvexCosts(a, b, -FREE, FREE), rounds=3000, tolerance=1e-9)
    price = (b / a).sum() / (1 / a).sum()
    assert found.price == pytest.approx(price, abs=1e-5)
    assert found.power == pytest.approx((price - b) / a, abs=1e-5)
    assert found.power.sum() == pytest.approx(0.0, abs=1e-6)


def test_bounds_are_never_left() -> None:
    """In every answer each stays within what it can give, converged or not."""
    rng = np.random.default_rng(1)
    high = rng.uniform(0.1, 1.0, 5)
    costs = ConvexCosts(np.ones(5), rng.uniform(-2, 2, 5), -high / 2, high)
    for rounds in (1, 2, 5, 50):
        power = exchange(costs, rounds=rounds).power
        assert ((power >= -high / 2) & (power <= high)).all()


@pytest.mark.parametrize("seed", range(6))
def test_peers_agree_on_the_central_optimum(seed: int) -> None:
    """Both copies of each pair's trade are one; what each trades in sum is what a central solver finds."""
    rng = np.random.default_rng(seed)
    worth, cost = rng.uniform(1.0, 2.0, 3), rng.uniform(0.0, 1.0, 4)
    bending, rising = rng.uniform(0.5, 1.5, 3), rng.uniform(0.5, 1.5, 4)
    most_bought, most_sold = rng.uniform(0.3, 1.5, 3), rng.uniform(0.3, 1.5, 4)
    found = agree(Traders(-worth, bending, most_bought), Traders(cost, rising, most_sold), rounds=5000, tolerance=1e-8)
    assert found.bought == pytest.approx(found.sold, abs=1e-6)

    def costs(flat: np.ndarray) -> float:
        trade = flat.reshape(3, 4)
        bought, sold = trade.sum(axis=1), trade.sum(axis=0)
        return float(bending @ bought**2 / 2 - worth @ bought + rising @ sold**2 / 2 + cost @ sold)

    limits = [{"type": "ineq", "fun": lambda x: most_bought - x.reshape(3, 4).sum(axis=1)},
              {"type": "ineq", "fun": lambda x: most_sold - x.reshape(3, 4).sum(axis=0)}]  # fmt: skip
    central = minimize(costs, np.full(12, 0.01), bounds=[(0, None)] * 12, constraints=limits, options={"maxiter": 500})
    assert costs(found.sold.ravel()) == pytest.approx(central.fun, abs=1e-4)
    assert found.sold.sum(axis=1) == pytest.approx(central.x.reshape(3, 4).sum(axis=1), abs=1e-2)
    trading = found.sold > 1e-3
    marginal = np.broadcast_to(cost + rising * found.sold.sum(axis=0), (3, 4))
    free = np.broadcast_to(found.sold.sum(axis=0) < most_sold - 1e-3, (3, 4))
    assert found.price[trading & free] == pytest.approx(marginal[trading & free], abs=1e-3)


def test_peers_never_leave_their_quantities() -> None:
    """After any number of rounds no row is above what it may trade."""
    most = np.array([0.5, 1.0])
    for rounds in (1, 3, 30):
        found = agree(
            Traders(np.array([-2.0, -1.0]), np.zeros(2), most), Traders(np.array([0.1, 0.2, 0.3]), np.zeros(3), np.ones(3)),
            rounds=rounds,
        )  # fmt: skip
        assert (found.bought.sum(axis=1) <= most + 1e-12).all()
        assert (found.sold.sum(axis=0) <= 1 + 1e-12).all()


def test_a_price_that_did_not_converge_costs_gains_but_not_balance() -> None:
    """After two rounds the price is wrong: less is traded, and still it balances to the unit."""
    bids = random_market(2)
    early, late = DualPrice(2).clear(bids), DualPrice().clear(bids)
    assert early.gains_e7 < late.gains_e7
    assert early.surplus_e7 == late.surplus_e7 == 0
    assert early.traded_wh == int(early.quantity_wh[~bids.buys].sum())
