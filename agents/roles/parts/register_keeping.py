"""The flexibility register's keeper: signed moves in, recorded, then in force; who may market what, out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agents.roles.effects import Arm, Effect, Publish, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.messages import FileAgain, Filed, Receipt
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.filing import refusal
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.publications import units_moved
from agents.roles.register_messages import AssetList, AssetQuery, PublishAgain, RegisterEntry
from cim.codec.codec import decode, wire
from cim.model.errors import BadInput
from cim.platform.publications.incidents import RuleBroken
from market.errors import RemoteProtocolError
from market.ledger.records import Record
from market.ledger.signing import verify
from market.register.lifecycle import BY_PROVIDER, UnitEvent, UnitState
from market.register.register import FlexibilityRegister
from market.register.units import CONGESTION_MANAGEMENT, RECORD_KIND, RegisteredUnit, UnitMove, UnitProduct

REMINDER = timedelta(minutes=10)  # what its operator or its new provider has not answered is sent again


@wire("part.RegisterFiling")
@dataclass(frozen=True, slots=True)
class RegisterFiling:
    """The reference under which an entry of the register is filed: its record's key."""

    key: str

    def __str__(self) -> str:
        return f"register {self.key}"


@wire("part.timer.register")
@dataclass(frozen=True, slots=True)
class RemindOperator(Timer):
    """Applications and switches may not have been answered yet."""


@wire("part.RegisterKeeping")
@dataclass(slots=True)
class RegisterKeepingState:
    """The register.

    Attributes:
        units: by name and product.
        filed: by key, entries that wait for their receipt.
        unanswered: by key, applications that the system operator has not answered, and switches that no provider has.
    """

    units: dict[UnitProduct, RegisteredUnit] = field(default_factory=dict)
    filed: dict[str, Record] = field(default_factory=dict)
    unanswered: dict[str, Record] = field(default_factory=dict)


