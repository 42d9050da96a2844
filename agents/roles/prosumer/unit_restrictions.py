"""What the DSO restricts of the connection's units for a time, as the register says: neither offered nor obeyed beyond it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from agents.planning.dispatch.flexibility import Flexibility
from agents.planning.dispatch.restricted import restricted
from agents.planning.elements.element import PlanWindow
from agents.roles.effects import Effect, Publish
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.register_keeping import moves_of
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.owner_overrides import OwnerOverrides
from agents.roles.prosumer.supply_limits import SupplyLimits
from agents.roles.register_messages import RegisterEntry
from cim.codec.codec import wire
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from cim.platform.publications.incidents import RuleBroken
from market.contracts.envelope import ElementCall
from market.register.lifecycle import BY_PROVIDER, UnitEvent
from market.register.units import UnitLimit


@wire("prosumer.UnitRestrictions")
@dataclass(slots=True)
class UnitRestrictionsState:
    """By element, the limit that the register holds it to."""

    limits: dict[str, UnitLimit] = field(default_factory=dict)


class UnitRestrictions(Part[UnitRestrictionsState]):
    """Takes limits from the register's keeper, holds them in what is offered, and refuses orders beyond them."""

    def __init__(self, me: AgentIdentity, config: ProsumerConfig, kept: OwnerOverrides, supply: SupplyLimits) -> None:
        super().__init__(me, UnitRestrictionsState())
        self._kept, self._supply = kept, supply
        self._market, self._dso, self._elements = config.market, config.dso, config.by_name()

    @on(RegisterEntry)
    def entered(self, message: RegisterEntry, sender: str, now: datetime) -> list[Effect]:
        """A recorded move of the system operator: a limit, or its end before its time."""
        try:
            moves = moves_of(message.record)
        except BadInput as error:
            return [Publish(RuleBroken(now, sender, self.me.name, str(error)))]
        if sender == self._market and all(move.event in BY_PROVIDER for move in moves):
            return []  # `ProviderSwitching` hears it
        if sender != self._market or message.record.author != self.rules.domains[self._dso]:
            return [Publish(RuleBroken(now, sender, self.me.name, "it is no move of the system operator"))]
        for move in moves:
            if move.event is UnitEvent.LIMIT and move.limit is not None and move.key.unit in self._elements:
                self.state.limits[move.key.unit] = move.limit
            elif move.event is UnitEvent.LIMIT_LIFTED:
                self.state.limits.pop(move.key.unit, None)
        return []

    def held(self, model: Flexibility, window: PlanWindow) -> Flexibility | None:
        """What an element can give on a window's ISPs as far as neither DSO nor owner restricts it; None: nothing."""
        offered = self._supply.offered(model, window) if self._kept.free(model.element, window) else None
        limit, day = self.state.limits.get(model.element), window.day
        if offered is None or limit is None:
            return offered
        isps = range(window.first, window.last + 1)
        inside = np.array([limit.covers(day.isp_start(isp), day.isp_start(isp + 1)) for isp in isps])
        return restricted(offered, inside, limit.up_w / 1000, limit.down_w / 1000)

    def fault(self, element: str, calls: Iterable[ElementCall], day: LocalDay) -> str | None:
        """Why the system operator, or its owner, does not let an element move so, in words, or None."""
        calls = tuple(calls)
        kept = self._kept.fault(element, tuple(call.isp for call in calls), day)
        kept = kept or self._supply.fault(element, calls, day)
        if kept is not None:
            return kept
        limit = self.state.limits.get(element)
        if limit is None:
            return None
        for call in calls:
            start = day.isp_start(call.isp)
            if limit.covers(start, day.isp_start(call.isp + 1)) and not limit.down_w <= call.moved_w <= limit.up_w:
                return (
                    f"restricted: {call.moved_w} W of {element} in ISP {call.isp}; the DSO allows "
                    f"{limit.down_w}..{limit.up_w} W until {limit.until.isoformat()}"
                )
        return None

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """A limit is the register's, and its record the DSO's: it is told again when it is renewed."""
        return Recovery(forgotten=("limits of the system operator on its units, until they are told again",))
