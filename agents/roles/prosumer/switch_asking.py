"""The owner asks for another aggregator while the site lives: signed, sent to the CRO, and answered as the CRO answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.switches_known import SwitchKnown
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.switch_messages import SwitchAsked, SwitchRefused
from cim.codec.codec import wire
from cim.platform.mailbox.requests import MAILBOX, AggregatorWanted, RequestAnswered
from market.register.agreed_switches import RECORD_KIND, ConnectionSwitch
from market.register.providers import NOTICE_HOUR


@wire("prosumer.SwitchAsking")
@dataclass(slots=True)
class SwitchAskingState:
    """By the key of its record, the number of each request that waits for the CRO's answer."""

    asked: dict[str, str] = field(default_factory=dict)


class SwitchAsking(Part[SwitchAskingState]):
    """Decides nothing: whether a change can be, the CRO says, who knows what all others have asked."""

    def __init__(self, me: AgentIdentity, config: ProsumerConfig) -> None:
        super().__init__(me, SwitchAskingState())
        self._config = config

    @on(AggregatorWanted)
    def wanted(self, message: AggregatorWanted, sender: str, now: datetime) -> list[Effect]:
        """Sign it, and ask the CRO."""
        if sender != MAILBOX:
            return []
        domain, to = self.me.domain, self.rules.domains.get(message.to, message.to)
        made = ConnectionSwitch(self._config.usage_point, domain, to, message.day)
        record = self.me.record(RECORD_KIND, f"{domain}/{message.day}/{now.isoformat()}/{message.number}", made, now)
        self.state.asked[record.key] = message.number
        return [Send(self._config.market, SwitchAsked(record))]

    @on(SwitchKnown)
    def agreed(self, event: SwitchKnown, now: datetime) -> list[Effect]:
        """It is recorded."""
        number = self.state.asked.pop(event.key, None)
        if number is None:
            return []
        day = self.rules.day(event.switch.day)
        notice = day.next(-2).at(NOTICE_HOUR).isoformat(timespec="minutes")
        words = f"recorded: {event.switch.to} has the connection from {day.day} on; notice is given at {notice}"
        return [Send(MAILBOX, RequestAnswered(number, True, words))]

    @on(SwitchRefused)
    def refused(self, message: SwitchRefused, sender: str, now: datetime) -> list[Effect]:
        """The CRO says why it cannot be."""
        if sender != self._config.market:
            return []
        number = self.state.asked.pop(message.key, None)
        return [] if number is None else [Send(MAILBOX, RequestAnswered(number, False, message.fault))]

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What was asked and is not recorded stays without an answer."""
        return Recovery(forgotten=("requests for another aggregator that were not recorded: to be asked again",))
