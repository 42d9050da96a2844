"""Members' forecasts in, D-Prognoses out: to the DSO, and one level up to the ILES manager."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np

from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.aggregator.order_records import MemberMoved
from agents.roles.aggregator.vpp_session import PointDay
from agents.roles.effects import Arm, Disarm, Effect, Send, Timer
from agents.roles.grid_messages import BaselineReplaced
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory, revision
from cim.codec.codec import wire
from cim.model.plausibility import beyond
from market.settlement.baseline_checks import renewed_forecast
from market.uftp import DPrognosis, DPrognosisResponse, Result, header_faults


@wire("aggregator.timer.prognose")
@dataclass(frozen=True, slots=True)
class ForecastsDue(Timer):
    """Members that have not told a day's forecast by now are late."""

    period: date


@dataclass(frozen=True, slots=True)
class PrognosesSent:
    """Told inside the role: a day's prognoses are out."""

    period: date


@wire("aggregator.PrognosisSums")
@dataclass(slots=True)
class PrognosisSumsState:
    """What was heard and told of the days that are not closed.

    Attributes:
        forecasts: by day, the newest of each member.
        final_w: by day and member, [T] watts expected of each ISP when it began, orders counted up to its newest forecast.
        moved_w: by day and member, ISP -> watts that orders have moved since its newest forecast.
        heard: by day, members heard in this cycle.
        newest: the last prognosis of each congestion point and day.
        revisions: of the last prognosis.
        sent: by message id, what was sent and may serve as a baseline.
    """

    forecasts: dict[date, dict[str, DPrognosis]] = field(default_factory=dict)
    final_w: dict[date, dict[str, tuple[int, ...]]] = field(default_factory=dict)
    moved_w: dict[date, dict[str, dict[int, int]]] = field(default_factory=dict)
    heard: dict[date, tuple[str, ...]] = field(default_factory=dict)
    newest: dict[PointDay, DPrognosis] = field(default_factory=dict)
    revisions: dict[PointDay, int] = field(default_factory=dict)
    sent: dict[str, DPrognosis] = field(default_factory=dict)


