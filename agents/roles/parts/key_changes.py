"""A party's key goes over to another: when it does so itself, and what it holds of the others once the keeper has said so.

The record counts from where it stands in the ledger. So a party signs with its new key as soon as it has filed the record,
and begins only when no negotiation of its is open: an offer that was signed before could not be recorded any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from agents.roles.effects import Arm, Effect, Publish, Send, Timer
from agents.roles.events import Started
from agents.roles.identity import AgentIdentity
from agents.roles.messages import Filed, KeyChanged, Receipt
from agents.roles.part import MOMENT, Part, Recovery, on
from agents.roles.parts.filing import refusal
from agents.roles.parts.recovery import LedgerHistory, proven_changes
from cim.codec.codec import wire
from cim.platform.mailbox.requests import MAILBOX, KeyRotationWanted, RequestAnswered
from cim.platform.publications.incidents import RuleBroken
from market.ledger.party_keys import rotation
from market.ledger.records import Record
from market.ledger.signing import Signer


@wire("part.timer.rotate")
@dataclass(frozen=True, slots=True)
class RotateKey(Timer):
    """A planned rotation (`MarketRules.key_changes`, counted from 0) is due."""

    number: int


@wire("part.timer.rotate-asked")
@dataclass(frozen=True, slots=True)
class RotateKeyAsked(Timer):
    """A rotation that was asked for from outside is to be tried again, to the key of this public half."""

    public: bytes


@wire("part.KeyFiling")
@dataclass(frozen=True, slots=True)
class KeyFiling:
    """The reference of a rotation: the key of its record."""

    key: str

    def __str__(self) -> str:
        return f"rotation of the key {self.key}"


@dataclass(frozen=True, slots=True)
class KeysChanged:
    """Told inside a role: the identity's keys are others."""


@dataclass(frozen=True, slots=True)
class KeyRecorded:
    """Told inside the keeper: a change of a key is durable."""

    record: Record


@wire("part.KeyChanges")
@dataclass(slots=True)
class KeyChangesState:
    """The records that have changed a key, in their order; one's own is among them as soon as it is filed."""

    records: tuple[Record, ...] = ()


class KeyChanges(Part[KeyChangesState]):
    """Rotates this party's key when it is planned, and follows the changes of all others.

    Args:
        is_quiet: whether nothing that was signed waits for another's signature.
    """

    def __init__(self, me: AgentIdentity, ledger: str, is_quiet: Callable[[], bool] = lambda: True) -> None:
        super().__init__(me, KeyChangesState())
        self.ledger, self._is_quiet = ledger, is_quiet

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """Wait for the planned rotations of the own key."""
        return self._planned(now)

    def _planned(self, now: datetime) -> list[Effect]:
        domain = self.me.domain
        had = proven_changes(self.state.records, self.rules)[1].since(domain, 0)
        return [
            Arm(RotateKey(number), max(change.at, now) + MOMENT)
            for number, change in enumerate(self.rules.key_changes)
            if change.party == domain and not change.reason and change.replacement not in had
        ]

    @on(RotateKey)
    def rotate(self, timer: RotateKey, now: datetime) -> list[Effect]:
        """File the rotation, signed by the old key; what follows it is signed by the new one."""
        if not self._is_quiet():
            return [Arm(timer, self.rules.boundary(now) + MOMENT)]
        return self._rotate(self.me.signer_of(self.rules.key_changes[timer.number].replacement), now)

    @on(KeyRotationWanted)
    def rotation_wanted(self, message: KeyRotationWanted, sender: str, now: datetime) -> list[Effect]:
        """Go over to the next key that was prepared, as soon as no negotiation is open."""
        if sender != MAILBOX:
            return []
        domain = self.me.domain
        had = {*proven_changes(self.state.records, self.rules)[1].since(domain, 0)}
        new = self.me.next_key(had | {change.replacement for change in self.rules.key_changes})
        if self.me.name == self.ledger:
            fault = "the ledger's keeper keeps its key, by which it revokes those of others"
        elif self.me.keys.get(domain) != self.me.signer.public:
            fault = f"the key of {domain} is revoked; expected one that is in force"
        elif new is None:
            fault = f"no further key of {domain} was prepared at the site's start"
        else:
            told = RequestAnswered(message.number, True, f"{domain} goes over to the key {new.public.hex()}")
            return [Send(MAILBOX, told), *self.asked(RotateKeyAsked(new.public), now)]
        return [Send(MAILBOX, RequestAnswered(message.number, False, fault))]

    @on(RotateKeyAsked)
    def asked(self, timer: RotateKeyAsked, now: datetime) -> list[Effect]:
        """The same, tried until it can be."""
        if not self._is_quiet():
            return [Arm(timer, self.rules.boundary(now) + MOMENT)]
        return self._rotate(self.me.signer_of(timer.public), now)

    def _rotate(self, new: Signer | None, now: datetime) -> list[Effect]:
        if new is None or self.me.keys.get(self.me.domain) != self.me.signer.public:
            why = "its key is revoked, or it does not have the new one"
            return [self.me.lapse("key rotation", self.me.domain, self.me.name, why, now)]
        record = rotation(self.me.domain, self.me.signer, new, now)
        return [Send(self.ledger, Filed(KeyFiling(record.key), (record,))), *self._follow(record, self.me.name, now)]

    @on(KeyFiling)
    def receipt(self, receipt: Receipt, sender: str, now: datetime) -> list[Effect]:
        """Where the rotation could not be recorded the old key goes on."""
        filing = receipt.reference
        if sender != self.ledger or receipt.fault is None or not isinstance(filing, KeyFiling):
            return []
        self.state.records = tuple(record for record in self.state.records if record.key != filing.key)
        self.restored()
        return [*refusal(receipt, sender, now), *self.emit(KeysChanged(), now)]

    @on(KeyRecorded)
    def recorded(self, event: KeyRecorded, now: datetime) -> list[Effect]:
        """The keeper's own ledger has it."""
        return self._follow(event.record, self.me.name, now)

    @on(KeyChanged)
    def changed(self, message: KeyChanged, sender: str, now: datetime) -> list[Effect]:
        """The keeper has recorded a change: from now on the party is known by its new key, or by none."""
        if sender != self.ledger:
            return [
                Publish(RuleBroken(now, sender, self.me.name, "a change of a key; only the ledger's keeper says so"))
            ]
        return self._follow(message.record, sender, now)

    def _follow(self, record: Record, teller: str, now: datetime) -> list[Effect]:
        before = self.state.records
        if record in before:
            return []
        taken, _ = proven_changes((*before, record), self.rules)
        if len(taken) == len(before):
            why = f"record {record.kind} {record.key}: it does not follow from the keys that are in force"
            return [Publish(RuleBroken(now, teller, self.me.name, why))]
        self.state.records = taken
        self.restored()
        return self.emit(KeysChanged(), now)

    def restored(self) -> None:
        """The identity goes by what is recorded."""
        self.me.go_by(proven_changes(self.state.records, self.rules)[1])

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """All changes stand in the ledger."""
        self.state.records = history.key_changes
        self.restored()
        return Recovery(self._planned(now))
