"""What the DSO's engineers ask for through the portal: flexibility at a congestion point, or a limit in an emergency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from agents.roles.dso.config import DsoConfig
from agents.roles.dso.prognoses import Prognoses
from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.keys import SellerPointDay
from agents.roles.parts.meter_data import MeterData
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.settlement_as_buyer import SettlementAskedFor
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from cim.platform.mailbox.requests import (
    MAILBOX,
    FlexibilityWanted,
    PointLimitWanted,
    RequestAnswered,
    SettlementWanted,
)
from market.rules import Control


@dataclass(frozen=True, slots=True)
class PointRoundWanted:
    """Told inside the DSO: somebody wants a round of trading at a congestion point."""

    point: str
    period: date


@dataclass(frozen=True, slots=True)
class EmergencyChanged:
    """Told inside the DSO: the feed-in below a congestion point is limited by hand, or no longer."""

    point: str


@wire("dso.OutsideRequests")
@dataclass(slots=True)
class OutsideRequestsState:
    """What was asked for by hand.

    Attributes:
        wanted_w: by day and congestion point, ISP -> watts that the next round asks for.
        choose_until: by day and congestion point, until when people choose among what is offered for it.
        emergencies: by congestion point, the share of each plant's rating that may be fed in, and the end.
    """

    wanted_w: dict[date, dict[str, dict[int, int]]] = field(default_factory=dict)
    emergencies: dict[str, tuple[float, datetime]] = field(default_factory=dict)
    choose_until: dict[date, dict[str, datetime]] = field(default_factory=dict)


class OutsideRequests(Part[OutsideRequestsState]):
    """Accepts or refuses what it is asked, and holds it until others have done it."""

    def __init__(self, me: AgentIdentity, config: DsoConfig, prognoses: Prognoses, meters: MeterData) -> None:
        super().__init__(me, OutsideRequestsState())
        self._config, self._prognoses, self._meters = config, prognoses, meters
        self._points = {point.identity for point in config.points}
        control = config.curtailing
        self._plants = () if control is None else control.plants

    # ---- flexibility -----------------------------------------------------------------------------------------------------

    @on(FlexibilityWanted)
    def flexibility_wanted(self, message: FlexibilityWanted, sender: str, now: datetime) -> list[Effect]:
        """Ask the sellers at a congestion point, in a round of trading that begins now."""
        if sender != MAILBOX:
            return []
        fault = self._fault(message, now)
        if fault is not None:
            return [Send(MAILBOX, RequestAnswered(message.number, False, fault))]
        isps = range(message.first_isp, message.last_isp + 1)
        asked = self.want(message.point, message.period, dict.fromkeys(isps, message.power_w), now)
        sellers = ", ".join(self._config.sellers(message.point, message.period))
        words = f"{sellers} will be asked in the round that begins now"
        until = self.state.choose_until.setdefault(message.period, {})
        until.pop(message.point, None)
        if message.choose_until is not None:
            until[message.point] = min(message.choose_until, self._gate(message))
            words += f"; what is offered stands until {until[message.point].isoformat()}, for you to order"
        told = RequestAnswered(message.number, True, words)
        return [Send(MAILBOX, told), *asked]

    def want(self, point: str, period: date, wanted_w: Mapping[int, int], now: datetime) -> list[Effect]:
        """Have so many watts (by ISP) asked for at a point, in the round that begins now."""
        of_day = self.state.wanted_w.setdefault(period, {})
        of_day[point] = {**of_day.get(point, {}), **wanted_w}
        return self.emit(PointRoundWanted(point, period), now)

    def time_fault(self, period: date, first_isp: int, last_isp: int, now: datetime) -> str | None:
        """Why flexibility cannot be asked for in these ISPs of a day, or None."""
        if not self.rules.flexibility:
            return "the site has no market for flexibility"
        if period not in {day.day for day in self.rules.periods}:
            return f"period: {period} is no day that the site operates"
        day = self.rules.day(period)
        first = self._first(day, now)
        if first > day.count:
            return f"period: {period} is over, or past its last gate"
        if not first <= first_isp <= last_isp <= day.count:
            return f"ISPs {first_isp} to {last_isp}; expected {first} to {day.count} of {period}"
        return None

    def _fault(self, wanted: FlexibilityWanted, now: datetime) -> str | None:
        """Why flexibility cannot be asked for, or None."""
        if not self.rules.flexibility:
            return "the site has no market for flexibility"
        if wanted.point not in self._points:
            return f"point: {wanted.point}; expected one of {', '.join(sorted(self._points))}"
        fault = self.time_fault(wanted.period, wanted.first_isp, wanted.last_isp, now)
        if fault is not None:
            return fault
        most_w = sum(c.carries_w or c.contracted_w for c in self._config.at(wanted.point))
        if wanted.choose_until is not None and min(wanted.choose_until, self._gate(wanted)) <= now:
            until = min(wanted.choose_until, self._gate(wanted))
            return f"choose_until: {until.isoformat()} is over; nothing could be ordered for ISP {wanted.first_isp}"
        if wanted.power_w == 0 or abs(wanted.power_w) > most_w:
            return (
                f"power_w: {wanted.power_w} W; expected a need of 1 to {most_w} W either way, as its connections carry"
            )
        sellers = self._config.sellers(wanted.point, wanted.period)
        places = [SellerPointDay(seller, wanted.point, wanted.period) for seller in sellers]
        if not places:
            return f"point: {wanted.point} has no aggregator that could be asked"
        if all(self._prognoses.newest(place) is None for place in places):
            return f"no prognosis of {wanted.period} has come from {wanted.point} yet; offers need one to stand on"
        return None

    def _first(self, day: LocalDay, now: datetime) -> int:
        """The first ISP that can still be ordered."""
        if now < day.start:
            return 1
        return day.count + 1 if now >= day.end else day.isp_of(now) + self._config.gate_isps

    def _gate(self, wanted: FlexibilityWanted) -> datetime:
        """Until when the first of the ISPs can be ordered."""
        return self.rules.day(wanted.period).isp_start(max(wanted.first_isp - self._config.gate_isps + 1, 1))

    def choose_until(self, point: str, day: LocalDay, now: datetime) -> datetime | None:
        """Until when people choose among what a round brings that begins now; None: the agent chooses. Asked once a wish."""
        until = self.state.choose_until.get(day.day, {}).pop(point, None)
        return until if until is not None and until > now else None

    def wanted_w(self, point: str, day: LocalDay, need_w: Floats, now: datetime) -> Floats:
        """[T] W: a round's need with what is wanted beside it, which is so asked for; where they differ in sign the grid's wins."""
        asked, first = self.state.wanted_w.get(day.day, {}).pop(point, {}), self._first(day, now)
        found = need_w.copy()
        for isp, power_w in asked.items():
            own = float(need_w[isp - 1])
            if isp >= first and own * power_w >= 0:
                found[isp - 1] = max(own, float(power_w), key=abs)
        return found

    # ---- emergencies -----------------------------------------------------------------------------------------------------

    @on(PointLimitWanted)
    def limit_wanted(self, message: PointLimitWanted, sender: str, now: datetime) -> list[Effect]:
        """Limit the feed-in of all plants below a congestion point, from now on."""
        if sender != MAILBOX:
            return []
        fault, below = self._limit_fault(message, now), self._below(message.point)
        if fault is not None:
            return [Send(MAILBOX, RequestAnswered(message.number, False, fault))]
        if message.feed_in_pct is None:
            self.state.emergencies.pop(message.point, None)
            words = "the limit is lifted, as far as the grid allows it"
        else:
            self.state.emergencies[message.point] = message.feed_in_pct / 100, message.until
            words = f"{len(below)} connections with plants are limited to {message.feed_in_pct} % of their rating"
        told = RequestAnswered(message.number, True, words)
        return [Send(MAILBOX, told), *self.emit(EmergencyChanged(message.point), now)]

    def _limit_fault(self, wanted: PointLimitWanted, now: datetime) -> str | None:
        if self.rules.control not in (Control.CURTAILMENT, Control.MARKET) or not self._plants:
            return "the DSO of this site has no right to limit feed-in (feed_in_limits in the site file)"
        if not self._below(wanted.point):
            known = sorted({point for plant in self._plants for point in plant.points})
            return f"point: {wanted.point} has no plants below it; expected one of {', '.join(known)}"
        if not self.rules.periods[0].start <= now < self.rules.periods[-1].end:
            return "the site does not operate now"
        if wanted.feed_in_pct is None:
            return None if wanted.point in self.state.emergencies else f"point: {wanted.point} is not limited by hand"
        if not 0 <= wanted.feed_in_pct <= 100:
            return f"feed_in_pct: {wanted.feed_in_pct}; expected 0 to 100"
        return None if wanted.until > now else f"until: {wanted.until.isoformat()} is over; it is {now.isoformat()}"

    def _below(self, point: str) -> tuple[str, ...]:
        return tuple(plant.usage_point for plant in self._plants if point in plant.points)

    def feed_in_share(self, points: tuple[str, ...], now: datetime) -> float | None:
        """The least share of its rating that a plant below these points may feed in by hand; None: it is not limited so."""
        held = [self.state.emergencies[point] for point in points if point in self.state.emergencies]
        shares = [share for share, until in held if until > now]
        return min(shares) if shares else None

    # ---- settlement ------------------------------------------------------------------------------------------------------

    @on(SettlementWanted)
    def settlement_wanted(self, message: SettlementWanted, sender: str, now: datetime) -> list[Effect]:
        """Settle a day with the meter data that is there."""
        if sender != MAILBOX:
            return []
        fault = self._settlement_fault(message.period, now)
        if fault is not None:
            return [Send(MAILBOX, RequestAnswered(message.number, False, fault))]
        words = f"{message.period} is settled with the meter data that came; what comes later makes a revision"
        told = RequestAnswered(message.number, True, words)
        return [Send(MAILBOX, told), *self.emit(SettlementAskedFor(message.period), now)]

    def _settlement_fault(self, period: date, now: datetime) -> str | None:
        if period not in {day.day for day in self.rules.periods}:
            return f"period: {period} is no day that the site operates"
        if now < self.rules.day(period).end:
            return f"period: {period} is not over"
        return f"period: {period} is settled already" if self._meters.is_closed(period) else None

    # ---- forgetting ------------------------------------------------------------------------------------------------------

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.wanted_w = {period: of_day for period, of_day in self.state.wanted_w.items() if period >= before}
        until = self.state.choose_until
        self.state.choose_until = {period: of_day for period, of_day in until.items() if period >= before}
        start = self.rules.day(before).start
        self.state.emergencies = {point: held for point, held in self.state.emergencies.items() if held[1] > start}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Only people know what they asked for by hand."""
        return Recovery(forgotten=("what was asked for by hand: flexibility and limits in an emergency",))
