"""Strem's default day as a market: what its elements offer, what its points need, and every mechanism on it."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from environment.physics import Battery
from environment.sites import load_site
from environment.sites.agreements import ProviderChange
from experiments.mechanisms.compare import mechanisms_for
from experiments.mechanisms.district_day import DistrictDay, GridAfter, district_day
from experiments.mechanisms.gaming import GAMES, Game
from experiments.mechanisms.market_day import Ask, Outcome, demand, honest, run_day
from experiments.mechanisms.offers import offerings, shares, spread
from market.mechanisms.mechanism import Budget, Mechanism
from market.mechanisms.registry import MECHANISMS

RULES = mechanisms_for(load_site("strem"), [known.name for known in MECHANISMS])
each = pytest.mark.parametrize("rule", RULES, ids=lambda rule: cast(Mechanism, rule).name)
LV, MV = "ea1.2016-01.at.strem:lv-rural1", "ea1.2016-01.at.strem:mv-feeder"


@pytest.fixture(scope="module")
def strem() -> DistrictDay:
    """The default day with seed 1."""
    site = load_site("strem")
    return district_day(site, site.default_day, 1)


@pytest.fixture(scope="module")
def outcomes(strem: DistrictDay) -> dict[str, Outcome]:
    """Every mechanism with everybody honest."""
    return {rule.name: run_day(honest(strem), rule, 1) for rule in RULES}


def test_needs_are_those_of_both_points(strem: DistrictDay) -> None:
    """On this day the transformer and the feeder send back too much, around noon, and only then."""
    assert strem.points == (LV, MV)
    for need in strem.need_wh.values():
        asked = np.flatnonzero(need)
        assert len(asked) > 4
        assert 9 * 4 <= asked.min() <= asked.max() <= 17 * 4
    assert all(((need == 0) | (strem.spare_wh[point] == 0)).all() for point, need in strem.need_wh.items())


def test_offers_are_what_elements_can_do(strem: DistrictDay) -> None:
    """No plant gives up more than it is expected to make, no store takes more than its rating allows, nothing is free
    but by its own price, and nothing is offered where nothing is needed.
    """
    lived = strem.lived
    by_element: dict[str, np.ndarray] = {}
    for offer in strem.offers:
        asked = np.sum([strem.need_wh[point] for point in strem.above[offer.point]], axis=0) > 0
        assert not offer.quantity_wh[~asked].any()
        assert (offer.quantity_wh >= 0).all()
        assert (offer.cost_e4 >= 0).all()
        assert 0 <= offer.back.sum() <= 1 + 1e-9
        by_element[offer.element] = by_element.get(offer.element, 0) + offer.quantity_wh
    assert len({name.partition(".")[2].rstrip("-1234") for name in by_element}) >= 5  # pv, battery, bess, gateway, ...
    for name, offered in by_element.items():
        if name in lived.expected_generation_wh:
            assert (offered <= lived.expected_generation_wh[name] + 1e-6).all()
        elif not name.endswith("chp"):
            rated = strem.lived.at_start[name].rated_w  # type: ignore[attr-defined]
            assert (lived.energy_wh[name] + offered <= rated * lived.hours + 1).all()


@pytest.mark.parametrize(("days", "pooled"), [(0, "west"), (1, "east"), (-1, "west")])
def test_a_home_is_pooled_by_its_aggregator_of_the_day(strem: DistrictDay, days: int, pooled: str) -> None:
    """One that goes over with the day or before it is the new one's; with the day after, still the old one's; others stay."""
    change = ProviderChange(prosumer="farm-1", day=strem.lived.day.next(days).day, to="agr-west")
    site = strem.site.model_copy(update={"switches": (change,)})
    needed = {point: np.ones(strem.lived.day.count) for point in strem.points}
    owners = {one.element: one.owner for one in offerings(site, strem.lived, needed)}
    before = {one.element: one.owner for one in offerings(strem.site, strem.lived, needed)}
    changed = {name for name, owner in owners.items() if before[name] != owner}
    assert owners["farm-1.battery"] == f"agr-{pooled}"
    assert changed == ({name for name in owners if name.startswith("farm-1.")} if pooled == "west" else set())


def test_a_battery_sells_no_more_than_its_room(strem: DistrictDay) -> None:
    """Over the day what it sells, and what its own rule takes then anyway, fits into the emptiest that it is before."""
    found = 0
    for offer in strem.offers:
        unit = strem.lived.at_start[offer.element]
        if isinstance(unit, Battery):
            found += 1
            stored = strem.lived.stored_wh[offer.element].min()
            assert offer.quantity_wh.sum() * unit.efficiency <= unit.capacity_wh - stored + 1
    assert found >= 5


def test_a_seed_is_another_day(strem: DistrictDay) -> None:
    """Batteries, forecasts and owners' costs differ with the seed, and the same seed is the same day."""
    site = strem.site
    again, other = district_day(site, site.default_day, 1), district_day(site, site.default_day, 2)
    assert [o.quantity_wh.tolist() for o in again.offers] == [o.quantity_wh.tolist() for o in strem.offers]
    assert [o.cost_e4.tolist() for o in again.offers] == [o.cost_e4.tolist() for o in strem.offers]
    assert {p: n.tolist() for p, n in again.need_wh.items()} == {p: n.tolist() for p, n in strem.need_wh.items()}
    assert other.need_wh[LV].tolist() != strem.need_wh[LV].tolist()
    assert [o.cost_e4.tolist() for o in other.offers] != [o.cost_e4.tolist() for o in strem.offers]


