"""What an owner keeps for itself for a while: the element runs by its own rule, offers nothing, and is ordered nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np

from agents.planning.elements.element import PlanWindow
from agents.roles.effects import Effect, Publish, Send
from agents.roles.element_messages import ElementLost
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.prosumer.told import ElementKept, PlanChanged
from cim.codec.codec import wire
from cim.model.intervals import LocalDay
from cim.platform.mailbox.requests import MAILBOX, ElementKeptWanted, RequestAnswered
from cim.platform.publications.incidents import ElementOverridden
from market.register.providers import aggregators_between


@wire("prosumer.OwnerOverrides")
@dataclass(slots=True)
class OwnerOverridesState:
    """By element, until when its owner keeps it."""

    until: dict[str, datetime] = field(default_factory=dict)


class OwnerOverrides(Part[OwnerOverridesState]):
    """Obeys the owner; what orders are then not delivered is settled as such, since the contract goes on."""

    def __init__(self, me: AgentIdentity, config: ProsumerConfig, held: HeldOrders) -> None:
        super().__init__(me, OwnerOverridesState())
        self._config, self._elements, self._held = config, config.by_name(), held

    def keeps(self, element: str, start: datetime) -> bool:
        """Whether an element is its owner's at an instant."""
        until = self.state.until.get(element)
        return until is not None and start < until

    def free(self, element: str, window: PlanWindow) -> bool:
        """Whether an element can take part in a window's ISPs: a later part of them is not offered by itself."""
        return not self.keeps(element, window.day.isp_start(window.first))

    def fault(self, element: str, isps: tuple[int, ...], day: LocalDay) -> str | None:
        """Why an order of an element is refused, in words, or None."""
        kept = [isp for isp in isps if self.keeps(element, day.isp_start(isp))]
        if not kept:
            return None
        until = self.state.until[element].isoformat()
        return f"kept: {element} in ISP {kept[0]}; its owner keeps it for itself until {until}"

    @on(ElementKeptWanted)
    def kept(self, message: ElementKeptWanted, sender: str, now: datetime) -> list[Effect]:
        """The owner keeps an element, or gives it back."""
        if sender != MAILBOX:
            return []
        fault = self._fault(message, now)
        if fault is not None:
            return [Send(MAILBOX, RequestAnswered(message.number, False, fault))]
        day, element = self.rules.day_of(now), message.element
        if message.until is None:
            self.state.until.pop(element, None)
            words = f"{element} takes part again from the next session on"
            back = ElementOverridden(now, element, self.me.domain, None, 0)
            return [Send(MAILBOX, RequestAnswered(message.number, True, words)), Publish(back)]
        self.state.until[element] = message.until
        lost_wh = self._promised_wh(element, now, message.until)
        words = f"{element} runs by its own rule from now on"
        if lost_wh:
            words += f"; {lost_wh / 1000:.3g} kWh are ordered of it until then, and count as not delivered"
        effects: list[Effect] = [
            Send(MAILBOX, RequestAnswered(message.number, True, words)),
            Publish(ElementOverridden(now, element, self.me.domain, message.until, lost_wh)),
        ]
        if self.rules.flexibility:
            lost, last = ElementLost(element, "its owner keeps it for itself"), self.rules.day_of(message.until)
            effects += [Send(name, lost) for name in aggregators_between(self._config, day.day, last.day)]
        return [*effects, *self.emit(ElementKept(element, message.until), now), *self.emit(PlanChanged(day), now)]

    def _promised_wh(self, element: str, now: datetime, until: datetime) -> int:
        """What orders in force move of an element in a time, Wh without sign; of an ISP the share that lies in it."""
        day, total_wh = self.rules.day_of(now), 0.0
        while day.start < until:
            moved_w = np.abs(self._held.moved_kw(element, day)) * 1000
            for isp in np.flatnonzero(moved_w) + 1:
                begin, end = day.isp_start(int(isp)), day.isp_start(int(isp) + 1)
                inside = min(end, until) - max(begin, now)
                total_wh += float(moved_w[isp - 1]) * max(inside / timedelta(hours=1), 0.0)
            day = day.next()
        return round(total_wh)

    def _fault(self, wanted: ElementKeptWanted, now: datetime) -> str | None:
        if wanted.element not in self._elements:
            return f"element: {wanted.element}; expected one of {', '.join(sorted(self._elements))}"
        if wanted.until is None:
            return None if self.keeps(wanted.element, now) else f"element: {wanted.element} is not kept"
        return None if wanted.until > now else f"until: {wanted.until.isoformat()} is over; it is {now.isoformat()}"

    def prune(self, before: date) -> None:
        """What has ended."""
        start = self.rules.day(before).start
        self.state.until = {element: until for element, until in self.state.until.items() if until > start}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Only the owner knows what it keeps."""
        return Recovery(forgotten=("which elements their owner kept for itself",))
