"""The aggregator's holding desk: promise against meter in every control interval, and against each new prognosis.

A shortfall is split anew among the members that still can, by the same virtual power plant. What was promised is an
average over the ISP, so a late correction must be the larger one.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np

from agents.roles.aggregator.flex_trading import TradingDesk
from agents.roles.aggregator.state import VppSession, place
from agents.roles.effects import Arm, Effect
from agents.roles.messages import MeterUpdate
from agents.roles.part import MOMENT, on
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from market.uftp import IspPower

TOLERANCE_KW = 0.5
LOOKAHEAD_ISPS = 8  # correct in good time, but not for a forecast that will change again before it matters
RELATIVE_TOLERANCE = 0.02


class HoldingDesk(TradingDesk):
    """Keeps baseline + ordered flexibility, ISP by ISP."""

    @on(MeterUpdate)
    def metered(self, message: MeterUpdate, sender: str, now: datetime) -> list[Effect]:
        """A member's last interval; with the last member's of a congestion point it is held against the promise."""
        member = self.members.get(sender)
        if member is None:
            return []
        # A blind meter counts as what its owner forecast: it must not look like flexibility delivered.
        blind = message.power_w is None
        power = self._forecast_kw(sender, message.end) if blind else (message.power_w or 0) / 1000
        point, state = member.congestion_point, self.state
        day = self.rules.day_of(message.end)
        isp = day.isp_of(message.end)
        self._book(sender, message, power, day.isp_start(isp))
        interval = self.rules.interval_start(message.end)
        if point not in state.interval_at or interval > state.interval_at[point]:
            state.interval_at[point], state.interval_kw[point] = interval, {}
        if interval < state.interval_at[point]:
            return [self.lapse("MeterUpdate", message.end.isoformat(), sender, "a later interval has begun", now)]
        known = sender in state.interval_kw[point]
        state.interval_kw[point][sender] = power
        complete = len(state.interval_kw[point]) == len(self.config.at(point))
        promised = isp in state.baselines.get(place(point, day.day), {})
        if known or not complete or not promised or interval == day.isp_start(isp):
            return []
        state.due[point] = interval
        return [Arm(f"work {point}", now + MOMENT)]

    def _forecast_kw(self, member: str, end: datetime) -> float:
        day = self.rules.day_of(end - MOMENT)
        forecast = self.state.forecasts.get(day.key, {}).get(member)
        return 0.0 if forecast is None else forecast.power_w[day.isp_of(end - MOMENT) - 1] / 1000

    def _book(self, member: str, message: MeterUpdate, power_kw: float, begun: datetime) -> None:
        """Add a member's energy to the ISP that began at `begun`, for the real span since it was last booked."""
        state, point = self.state, self.members[member].congestion_point
        since = max(message.start, state.metered_at.get(member, message.start), begun)
        state.metered_at[member] = max(message.end, state.metered_at.get(member, message.end))
        if point not in state.isp_at or begun > state.isp_at[point]:
            state.isp_at[point], state.isp_kwh[point] = begun, {}
        if begun == state.isp_at[point] and message.end > since:
            booked = state.isp_kwh[point]
            booked[member] = booked.get(member, 0.0) + power_kw * ((message.end - since) / timedelta(hours=1))

    def correct(self, congestion_point: str, now: datetime) -> list[Effect]:
        """The portfolio's last interval is known: correct the rest of the running ISP if it falls short."""
        state, point = self.state, congestion_point
        interval = state.due.pop(point, None)
        if interval is None or interval != state.interval_at.get(point) or self.is_busy(point):
            return []
        day = self.rules.day_of(interval)
        isp = day.isp_of(interval)
        end = day.isp_start(isp + 1)
        if end - now < self.rules.interval / 2:
            return []  # too late to move anything by a sensible amount
        if state.recalled is not None and day.isp_start(isp) < state.recalled:
            return []  # what this ISP took before everything was lost is not known
        power = sum(state.interval_kw[point][name] for name in sorted(state.interval_kw[point]))
        energy = sum(state.isp_kwh[point][name] for name in sorted(state.isp_kwh[point]))
        ordered = self.ordered_kw(point, day)
        rest, to_come = (end - now) / timedelta(hours=1), (end - interval) / timedelta(hours=1)
        promise = self.promise_kw(point, day, ordered)[isp - 1]
        extra = np.zeros(day.count)
        extra[isp - 1] = (promise * self.rules.hours - energy - power * to_come) / rest
        signs = np.zeros(day.count)
        signs[isp - 1] = np.sign(ordered[isp - 1])
        return self._correct(point, day, isp, extra, ordered, signs, now, rest / self.rules.hours, interval.isoformat())

    def foresee(self, period: str, now: datetime) -> list[Effect]:
        """A new prognosis is out: where it falls short of promises still to come, correct in good time."""
        day = self.rules.day(date.fromisoformat(period))
        effects: list[Effect] = []
        if now >= day.end:
            return effects
        for point in self.config.congestion_points:
            prognosis = self.state.prognoses.get(place(point, day.day))
            if prognosis is None or not self.state.baselines.get(place(point, day.day)):
                continue
            first = 1 if now < day.start else day.isp_of(now) + 1
            if first <= day.count:
                ordered = self.ordered_kw(point, day)
                missing = self.promise_kw(point, day, ordered) - np.array(prognosis.power_w) / 1000
                extra = np.where(np.isnan(missing), 0.0, missing)
                cause = prognosis.header.message_id
                effects += self._correct(point, day, first, extra, ordered, np.sign(ordered), now, 1.0, cause)
        return effects

    def _correct(
        self,
        point: str,
        day: LocalDay,
        first: int,
        extra: Floats,
        ordered: Floats,
        signs: Floats,
        now: datetime,
        share: float,
        cause: str,
    ) -> list[Effect]:
        """Queue a session for what is missing (`extra` kW in the direction `signs`) from ISP `first` on."""
        allowed = np.maximum(TOLERANCE_KW, RELATIVE_TOLERANCE * np.abs(ordered))
        missing = np.where(extra * signs > allowed, extra, 0.0)
        missing[: first - 1] = 0.0
        missing[first - 1 + LOOKAHEAD_ISPS :] = 0.0
        if not missing.any():
            return []
        low, high = self._room(point, day, ordered)
        low = np.where(missing > 0, missing, low)
        high = np.where(missing < 0, missing, high)
        # Over-delivery is no harm within the day's room; it never exceeds what is missing by more than the room.
        high = np.where(missing > 0, np.maximum(high, missing), high)
        low = np.where(missing < 0, np.minimum(low, missing), low)
        bounds = low[first - 1 :], high[first - 1 :]
        return self.open_session("hold", cause, point, day.day, first, *bounds, now, share)

    def _room(self, point: str, day: LocalDay, ordered: Floats) -> tuple[Floats, Floats]:
        """What a correction may do to ISPs that miss nothing: the room the DSO left (rebound only within it)."""
        low, high = self.state.room.get(place(point, day.day), (np.zeros(day.count), np.zeros(day.count)))
        return np.minimum(np.where(ordered == 0, low, 0.0), 0.0), np.maximum(np.where(ordered == 0, high, 1e6), 0.0)

    def concluded(self, session: VppSession, now: datetime) -> list[Effect]:
        """The correction's split is found: order the members; the ISPs that missed something are what they are paid for."""
        if session.purpose != "hold":
            return super().concluded(session, now)
        rows = []
        for k, (low, high) in enumerate(zip(session.low_kw, session.high_kw, strict=True)):
            if low > 0 or high < 0:
                rows.append(IspPower(session.first_isp + k, 1 if low > 0 else -1))
        effects = self.order_members(session, tuple(rows), 100, f"hold-{session.identity}", now)
        return [*effects, *super().concluded(session, now)]