@given(need=st.integers(0, 10**6))
def test_demand_adds_up_to_the_need(strem: DistrictDay, need: int) -> None:
    """The DSO's bids are whole watt-hours that sum to the need, the dearest first."""
    steps = demand(strem, LV, 50, need)
    assert sum(quantity for _, quantity, _ in steps) == need
    prices = [price for _, _, price in steps]
    assert prices == sorted(prices, reverse=True)
    assert all(quantity > 0 for _, quantity, _ in steps)


@given(
    budget=st.floats(-10, 1e5),
    rows=st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 10)), min_size=1, max_size=8),
)
def test_a_budget_is_spread_within_what_is_possible(budget: float, rows: list[tuple[float, float]]) -> None:
    """Nowhere above what is possible, never more than there is, nothing where nothing is asked."""
    most, weight = (np.array(column) for column in zip(*rows, strict=True))
    found = spread(budget, most, weight)
    assert (found >= 0).all()
    assert (found <= most + 1e-9).all()
    assert found.sum() <= max(budget, 0.0) + 1e-6
    assert not found[weight == 0].any()
    assert shares(found).sum() == pytest.approx(1.0 if found.any() else 0.0)


@each
def test_nobody_sells_more_than_it_offers_and_money_is_kept(outcomes: dict[str, Outcome], rule: Mechanism) -> None:
    """Over the whole day: quantities within offers, each seller at least its cost, the budget as stated."""
    found = outcomes[rule.name]
    for ask in found.play.asks:
        sold = found.sold_wh[ask.name]
        assert (sold >= 0).all()
        assert (sold <= ask.quantity_wh).all()
        assert found.received_e7[ask.name] >= int((sold * ask.cost_e4).sum())
    surplus = found.paid_e7 - found.all_received_e7
    expected = {Budget.BALANCED: surplus == 0, Budget.SURPLUS: surplus >= 0, Budget.DEFICIT: surplus <= 0}
    assert expected[rule.properties.budget]


@each
def test_no_mechanism_beats_the_optimum(outcomes: dict[str, Outcome], rule: Mechanism) -> None:
    """Network-aware clearing on true costs is the best there is; all others lose some of it, none everything."""
    best = outcomes["network-aware"].welfare_e7()
    assert 0 < outcomes[rule.name].welfare_e7() <= best


