"""A thousand outages that nothing was calibrated on: who was served, what was not, and what the reserve cost.

The plan knows earlier days; how much it holds is calibrated on other outages than those it is judged by.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from agents.planning.islanding.holding import Priced, served_share
from cim.model.arrays import Ints
from cim.model.errors import BadInput
from environment.outages import Outage, Purpose, draw_outages
from environment.profiles.library import QUARTER
from experiments.island.model import LEAD_DAYS, IslandSite
from experiments.island.ride import needed_of, ride_through

_CALIBRATED_ON = 4000
_MARGIN = 0.1  # of what may be missed: calibration outages are a sample, and energy is not all that an island can lack
_NOTHING = 0.005  # of a currency unit a year
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class OutageRow:
    """One outage that was run; energies of the promised stages and of all, Wh, from the loss of mains until all is back."""

    number: int
    start: str
    seconds: float
    cause: str
    chp_ready: bool
    stored_wh: float
    needed_wh: float | None
    possible: bool
    served: bool
    promised_wh: float
    promised_unserved_wh: float
    demand_wh: float
    unserved_wh: float
    blackouts: int
    dark_s: int
    lowest_hz: float
    highest_hz: float
    resynchronised: bool


@dataclass(frozen=True, slots=True)
class Reserve:
    """What is held.

    Attributes:
        expected_share: by what the plan expects.
        calibrated_share: of the calibration outages that could be served, those with enough energy.
        cost_per_year, hindsight_cost_per_year: what the site pays more than with nothing held, currency units.
        ratio: of the two; 1 where both are nothing.
        mean_stored_pct: of the usable energy, over the year.
    """

    expected_share: float
    calibrated_share: float
    cost_per_year: float
    hindsight_cost_per_year: float
    ratio: float
    mean_stored_pct: float
    nothing_held_share: float
    earns_per_year: float


def calibrated(model: IslandSite, seed: int, wanted: float) -> tuple[Priced, Reserve]:
    """The cheapest plan with enough energy for `wanted` of the calibration outages that could be served at all.

    Raises:
        BadInput: no price of an outage not served leads there.
    """
    outages = drawn(model, _CALIBRATED_ON, seed, Purpose.CALIBRATION)
    needs = np.array([needed_of(model, outage) for outage in outages])
    places = np.array([(outage.start - model.year.first) / QUARTER for outage in outages])
    ready = np.array([outage.chp_ready for outage in outages])
    bridges = [model.bridge_wh(chp_ready=which)[places.astype(np.int64)] for which in (False, True)]
    possible = needs <= model.usable_wh
    needs = needs + np.where(ready, bridges[1], bridges[0])

    def share_of(level: Ints) -> float:
        enough = model.usable_at(level, places) >= np.minimum(needs, model.usable_wh)
        return float(enough[possible].mean()) if possible.any() else 1.0

    aim = wanted + _MARGIN * (1.0 - wanted)
    hindsight, plan = model.in_hindsight(wanted), model.planned(aim, share_of)
    if plan.share < wanted:
        raise BadInput(
            f"confidence: {wanted:.3f} is not reached on the calibration outages ({plan.share:.3f}); expected less"
        )
    cost, least = plan.cost_ct / 100, hindsight.cost_ct / 100
    ratio = cost / least if least > _NOTHING else (1.0 if cost <= _NOTHING else float("inf"))
    return plan, Reserve(
        expected_share=served_share(plan.held.level, *model.expected),
        calibrated_share=plan.share,
        cost_per_year=cost,
        hindsight_cost_per_year=least,
        ratio=ratio,
        mean_stored_pct=float(plan.held.level.mean()) / (model.store.levels - 1) * 100,
        nothing_held_share=share_of(model.free.level),
        earns_per_year=(_resting_ct(model) - model.free.cost_ct) / 100,
    )


def _resting_ct(model: IslandSite) -> float:
    """What the site pays while the battery rests, ct."""
    exchange = model.exchange
    kwh = exchange.net_w * 0.25 / 1000
    return float((kwh * np.where(kwh > 0, exchange.buy_ct_per_kwh, exchange.sell_ct_per_kwh)).sum())


def drawn(model: IslandSite, number: int, seed: int, purpose: Purpose) -> tuple[Outage, ...]:
    """Outages of the site's year, without its first days, of which no habits are known, and its last."""
    first = LEAD_DAYS * 96
    last = model.year.count - int(4 * (model.plan.outages.longest_h.value + 2))
    chp = model.plan.engine
    return draw_outages(
        model.plan.outages,
        first=model.year.first + timedelta(days=LEAD_DAYS),
        chances={cause: row[first:last] for cause, row in model.chances.items()},
        number=number,
        seed=seed,
        purpose=purpose,
        chp_available=1.0 if chp is None else chp.available.value,
    )


