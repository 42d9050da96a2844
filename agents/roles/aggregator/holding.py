"""The aggregator's holding desk: promise against meter in every control interval, and against each new prognosis.

A shortfall is split anew among the members that still can, by the same virtual power plant. What was promised is an
average over the ISP, so a late correction must be the larger one.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np

from agents.planning.messages import MeterUpdate
from agents.planning.storage import Floats
from agents.roles.aggregator.state import VppSession, place
from agents.roles.aggregator.trading import TradingDesk
from agents.roles.base import on
from agents.roles.contract import Effect
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
        if member is None or message.end != now:
            return []
        if self.state.interval_at != now:
            self.state.interval_at, self.state.interval_kw = now, {}
        heard = self.state.interval_kw.setdefault(member.congestion_point, {})
        # A blind meter counts as what its owner forecast: it must not look like flexibility delivered.
        heard[sender] = self._forecast_kw(sender, now) if message.power_w is None else message.power_w / 1000
        if len(heard) < len(self.config.at(member.congestion_point)):
            return []
        return self._held(member.congestion_point, sum(heard[name] for name in sorted(heard)), now)

    def _forecast_kw(self, member: str, now: datetime) -> float:
        day = self.rules.day_of(now - timedelta(seconds=1))
        forecast = self.state.forecasts.get(day.day.isoformat(), {}).get(member)
        return 0.0 if forecast is None else forecast.power_w[day.isp_of(now - timedelta(seconds=1)) - 1] / 1000

    def _held(self, point: str, power_kw: float, now: datetime) -> list[Effect]:
        """The portfolio's last interval is known: book it, and correct the rest of the running ISP if it falls short."""
        interval = timedelta(seconds=self.rules.control_s)
        day = self.rules.day_of(now - interval)
        isp = day.isp_of(now - interval)
        running, energy = self.state.isp_kwh.get(point, (0, 0.0))
        energy = (energy if running == isp else 0.0) + power_kw * (interval / timedelta(hours=1))
        self.state.isp_kwh[point] = (isp, energy)
        end = day.isp_start(isp + 1)
        rest = (end - now) / timedelta(hours=1)
        promise = self.promise_kw(point, day)
        if rest <= 0 or np.isnan(promise[isp - 1]) or self.is_busy(point):
            return []
        ordered = float(self.ordered_kw(point, day)[isp - 1])
        missing = (promise[isp - 1] * self.rules.hours - energy - power_kw * rest) / rest
        extra = np.zeros(day.count)
        extra[isp - 1] = missing
        return self._correct(point, day, isp, extra, self._directions(ordered, isp, day), now, rest / self.rules.hours)

    @staticmethod
    def _directions(ordered: float, isp: int, day: LocalDay) -> Floats:
        signs = np.zeros(day.count)
        signs[isp - 1] = np.sign(ordered)
        return signs

    def foresee(self, period: str, now: datetime) -> list[Effect]:
        """A new prognosis is out: where it falls short of promises still to come, correct in good time."""
        day = self.rules.day(date.fromisoformat(period))
        effects: list[Effect] = []
        for point in self.config.congestion_points:
            prognosis = self.state.prognoses.get(place(point, day.day))
            if prognosis is None or not self.state.baselines.get(place(point, day.day)):
                continue
            expected = np.array(prognosis.power_w) / 1000
            extra = np.nan_to_num(self.promise_kw(point, day) - expected)
            first = 1 if now < day.start else day.isp_of(now) + 1
            if first <= day.count:
                signs = np.sign(self.ordered_kw(point, day))
                effects += self._correct(point, day, first, extra, signs, now, 1.0)
        return effects

    def _correct(
        self, point: str, day: LocalDay, first: int, extra: Floats, signs: Floats, now: datetime, share: float
    ) -> list[Effect]:
        """Open a session for what is missing (`extra` kW in the direction `signs`) from ISP `first` on."""
        ordered = np.abs(self.ordered_kw(point, day))
        allowed = np.maximum(TOLERANCE_KW, RELATIVE_TOLERANCE * ordered)
        missing = np.where(extra * signs > allowed, extra, 0.0)
        missing[: first - 1] = 0.0
        missing[first - 1 + LOOKAHEAD_ISPS :] = 0.0
        if not missing.any():
            return []
        low, high = self._room(point, day)
        low = np.where(missing > 0, missing, low)
        high = np.where(missing < 0, missing, high)
        # Over-delivery is no harm within the day's room; it never exceeds what is missing by more than the room.
        high = np.where(missing > 0, np.maximum(high, missing), high)
        low = np.where(missing < 0, np.minimum(low, missing), low)
        return self.open_session("hold", "", point, day.day, first, low[first - 1 :], high[first - 1 :], now, share)

    def _room(self, point: str, day: LocalDay) -> tuple[Floats, Floats]:
        """What a correction may do to ISPs that miss nothing: the room the DSO left (rebound only within it)."""
        low, high = self.state.room.get(place(point, day.day), (np.zeros(day.count), np.zeros(day.count)))
        ordered = self.ordered_kw(point, day)
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
