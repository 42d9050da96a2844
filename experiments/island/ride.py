"""One outage ridden through: the island's physics each second, the manager's decision each control interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from agents.planning.islanding.control import IslandFacts, IslandOrders, IslandOutlook, IslandSeen, armed, decide
from agents.planning.islanding.need import need_of_pieces
from agents.planning.islanding.outlook import IslandExpectations, habit, outlook, ratios
from cim.model.arrays import Floats
from environment.outages import Cause, Outage
from environment.physics import frequency as f
from environment.physics.island_event import IslandEvent
from environment.profiles.library import QUARTER
from experiments.island.model import IslandSite

Leader = Callable[[IslandFacts, IslandSeen, IslandOutlook], IslandOrders]

_LOOKS_ISPS = 48  # further than a decision looks
GIVES_UP_S = 3600  # after mains are back, for the island to find their phase
_RELAY = "shed by its under-frequency relay"
_SERVED = 0.99  # of the promised energy


@dataclass(eq=False)
class Ride:
    """What became of one outage.

    Attributes:
        demand_wh, served_wh: [stages] from the loss of mains until all is back on them.
        possible: whether the promised loads could have been served at all, with a full battery and everything known.
        served: whether the promised loads were.
        trace: [seconds, ...] see `frequency.advance`; None where none was asked for.
        log: what happened, (second, sentence).
    """

    outage: Outage
    stored_wh: float
    demand_wh: Floats
    served_wh: Floats
    possible: bool
    served: bool
    left_wh: float
    lowest_hz: float
    highest_hz: float
    blackouts: int
    dark_s: int
    seconds: int
    resynchronised: bool
    trace: Floats | None = None
    log: tuple[tuple[int, str], ...] = ()
    needed_wh: float = 0.0


def ride_through(
    model: IslandSite,
    outage: Outage,
    *,
    stored_wh: float,
    battery_w: float,
    traced: bool = False,
    lead: Leader = decide,
    arm: Leader = armed,
) -> Ride:
    """Run one outage of a site.

    Args:
        stored_wh, battery_w: the forming battery when mains are lost; what it gives is > 0.
        traced: keep every second.
        lead, arm: who decides in the island, and before.
    """
    plan, facts = model.plan, model.facts
    model.quarter(outage.start)
    event = IslandEvent(
        model.year, model.limits, outage, stored_wh=stored_wh, battery_w=battery_w,
        separation_s=plan.separation_s.value, traced=traced,
    )  # fmt: skip
    watch = Watch(model, event)
    _apply(event, arm(facts, watch.seen(), watch.outlook()))
    while event.seconds < outage.seconds + GIVES_UP_S:
        watch.before()
        event.run_to(event.outage.start + timedelta(seconds=event.seconds + plan.control_s))
        watch.after()
        if not event.lost:
            break
        _apply(event, lead(facts, watch.seen(), watch.outlook()))
    return watch.ride(event.trace if traced else None, stored_wh)


def _apply(event: IslandEvent, orders: IslandOrders) -> None:
    """The units do what they are told."""
    if orders.stop:
        event.stop()
    for stage, on in enumerate(orders.closed):
        event.connect(stage, on)
    if orders.start:
        event.start()
    event.engine(orders.chp_w)
    event.limit_sun(orders.sun_limit_w)
    event.close(orders.close)


def expectations_of(model: IslandSite, outage: Outage) -> IslandExpectations:
    """What the manager knows when this outage begins: habits of the days before, and how long outages last."""
    quarter, year, plan = model.quarter(outage.start), model.year, model.plan
    isps = 4 * int(plan.outages.longest_h.value + 2) + _LOOKS_ISPS
    seconds, weights = model.kinds
    return IslandExpectations(
        first=year.first + quarter * QUARTER,
        load_w=habit(year.load_w, quarter, isps),
        sun_w=habit(year.sun_w, quarter, isps),
        seconds=seconds,
        weights=weights[quarter],
        confidence=plan.confidence_pct.value / 100,
        end=outage.end if outage.cause is Cause.PLANNED else None,
    )


class Watch:
    """What is measured in an island, what is expected, and what is written down of it."""

    def __init__(self, model: IslandSite, event: IslandEvent) -> None:
        self._model, self._event, self._island = model, event, event.island
        self._log: list[tuple[int, str]] = []
        self._expected, self._ratios = expectations_of(model, event.outage), np.ones(self._island.closed.size)
        self._back_s: int | None = None
        self._told = tuple([True] * self._island.closed.size)
        self._was_lit, self._searching = True, False
        self.stored_wh = float(self._island.state[f.STORED_WH])

    def seen(self) -> IslandSeen:
        """What the manager is told now."""
        event, island = self._event, self._island
        state = island.state
        if event.lost and event.mains and self._back_s is None:
            self._back_s = event.seconds
        return IslandSeen(
            lit=island.lit,
            stored_wh=float(state[f.STORED_WH]),
            battery_w=float(state[f.BATTERY_W]),
            chp_ready=event.outage.chp_ready and island.limits.chp_w > 0,
            chp_on=island.orders.chp_w > 0,
            chp_w=float(state[f.CHP_W]),
            sun_w=float(state[f.PV_W]),
            closed=tuple(bool(x > 0.5) and island.lit for x in island.closed),
            mains_back_s=0.0 if self._back_s is None else float(event.seconds - self._back_s),
        )

    def outlook(self) -> IslandOutlook:
        """What the manager expects, from what the connected stages draw and the sun could give."""
        event = self._event
        closed = self._island.closed * float(self._island.lit)
        self._ratios = ratios(self._ratios, self._expected, event.now, event.loads_w() * closed, closed)
        return outlook(self._expected, event.now, event.outage.start, self._ratios, event.sun_w())

    def _note(self, sentence: str) -> None:
        self._log.append((self._event.seconds, sentence))

    def before(self) -> None:
        """Time is about to move on: what has been ordered."""
        event, island = self._event, self._island
        if not event.lost:
            if not event.seconds:
                self._note(f"mains are lost with {self.stored_wh / 1000:.0f} kWh stored; the island separates")
            return
        now = tuple(bool(x > 0.5) and island.lit for x in island.closed)
        if island.lit and not self._was_lit:
            self._note("black start by the battery")
        elif self._was_lit and not island.lit:
            self._note("nothing is left: the island is let go dark")
        self._changes(now, "shed")
        if island.orders.close and not self._searching:
            self._searching = True
            self._note("mains are back and stable: the island looks for their phase")
        self._was_lit = island.lit

    def after(self) -> None:
        """Time has moved on: what happened by itself."""
        island = self._island
        if self._was_lit and not island.lit:
            self._note("the island breaks down and is dark")
        elif island.lit:
            first = self._event.seconds <= self._model.plan.control_s
            self._changes(tuple(bool(x > 0.5) for x in island.closed), "shed at the separation" if first else _RELAY)
        self._was_lit = island.lit
        if island.connected:
            self._note("in step with mains: connected" if island.lit else "mains take all loads again")

    def _changes(self, now: tuple[bool, ...], shed: str) -> None:
        names = {stage.priority: stage.title for stage in self._model.plan.stages}
        if self._island.lit and self._was_lit:
            for k, (was, on) in enumerate(zip(self._told, now, strict=True)):
                if was != on:
                    self._note(f"{names[k + 1]}: {'connected' if on else shed}")
        self._told = now

    def ride(self, trace: Floats | None, stored_wh: float) -> Ride:
        """What became of the outage."""
        island, model = self._island, self._model
        count = model.plan.promised
        demand_wh, served_wh = float(island.demand_wh[:count].sum()), float(island.served_wh[:count].sum())
        needed_wh = needed_of(model, self._event.outage)
        state = island.state
        return Ride(
            outage=self._event.outage,
            stored_wh=stored_wh,
            demand_wh=island.demand_wh,
            served_wh=island.served_wh,
            possible=needed_wh <= model.usable_wh,
            served=served_wh >= _SERVED * demand_wh,
            left_wh=float(state[f.STORED_WH]),
            lowest_hz=float(state[f.LOWEST_HZ]),
            highest_hz=float(state[f.HIGHEST_HZ]),
            blackouts=int(state[f.BLACKOUTS]),
            dark_s=self._event.dark_s,
            seconds=island.seconds,
            resynchronised=island.connected,
            trace=trace,
            log=tuple(self._log),
            needed_wh=needed_wh,
        )


def needed_of(model: IslandSite, outage: Outage) -> float:
    """What had to be stored to serve the promised loads until mains are stable again, everything being known, Wh."""
    year, first = model.year, model.year.first
    end = outage.end + timedelta(seconds=model.plan.mains_stable_s.value)
    chp_w = model.limits.chp_w if outage.chp_ready else 0.0
    powers, hours, at = [], [], outage.start
    while at < end:
        quarter = (at - first) // QUARTER
        until = min(end, first + (quarter + 1) * QUARTER)
        promised_w = float(year.load_w[: model.plan.promised, quarter].sum())
        powers.append(promised_w - float(year.sun_w[quarter]) - chp_w)
        hours.append((until - at).total_seconds() / 3600)
        at = until
    return need_of_pieces(np.array(powers), np.array(hours), model.limits.battery_w, model.limits.efficiency)
