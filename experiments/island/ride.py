"""One outage ridden through: the island's physics each second, the manager's decision each control interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from agents.planning.islanding.control import IslandFacts, IslandOrders, IslandOutlook, IslandSeen, armed, decide
from agents.planning.islanding.outlook import outlook, remaining_isps
from agents.planning.islanding.reserve import need_of_pieces
from cim.model.arrays import Floats
from environment.outages import Cause, Outage
from environment.physics import frequency as f
from environment.physics.island import Island, separated
from environment.profiles.library import QUARTER, QUARTER_S
from experiments.island.model import IslandSite

Leader = Callable[[IslandFacts, IslandSeen, IslandOutlook], IslandOrders]

_LOOKS_ISPS = 48
_GIVES_UP_S = 3600  # after mains are back, for the island to find their phase
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
    plan, year, facts = model.plan, model.year, model.facts
    quarter = model.quarter(outage.start)
    loads, sun_w = year.load_w[:, quarter], float(year.sun_w[quarter])
    chp_w = float(year.chp_w[quarter]) if outage.chp_ready else 0.0
    island = separated(
        model.limits, stored_wh=stored_wh, battery_w=battery_w, chp_w=chp_w, sun_w=sun_w, stages=loads.size
    )
    watch = _Watch(model, outage, island)
    island.orders.sun_limit_w = 1e12
    first = arm(facts, watch.seen(0.0), watch.outlook(quarter, 0.0))
    island.separate(plan.separation_s.value, loads, sun_w)
    watch.note(0, f"mains are lost with {stored_wh / 1000:.0f} kWh stored; the island separates")
    _apply(island, first)
    watch.told(first)
    traces: list[Floats] = []
    while not island.connected and island.seconds < outage.seconds + _GIVES_UP_S:
        now = outage.start + timedelta(seconds=island.seconds)
        quarter = model.quarter(now)
        loads, sun_w = year.load_w[:, quarter], float(year.sun_w[quarter])
        to_border = QUARTER_S - int((now - year.first - quarter * QUARTER).total_seconds())
        step = min(plan.control_s - island.seconds % plan.control_s, max(1, to_border))
        lit = island.lit
        traces.append(island.advance(step, loads, sun_w, traced=traced))
        watch.passed(lit, step)
        if island.connected or island.seconds % plan.control_s:
            continue
        back_s = max(0.0, island.seconds - outage.seconds)
        orders = lead(facts, watch.seen(back_s), watch.outlook(quarter, float(island.seconds)))
        _apply(island, orders)
        watch.told(orders)
    trace = np.concatenate(traces) if traced else None
    return watch.ride(trace, stored_wh)


def _apply(island: Island, orders: IslandOrders) -> None:
    """The units do what they are told."""
    stages = np.array([float(on) for on in orders.closed])
    if orders.close and not island.lit:
        island.state[f.CONNECTED] = 1.0  # closed dead: mains take all loads again
        return
    if orders.start and not island.lit:
        island.start_black(stages)
    if orders.stop:
        f.go_dark(island.state)
    island.closed[:] = stages
    told = island.orders
    told.chp_w, told.sun_limit_w, told.hold_hz, told.close = (
        orders.chp_w,
        orders.sun_limit_w,
        orders.hold_hz,
        orders.close,
    )


class _Watch:
    """What is measured in the island, what is expected, and what is written down of it."""

    def __init__(self, model: IslandSite, outage: Outage, island: Island) -> None:
        self._model, self._outage, self._island = model, outage, island
        self._log: list[tuple[int, str]] = []
        self._dark_s, self._before = 0, tuple([True] * island.closed.size)
        seconds, weights = model.kinds
        self._seconds, self._weights = seconds, weights[model.quarter(outage.start)]

    def seen(self, back_s: float) -> IslandSeen:
        state, island = self._island.state, self._island
        return IslandSeen(
            lit=island.lit,
            stored_wh=float(state[f.STORED_WH]),
            battery_w=float(state[f.BATTERY_W]),
            chp_ready=self._outage.chp_ready and island.limits.chp_w > 0,
            chp_on=bool(state[f.CHP_MODE] != f.CHP_OFF),
            chp_w=float(state[f.CHP_W]),
            sun_w=float(state[f.PV_W]),
            closed=tuple(bool(x > 0.5) for x in island.closed),
            mains_back_s=back_s,
        )

    def outlook(self, quarter: int, elapsed_s: float) -> IslandOutlook:
        model, outage = self._model, self._outage
        if outage.cause is Cause.PLANNED:  # announced: its end is known
            left = max(1, int(np.ceil((outage.seconds - elapsed_s) / QUARTER_S)))
        else:
            confidence = model.plan.confidence_pct.value / 100
            left = remaining_isps(self._seconds, self._weights, elapsed_s, confidence)
        return outlook(
            model.year.load_w, model.year.sun_w, quarter=quarter, isps=_LOOKS_ISPS,
            loads_now_w=model.year.load_w[:, quarter], sun_now_w=float(model.year.sun_w[quarter]), remaining_isps=left,
        )  # fmt: skip

    def note(self, second: int, sentence: str) -> None:
        self._log.append((second, sentence))

    def told(self, orders: IslandOrders) -> None:
        names = {stage.priority: stage.title for stage in self._model.plan.stages}
        for k, (was, on) in enumerate(zip(self._before, orders.closed, strict=True)):
            if was != on:
                self.note(self._island.seconds, f"{names[k + 1]}: {'connected' if on else 'shed'}")
        if orders.stop:
            self.note(self._island.seconds, "nothing is left: the island is let go dark")
        if orders.start:
            self.note(self._island.seconds, "black start by the battery")
        if orders.close and not any("back" in text for _, text in self._log):
            self.note(self._island.seconds, "mains are back and stable: the island looks for their phase")
        self._before = orders.closed

    def passed(self, was_lit: bool, seconds: int) -> None:
        """What happened by itself since."""
        island = self._island
        names = {stage.priority: stage.title for stage in self._model.plan.stages}
        if not was_lit:
            self._dark_s += seconds
        elif not island.lit:
            self.note(island.seconds, "the island goes dark")
        now = tuple(bool(x > 0.5) for x in island.closed)
        if island.lit:
            for k, (told, on) in enumerate(zip(self._before, now, strict=True)):
                if told and not on:
                    self.note(island.seconds, f"{names[k + 1]}: shed by its under-frequency relay")
        if island.connected:
            self.note(island.seconds, "in step with mains: connected")
        self._before = now

    def ride(self, trace: Floats | None, stored_wh: float) -> Ride:
        island, model = self._island, self._model
        count = model.plan.promised
        demand_wh, served_wh = float(island.demand_wh[:count].sum()), float(island.served_wh[:count].sum())
        needed_wh = needed_of(model, self._outage)
        state = island.state
        return Ride(
            outage=self._outage,
            stored_wh=stored_wh,
            demand_wh=island.demand_wh,
            served_wh=island.served_wh,
            possible=needed_wh <= model.usable_wh,
            served=served_wh >= _SERVED * demand_wh,
            left_wh=float(state[f.STORED_WH]),
            lowest_hz=float(state[f.LOWEST_HZ]),
            highest_hz=float(state[f.HIGHEST_HZ]),
            blackouts=int(state[f.BLACKOUTS]),
            dark_s=self._dark_s,
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
