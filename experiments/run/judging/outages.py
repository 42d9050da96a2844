"""Outages that begin within a run's days, each ridden through with what a column had stored and drew in that instant."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import numpy as np

from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from environment.outages import Outage, Purpose, draw_outages
from environment.physics import UnitKind
from environment.physics.island_year import IslandYear
from environment.profiles.library import QUARTER
from experiments.island.model import IslandSite
from experiments.island.ride import Ride, ride_through
from experiments.run.columns.column import Column

OUTAGES_A_DAY = 30
_SEEDS = 1_000_000  # days since year 1 are fewer: no two (seed, day) draw from one stream
_LEAD_DAYS = 1  # the first days of a year are judged too: habits are then those of the day before


class NotServed(NamedTuple):
    """What outages left unserved, the mean of an outage, from the loss of mains until all loads are back on them.

    Attributes:
        all_kwh, promised_kwh: of all stages, and of those that the site file promises.
        served_pct: outages whose promised loads were served, of those that could be at all; 100 where none could.
    """

    all_kwh: float
    promised_kwh: float
    served_pct: float


def outages_of(model: IslandSite, days: tuple[LocalDay, ...], seed: int) -> tuple[Outage, ...]:
    """`OUTAGES_A_DAY` outages that begin on each day, by the site's outage model; the same for every column.

    Raises:
        BadInput: a day on which no outage can be run (`IslandSite.quarter`).
    """
    chp, found = model.plan.engine, list[Outage]()
    early = replace(model, lead_days=_LEAD_DAYS)
    for day in days:
        early.quarter(day.start)
        first, last = ((instant - model.year.first) // QUARTER for instant in (day.start, day.end))
        found += draw_outages(
            model.plan.outages,
            first=day.start,
            chances={cause: row[first:last] for cause, row in model.chances.items()},
            number=OUTAGES_A_DAY,
            seed=seed * _SEEDS + day.day.toordinal(),
            purpose=Purpose.JUDGING,
            chp_available=1.0 if chp is None else chp.available.value,
        )
    return tuple(found)


def not_served(model: IslandSite, column: Column, days: tuple[LocalDay, ...], outages: tuple[Outage, ...]) -> NotServed:
    """What a column would have left unserved.

    The column says, of the instant in which mains are lost, what the forming battery holds and gives, and over its days what
    loads draw, plants could give and the CHP plant gives; beyond the last day it goes on as the profiles do.

    Args:
        days: those of the column, in a row.
    """
    lived = replace(model, year=year_as_lived(model, column, days), lead_days=_LEAD_DAYS)
    rides = [_ride(lived, column, days[0], outage) for outage in outages]
    unserved = np.array([np.maximum(ride.demand_wh - ride.served_wh, 0.0) for ride in rides]) / 1000
    possible = [ride for ride in rides if ride.possible]
    served = sum(ride.served for ride in possible)
    return NotServed(
        all_kwh=float(unserved.sum(axis=1).mean()),
        promised_kwh=float(unserved[:, : model.plan.promised].sum(axis=1).mean()),
        served_pct=100 * served / len(possible) if possible else 100.0,
    )


def _ride(model: IslandSite, column: Column, first: LocalDay, outage: Outage) -> Ride:
    """One outage with what the forming battery held and gave in the column when it began."""
    forming, isp_h = model.plan.forming.unit, model.site.isp_minutes / 60
    isp, into = divmod(outage.start - first.start, timedelta(hours=isp_h))
    power_w = float(column.devices.power_w[forming][isp])
    inside_w = power_w * model.limits.efficiency if power_w > 0 else power_w / model.limits.efficiency
    stored_wh = float(column.devices.stored_wh[forming][isp]) + inside_w * into.total_seconds() / 3600
    stored_wh = min(max(stored_wh, 0.0), model.limits.capacity_wh)
    return ride_through(model, outage, stored_wh=stored_wh, battery_w=-power_w)


def year_as_lived(model: IslandSite, column: Column, days: tuple[LocalDay, ...]) -> IslandYear:
    """The site's year with what the column's units did, or could have given, in place of the profiles on its days."""
    year, plan, devices = model.year, model.plan, column.devices
    first = (days[0].start - year.first) // QUARTER
    span = slice(first, first + (days[-1].end - days[0].start) // QUARTER)
    quarters, below = model.site.isp_minutes * 60 // QUARTER.seconds, set(model.site.below(plan.point))
    load_w, sun_w, chp_w = year.load_w.copy(), year.sun_w.copy(), year.chp_w.copy()
    for row in (load_w, sun_w, chp_w):
        row[..., span] = 0.0
    for unit, kind in devices.kinds.items():
        if unit.partition(".")[0] not in below or kind == UnitKind.BATTERY:
            continue
        power_w: Floats = np.repeat(devices.power_w[unit], quarters)
        if unit in devices.available_w:
            sun_w[span] -= np.repeat(devices.available_w[unit], quarters)
        elif kind == UnitKind.CHP:
            chp_w[span] -= power_w
        else:
            stage = plan.stage_of(unit)
            assert stage is not None  # noqa: S101 - the site's check holds it
            load_w[stage - 1, span] += power_w
    return replace(year, load_w=load_w, sun_w=sun_w, chp_w=chp_w)