def test_what_is_sold_relieves_the_grid(strem: DistrictDay, outcomes: dict[str, Outcome]) -> None:
    """By the power flow on what really came: what meets the need leaves a tenth above the limits at most."""
    grid = GridAfter(strem.site, strem.lived)
    before = grid.over_limit_wh({})
    assert before > 100_000
    for name in ("pay-as-bid", "uniform-price", "vcg", "network-aware"):
        relief = outcomes[name].relief_wh()
        assert all((relief[point] >= strem.need_wh[point]).all() for point in strem.points)
        assert grid.over_limit_wh(outcomes[name].moved_wh()) < before / 10


def test_what_stores_take_they_take_less_at_another_time(strem: DistrictDay, outcomes: dict[str, Outcome]) -> None:
    """Sold energy of a battery or vehicle comes back within the day, to the watt-hour; half of a heat pump's does."""
    found = outcomes["uniform-price"]
    stores = [a for a in found.play.asks if a.back.sum() > 0.99 and found.sold_wh[a.name].any()]
    assert stores
    for ask in stores:
        alone = found.sold_wh[ask.name] - found.sold_wh[ask.name].sum() * ask.back
        assert alone.sum() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("game", Game)
def test_games_change_what_is_told_but_not_the_day(strem: DistrictDay, game: Game) -> None:
    """Each variant names its players; others' asks are as before; need grows only where more is foretold."""
    before = {ask.name: ask for ask in honest(strem).asks}
    plays = GAMES[game](strem)
    assert len(plays) == 3
    for play in plays:
        assert play.players
        assert all(_same(ask, before[ask.name]) for ask in play.asks if ask.name not in play.players)
        assert {ask.name for ask in play.asks} >= set(before)
        for point in strem.points:
            assert (play.need_wh[point] >= strem.need_wh[point]).all()


def _same(one: Ask, other: Ask) -> bool:
    fields = ("quantity_wh", "price_e4", "cost_e4")
    return all((getattr(one, name) == getattr(other, name)).all() for name in fields)


def test_an_inflated_baseline_is_paid_for_nothing(strem: DistrictDay) -> None:
    """What was invented relieves nothing and costs nothing, and a uniform price pays for it."""
    (rule,) = (one for one in RULES if one.name == "uniform-price")
    plain = run_day(honest(strem), rule, 1)
    best = max(
        (run_day(play, rule, 1) for play in GAMES[Game.BASELINE_INFLATION](strem)),
        key=lambda one: one.profit_e7(one.play.players),
    )
    (invented,) = (ask for ask in best.play.asks if ask.name.endswith("/invented"))
    assert best.sold_wh[invented.name].any()
    assert best.received_e7[invented.name] > 0
    assert best.paid_e7 > plain.paid_e7
    assert best.profit_e7(best.play.players) > plain.profit_e7(best.play.players)
    without = {name: sold for name, sold in best.sold_wh.items() if name != invented.name}
    assert invented.relieves == 0
    assert set(best.moved_wh()) == {
        ask.element.partition(".")[0] for ask in best.play.asks if ask.name in without and without[ask.name].any()
    }


def test_what_is_scheduled_and_not_sold_burdens_the_grid(strem: DistrictDay) -> None:
    """A battery that schedules feed-in and asks too much has to feed in, at a loss."""
    (rule,) = (one for one in RULES if one.name == "uniform-price")
    play = GAMES[Game.INCREASE_DECREASE](strem)[0]
    found = run_day(play, rule, 1)
    (scheduled,) = (ask for ask in play.asks if ask.name.endswith("/scheduled"))
    unsold = scheduled.quantity_wh - found.sold_wh[scheduled.name]
    assert unsold.any()
    owner = scheduled.element.partition(".")[0]
    least = found.moved_wh()[owner] + unsold - sum(
        found.sold_wh[a.name] for a in play.asks if a.element.partition(".")[0] == owner and a.relieves
    )  # fmt: skip
    assert (least <= 1e-6).all()
    assert found.profit_e7(frozenset((scheduled.name,))) < found.received_e7[scheduled.name]
