"""Which changes of aggregator were agreed while the site lives, as one of those whom they concern knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from agents.roles.effects import Effect, Publish, Send
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.switch_messages import SwitchAgreed, SwitchesForgotten
from cim.codec.codec import decode, wire
from cim.model.errors import BadInput
from cim.platform.publications.incidents import RuleBroken
from market.ledger.records import Record
from market.register.agreed_switches import RECORD_KIND, ConnectionSwitch
from market.register.providers import ProviderSwitch


@dataclass(frozen=True, slots=True)
class SwitchKnown:
    """Told inside a role: a connection goes over on a day; `key` is the record's."""

    usage_point: str
    switch: ProviderSwitch
    key: str


@wire("part.SwitchesKnown")
@dataclass(slots=True)
class SwitchesKnownState:
    """By usage point, the switches that were agreed, in the order of their days."""

    agreed: dict[str, tuple[ProviderSwitch, ...]] = field(default_factory=dict)


class SwitchesKnown(Part[SwitchesKnownState]):
    """Keeps what the CRO has recorded; all parts ask by `of`, through the config's switches and days.

    Args:
        market: the CRO, an agent.
        changed: called when another is known: what was worked out of them is to be worked out anew.
    """

    def __init__(self, me: AgentIdentity, market: str, changed: Callable[[], None] = lambda: None) -> None:
        super().__init__(me, SwitchesKnownState())
        self._market, self._changed = market, changed

    def of(self, usage_point: str) -> tuple[ProviderSwitch, ...]:
        """Those of a connection."""
        return self.state.agreed.get(usage_point, ())

    def restored(self) -> None:
        """See `Part`."""
        self._changed()

    @on(SwitchAgreed)
    def told(self, message: SwitchAgreed, sender: str, now: datetime) -> list[Effect]:
        """From now on it counts as if it had always been planned."""
        record = message.record
        try:
            if sender != self._market:
                raise BadInput(f"record {record.key}: expected it from {self._market}, who keeps the register")
            made = switch_of(record)
            if record.author != made.owner or not self.me.has_signed(made.owner, record):
                raise BadInput(f"record {record.key}: expected it signed by {made.owner}")
        except BadInput as error:
            return [Publish(RuleBroken(now, sender, self.me.name, str(error)))]
        switch = self._switch(made)
        if switch is None or not self._keep(made.usage_point, switch):
            return []
        return self.emit(SwitchKnown(made.usage_point, switch, record.key), now)

    def _switch(self, made: ConnectionSwitch) -> ProviderSwitch | None:
        to = self.rules.name_of(made.to)
        return None if to is None else ProviderSwitch(made.day, to)

    def _keep(self, usage_point: str, switch: ProviderSwitch) -> bool:
        known = self.of(usage_point)
        if switch in known:
            return False
        self.state.agreed[usage_point] = tuple(sorted((*known, switch), key=lambda one: one.day))
        self._changed()
        return True

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """An owner's own are recorded with its name; for the rest the CRO is asked, which answers before anything else is due."""
        for record in history.records(RECORD_KIND):
            made = switch_of(record)
            if (switch := self._switch(made)) is not None:
                self._keep(made.usage_point, switch)
        return Recovery([Send(self._market, SwitchesForgotten())])


def switch_of(record: Record) -> ConnectionSwitch:
    """The change that a record is about.

    Raises:
        BadInput: it is about none.
    """
    body = decode(record.body)
    if record.kind != RECORD_KIND or not isinstance(body, ConnectionSwitch):
        raise BadInput(f"record {record.kind} {record.key}: expected a change of aggregator")
    return body
