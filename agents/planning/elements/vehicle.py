"""Vehicle at a charging station: its owner lets it take the home's surplus, else charges at once; it has what it needs in time.

By itself a station charges at once, as fast as it may. Its prosumer plans it as soon as a vehicle is plugged, by what it
needs and when it leaves, and tells the station limits where the plan is to wait.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from agents.planning.dispatch.flexibility import Storable
from agents.planning.elements.element import (
    ElementKind,
    ElementKnowledge,
    PlanWindow,
    comfort_ct_per_kwh,
)
from agents.planning.forecast.like_day import like_day
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind, Mode, Nameplate, Setpoint
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
    noticeable_share = 0.02

    def forecast(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """What the plugged vehicle still takes until it leaves, by its owner's plan, and what the last days had else."""
        day, usual = window.day, like_day(known.config.history_kw, window.day.count)
        if known.session is None or window.now < day.start:
            return usual
        stays = np.array([day.isp_start(k + 1) < known.session.departure for k in range(day.count)])
        return np.where(stays, owner_plan(known, window, rest_kw), usual)

    def owner_kw(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """Its plan as a limit, up to the last ISP that it needs: then it may take what it still lacks."""
        plan = np.full(window.day.count, np.nan)
        if known.session is not None and window.now >= window.day.start:
            planned = owner_plan(known, window, rest_kw)
            needed = np.flatnonzero(planned > 0)
            if len(needed):
                part = slice(window.first - 1, needed[-1])
                plan[part] = np.where(planned[part] < _top_kw(known) - _NOTHING_KW, planned[part], np.nan)
        return plan

    def flexibility(self, known: ElementKnowledge, expected_kw: Floats, window: PlanWindow) -> Storable | None:
        """The plugged vehicle's energy, at any time before it leaves; None before the day, when nobody knows it.

        A running ISP is left out: what it takes in it nobody knows before it is over.
        """
        session, day, prices = known.session, window.day, known.shifting_prices(window)
        if session is None or window.now < day.start:
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
        energy = float(plan.sum()) * window.hours
        size = len(plan)
        return Storable(
            element=known.config.element,
            plan_kw=plan,
            low_kw=np.where(present, 0.0, plan),
            high_kw=np.where(present, np.maximum(_top_kw(known), plan), plan),
            floor_kwh=np.zeros(size),
            ceiling_kwh=np.full(size, energy),
            energy_kwh=0.0,
            total_kwh=energy,
            eta_in=1.0,
            eta_out=1.0,
            weight=known.costs.vehicle_weight_ct_per_kw2,
            wear=0.0,
            hours=window.hours,
            price_up=prices.up,
            price_down=prices.down,
            turn_kw=prices.turn_kw,
        )

    def own_price_ct_per_kwh(self, known: ElementKnowledge, retail: float, feed_in: float) -> float:
        """Its energy is bought in any case: what is left is to wait for it."""
        return comfort_ct_per_kwh(known, known.costs.vehicle_weight_ct_per_kw2)

    def safe(self, setpoint: Setpoint, nameplate: Nameplate) -> Setpoint:
        """An upper limit that is not negative: OCPP 2.0.1 cannot discharge."""
        cut = ElementKind.safe(self, setpoint, nameplate)
        return Setpoint(Mode.LIMIT, max(cut.power_w, 0))

    def register_wh(self, taken_wh: float | None, given_wh: float | None) -> float | None:
        """What it took; a station counts nothing else."""
        return taken_wh


def _top_kw(known: ElementKnowledge) -> float:
    """The most that station and vehicle allow."""
    rated = known.config.consumption_w
    return (rated if known.session is None else min(known.session.max_power_w, rated)) / 1000


def owner_plan(known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
    """[T] how the plugged vehicle gets what it lacks before it leaves: what orders hold, then where it is cheapest.

    Cheapest is the home's own surplus, up to what is expected of it, then the grid by its price; of equal prices the
    earliest, so what no surplus can cover is charged at once. The last hour is left free where there is time enough.
    A limit is a limit: where the surplus fails, the grid gives the same, so the vehicle has its energy in any case.
    """
    day, session = window.day, known.session
    plan = np.zeros(day.count)
    if session is None:
        return plan
    hours = np.full(day.count, window.hours)
    hours[window.first - 1] = window.first_hours
    left = [(session.departure - day.isp_start(k + 2)) / _HOUR for k in range(day.count)]  # after the ISP
    held = np.full(day.count, np.nan) if known.held_kw is None else known.held_kw
    top, need = _top_kw(known), max(session.energy_wh - known.delivered_wh, 0.0) / 1000
    there = [k for k in range(window.first - 1, day.count) if left[k] >= 0]
    for k in there:
        if not np.isnan(held[k]):
            plan[k] = min(held[k], top, need / hours[k]) if hours[k] > 0 else 0.0
            need -= plan[k] * hours[k]
    for spare_h in (_SPARE_H, 0.0):
        for _, k, most in _cheapest(
            known, [k for k in there if left[k] >= spare_h and np.isnan(held[k])], rest_kw, top
        ):
            more = min(most, top - plan[k], need / hours[k] if hours[k] > 0 else 0.0)
            if more > 0:
                plan[k] += more
                need -= more * hours[k]
    return plan


def _cheapest(
    known: ElementKnowledge, isps: list[int], rest_kw: Floats, top_kw: float
) -> list[tuple[float, int, float]]:
    """(price, ISP from 0, kW at this price) of what can be had in `isps`, cheapest first."""
    offers: list[tuple[float, int, float]] = []
    for k in isps:
        surplus = min(max(-float(rest_kw[k]), 0.0), top_kw)
        retail, feed_in = _GRID_PRICE, 0.0
        if known.prices is not None:
            retail, feed_in = float(known.prices.retail_ct_per_kwh[k]), float(known.prices.feed_in_ct_per_kwh[k])
        offers += [(feed_in, k, surplus), (retail, k, top_kw)]
    return sorted(offers)
