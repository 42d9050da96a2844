"""The common reference operator (CRO) records changes of aggregator that owners ask for, and tells whom they concern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from agents.roles.effects import Effect, Publish, Send
from agents.roles.identity import AgentIdentity
from agents.roles.messages import FileAgain, Filed, Receipt
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.filing import refusal
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.switches_known import switch_of
from agents.roles.switch_messages import SwitchAgreed, SwitchAsked, SwitchesForgotten, SwitchRefused
from cim.codec.codec import wire
from cim.model.errors import BadInput
from cim.platform.publications.agreements import ConnectionSwitched
from market.ledger.records import Record
from market.ledger.signing import verify
from market.register.agreed_switches import RECORD_KIND, ConnectionSwitch, KnownSwitches, ServedConnection, switch_fault
from market.register.providers import NOTICE_HOUR, ProviderSwitch, aggregator_on


@wire("iles.SwitchFiling")
@dataclass(frozen=True, slots=True)
class SwitchFiling:
    """The reference under which a change is filed: its record's key."""

    key: str

    def __str__(self) -> str:
        return f"change of aggregator {self.key}"


@wire("iles.SwitchRecording")
@dataclass(slots=True)
class SwitchRecordingState:
    """Changes by their records' keys: those that wait for their receipt, and those that are recorded, in their order."""

    filed: dict[str, Record] = field(default_factory=dict)
    recorded: dict[str, Record] = field(default_factory=dict)


class SwitchRecording(Part[SwitchRecordingState]):
    """The one who decides whether a change can be, so that all whom it concerns know the same.

    Args:
        dso: an agent, who is told of all changes.
        connections: of the site, as they are planned.
        aggregators: agents that a connection may go over to; none: nobody can change.
    """

    def __init__(
        self,
        me: AgentIdentity,
        *,
        ledger: str,
        dso: str,
        connections: Sequence[ServedConnection],
        aggregators: Sequence[str],
    ) -> None:
        super().__init__(me, SwitchRecordingState())
        self._ledger, self._dso, self._aggregators = ledger, dso, frozenset(aggregators)
        self._connections = {
            one.usage_point: replace(one, switches=KnownSwitches(one.switches, one.usage_point, self._agreed))
            for one in connections
        }

    def _agreed(self, usage_point: str) -> tuple[ProviderSwitch, ...]:
        made = [switch_of(record) for record in self.state.recorded.values()]
        of = (one for one in made if one.usage_point == usage_point)
        return tuple(ProviderSwitch(one.day, self._name(one.to)) for one in sorted(of, key=lambda one: one.day))

    def _name(self, domain: str) -> str:
        return self.rules.name_of(domain) or domain

    @on(SwitchAsked)
    def asked(self, message: SwitchAsked, sender: str, now: datetime) -> list[Effect]:
        """Have it recorded, or say why it cannot be."""
        record = message.record
        if record.key in self.state.filed or record.key in self.state.recorded:
            return []
        fault = self._fault(record, sender, now)
        if fault is not None:
            return [Send(sender, SwitchRefused(record.key, fault))]
        self.state.filed[record.key] = signed = record.signed(self.me.domain, self.me.signer)
        return [Send(self._ledger, Filed(SwitchFiling(record.key), (signed,)))]

    def _fault(self, record: Record, sender: str, now: datetime) -> str | None:
        domain = self.rules.domains.get(sender, sender)
        try:
            made = switch_of(record)
        except BadInput as error:
            return str(error)
        key = self.me.keys.get(domain, b"")
        if not any(s.party == domain and verify(key, record.message, s.value) for s in record.signatures):
            return f"record {record.key}: expected it signed by {domain}"
        connection = self._connections.get(made.usage_point)
        if connection is None or {made.owner, record.author, self.rules.domains[connection.owner]} != {domain}:
            return f"usage_point: {made.usage_point}; expected a connection of {domain} that may change on this site"
        if any(switch_of(filed).usage_point == made.usage_point for filed in self.state.filed.values()):
            return (
                f"usage_point: another change of {made.usage_point} is being recorded; expected you to ask again later"
            )
        return switch_fault(
            connection,
            self._name(made.to),
            made.day,
            aggregators=self._aggregators,
            earliest=self._earliest(now),
            last=self.rules.periods[-1].day,
        )

    def _earliest(self, now: datetime) -> date:
        """The first day for which notice can still be given in time."""
        today = self.rules.day_of(now)
        return max(
            today.next(2 if now < today.at(NOTICE_HOUR) else 3).day, self.rules.day(self.rules.first_day).next().day
        )

    @on(SwitchFiling)
    def receipt(self, receipt: Receipt, sender: str, now: datetime) -> list[Effect]:
        """Recorded: owner, both aggregators and the DSO hear of it, and the data platform."""
        filing = receipt.reference
        if sender != self._ledger or not isinstance(filing, SwitchFiling):
            return []
        record = self.state.filed.pop(filing.key, None)
        if record is None:
            return refusal(receipt, sender, now)
        made = switch_of(record)
        owner = self._connections[made.usage_point].owner
        if receipt.fault is not None:
            why = f"it could not be recorded: {receipt.fault}"
            return [*refusal(receipt, sender, now), Send(owner, SwitchRefused(record.key, why))]
        told = (owner, *self._sides(made), self._dso)
        self.state.recorded[record.key] = record
        former = self.rules.domains[told[1]]
        switched = ConnectionSwitched(
            now, made.usage_point, made.owner, former, made.to, made.day, self.rules.day(made.day).start
        )
        return [Publish(switched), *(Send(name, SwitchAgreed(record)) for name in told)]

    def _sides(self, made: ConnectionSwitch) -> tuple[str, str]:
        """Who has the connection up to a change, and who has it then."""
        connection, eve = self._connections[made.usage_point], self.rules.day(made.day).next(-1).day
        return aggregator_on(connection, eve), self._name(made.to)

    @on(SwitchesForgotten)
    def forgotten(self, message: SwitchesForgotten, sender: str, now: datetime) -> list[Effect]:
        """All that concern a party, once more."""
        return [
            Send(sender, SwitchAgreed(record))
            for record in self.state.recorded.values()
            for made in (switch_of(record),)
            if sender in (self._dso, self._connections[made.usage_point].owner, *self._sides(made))
        ]

    @on(FileAgain)
    def file_again(self, message: FileAgain, sender: str, now: datetime) -> list[Effect]:
        """The keeper has forgotten everything: file once more what waits for its receipt."""
        if sender != self._ledger:
            return []
        return [Send(self._ledger, Filed(SwitchFiling(key), (record,))) for key, record in self.state.filed.items()]

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What is recorded counts; all whom it concerns are told again, as they may not have been."""
        known = (one for one in history.records(RECORD_KIND) if switch_of(one).usage_point in self._connections)
        self.state.recorded = {record.key: record for record in known}
        effects: list[Effect] = []
        for record in self.state.recorded.values():
            made = switch_of(record)
            told = (self._dso, self._connections[made.usage_point].owner, *self._sides(made))
            effects += [Send(name, SwitchAgreed(record)) for name in told]
        return Recovery(effects)