def run_outages(
    model: IslandSite, plan: Priced, outages: Sequence[Outage], kept: Path, told: Callable[[OutageRow], None]
) -> list[OutageRow]:
    """Run all outages that are not in `kept` (JSON lines; the first says what they belong to) and keep them there.

    Raises:
        BadInput: `kept` belongs to other outages.
    """
    head = {"format": _FORMAT, "site": model.site.name, "outages": _mark(outages), "level": int(plan.held.level.sum())}
    rows = _read(kept, head)
    kept.parent.mkdir(parents=True, exist_ok=True)
    new = not kept.exists()
    with kept.open("a", encoding="utf-8") as lines:
        if new:
            lines.write(json.dumps(head) + "\n")
        for number, outage in enumerate(outages):
            if number in rows:
                continue
            rows[number] = _row(model, plan, number, outage)
            lines.write(json.dumps(asdict(rows[number])) + "\n")
            lines.flush()
            told(rows[number])
    return [rows[number] for number in range(len(outages))]


def _row(model: IslandSite, plan: Priced, number: int, outage: Outage) -> OutageRow:
    ride = ride_through(
        model,
        outage,
        stored_wh=model.stored_wh(plan.held, outage.start),
        battery_w=model.battery_w(plan.held, outage.start),
    )
    count = model.plan.promised
    unserved = np.maximum(0.0, ride.demand_wh - ride.served_wh)
    return OutageRow(
        number=number,
        start=outage.start.isoformat(),
        seconds=outage.seconds,
        cause=outage.cause.value,
        chp_ready=outage.chp_ready,
        stored_wh=round(ride.stored_wh, 1),
        needed_wh=round(ride.needed_wh, 1) if np.isfinite(ride.needed_wh) else None,
        possible=ride.possible,
        served=ride.served,
        promised_wh=round(float(ride.demand_wh[:count].sum()), 2),
        promised_unserved_wh=round(float(unserved[:count].sum()), 2),
        demand_wh=round(float(ride.demand_wh.sum()), 2),
        unserved_wh=round(float(unserved.sum()), 2),
        blackouts=ride.blackouts,
        dark_s=ride.dark_s,
        lowest_hz=round(ride.lowest_hz, 3),
        highest_hz=round(ride.highest_hz, 3),
        resynchronised=ride.resynchronised,
    )


def _mark(outages: Sequence[Outage]) -> str:
    import hashlib

    said = ";".join(f"{o.start.isoformat()},{o.seconds:.0f},{o.cause},{o.chp_ready}" for o in outages)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _read(kept: Path, head: dict[str, object]) -> dict[int, OutageRow]:
    """The rows of a file that was begun before; a line that was cut off by a stop is none."""
    if not kept.exists():
        return {}
    text = kept.read_text(encoding="utf-8")
    lines = text.split("\n")
    if json.loads(lines[0]) != head:
        raise BadInput(f"{kept}: holds other outages or another plan; expected another --out, or the file removed")
    if lines[-1]:  # cut off
        kept.write_text(text[: len(text) - len(lines[-1])], encoding="utf-8")
    return {row.number: row for row in (OutageRow(**json.loads(line)) for line in lines[1:-1])}


@dataclass(frozen=True, slots=True)
class Verdict:
    """All rows in short.

    Attributes:
        served_share: of the outages whose promised loads could be served at all.
        unserved_share: of the energy of the promised loads, over all outages.
    """

    outages: int
    possible: int
    served: int
    served_share: float
    promised_wh: float
    promised_unserved_wh: float
    unserved_share: float
    all_unserved_wh: float
    blackouts: int
    not_resynchronised: int


def verdict(rows: Sequence[OutageRow]) -> Verdict:
    """What all rows say together."""
    possible = [row for row in rows if row.possible]
    served = sum(row.served for row in possible)
    promised, lost = sum(row.promised_wh for row in rows), sum(row.promised_unserved_wh for row in rows)
    return Verdict(
        len(rows), len(possible), served, served / len(possible) if possible else 1.0, round(promised, 1), round(lost, 1),
        lost / promised if promised else 0.0, round(sum(row.unserved_wh for row in rows), 1),
        sum(row.blackouts for row in rows), sum(not row.resynchronised for row in rows),
    )  # fmt: skip
