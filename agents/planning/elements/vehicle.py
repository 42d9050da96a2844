"""Vehicle at a charging station: its owner lets it take the home's surplus, else charges at once; it has what it needs in time.

By itself a station charges at once, as fast as it may. Its prosumer plans it as soon as a vehicle is plugged, by what it
needs and when it leaves, and tells the station limits where the plan is to wait. The day before, what came on every one of
its last days can be moved within the time in which a vehicle was always there.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from agents.planning.dispatch.flexibility import Storable
from agents.planning.elements.arrivals import sure_arrivals
from agents.planning.elements.element import (
    ElementKind,
    ElementKnowledge,
    PlanWindow,
    comfort_ct_per_kwh,
)
from agents.planning.forecast.like_day import like_day
from agents.planning.remembered import Remembered
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind, Mode, Nameplate, Setpoint
from cim.model.intervals import LocalDay
from market.contracts.contract import BaselineKind

_LEAST_KWH = 0.1  # less than this is not worth moving
_NOTHING_KW = 5e-4
_SPARE_H = 1.0  # assumed: so long before it leaves a vehicle is to be ready, if it can
_GRID_PRICE = 1.0  # ct/kWh; where nobody knows the tariff, the grid is dearer than the own surplus, which earns nothing
_HOUR = timedelta(hours=1)


class Vehicle(ElementKind):
    """A charging station with one EVSE, and the vehicle that is plugged in."""

    kind = DeviceKind.STATION
    label = "vehicles"
    balance = "ev"
    agent = "vehicle"
    mode = Mode.LIMIT
    baseline = BaselineKind.SESSION
    stores = True
    turn = 2
    held_by_reports = True
    foresees_orders = True
    noticeable_share = 0.02

    def forecast(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """What the plugged vehicle still takes until it leaves, by its owner's plan, and what the last days had else."""
        day, usual = window.day, like_day(known.config.history_kw, window.day.count)
        if known.session is None or window.now < day.start:
            return np.minimum(_expected_arrivals(known, window, usual), _within_room_kw(known, day.count))
        stays = np.array([day.isp_start(k + 1) < known.session.departure for k in range(day.count)])
        return np.where(
            stays, _owner_plan(known, window, rest_kw), np.minimum(usual, _within_room_kw(known, day.count))
        )

    def owner_kw(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """Its plan as a limit, up to the last ISP that it needs: then it may take what it still lacks.

        Where the connection's cap leaves less than it could take, that is its limit all day, whoever is plugged or not.
        """
        plan = np.full(window.day.count, np.nan)
        if known.session is not None and window.now >= window.day.start:
            planned = _owner_plan(known, window, rest_kw)
            needed = np.flatnonzero(planned > 0)
            if len(needed):
                part = slice(window.first - 1, needed[-1])
                told = np.where(planned[part] > 0, np.maximum(planned[part], _least_kw(known)), planned[part])
                plan[part] = np.where(told < _top_kw(known) - _NOTHING_KW, told, np.nan)
        room = _within_room_kw(known, window.day.count)
        room = np.where(room < _least_kw(known), 0.0, room)  # with so little it would not charge anyway
        ahead = np.arange(window.day.count) >= window.first - 1
        return np.where(ahead & np.isnan(plan) & (room < _top_kw(known) - _NOTHING_KW), room, plan)

    def flexibility(self, known: ElementKnowledge, expected_kw: Floats, window: PlanWindow) -> Storable | None:
        """The plugged vehicle's energy, at any time before it leaves; before the day what surely comes, at a later time.

        A running ISP is left out: what it takes in it nobody knows before it is over.
        """
        session, day = known.session, window.day
        if window.now < day.start:
            return self._of_arrivals(known, expected_kw, window)
        if session is None:
            return None
        plan = window.part(expected_kw)
        # What is expected after it leaves is other vehicles': it cannot be moved.
        present = np.array(
            [
                window.now <= day.isp_start(k) and day.isp_start(k + 1) <= session.departure
                for k in range(window.first, window.last + 1)
            ]
        )
        if float(plan[present].sum()) * window.hours <= _LEAST_KWH:
            return None
        least = _least_kw(known)
        if least:
            # Between nothing and its least there is nothing: it is moved only while it charges anyway, and stays above it.
            present &= plan >= least
        low_kw = np.where(present, least, plan)
        high_kw = np.where(present, np.maximum(_top_kw(known), plan), plan)
        if not (high_kw > low_kw + _NOTHING_KW).any():
            return None
        energy = float(plan.sum()) * window.hours
        return _moving(known, window, plan, (low_kw, high_kw), (np.zeros(len(plan)), np.full(len(plan), energy)))

    def _of_arrivals(self, known: ElementKnowledge, expected_kw: Floats, window: PlanWindow) -> Storable | None:
        """What surely comes may be held back from when it is expected, and taken while a vehicle is surely there."""
        sure = sure_arrivals(known.config.history_kw, known.config.leaves_hour, window.day.count)
        plan, there = window.part(expected_kw), sure.there[window.first - 1 : window.last]
        taken, ends = np.cumsum(plan) * window.hours, np.arange(window.first, window.last + 1) >= sure.until
        if min(sure.energy_kwh, float(taken[-1])) <= _LEAST_KWH or not there.any():
            return None
        low_kw = np.where(ends, plan, 0.0)
        high_kw = np.where(there & ~ends, np.maximum(_top_kw(known), plan), plan)
        return _moving(known, window, plan, (low_kw, high_kw), (np.where(ends, taken, taken - sure.energy_kwh), taken))

    def own_price_ct_per_kwh(self, known: ElementKnowledge, retail: float, feed_in: float) -> float:
        """Its energy is bought in any case: what is left is to wait for it."""
        return comfort_ct_per_kwh(known, known.costs.vehicle_weight_ct_per_kw2)

    def safe(self, setpoint: Setpoint, nameplate: Nameplate) -> Setpoint:
        """An upper limit that is not negative: OCPP 2.0.1 cannot discharge."""
        # A station need not tell its rating (0): then there is nothing to cut a limit to.
        cut = ElementKind.safe(self, setpoint, nameplate) if nameplate.max_consumption_w else setpoint
        return Setpoint(Mode.LIMIT, max(cut.power_w, 0))

    def register_wh(self, taken_wh: float | None, given_wh: float | None) -> float | None:
        """What it took; a station counts nothing else."""
        return taken_wh


def _moving(
    known: ElementKnowledge,
    window: PlanWindow,
    plan_kw: Floats,
    power_kw: tuple[Floats, Floats],
    taken_kwh: tuple[Floats, Floats],
) -> Storable:
    """Charging that may be moved within bounds of power and of what is taken by the end of each ISP, to the same energy."""
    prices = known.shifting_prices(window)
    return Storable(
        element=known.config.element,
        plan_kw=plan_kw,
        low_kw=power_kw[0],
        high_kw=power_kw[1],
        floor_kwh=taken_kwh[0],
        ceiling_kwh=taken_kwh[1],
        energy_kwh=0.0,
        total_kwh=float(plan_kw.sum()) * window.hours,
        eta_in=1.0,
        eta_out=1.0,
        weight=known.costs.vehicle_weight_ct_per_kw2,
        wear=0.0,
        hours=window.hours,
        price_up=prices.up,
        price_down=prices.down,
        turn_kw=prices.turn_kw,
    )


def _expected_arrivals(known: ElementKnowledge, window: PlanWindow, usual_kw: Floats) -> Floats:
    """[T] what is usual, or what orders hold; nothing while one that is always there by now has not come."""
    expected = usual_kw if known.held_kw is None else np.where(np.isnan(known.held_kw), usual_kw, known.held_kw)
    day = window.day
    if day.start <= window.now < day.end:
        sure = sure_arrivals(known.config.history_kw, known.config.leaves_hour, day.count)
        running = day.isp_of(window.now) - 1
        if sure.there[running]:
            isps = np.arange(day.count)
            return np.where((isps >= running) & (isps < sure.until), 0.0, expected)
    return expected


def _top_kw(known: ElementKnowledge) -> float:
    """The most that station and vehicle allow."""
    rated = known.config.consumption_w
    return (rated if known.session is None else min(known.session.max_power_w, rated)) / 1000


def _least_kw(known: ElementKnowledge) -> float:
    """With what the plugged vehicle charges at least, if it charges; 0 where it takes any power."""
    return 0.0 if known.session is None else min(known.session.min_power_w / 1000, _top_kw(known))


def _within_room_kw(known: ElementKnowledge, count: int) -> Floats:
    """[count] the most that it may draw by its connection's cap; infinite where there is none."""
    room = known.import_room_kw
    return np.full(count, np.inf) if room is None else np.maximum(room, 0.0)


def owner_plan(known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
    """[T] how the plugged vehicle gets what it lacks before it leaves: what orders hold, then where it is cheapest.

    Cheapest is the home's own surplus, up to what is expected of it, then the grid by its price; of equal prices the
    earliest, so what no surplus can cover is charged at once. The last hour is left free where there is time enough.
    A limit is a limit: where the surplus fails, the grid gives the same, so the vehicle has its energy in any case.
    What the connection's cap does not leave is not planned; an order stands, since it was offered within the cap.
    """
    day, session = window.day, known.session
    plan = np.zeros(day.count)
    if session is None:
        return plan
    hours = np.full(day.count, window.hours)
    hours[window.first - 1] = window.first_hours
    left = [(session.departure - day.isp_start(k + 2)) / _HOUR for k in range(day.count)]  # after the ISP
    held = np.full(day.count, np.nan) if known.held_kw is None else known.held_kw
    top, room = _top_kw(known), _within_room_kw(known, day.count)
    need = max(session.energy_wh - known.delivered_wh, 0.0) / 1000
    there = [k for k in range(window.first - 1, day.count) if left[k] >= 0]
    for k in there:
        if not np.isnan(held[k]):
            plan[k] = min(held[k], top, need / hours[k]) if hours[k] > 0 else 0.0
            need -= plan[k] * hours[k]
    for spare_h in (_SPARE_H, 0.0):
        for _, k, most in _cheapest(
            known, day, [k for k in there if left[k] >= spare_h and np.isnan(held[k])], rest_kw, top
        ):
            more = min(most, min(top, float(room[k])) - plan[k], need / hours[k] if hours[k] > 0 else 0.0)
            if more > 0:
                plan[k] += more
                need -= more * hours[k]
    if least := _least_kw(known):
        free = [k for k in there if np.isnan(held[k]) and hours[k] > 0]
        _above_least(plan, free, least, np.minimum(top, room), hours)
    return plan


_owner_plan = Remembered(owner_plan)  # forecast and limits go by the same plan, one after the other


def _above_least(plan: Floats, free: list[int], least_kw: float, most_kw: Floats, hours: Floats) -> None:
    """Bring each of the `free` ISPs of a plan to nothing or to at least `least_kw`, with the same energy in all.

    What is too little goes together, first where most of it was; where the cap (`most_kw`) is below the least, there is
    nothing. Only a rest that is less than the least of one ISP may stay: the vehicle is full before that ISP is over.
    """
    small = sorted((k for k in free if 0 < plan[k] < least_kw), key=lambda k: -plan[k] * hours[k])
    energy = sum(plan[k] * hours[k] for k in small)
    plan[small] = 0.0
    able = [k for k in (*small, *(k for k in free if k not in small)) if most_kw[k] >= least_kw]
    for k in able:
        if plan[k] == 0 and energy >= least_kw * hours[k] - 1e-9:
            plan[k], energy = least_kw, energy - least_kw * hours[k]
    for k in able:
        if plan[k] > 0 and energy > 1e-9:
            more = min(most_kw[k] - plan[k], energy / hours[k])
            plan[k], energy = plan[k] + more, energy - more * hours[k]
    idle = [k for k in able if plan[k] == 0]
    if energy <= 1e-9 or not idle:
        return
    place, spare = idle[0], [k for k in able if plan[k] > least_kw]
    lacking = least_kw * hours[place] - energy
    if sum((plan[k] - least_kw) * hours[k] for k in spare) < lacking:
        plan[place] = energy / hours[place]
        return
    for k in spare:
        less = min(plan[k] - least_kw, lacking / hours[k])
        plan[k], lacking = plan[k] - less, lacking - less * hours[k]
    plan[place] = least_kw


def _cheapest(
    known: ElementKnowledge, day: LocalDay, isps: list[int], rest_kw: Floats, top_kw: float
) -> list[tuple[float, int, float]]:
    """(price, ISP from 0, kW at this price) of what can be had in `isps`, cheapest first; by the hour where that is traded."""
    offers: list[tuple[float, int, float]] = []
    if (traded_ct := known.config.traded_ct(day)) is not None:
        return sorted((float(traded_ct[k]), k, top_kw) for k in isps)
    for k in isps:
        surplus = min(max(-float(rest_kw[k]), 0.0), top_kw)
        retail, feed_in = _GRID_PRICE, 0.0
        if known.prices is not None:
            retail, feed_in = float(known.prices.retail_ct_per_kwh[k]), float(known.prices.feed_in_ct_per_kwh[k])
        offers += [(feed_in, k, surplus), (retail, k, top_kw)]
    return sorted(offers)
