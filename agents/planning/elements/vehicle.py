"""Vehicle at a charging station: charges at once, may take its energy at any time before it leaves."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from agents.planning.dispatch.flexibility import Storable
from agents.planning.elements.element import (
    ElementConfig,
    ElementKind,
    ElementKnowledge,
    PlanWindow,
    comfort_ct_per_kwh,
)
from agents.planning.forecast.like_day import like_day
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind, Mode, Nameplate, Setpoint, VehiclePlugged
from cim.model.intervals import LocalDay

_LEAST_KWH = 0.1  # less than this is not worth moving


class Vehicle(ElementKind):
    """A charging station with one EVSE, and the vehicle that is plugged in."""

    kind = DeviceKind.STATION
    label = "vehicles"
    balance = "ev"
    agent = "vehicle"
    mode = Mode.LIMIT
    stores = True
    holds_between_moves = True

    def forecast(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """What the plugged vehicle still needs until it leaves, else what the last days let expect."""
        day, session = window.day, known.session
        usual = like_day(known.config.history_kw, day.count)
        if session is None or window.first == 1:
            return usual
        plugged = np.array([day.isp_start(k + 1) < session.departure for k in range(day.count)])
        plan = charging(session, known.delivered_wh, known.config, day, window.first, window.now)
        return np.where(plugged, plan, usual)

    def flexibility(self, known: ElementKnowledge, expected_kw: Floats, window: PlanWindow) -> Storable | None:
        """The plugged vehicle's energy, at any time before it leaves; None before the day, when nobody knows it."""
        session, day, prices = known.session, window.day, known.deviation_prices(window)
        if session is None or window.now < day.start:
            return None
        plan = window.part(expected_kw)
        top = min(session.max_power_w, known.config.consumption_w) / 1000
        # What is expected after it leaves is other vehicles': it cannot be moved.
        present = np.array([day.isp_start(k + 1) <= session.departure for k in range(window.first, window.last + 1)])
        if float(plan[present].sum()) * window.hours <= _LEAST_KWH:
            return None
        energy = float(plan.sum()) * window.hours
        size = len(plan)
        return Storable(
            element=known.config.element,
            plan_kw=plan,
            low_kw=np.where(present, 0.0, plan),
            high_kw=np.where(present, np.maximum(top, plan), plan),
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


def charging(
    session: VehiclePlugged, delivered_wh: float, config: ElementConfig, day: LocalDay, first: int, now: datetime
) -> Floats:
    """A plugged vehicle's plan from ISP `first` on: charge at once, as fast as it may, until it has what it asked for.

    What it takes between `now` and the start of `first` is gone by then.
    """
    plan = np.zeros(day.count)
    hours = day.isp_minutes / 60
    top = min(session.max_power_w, config.consumption_w) / 1000
    before = max((day.isp_start(first) - now) / timedelta(hours=1), 0.0)
    need = max(session.energy_wh - delivered_wh, 0.0) / 1000 - top * before
    for k in range(first - 1, day.count):
        if day.isp_start(k + 2) > session.departure or need <= 0:
            break
        plan[k] = min(top, need / hours)
        need -= plan[k] * hours
    return plan
