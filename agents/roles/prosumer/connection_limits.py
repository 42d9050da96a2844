"""What the connection's own agreements let its plants feed in: its cap, and the non-firm capacity that the DSO left."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np

from agents.roles.effects import Effect
from agents.roles.grid_messages import CapacityWithdrawn
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.day_forecast import free_kw
from agents.roles.prosumer.told import CapacityChanged, PlanChanged
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.devices import Mode
from cim.model.intervals import LocalDay


@wire("prosumer.ConnectionLimits")
@dataclass(slots=True)
class ConnectionLimitsState:
    """By day, ISP -> what may still be fed in where the DSO has withdrawn capacity, a magnitude in watts."""

    withdrawn_w: dict[date, dict[int, int]] = field(default_factory=dict)


class ConnectionLimits(Part[ConnectionLimitsState]):
    """Holds the plants to the connection's agreements from the forecast on, so that nothing beyond them is offered.

    What is held is the plants' power, as an inverter can hold it by itself: the home's own use leaves a little more room
    in the grid than was agreed.
    """

    def __init__(self, me: AgentIdentity, config: ProsumerConfig) -> None:
        super().__init__(me, ConnectionLimitsState())
        self._config = config
        elements, kinds = config.by_name(), config.kinds()
        plants = [name for name, kind in kinds.items() if kind.generates and kind.mode is Mode.LIMIT]
        rated_w = sum(elements[name].generation_w for name in plants)
        self.shares = {name: elements[name].generation_w / rated_w for name in plants}

    def limit_kw(self, element: str, day: LocalDay) -> Floats:
        """[T] kW (<= 0) that a plant stays at or above by its share of the rating; NaN where nothing limits it."""
        share = self.shares.get(element)
        if share is None:
            return free_kw(day.count)
        limit = np.full(day.count, np.nan)
        if self._config.terms.export_w is not None:
            limit[:] = -share * self._config.terms.export_w / 1000
        for isp, export_w in self.state.withdrawn_w.get(day.day, {}).items():
            limit[isp - 1] = -share * export_w / 1000
        return limit

    @on(CapacityWithdrawn)
    def withdrawn(self, message: CapacityWithdrawn, sender: str, now: datetime) -> list[Effect]:
        """The DSO withdraws capacity: as far as the agreement lets it, from now on nothing more is expected or offered."""
        fault = self._fault(message, sender, now)
        if fault is not None:
            return [self.me.lapse("CapacityWithdrawn", f"{message.usage_point} {message.period}", sender, fault, now)]
        self._keep(message)
        day = self.rules.day(message.period)
        return [*self.emit(PlanChanged(day), now), *self.emit(CapacityChanged(day), now)]

    def _keep(self, message: CapacityWithdrawn) -> None:
        of_day = self.state.withdrawn_w.setdefault(message.period, {})
        for isp, export_w in message.export_w:
            of_day[isp] = min(export_w, of_day.get(isp, export_w))

    def _fault(self, message: CapacityWithdrawn, sender: str, now: datetime) -> str | None:
        """Why the agreement does not allow it, or None."""
        agreed, day = self._config.terms.flexible, self.rules.day(message.period)
        if sender != self._config.dso or message.usage_point != self._config.usage_point:
            return "it is not its DSO, or another connection"
        if agreed is None:
            return "flexible: there is no flexible connection agreement"
        if message.at > now:
            return f"at: {message.at.isoformat()}; it is not yet then"
        for isp, export_w in message.export_w:
            if not 1 <= isp <= day.count or now >= day.isp_start(isp):
                return f"ISP: {isp}; expected one of {message.period} that has not begun"
            if export_w < agreed.firm_export_w:
                return f"export_w: {export_w} W in ISP {isp}; {agreed.firm_export_w} W are firm"
            if not agreed.may_withdraw(day.isp_start(isp), day.timezone, message.at):
                return f"ISP: {isp} is outside the agreement's hours, season or notice of {agreed.notice_min} minutes"
        return None

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.withdrawn_w = {period: of for period, of in self.state.withdrawn_w.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What was withdrawn stays so."""
        for message in history.of("capacity-withdrawn", CapacityWithdrawn).values():
            if message.usage_point == self._config.usage_point:
                self._keep(message)
        return Recovery()
