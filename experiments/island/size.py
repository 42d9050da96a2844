"""`iles size`: the battery that pays at a site, beside the one that stands there and none at all."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from agents.planning.islanding.need import need_of_pieces
from agents.planning.islanding.rainflow import damage
from agents.planning.islanding.sizing import BatteryCosts, Sized, SizingDay, SizingTerms, size
from agents.planning.islanding.typical_days import TypicalDays, typical_days
from cim.model.arrays import Floats
from cim.model.errors import BadInput
from environment.outages import Cause, duration_shares
from environment.sites.islanding import BatteryPrices
from environment.sites.network import build_network
from experiments.island.model import IslandSite

_HOURS = range(0, 24, 2)  # in which outages are taken to begin
_SHARES = {Cause.OWN: 5, Cause.WEATHER: 3, Cause.PLANNED: 3}  # durations that stand for each cause
_ROUNDS = 6  # until cells live as long as they are paid for
_LONGEST_YEARS = 100.0
_UNLIMITED_W = 1e12


@dataclass(frozen=True, eq=False, slots=True)
class SizeResult:
    """What was found.

    Attributes:
        best, present, none: what a year costs with the battery that pays best, with the one that stands there (its cells paid
            as the best one's), and without one: then nothing forms an island, and all that was promised is not served.
        cell_years: how long the best one's cells live, by rainflow, at most `life_years`.
        cycles_per_year: damage of its cells in a year times the full cycles they live.
        given_per_energy: how many times their energy cells may give in a year to live as long as they stand.
        curve: some energies, with power in the best one's proportion.
    """

    best: Sized
    present: Sized
    none: Sized
    cell_years: float
    cycles_per_year: float
    given_per_energy: float
    typical: TypicalDays
    curve: tuple[Sized, ...]


def size_battery(model: IslandSite, days: int = 12) -> SizeResult:
    """The battery that costs least a year, over so many typical days.

    Cells are paid for as long as they stand. So they are cycled no more than lets them live as long: by so many times their
    energy a year, found by rainflow over what the programme does with them.

    Raises:
        BadInput: the site file has no `islanding.sizing`, or its profiles no whole days.
    """
    prices = model.plan.sizing
    if prices is None:
        raise BadInput("islanding.sizing: missing; expected what a battery costs")
    typical = _typical(model, days)
    chosen = tuple(
        _day(model, int(day), float(weight)) for day, weight in zip(typical.days, typical.weights, strict=True)
    )

    costs, years = _costs(prices), prices.life_years.value
    allowed = prices.full_cycles.value / years
    best = size(chosen, costs, _terms(model, years, allowed))
    for _ in range(_ROUNDS):
        life = _life(best, typical, prices)
        done = best.given_kwh / best.energy_kwh if best.energy_kwh > 1e-3 else 0.0
        if life >= years * 0.99 and (done < 0.99 * allowed or life <= years * 1.03):
            break  # they live long enough, and are not held back for nothing
        allowed *= life / years
        best = size(chosen, costs, _terms(model, years, allowed))
    terms = _terms(model, years, allowed)

    def solved(kwh: float, kw: float) -> Sized:
        return size(chosen, costs, terms, fixed=(kwh, kw))

    stands = model.limits.capacity_wh / 1000, model.limits.battery_w / 1000
    wide = max(best.energy_kwh, stands[0])
    ratio = best.power_kw / best.energy_kwh if best.energy_kwh > 1 else stands[1] / stands[0]
    return SizeResult(
        best=best,
        present=solved(*stands),
        none=replace(solved(0.0, 0.0), unserved=_without_island(model)),
        cell_years=min(years, _life(best, typical, prices)),
        cycles_per_year=prices.full_cycles.value / _life(best, typical, prices),
        given_per_energy=allowed,
        typical=typical,
        curve=tuple(solved(wide * k / 5, wide * k / 5 * ratio) for k in range(8)),
    )


def _without_island(model: IslandSite) -> float:
    """What all outages of a year leave unserved of the promised loads where nothing forms an island, currency units."""
    chances, promised = model.chances, model.promised_w
    mean_kw = {cause: float((chances[cause] * promised).sum()) / 1000 for cause in Cause}
    hours = {cause: float(row.mean()) / 3600 for cause, row in duration_shares(model.plan.outages, 100).items()}
    return sum(mean_kw[cause] * hours[cause] for cause in Cause) * model.plan.unserved_ct_per_kwh.value / 100


def _life(found: Sized, typical: TypicalDays, prices: BatteryPrices) -> float:
    """How many years cycles leave to the cells, at most `_LONGEST_YEARS`."""
    used = _damage(found, typical, prices)
    return min(_LONGEST_YEARS, 1 / used) if used > 0 else _LONGEST_YEARS


def _costs(prices: BatteryPrices) -> BatteryCosts:
    return BatteryCosts(
        prices.cells_per_kwh.value, prices.converter_per_kw.value, prices.life_years.value,
        prices.interest_pct.value / 100, 0.0,
    )  # fmt: skip


def _terms(model: IslandSite, cell_years: float, cycles: float) -> SizingTerms:
    return SizingTerms(
        limit_kw=limit_kw(model),
        over_limit_ct=model.site.market.shortage_ct_per_kwh.value,
        unserved_ct=model.plan.unserved_ct_per_kwh.value,
        efficiency=model.limits.efficiency,
        usable=model.usable_wh / model.limits.capacity_wh,
        cell_years=cell_years,
        cycles=cycles,
    )


def _damage(found: Sized, typical: TypicalDays, prices: BatteryPrices) -> float:
    """The share of the cells' life that a year uses up."""
    full, exponent = prices.full_cycles.value, prices.depth_exponent.value
    rows = zip(found.soc, typical.weights, strict=True)
    return sum(float(weight) * damage(row.tolist(), full, exponent) for row, weight in rows)


def limit_kw(model: IslandSite) -> float:
    """What the island's congestion point carries."""
    from agents.planning.grid_safety.assessment import rated_va

    network = build_network(model.site)
    point = next(p for p in model.site.congestion_points if p.id == model.plan.point)
    return float(rated_va(network, point.branch)) / 1000 * model.site.limits.max_loading_pct.value / 100


def over_limit_kwh(model: IslandSite) -> float:
    """What the site draws or feeds in above that in the whole year without its forming battery, beside what typical days say."""
    above_kw = np.maximum(0.0, np.abs(model.exchange.net_w) / 1000 - limit_kw(model))
    return float(above_kw.sum()) * 0.25


def _typical(model: IslandSite, days: int) -> TypicalDays:
    """Days by net load and price, those with the highest draw and the highest feed-in among them."""
    count = model.year.count // 96
    if count < days:
        raise BadInput(f"days: {days} typical days of {count}; expected no more than the profiles have")
    net, price = (row[: count * 96].reshape(count, 96) for row in (model.exchange.net_w, model.exchange.buy_ct_per_kwh))
    features = np.concatenate([net / max(1.0, float(net.std())), price / max(1e-6, float(price.std()))], axis=1)
    always = (int(net.max(axis=1).argmax()), int(net.min(axis=1).argmin()))
    return typical_days(np.asarray(features, dtype=np.float64), days, always=always if days > 2 else ())


def _day(model: IslandSite, day: int, weight: float) -> SizingDay:
    first = 96 * day
    span = slice(first, first + 96)
    exchange, plan = model.exchange, model.plan
    short_w = model.promised_w - model.year.sun_w
    available = 1.0 if plan.engine is None else plan.engine.available.value
    cases: list[tuple[float, ...]] = []
    for hour in _HOURS:
        at = first + 4 * hour
        for cause, shares in _SHARES.items():
            chance = _chance(model, cause, hour)
            for seconds in duration_shares(plan.outages, shares)[cause].tolist():
                for chp_w, luck in ((model.limits.chp_w, available), (0.0, 1.0 - available)):
                    if luck <= 0:
                        continue
                    rows, hours = _pieces(short_w - chp_w, at, seconds + plan.mains_stable_s.value)
                    need_kwh = need_of_pieces(rows, hours, _UNLIMITED_W, model.limits.efficiency) / 1000
                    cases.append(
                        (hour, chance / shares * luck, need_kwh, max(0.0, float(rows.max())) / 1000, float(hours.sum()))
                    )
    table = np.array(cases)
    return SizingDay(
        weight=weight,
        net_kw=np.asarray(exchange.net_w[span] / 1000, dtype=np.float64),
        buy_ct=exchange.buy_ct_per_kwh[span],
        sell_ct=exchange.sell_ct_per_kwh[span],
        outage_hour=table[:, 0].astype(np.int64),
        outage_chance=table[:, 1],
        need_kwh=table[:, 2],
        peak_kw=table[:, 3],
        hours=table[:, 4],
    )


def _chance(model: IslandSite, cause: Cause, hour: int) -> float:
    """How likely an outage of a cause begins within the two hours from `hour` (UTC) of a mean day."""
    days = model.year.count // 96
    by_day = model.chances[cause][: days * 96].reshape(days, 96)
    return float(by_day[:, 4 * hour : 4 * hour + 8].sum()) / days


def _pieces(short_w: Floats, first: int, seconds: float) -> tuple[Floats, Floats]:
    """Quarter-hours from `first` on, the last one cut; beyond the year the last value holds."""
    whole, rest = divmod(seconds, 900.0)
    at = np.minimum(first + np.arange(int(whole) + (rest > 0)), short_w.size - 1)
    hours = np.full(at.size, 0.25)
    if rest > 0:
        hours[-1] = rest / 3600
    return short_w[at], hours
