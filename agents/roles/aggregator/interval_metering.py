"""Members' meters in every control interval: the power of the last one, and the energy of the running ISP."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.aggregator.prognosis_sums import PrognosisSums
from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.messages import MeterUpdate
from agents.roles.part import MOMENT, Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.model.plausibility import beyond


@dataclass(frozen=True, slots=True)
class IntervalMetered:
    """Told inside the role: the meters of all members at a congestion point have told an interval, which ended then."""

    congestion_point: str
    end: datetime


@wire("aggregator.IntervalMetering")
@dataclass(slots=True)
class IntervalMeteringState:
    """The running interval and ISP of each congestion point.

    Attributes:
        interval_at: by congestion point, end of the last interval.
        interval_kw: by congestion point and member, power in it.
        isp_at: by congestion point, start of the running ISP.
        isp_kwh: by congestion point and member, energy in it.
        counted_until: by member, until when its energy is counted.
    """

    interval_at: dict[str, datetime] = field(default_factory=dict)
    interval_kw: dict[str, dict[str, float]] = field(default_factory=dict)
    isp_at: dict[str, datetime] = field(default_factory=dict)
    isp_kwh: dict[str, dict[str, float]] = field(default_factory=dict)
    counted_until: dict[str, datetime] = field(default_factory=dict)


class IntervalMetering(Part[IntervalMeteringState]):
    """Adds up what the members take and give now."""

    def __init__(self, me: AgentIdentity, config: AggregatorConfig, sums: PrognosisSums) -> None:
        super().__init__(me, IntervalMeteringState())
        self._config, self._members, self._sums = config, config.by_name(), sums

    def interval_end(self, congestion_point: str) -> datetime | None:
        """The end of the last interval that a member has told."""
        return self.state.interval_at.get(congestion_point)

    def power_kw(self, congestion_point: str) -> float:
        """The members' power in the last interval."""
        told = self.state.interval_kw[congestion_point]
        return sum(told[name] for name in sorted(told))

    def energy_kwh(self, congestion_point: str) -> float:
        """What the members have taken in the running ISP so far."""
        counted = self.state.isp_kwh[congestion_point]
        return sum(counted[name] for name in sorted(counted))

    @on(MeterUpdate)
    def metered(self, message: MeterUpdate, sender: str, now: datetime) -> list[Effect]:
        """A member's last interval; the last member's of a congestion point makes it complete."""
        member, period = self._members.get(sender), self.rules.day_of(message.end - MOMENT).day
        if member is None or not member.is_on(period):
            return []
        # A blind meter counts as what its owner forecast: it must not look like flexibility delivered.
        blind = message.power_w is None or beyond((message.power_w,), member.carries_w) is not None
        power_kw = self._sums.forecast_kw(sender, message.end - MOMENT) if blind else (message.power_w or 0) / 1000
        point, state = member.congestion_point, self.state
        day = self.rules.day_of(message.end)
        self._count(sender, message, power_kw, day.isp_start(day.isp_of(message.end)))
        interval = self.rules.interval_start(message.end)
        if point not in state.interval_at or interval > state.interval_at[point]:
            state.interval_at[point], state.interval_kw[point] = interval, {}
        if interval < state.interval_at[point]:
            why = "a later interval has begun"
            return [self.me.lapse("MeterUpdate", message.end.isoformat(), sender, why, now)]
        known = sender in state.interval_kw[point]
        state.interval_kw[point][sender] = power_kw
        complete = len(state.interval_kw[point]) == len(self._config.at(point, period))
        return self.emit(IntervalMetered(point, interval), now) if complete and not known else []

    def _count(self, member: str, message: MeterUpdate, power_kw: float, begun: datetime) -> None:
        """Add a member's energy to the ISP that began at `begun`, for the real span since it was last counted."""
        state, point = self.state, self._members[member].congestion_point
        since = max(message.start, state.counted_until.get(member, message.start), begun)
        state.counted_until[member] = max(message.end, state.counted_until.get(member, message.end))
        if point not in state.isp_at or begun > state.isp_at[point]:
            state.isp_at[point], state.isp_kwh[point] = begun, {}
        if begun == state.isp_at[point] and message.end > since:
            counted = state.isp_kwh[point]
            counted[member] = counted.get(member, 0.0) + power_kw * ((message.end - since) / timedelta(hours=1))

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The ledger knows days, not intervals."""
        lost = f"what members' meters took of the running ISP until {now.isoformat()}: nothing of it is corrected"
        return Recovery(forgotten=(lost,))
