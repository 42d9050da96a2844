"""What a party does when it and the other differ on orders: it tells the facilitator, with its copies of the meter data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from agents.roles.dispute_messages import DisputeRaised
from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.filing import LedgerFiling
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.settlement import OrdersDisputed
from cim.codec.codec import wire
from market.uftp import Metering

DISPUTE = "dispute"  # the kind of its record
Evidence = Callable[[str, date], tuple[Metering, ...]]


@wire("part.Disputes")
@dataclass(slots=True)
class DisputesState:
    """By day, the other parties (agents) with which a dispute was raised."""

    raised: dict[date, tuple[str, ...]] = field(default_factory=dict)


class Disputes(Part[DisputesState]):
    """Raises the dispute with another party once a day; what is still disputed after its decision is for people.

    Args:
        facilitator: the agent that decides.
        evidence: the meter data of a day that the sums with a party (agent) stand on, in its own copies.
    """

    def __init__(self, me: AgentIdentity, facilitator: str, filing: LedgerFiling, evidence: Evidence) -> None:
        super().__init__(me, DisputesState())
        self._facilitator, self._filing, self._evidence = facilitator, filing, evidence

    @on(OrdersDisputed)
    def disputed(self, event: OrdersDisputed, now: datetime) -> list[Effect]:
        """Tell the facilitator, recorded."""
        other = event.seller if event.buyer == self.me.name else event.buyer
        raised = self.state.raised.get(event.period, ())
        if other in raised:
            return []
        self.state.raised[event.period] = (*raised, other)
        domains = self.rules.domains
        message = DisputeRaised(
            event.period,
            domains[event.buyer],
            domains[event.seller],
            event.orders,
            self._evidence(other, event.period),
        )
        key = f"{event.period}/{message.buyer}/{message.seller}/{self.me.domain}"
        record = self.me.record(DISPUTE, key, message, now, salted=True)
        return [self._filing.file(DISPUTE, key, record), Send(self._facilitator, message)]

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.raised = {period: others for period, others in self.state.raised.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What it recorded was raised, and may not have been heard."""
        effects: list[Effect] = []
        for message in history.of(DISPUTE, DisputeRaised).values():
            sides = {message.buyer, message.seller}
            other = self.rules.name_of(next(iter(sides - {self.me.domain}), ""))
            if self.me.domain in sides and other is not None and self._is_mine(history, message):
                self.state.raised[message.period] = (*self.state.raised.get(message.period, ()), other)
                effects.append(Send(self._facilitator, message))
        return Recovery(effects)

    def _is_mine(self, history: LedgerHistory, message: DisputeRaised) -> bool:
        key = f"{message.period}/{message.buyer}/{message.seller}/{self.me.domain}"
        return history.of(DISPUTE, DisputeRaised).get(key) == message
