"""Finding units by what they can do and cost, and ranking them with every term of the score explained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cim.codec.codec import wire
from market.register.units import RegisteredUnit


@wire("market.UnitWish")
@dataclass(frozen=True, slots=True)
class UnitWish:
    """What an aggregator looks for; what is left empty or 0 says nothing.

    Attributes:
        kinds, places, congestion_points: one of these.
        increase_w, decrease_w: at least so much swing up (>= 0) or down (<= 0), watts.
        capacity_wh: at least so much storage.
        ramp_w_per_min: at least so fast; who tells no ramp does not pass.
        reliability_pct: at least so reliable, as far as known.
        price_e4_per_kwh: at most so dear, ten-thousandths per kWh; None: at any price.
    """

    kinds: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    congestion_points: tuple[str, ...] = ()
    increase_w: int = 0
    decrease_w: int = 0
    capacity_wh: int = 0
    ramp_w_per_min: int = 0
    reliability_pct: int = 0
    price_e4_per_kwh: int | None = None


@wire("market.RankingWeights")
@dataclass(frozen=True, slots=True)
class RankingWeights:
    """How much each characteristic counts; they need not sum to anything."""

    power: int = 2
    energy: int = 1
    ramp: int = 1
    reliability: int = 3
    price: int = 4


@dataclass(frozen=True, slots=True)
class ScoreTerm:
    """One characteristic's part of a score: its weight times `share` (0..1), and why in words."""

    name: str
    weight: int
    share: float
    why: str

    @property
    def points(self) -> float:
        """What it adds."""
        return self.weight * self.share


@dataclass(frozen=True, slots=True)
class Ranked:
    """A unit that fits, its score (higher is better) and what that is made of."""

    unit: RegisteredUnit
    terms: tuple[ScoreTerm, ...]

    @property
    def score(self) -> float:
        """The sum of its terms."""
        return sum(term.points for term in self.terms)


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found: units that fit, best first, and why each other one does not."""

    ranked: tuple[Ranked, ...]
    passed_over: Mapping[str, str] = field(default_factory=dict)


def discover(
    units: Iterable[RegisteredUnit],
    wish: UnitWish,
    weights: RankingWeights,
    reliability_pct: Mapping[str, int],
) -> Discovery:
    """Units that fit a wish, best first; equal ones in order of name.

    Args:
        reliability_pct: by unit, how much of what was ordered it delivered so far; one that is not named has no record,
            passes any wish and counts half.
    """
    fit, passed_over = list[RegisteredUnit](), dict[str, str]()
    for unit in units:
        fault = _misfit(unit, wish, reliability_pct)
        if fault is None:
            fit.append(unit)
        else:
            passed_over[unit.asset.name] = fault
    most = _Most.of(fit)
    ranked = [Ranked(unit, _terms(unit, weights, reliability_pct, most)) for unit in fit]
    ranked.sort(key=lambda one: (-one.score, one.unit.asset.name))
    return Discovery(tuple(ranked), passed_over)


def swing_w(unit: RegisteredUnit) -> int:
    """The larger of its swings, a magnitude."""
    return max(unit.up_w, -unit.down_w)


@dataclass(frozen=True, slots=True)
class _Most:
    """The largest value of each characteristic among the units that fit: shares are of these."""

    power_w: int
    energy_wh: int
    ramp_w_per_min: int
    price_e4_per_kwh: int

    @staticmethod
    def of(units: Iterable[RegisteredUnit]) -> _Most:
        units = tuple(units)
        return _Most(
            max((swing_w(unit) for unit in units), default=0),
            max((unit.asset.capacity_wh for unit in units), default=0),
            max((unit.asset.ramp_w_per_min for unit in units), default=0),
            max((unit.asset.cost_e4_per_kwh for unit in units), default=0),
        )


def _misfit(unit: RegisteredUnit, wish: UnitWish, reliability_pct: Mapping[str, int]) -> str | None:
    asset = unit.asset
    for name, value, wanted in (
        ("kind", asset.kind, wish.kinds),
        ("place", asset.place, wish.places),
        ("congestion point", asset.congestion_point, wish.congestion_points),
    ):
        if wanted and value not in wanted:
            return f"{name}: {value or 'not told'}; wanted {' or '.join(wanted)}"
    known = reliability_pct.get(asset.name)
    for what, amount, least, unit_of in (
        ("increase", unit.up_w, wish.increase_w, "W"),
        ("decrease", -unit.down_w, -wish.decrease_w, "W"),
        ("energy", asset.capacity_wh, wish.capacity_wh, "Wh"),
        ("ramp", asset.ramp_w_per_min, wish.ramp_w_per_min, "W/min"),
        ("reliability", 100 if known is None else known, wish.reliability_pct, "%"),
    ):
        if amount < least:
            return f"{what}: {amount} {unit_of}; wanted {least} {unit_of} or more"
    dearest = wish.price_e4_per_kwh
    if dearest is not None and asset.cost_e4_per_kwh > dearest:
        return f"price: {asset.cost_e4_per_kwh / 100:g} ct/kWh; wanted {dearest / 100:g} ct/kWh or less"
    return None


def _terms(
    unit: RegisteredUnit, weights: RankingWeights, reliability_pct: Mapping[str, int], most: _Most
) -> tuple[ScoreTerm, ...]:
    asset, power = unit.asset, swing_w(unit)
    known = reliability_pct.get(asset.name)
    history = "no record yet, counts half" if known is None else f"delivered {known} % of what was ordered"
    cost, dearest = asset.cost_e4_per_kwh, most.price_e4_per_kwh
    return (
        ScoreTerm("power", weights.power, _share(power, most.power_w), f"{power} W of at most {most.power_w} W"),
        ScoreTerm(
            "energy",
            weights.energy,
            _share(asset.capacity_wh, most.energy_wh),
            f"{asset.capacity_wh} Wh of at most {most.energy_wh} Wh",
        ),
        ScoreTerm(
            "ramp",
            weights.ramp,
            _share(asset.ramp_w_per_min, most.ramp_w_per_min),
            f"{asset.ramp_w_per_min} W/min of at most {most.ramp_w_per_min} W/min",
        ),
        ScoreTerm("reliability", weights.reliability, 0.5 if known is None else known / 100, history),
        ScoreTerm(
            "price",
            weights.price,
            1 - cost / dearest if dearest else 1.0,
            f"{cost / 100:g} ct/kWh, the dearest {dearest / 100:g} ct/kWh",
        ),
    )


def _share(value: int, most: int) -> float:
    return value / most if most else 0.0
