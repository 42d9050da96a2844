"""What went over the meter at the point of common coupling, ISP by ISP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.messages import DeviceReport
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.model.readings import Kind, Quality


@wire("part.ExchangeMetering")
@dataclass(slots=True)
class ExchangeMeteringState:
    """What was metered.

    Attributes:
        counted_wh: by the instant of an ISP's beginning, the counter (taken less given) at it; the last one.
        power_w: by local day, ISP (from 1) -> mean watts.
    """

    counted_wh: dict[datetime, float] = field(default_factory=dict)
    power_w: dict[date, dict[int, int]] = field(default_factory=dict)


class ExchangeMetering(Part[ExchangeMeteringState]):
    """Meters each ISP by the counters at its two ends; one of which either is missing is not metered.

    Args:
        meter: the agent of the meter.
    """

    def __init__(self, me: AgentIdentity, meter: str) -> None:
        super().__init__(me, ExchangeMeteringState())
        self._meter = meter

    def of_day(self, period: date) -> Mapping[int, int]:
        """ISP (from 1) -> mean watts, of those that were metered."""
        return self.state.power_w.get(period, {})

    @on(DeviceReport)
    def reported(self, message: DeviceReport, sender: str, now: datetime) -> list[Effect]:
        """A good reading at an ISP's end: what is over is metered."""
        day = self.rules.day_of(message.at)
        if sender != self._meter or message.at != day.isp_start(day.isp_of(message.at)):
            return []
        shown = {r.kind: r.value for r in message.readings if r.quality is Quality.GOOD}
        if not {Kind.ENERGY_IMPORT, Kind.ENERGY_EXPORT} <= set(shown):
            return []
        counted = shown[Kind.ENERGY_IMPORT] - shown[Kind.ENERGY_EXPORT]
        begun = message.at - timedelta(minutes=self.rules.isp_minutes)
        before = self.state.counted_wh.get(begun)
        self.state.counted_wh = {message.at: counted}
        if before is not None:
            of = self.rules.day_of(begun)
            row = self.state.power_w.setdefault(of.day, {})
            row.setdefault(of.isp_of(begun), round((counted - before) / self.rules.hours))
        return []

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.power_w = {period: row for period, row in self.state.power_w.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The ledger knows no meter: what was metered is neither paid nor fined."""
        return Recovery(forgotten=("what the meter at the point of common coupling showed before",))
