"""Appliance: a programme that its user made ready runs once, at the latest start or at an earlier one."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from agents.planning.dispatch.flexibility import Shiftable
from agents.planning.elements.element import ElementKind, ElementKnowledge, PlanWindow
from agents.planning.forecast.like_day import like_day
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind, Mode, Nameplate, Programme, ProgrammeState, Setpoint
from cim.model.intervals import LocalDay

_QUARTERS = 96  # of a usual day
_USUAL_SHIFT_H = 4.0  # assumed
_LEAST_USUAL_KWH = 0.5  # assumed, where its last days are not known
_ELSEWHERE_KWH = 1e-3  # a plan that holds less or more of the programme than this has part of it outside the window


class Appliance(ElementKind):
    """A washing machine or dishwasher behind an S2 gateway: it is told when to start, and runs to its end."""

    kind = DeviceKind.APPLIANCE
    label = "appliances"
    balance = "appliance"
    agent = "appliance"
    mode = Mode.START
    stores = True
    holds_between_moves = True

    def forecast(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """What it was made ready for, as late as it may; before and after that what the last days let expect."""
        day, programme = window.day, known.programme
        usual = like_day(known.config.history_kw, day.count)
        if programme is None or programme.latest_end <= day.start or window.now < day.start:
            return usual
        until = np.array([day.isp_start(k + 1) < programme.latest_end for k in range(day.count)])
        return np.where(until, to_come(programme, day), usual)

    def flexibility(self, known: ElementKnowledge, expected_kw: Floats, window: PlanWindow) -> Shiftable | None:
        """Any start at the beginning of an ISP that is not too late.

        None where no programme waits, where it is about to begin, and where the window does not hold all of it.
        """
        programme, day = known.programme, window.day
        if programme is None or programme.state is not ProgrammeState.READY:
            return None
        earliest, latest = max(window.now, programme.earliest), programme.latest_start
        isps = range(window.first, window.last + 1)
        begins = [isp for isp in isps if earliest <= day.isp_start(isp) <= latest]
        plan, prices = window.part(expected_kw), known.shifting_prices(window)
        run = _profile(programme.steps, day.start, day)
        run = run[: np.flatnonzero(run)[-1] + 1] if run.any() else run[:0]
        starts = tuple(isp - window.first for isp in begins if isp - window.first + len(run) <= len(plan))
        planned = np.flatnonzero(plan)
        if not starts or not len(planned) or day.isp_start(window.first + int(planned[0])) <= window.now:
            return None
        if abs(float(plan.sum() - run.sum())) * window.hours > _ELSEWHERE_KWH:
            return None
        return Shiftable(
            element=known.config.element,
            plan_kw=plan,
            run_kw=run,
            starts=starts,
            planned=float(planned[0]),
            shift_ct=known.costs.shift_ct_per_h * window.hours,
            hours=window.hours,
            price_up=prices.up,
            price_down=prices.down,
            turn_kw=prices.turn_kw,
        )

    def own_price_ct_per_kwh(self, known: ElementKnowledge, retail: float, feed_in: float) -> float:
        """Its energy is bought in any case: what is left is to have it some hours earlier, for each kWh of a usual day."""
        usual_kwh = float(like_day(known.config.history_kw, _QUARTERS).sum()) / 4
        return known.costs.shift_ct_per_h * _USUAL_SHIFT_H / max(usual_kwh, _LEAST_USUAL_KWH)

    def safe(self, setpoint: Setpoint, nameplate: Nameplate) -> Setpoint:
        """A start, never less than nothing; the power only says whether, so an appliance that tells no rating may start."""
        top = nameplate.max_consumption_w or setpoint.power_w
        return Setpoint(Mode.START, max(min(setpoint.power_w, top), 0))

    def register_wh(self, taken_wh: float | None, given_wh: float | None) -> float | None:
        """What it took; it gives nothing."""
        return taken_wh

    def activated(self, deviation_kw: Floats, factor: float) -> Floats:
        """All of it or nothing: a programme does not run by half."""
        return deviation_kw if factor >= 0.5 else np.zeros(len(deviation_kw))


def to_come(programme: Programme, day: LocalDay) -> Floats:
    """[T] kW of a day from what is left of a programme: at its latest start, or going on if it runs."""
    if programme.state is ProgrammeState.OVER:
        return np.zeros(day.count)
    left, done = list[tuple[int, float]](), programme.done_s
    for seconds, watts in programme.steps:
        left.append((max(seconds - done, 0), watts))
        done = max(done - seconds, 0)
    running = programme.state is ProgrammeState.RUNNING
    return _profile(
        left, programme.at if running else programme.latest_start + timedelta(seconds=programme.done_s), day
    )


def _profile(steps: list[tuple[int, float]] | tuple[tuple[int, float], ...], begin: datetime, day: LocalDay) -> Floats:
    """[T] mean kW of a day's ISPs when `steps` begin at an instant; what lies outside of the day is left out."""
    seconds = day.isp / timedelta(seconds=1)
    at = (begin - day.start) / timedelta(seconds=1)
    edges = at + np.cumsum([0, *(length for length, _ in steps)])
    watts = np.array([power for _, power in steps])
    bounds = np.arange(day.count + 1)[:, None] * seconds
    # how much of each step lies before each bound, so what lies between two bounds is their difference
    before = np.clip(bounds, edges[:-1], edges[1:]) - edges[:-1]
    profile: Floats = np.diff(before, axis=0) @ watts / seconds / 1000
    return profile