class RegisterKeeping(Part[RegisterKeepingState]):
    """Keeps the life of every controllable unit; each move is signed by its party and countersigned here.

    Args:
        dso: the system operator, an agent.
        owners: whose units these are, agents.
    """

    def __init__(self, me: AgentIdentity, ledger: str, dso: str, owners: tuple[str, ...]) -> None:
        super().__init__(me, RegisterKeepingState())
        self.ledger, self._dso, self._owners = ledger, dso, owners

    def _register(self) -> FlexibilityRegister:
        return FlexibilityRegister(self.rules.domains[self._dso], self.state.units)

    @on(RegisterEntry)
    def entered(self, message: RegisterEntry, sender: str, now: datetime) -> list[Effect]:
        """A party's moves: if they are allowed now, have them recorded."""
        record, author = message.record, message.record.author
        try:
            if self.rules.domains.get(sender) != author or not _signed_by(record, author, self.me.keys):
                raise RemoteProtocolError(f"register: {record.key} is not signed by {sender}")
            register = self._register().at(now)
            after = register.after(moves_of(record), author)
        except (RemoteProtocolError, BadInput) as error:
            return [Publish(RuleBroken(now, sender, self.me.name, str(error)))]
        if after == register or record.key in self.state.filed:
            return []
        signed = record.signed(self.me.domain, self.me.signer)
        self.state.filed[record.key] = signed
        return [Send(self.ledger, Filed(RegisterFiling(record.key), (signed,)))]

    @on(RegisterFiling)
    def receipt(self, receipt: Receipt, sender: str, now: datetime) -> list[Effect]:
        """Recorded: the moves count from now on, and who has to answer them is told."""
        filing = receipt.reference
        if sender != self.ledger or not isinstance(filing, RegisterFiling):
            return []
        record = self.state.filed.pop(filing.key, None)
        if record is None or receipt.fault is not None:
            return refusal(receipt, sender, now)
        moves = moves_of(record)
        try:
            self.state.units = dict(self._register().at(now).after(moves, record.author).units)
        except RemoteProtocolError as error:  # something else was recorded in between
            return [self.me.lapse("RegisterEntry", record.key, record.author, str(error), now)]
        return [units_moved(moves, self.state.units, record.author, now), *self._forwarded(record, moves, now)]

    def _forwarded(self, record: Record, moves: tuple[UnitMove, ...], now: datetime) -> list[Effect]:
        """Applications go to the operator, switches to the provider that is asked, limits and take-overs to the owner."""
        events, effects = {move.event for move in moves}, list[Effect]()
        self._forget_answered(now)
        if UnitEvent.SWITCH in events:
            self.state.unanswered[record.key] = record
            effects.append(Arm(RemindOperator(), now + REMINDER))
        if UnitEvent.APPLICATION in events:
            self.state.unanswered[record.key] = record
            effects += [Send(self._dso, RegisterEntry(record)), Arm(RemindOperator(), now + REMINDER)]
        for_owners = {UnitEvent.LIMIT, UnitEvent.LIMIT_LIFTED, *BY_PROVIDER}
        asked = {self.state.units[move.key].asset.owner for move in moves if move.event in for_owners}
        names = sorted({*self._asked_to_take_over(moves), *self._named(asked)})
        return [*effects, *(Send(name, RegisterEntry(record)) for name in names)]

    def _asked_to_take_over(self, moves: Iterable[UnitMove]) -> set[str]:
        return self._named({move.provider for move in moves if move.event is UnitEvent.SWITCH})

    def _named(self, domains: Iterable[str]) -> set[str]:
        return {name for domain in domains if (name := self.rules.name_of(domain)) is not None}

    def _forget_answered(self, now: datetime) -> None:
        units = self._register().at(now).units
        self.state.unanswered = {
            key: record
            for key, record in self.state.unanswered.items()
            if any(units[m.key].state is _waiting_for(m.event) for m in moves_of(record) if m.key in units)
        }

    @on(RemindOperator)
    def remind(self, timer: RemindOperator, now: datetime) -> list[Effect]:
        """Send the system operator, or the provider that is asked, again what it has not answered."""
        self._forget_answered(now)
        entries: list[Effect] = []
        for record in self.state.unanswered.values():
            names = self._asked_to_take_over(moves_of(record)) or {self._dso}
            entries += [Send(name, RegisterEntry(record)) for name in sorted(names)]
        return [*entries, Arm(timer, now + REMINDER)] if entries else []

    @on(AssetQuery)
    def queried(self, message: AssetQuery, sender: str, now: datetime) -> list[Effect]:
        """Which units of these owners the asker may market."""
        usable = self._register().at(now).usable(CONGESTION_MANAGEMENT, self.rules.domains[sender])
        return [Send(sender, AssetList(tuple(unit for unit in usable if unit.asset.owner in message.owners)))]

    @on(FileAgain)
    def file_again(self, message: FileAgain, sender: str, now: datetime) -> list[Effect]:
        """The keeper has forgotten everything: file once more what waits for its receipt."""
        if sender != self.ledger:
            return []
        filed = self.state.filed.items()
        return [Send(self.ledger, Filed(RegisterFiling(key), (record,))) for key, record in filed]

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The register as it was recorded, move by move; what was not recorded yet is asked for again."""
        register, lost = self._register(), list[str]()
        for record in history.records(RECORD_KIND):
            try:
                register = register.at(record.at).after(moves_of(record), record.author)
            except (RemoteProtocolError, BadInput) as error:
                lost.append(f"entry {record.key} of the register: {error}")
                continue
            self.state.unanswered[record.key] = record
        self.state.units = dict(register.units)
        self._forget_answered(now)
        again: list[Effect] = [Send(name, PublishAgain()) for name in self._owners]
        return Recovery([*again, Arm(RemindOperator(), now)], lost)


def _waiting_for(event: UnitEvent) -> UnitState:
    """The state in which a unit is while a move of its owner's is not answered."""
    return UnitState.SWITCHING if event is UnitEvent.SWITCH else UnitState.APPLIED


def moves_of(record: Record) -> tuple[UnitMove, ...]:
    """The moves of a record of the register.

    Raises:
        BadInput: it is no such record, or has none.
    """
    body = decode(record.body)
    if record.kind != RECORD_KIND or not isinstance(body, tuple) or not body:
        raise BadInput(f"record {record.kind} {record.key}: expected moves in the register")
    if not all(isinstance(move, UnitMove) for move in body):
        raise BadInput(f"record {record.kind} {record.key}: expected nothing but moves in the register")
    return body


def _signed_by(record: Record, party: str, keys: Mapping[str, bytes]) -> bool:
    return any(s.party == party and verify(keys.get(party, b""), record.message, s.value) for s in record.signatures)