class PrognosisSums(Part[PrognosisSumsState]):
    """Adds up what the members expect."""

    def __init__(self, me: AgentIdentity, config: AggregatorConfig) -> None:
        super().__init__(me, PrognosisSumsState())
        self._config, self._members = config, config.by_name()

    def newest(self, congestion_point: str, period: date) -> DPrognosis | None:
        """The last prognosis of a congestion point and day, or None."""
        return self.state.newest.get(PointDay(congestion_point, period))

    def sent(self, message_id: str | None) -> DPrognosis | None:
        """A prognosis that was sent and not refused, or None."""
        return self.state.sent.get(message_id or "")

    def forecast_kw(self, member: str, instant: datetime) -> float:
        """What a member forecast for the ISP of an instant; 0 where it told nothing."""
        day = self.rules.day_of(instant)
        forecast = self.state.forecasts.get(day.day, {}).get(member)
        return 0.0 if forecast is None else forecast.power_w[day.isp_of(instant) - 1] / 1000

    def final_w(self, member: str, period: date) -> tuple[int, ...] | None:
        """[T] watts that were finally expected of a member's connection, with what it was ordered; None: nothing."""
        told = self.state.final_w.get(period, {}).get(member)
        moved = self.state.moved_w.get(period, {}).get(member, {})
        return None if told is None else tuple(w + moved.get(isp, 0) for isp, w in enumerate(told, start=1))

    @on(DPrognosis)
    def forecast(self, message: DPrognosis, sender: str, now: datetime) -> list[Effect]:
        """A member's forecast; with the last one of a cycle the sums go out (or at the latest an interval later)."""
        member = self._members.get(sender)
        fault = header_faults(message, timezone=self.rules.timezone, isp_minutes=self.rules.isp_minutes)
        if (
            member is None
            or not member.is_on(message.period)
            or member.usage_point != message.congestion_point
            or fault is not None
        ):
            return []
        period, day = message.period, self.rules.day(message.period)
        if now >= day.end or len(message.power_w) != day.count:
            why = f"{len(message.power_w)} values; expected {day.count}" if now < day.end else "its day is over"
            return [self.me.lapse("DPrognosis", message.header.message_id, sender, why, now)]
        absurd = beyond(message.power_w, member.carries_w)
        if absurd is not None:
            why = f"{absurd} W; its connection carries at most {member.carries_w} W"
            return [self.me.lapse("DPrognosis", message.header.message_id, sender, why, now)]
        held = self.state.forecasts.setdefault(period, {})
        if sender in held and held[sender].revision >= message.revision:
            why = "a newer revision is known"
            return [self.me.lapse("DPrognosis", message.header.message_id, sender, why, now)]
        held[sender] = message
        final, moved = self.state.final_w.setdefault(period, {}), self.state.moved_w.get(period, {}).get(sender, {})
        final[sender] = renewed_forecast(final.get(sender), moved, message.power_w, day, now)
        self.state.moved_w.get(period, {}).pop(sender, None)  # what it was ordered to do is in its forecast now
        known = self.state.heard.get(period, ())
        self.state.heard[period] = tuple(sorted({*known, sender}))
        if len(self.state.heard[period]) == len(self._config.members_on(period)):
            late: list[Effect] = [Disarm(ForecastsDue(period))] if known else []
            return [*self._prognose(period, now), *late]
        return [] if known else [Arm(ForecastsDue(period), self.rules.patience(now))]

    @on(MemberMoved)
    def moved(self, event: MemberMoved, now: datetime) -> list[Effect]:
        """An order changes what a member will do: until it forecasts again, its forecast and its orders count together.

        Else a prognosis that another member's news calls for would say that nothing of the order will come, and it would be
        split, and bought, once more.
        """
        moved = self.state.moved_w.setdefault(event.period, {}).setdefault(event.member, {})
        for isp, watts in event.isps:
            moved[isp] = moved.get(isp, 0) + watts
        return []

    def expected_w(self, congestion_point: str, period: date) -> tuple[int, ...] | None:
        """[T] watts that its members at a congestion point will draw, with what they were ordered since; None: nobody told."""
        known = [
            self._expected_w(period, name)
            for name in self._config.at(congestion_point, period)
            if period in self.state.forecasts
        ]
        rows = [row for row in known if row is not None]
        return tuple(sum(column) for column in zip(*rows, strict=True)) if rows else None

    def _expected_w(self, period: date, member: str) -> list[int] | None:
        """What a member will draw in each ISP, by its forecast and its orders since; None where it told nothing."""
        forecast = self.state.forecasts[period].get(member)
        if forecast is None:
            return None
        moved = self.state.moved_w.get(period, {}).get(member, {})
        return [watts + moved.get(isp, 0) for isp, watts in enumerate(forecast.power_w, start=1)]

    @on(ForecastsDue)
    def somebody_is_late(self, timer: ForecastsDue, now: datetime) -> list[Effect]:
        """Go on with what is known."""
        return self._prognose(timer.period, now) if self.state.heard.get(timer.period) else []

    def _prognose(self, period: date, now: datetime) -> list[Effect]:
        self.state.heard[period] = ()
        effects: list[Effect] = []
        for point in self._config.congestion_points:
            known = [self._expected_w(period, name) for name in self._config.at(point, period)]
            rows = [row for row in known if row is not None]
            if rows:
                sums = tuple(np.sum(np.array(rows, dtype=np.int64), axis=0).tolist())
                prognosis = self._told(PointDay(point, period), sums, now)
                effects += [Send(self._config.dso, prognosis), Send(self._config.market, prognosis)]
        return effects + self.emit(PrognosesSent(period), now)

    def _told(self, place: PointDay, power_w: tuple[int, ...], now: datetime) -> DPrognosis:
        """The next revision for a congestion point and day."""
        point, period = place
        number = self.state.revisions[place] = self.state.revisions.get(place, 0) + 1
        header = self.me.header(self._config.dso, now, None, "DPrognosis", period.isoformat(), point, str(number))
        prognosis = DPrognosis(header, period, point, number, power_w, self.rules.timezone, self.rules.isp_minutes)
        self.state.newest[place] = prognosis
        if number == 1:  # a new day: those before yesterday can be nobody's baseline any more
            yesterday = self.rules.day_of(now).day - timedelta(days=1)
            self.state.sent = {k: v for k, v in self.state.sent.items() if v.period >= yesterday}
        self.state.sent[header.message_id] = prognosis
        return prognosis

    @on(DPrognosisResponse)
    def answered(self, message: DPrognosisResponse, sender: str, now: datetime) -> list[Effect]:
        """The DSO did not take a prognosis: it cannot serve as a baseline."""
        if message.result is Result.REJECTED:
            self.state.sent.pop(message.d_prognosis_message_id, None)
        return []

    @on(BaselineReplaced)
    def replaced(self, message: BaselineReplaced, sender: str, now: datetime) -> list[Effect]:
        """The DSO does not believe a prognosis and puts its own in its place: orders stand on that."""
        if sender != self._config.dso or message.told not in self.state.sent:
            return []
        self.state.sent[message.own.header.message_id] = message.own
        return [self.me.lapse("DPrognosis", message.told, sender, message.reason, now)]

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        state = self.state
        state.forecasts = {k: v for k, v in state.forecasts.items() if k >= before}
        state.final_w = {k: v for k, v in state.final_w.items() if k >= before}
        state.moved_w = {k: v for k, v in state.moved_w.items() if k >= before}
        state.heard = {k: v for k, v in state.heard.items() if k >= before}
        state.newest = {k: v for k, v in state.newest.items() if k.period >= before}
        state.revisions = {k: v for k, v in state.revisions.items() if k.period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Revisions go on above all that were told."""
        for day in history.open_days(now):
            for point in self._config.congestion_points:
                self.state.revisions[PointDay(point, day.day)] = revision(day, now)
        lost = "members' forecasts, and prognoses under which nothing was ordered: revisions go on in seconds"
        return Recovery(forgotten=(lost,))
