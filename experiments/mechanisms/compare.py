"""All mechanisms on the same days and seeds: each run's figures, and their means with confidence intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy.stats import t as student

from environment.sites import load_site
from environment.sites.schema import Site
from experiments.mechanisms.district_day import GridAfter, district_day
from experiments.mechanisms.gaming import GAMES, INFLATED, Game
from experiments.mechanisms.lived_day import SPREAD
from experiments.mechanisms.market_day import Outcome, Play, honest, run_day
from experiments.mechanisms.models import Comparison, GameFigures, Mean, MechanismFigures, RunFigures
from experiments.run.workers import pool_of
from market.mechanisms.mechanism import Mechanism
from market.mechanisms.network_aware import NetworkAware
from market.mechanisms.posted_price import PostedPrice
from market.mechanisms.registry import mechanism

_E7_PER_E4 = 1000
_SURE = 0.975


@dataclass(frozen=True)
class Figure:
    """A figure of a run as the table shows it.

    Attributes:
        words: what it is, with its unit; `{currency}` is the site's.
        of: its value in a run; None where it says nothing.
    """

    words: str
    of: Callable[[RunFigures], float | None]


def _money(e4: int) -> float:
    return e4 / 10_000


def _per_relieved(run: RunFigures) -> float | None:
    return run.dso_paid / 100 / (run.relieved_wh / 1000) if run.relieved_wh else None


def _of_optimum(run: RunFigures) -> float | None:
    return 100 * run.welfare / run.optimum if run.optimum else None


def _solved(run: RunFigures) -> float | None:
    before = run.over_limit_before_wh
    return 100 * (1 - run.over_limit_wh / before) if before else None


def _gain(game: Game) -> Callable[[RunFigures], float]:
    return lambda run: _money(run.games[game].gain)


def _extra(game: Game) -> Callable[[RunFigures], float]:
    return lambda run: _money(run.games[game].dso_extra)


def _over(game: Game) -> Callable[[RunFigures], float]:
    return lambda run: run.games[game].over_limit_extra_wh / 1000


FIGURES: dict[str, Figure] = {
    "welfare": Figure("welfare, {currency}", lambda run: _money(run.welfare)),
    "of_optimum_pct": Figure("of optimum, %", _of_optimum),
    "dso_paid": Figure("DSO pays, {currency}", lambda run: _money(run.dso_paid)),
    "ct_per_relieved_kwh": Figure("ct/kWh relieved", _per_relieved),
    "surplus": Figure("left over, {currency}", lambda run: _money(run.surplus)),
    "sellers_profit": Figure("sellers' profit, {currency}", lambda run: _money(run.sellers_profit)),
    "relieved_pct": Figure("need met, %", lambda run: 100 * run.relieved_wh / run.need_wh if run.need_wh else None),
    "solved_pct": Figure("congestion solved, %", _solved),
    "over_limit_kvah": Figure("still above limits, kVAh", lambda run: run.over_limit_wh / 1000),
    "messages": Figure("messages", lambda run: float(run.messages)),
    **{f"{game.name.lower()}_gain": Figure(f"{game.value}: gain, {{currency}}", _gain(game)) for game in Game},
    **{f"{game.name.lower()}_dso": Figure(f"{game.value}: DSO pays more, {{currency}}", _extra(game)) for game in Game},
    **{f"{game.name.lower()}_kvah": Figure(f"{game.value}: above limits, kVAh more", _over(game)) for game in Game},
}


def mechanisms_for(site: Site, names: Iterable[str]) -> tuple[Mechanism, ...]:
    """The mechanisms of these names as they are tried at a site.

    A posted price is what its aggregators take at worst by the site file: known before anybody bids.

    Raises:
        BadInput: a name is unknown.
    """
    posted = round(site.market.aggregators_sell.reservation.volume_ct_per_kwh.value * 100)
    return tuple(PostedPrice(posted) if name == PostedPrice.name else mechanism(name) for name in names)


def run_once(site_name: str, day: date, seed: int, names: tuple[str, ...]) -> list[RunFigures]:
    """One day with one seed by each of these mechanisms."""
    site = load_site(site_name)
    market = district_day(site, day, seed)
    grid = GridAfter(site, market.lived)
    sincere = honest(market)
    games = {game: variants(market) for game, variants in GAMES.items()}
    best = run_day(sincere, NetworkAware(), seed).welfare_e7()
    found = []
    for rule in mechanisms_for(site, names):
        plain = run_day(sincere, rule, seed)
        played = {game: _played(plain, variants, rule, seed, grid) for game, variants in games.items()}
        found.append(_figures(plain, rule, grid, best, seed, played))
    return found


def _played(plain: Outcome, variants: tuple[Play, ...], rule: Mechanism, seed: int, grid: GridAfter) -> GameFigures:
    """What the variant that pays its player best changed; of equal ones the first."""
    outcomes = [run_day(play, rule, seed) for play in variants]
    gains = [one.profit_e7(one.play.players) - plain.profit_e7(one.play.players) for one in outcomes]
    gain = max(gains)
    chosen = outcomes[gains.index(gain)]
    over = grid.over_limit_wh(plain.moved_wh())
    return GameFigures(
        gain=_e4(gain),
        dso_extra=_e4(chosen.paid_e7 - plain.paid_e7),
        left_over_extra=_e4(_left_over_e7(chosen) - _left_over_e7(plain)),
        over_limit_extra_wh=round(grid.over_limit_wh(chosen.moved_wh()) - over),
    )


def _left_over_e7(outcome: Outcome) -> int:
    """What the DSO paid and no seller got."""
    return outcome.paid_e7 - outcome.all_received_e7


def _figures(
    plain: Outcome, rule: Mechanism, grid: GridAfter, best_e7: int, seed: int, games: dict[Game, GameFigures]
) -> RunFigures:
    market, relief = plain.play.day, plain.relief_wh()
    everybody = frozenset(ask.name for ask in plain.play.asks)
    return RunFigures(
        mechanism=rule.name,
        day=market.lived.day.day,
        seed=seed,
        welfare=_e4(plain.welfare_e7()),
        optimum=_e4(best_e7),
        dso_paid=_e4(plain.paid_e7),
        sellers_got=_e4(plain.all_received_e7),
        surplus=_e4(_left_over_e7(plain)),
        sellers_profit=_e4(plain.profit_e7(everybody)),
        need_wh=sum(int(row.sum()) for row in market.need_wh.values()),
        relieved_wh=sum(int(np.minimum(relief[point], market.need_wh[point]).sum()) for point in market.points),
        over_limit_before_wh=round(grid.over_limit_wh({})),
        over_limit_wh=round(grid.over_limit_wh(plain.moved_wh())),
        messages=plain.messages,
        clearings=plain.clearings,
        games=games,
    )


def _e4(amount_e7: int) -> int:
    """Rounded half away from zero, so that opposite amounts stay opposite."""
    whole = (abs(amount_e7) + _E7_PER_E4 // 2) // _E7_PER_E4
    return whole if amount_e7 >= 0 else -whole


def compare(
    site_name: str,
    days: Sequence[date],
    seeds: Sequence[int],
    names: tuple[str, ...],
    processes: int = 1,
    heard: Callable[[date, int], None] = lambda _day, _seed: None,
) -> Comparison:
    """Every day with every seed; the same figures by one process or several.

    Args:
        heard: told of each (day, seed) that is done, in their order.
    """
    tasks = [(day, seed) for day in days for seed in seeds]
    runs: list[RunFigures] = []
    if processes == 1 or len(tasks) == 1:
        for day, seed in tasks:
            runs += run_once(site_name, day, seed, names)
            heard(day, seed)
    else:
        with pool_of(min(processes, len(tasks))) as pool:
            waiting = [pool.submit(run_once, site_name, day, seed, names) for day, seed in tasks]
            for (day, seed), done in zip(tasks, waiting, strict=True):
                runs += done.result()
                heard(day, seed)
    return comparison_of(load_site(site_name), days, seeds, names, runs)


def comparison_of(
    site: Site, days: Sequence[date], seeds: Sequence[int], names: tuple[str, ...], runs: list[RunFigures]
) -> Comparison:
    """What runs come down to."""
    rules = mechanisms_for(site, names)
    posted = next((rule.price_e4_per_kwh / 100 for rule in rules if isinstance(rule, PostedPrice)), None)
    assumed = {"owners_costs_spread": SPREAD, "inflated_feed_in": INFLATED}
    return Comparison(
        schema="iles.mechanisms/1",
        site=site.name,
        currency=site.currency,
        days=list(days),
        seeds=list(seeds),
        assumptions=assumed if posted is None else {**assumed, "posted_ct_per_kwh": posted},
        mechanisms={rule.name: _summed(rule, [run for run in runs if run.mechanism == rule.name]) for rule in rules},
        runs=runs,
    )


def _summed(rule: Mechanism, runs: list[RunFigures]) -> MechanismFigures:
    states = rule.properties
    means = {name: mean_of([figure.of(run) for run in runs]) for name, figure in FIGURES.items()}
    return MechanismFigures(
        budget=states.budget.value,
        truthful=states.truthful.value,
        efficient=states.efficient.value,
        individually_rational=states.individually_rational,
        procures=states.procures,
        source=states.source,
        figures={name: mean for name, mean in means.items() if mean is not None},
    )


def mean_of(values: Iterable[float | None]) -> Mean | None:
    """Mean and 95 % interval of the values that are there; None of none."""
    there = np.array([value for value in values if value is not None], dtype=np.float64)
    if not there.size:
        return None
    mean = float(there.mean())
    if there.size == 1:
        return Mean(mean=round(mean, 4), low=None, high=None)
    half = float(student.ppf(_SURE, there.size - 1) * there.std(ddof=1) / np.sqrt(there.size))
    return Mean(mean=round(mean, 4), low=round(mean - half, 4), high=round(mean + half, 4))
