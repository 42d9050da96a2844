"""The microgrid as one unit (Instance Aggregation Function): its envelope, and how a setpoint falls on its portfolios."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from agents.planning.instance.bands import BothWays, merged
from agents.planning.instance.split import InstanceSplit
from agents.roles.effects import Arm, Compute, Effect, Send, Timer
from agents.roles.events import JobFailed
from agents.roles.identity import AgentIdentity
from agents.roles.iles_manager.envelope import microgrid_envelope
from agents.roles.iles_manager.forecasting import ExchangeForecasting
from agents.roles.instance_messages import PortfolioFlexibility, SetpointAsked, SetpointSplit
from agents.roles.part import MOMENT, Part, Recovery, on
from agents.roles.parts.keys import SellerPointDay
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.model.grouping import grouped
from market.uftp import DPrognosis


@wire("iles.timer.envelope")
@dataclass(frozen=True, slots=True)
class EnvelopeDue(Timer):
    """All that was told at an instant of a day has been heard."""

    period: date


@wire("iles.SplitOf")
@dataclass(frozen=True, slots=True)
class SplitOf:
    """The setpoint that a job splits."""

    number: str


@wire("iles.SetpointBeingSplit")
@dataclass(frozen=True, slots=True)
class SetpointBeingSplit:
    """A setpoint, and the portfolios that it is split among, in their order."""

    message: SetpointAsked
    portfolios: tuple[SellerPointDay, ...]


@wire("iles.InstanceAggregation")
@dataclass(slots=True)
class InstanceAggregationState:
    """What portfolios could give, the newest of each; and setpoints whose split is being worked out, by number."""

    told: dict[SellerPointDay, PortfolioFlexibility] = field(default_factory=dict)
    asked: dict[str, SetpointBeingSplit] = field(default_factory=dict)


class InstanceAggregation(Part[InstanceAggregationState]):
    """Publishes the envelope of each revision, and splits what the DSO asks of the whole.

    Args:
        dso: the agent that may ask.
        forecasting: knows each portfolio's prognosis.
    """

    def __init__(self, me: AgentIdentity, dso: str, forecasting: ExchangeForecasting) -> None:
        super().__init__(me, InstanceAggregationState())
        self._dso, self._forecasting = dso, forecasting

    # ---- the envelope ----------------------------------------------------------------------------------------------------

    @on(PortfolioFlexibility)
    def told(self, message: PortfolioFlexibility, sender: str, now: datetime) -> list[Effect]:
        """Keep it; when all of this instant has been heard, the envelope goes out."""
        place = SellerPointDay(sender, message.congestion_point, message.period)
        bands = (*message.gives.up, *message.gives.down)
        day = self.rules.day(message.period)
        if any(len(row) != day.count for row in (message.rest_w, *(band.power_w for band in bands))):
            why = f"rows of another length; expected {day.count} ISPs"
            return [self.me.lapse("PortfolioFlexibility", message.congestion_point, sender, why, now)]
        known = self.state.told.get(place)
        if known is not None and known.revision >= message.revision:
            why = "a newer revision is known"
            return [self.me.lapse("PortfolioFlexibility", message.congestion_point, sender, why, now)]
        self.state.told[place] = message
        yesterday = self.rules.day_of(now).next(-1).day
        self.state.told = {k: v for k, v in self.state.told.items() if k.period >= yesterday}
        return [Arm(EnvelopeDue(message.period), now + MOMENT)]

    @on(EnvelopeDue)
    def due(self, timer: EnvelopeDue, now: datetime) -> list[Effect]:
        """All portfolios as one."""
        prognoses = self._forecasting.of_day(timer.period)
        told = self._told(timer.period)
        if not prognoses:
            return []
        gives = merged(told[place].gives for place in prognoses if place in told)
        known = [one.delivered_pct for one in told.values() if one.delivered_pct is not None]
        envelope = microgrid_envelope(
            timer.period,
            _sum(prognoses),
            gives,
            self.rules.hours,
            portfolios=len(prognoses),
            told=sum(place in told for place in prognoses),
            delivered_pct=round(sum(known) / len(known)) if known else None,
            now=now,
        )
        return [envelope]

    def rest_w(self, period: date) -> tuple[int, ...] | None:
        """[T] what the site draws net where its limitable devices draw nothing; where that is not told, as foretold; or None."""
        prognoses, told = self._forecasting.of_day(period), self._told(period)
        if not prognoses:
            return None
        rows = [told[place].rest_w if place in told else one.power_w for place, one in prognoses.items()]
        return tuple(sum(column) for column in zip(*rows, strict=True))

    def once_w(self, period: date) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """[T] how far the whole could fall and rise off what is expected in each ISP if it alone is called, watts; or None."""
        prognoses, told = self._forecasting.of_day(period), self._told(period)
        if not prognoses:
            return None
        return self._moves(merged(told[place].gives for place in prognoses if place in told), period)

    def sellers_once_w(self, period: date) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
        """The same of what each seller's portfolios (an agent's) told, by themselves."""
        told = grouped(self._told(period).items(), lambda one: one[0].seller)
        return {name: self._moves(merged(one.gives for _, one in mine), period) for name, mine in told.items()}

    def _moves(self, gives: BothWays, period: date) -> tuple[tuple[int, ...], tuple[int, ...]]:
        count, found = self.rules.day(period).count, list[tuple[int, ...]]()
        for bands in (gives.down, gives.up):
            rows = [band.once_w(self.rules.hours) for band in bands]
            found.append(tuple(sum(column) for column in zip(*rows, strict=True)) if rows else (0,) * count)
        return found[0], found[1]

    def _told(self, period: date) -> dict[SellerPointDay, PortfolioFlexibility]:
        return {place: one for place, one in sorted(self.state.told.items()) if place.period == period}

    # ---- setpoints -------------------------------------------------------------------------------------------------------

    @on(SetpointAsked)
    def asked(self, message: SetpointAsked, sender: str, now: datetime) -> list[Effect]:
        """Split what the whole has to move by, as a job."""
        if sender != self._dso:
            return [self.me.lapse("SetpointAsked", message.number, sender, "only the DSO sets the microgrid", now)]
        if message.number in self.state.asked:
            return []
        prognoses, told = self._forecasting.of_day(message.period), self._told(message.period)
        if not prognoses:
            return [self._refusal(message, f"period: no prognosis of {message.period} has come yet")]
        base = _sum(prognoses)
        isps = range(message.first_isp, message.last_isp + 1)
        if not 1 <= message.first_isp <= message.last_isp <= len(base):
            return [self._refusal(message, f"ISPs {isps.start} to {isps.stop - 1}; expected 1 to {len(base)}")]
        moved = {isp: message.power_w - base[isp - 1] for isp in isps}
        members = {str(number): told[p].gives if p in told else BothWays() for number, p in enumerate(prognoses)}
        self.state.asked[message.number] = SetpointBeingSplit(message, tuple(prognoses))
        return [Compute(SplitOf(message.number), "instance-split", (members, moved, self.rules.hours))]

    @on(SplitOf)
    def split(self, reference: SplitOf, result: InstanceSplit, now: datetime) -> list[Effect]:
        """What each portfolio has to move by, or what nobody can give."""
        asked = self.state.asked.pop(reference.number, None)
        if asked is None:
            return []
        message = asked.message
        if result.missing_w:
            isp, watts = max(result.missing_w.items(), key=lambda one: (abs(one[1]), -one[0]))
            return [
                self._refusal(
                    message,
                    f"power_w: {message.power_w} W; in {len(result.missing_w)} of its ISPs the members cannot give it: in ISP "
                    f"{isp} {abs(watts)} W {'more' if watts > 0 else 'less'} consumption are missing",
                )
            ]
        shares = tuple(
            (place.seller, place.congestion_point, tuple(sorted(share.items())))
            for number, place in enumerate(asked.portfolios)
            if (share := result.shares_w[str(number)])
        )
        return [Send(self._dso, SetpointSplit(message.number, message.period, shares, result.cost_e4))]

    @on(JobFailed)
    def failed(self, event: JobFailed, now: datetime) -> list[Effect]:
        """Whoever asked is told."""
        if not isinstance(event.reference, SplitOf):
            return []
        asked = self.state.asked.pop(event.reference.number, None)
        return [] if asked is None else [self._refusal(asked.message, f"it could not be split: {event.fault}")]

    def _refusal(self, message: SetpointAsked, fault: str) -> Effect:
        return Send(self._dso, SetpointSplit(message.number, message.period, (), 0, fault))

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Portfolios tell it again with their next prognoses."""
        return Recovery(forgotten=("what portfolios could give, until their next prognoses",))


def _sum(prognoses: dict[SellerPointDay, DPrognosis]) -> list[int]:
    return [sum(column) for column in zip(*(one.power_w for one in prognoses.values()), strict=True)]
