"""The ledger keeper: makes records durable, tells who filed them, closes a block per settlement period, has it co-signed.

What the records mean is not its affair; the proofs are `market.ledger`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agents.roles.effects import Append, Arm, CloseBlock, Cosign, Effect, Publish, Send, Timer
from agents.roles.events import BlockClosed, Recorded, Started
from agents.roles.identity import AgentIdentity
from agents.roles.messages import FileAgain, Filed, HeadAnnounced, HeadCosigned, KeyChanged, Receipt
from agents.roles.part import MOMENT, Part, Recovery, on
from agents.roles.parts.filing import NoState, refusal
from agents.roles.parts.key_changes import KeyChanges, KeyFiling, KeyRecorded
from agents.roles.parts.operated_days import DayNear, OperatedDays
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.publications import block_closed
from agents.roles.role import Role
from cim.codec.codec import wire
from cim.model.intervals import LocalDay
from cim.platform.publications.incidents import RuleBroken
from market.ledger.party_keys import KINDS, revocation
from market.ledger.records import BlockHead, Record
from market.ledger.signing import verify
from market.rules import MarketRules

CLOSING = timedelta(hours=6)  # after the day's end: metering, settlement and answers are in by then
LATE = timedelta(hours=1)  # after a standstill over a closing: the others have to catch up first
_HEADS = 30  # whose co-signatures may still come


@wire("keeper.FiledBy")
@dataclass(frozen=True, slots=True)
class FiledBy:
    """Whose filing an append to the ledger is, and that agent's own reference of it."""

    sender: str
    reference: object
    key_changes: tuple[Record, ...] = ()  # those of its records that change a party's key


@wire("keeper.timer.close")
@dataclass(frozen=True, slots=True)
class CloseNow(Timer):
    """A block is to be closed."""

    number: int


@wire("keeper.timer.revoke")
@dataclass(frozen=True, slots=True)
class RevokeKey(Timer):
    """A planned revocation (`MarketRules.key_changes`, counted from 0) is due."""

    number: int


@wire("keeper.BlockClosing")
@dataclass(slots=True)
class BlockClosingState:
    """When the market began, the last heads by block number, and closings put off after a standstill.

    Attributes:
        unsigned: after a loss, who has not signed a head that is closed, by block number.
    """

    started: datetime | None = None
    heads: dict[int, BlockHead] = field(default_factory=dict)
    unsigned: dict[int, tuple[str, ...]] = field(default_factory=dict)
    postponed: dict[int, datetime] = field(default_factory=dict)


class RecordKeeping(Part[NoState]):
    """Makes durable what is filed, and gives a receipt."""

    def __init__(self, me: AgentIdentity, parties: tuple[str, ...]) -> None:
        super().__init__(me, NoState())
        self._parties = parties

    @on(Filed)
    def filed(self, message: Filed, sender: str, now: datetime) -> list[Effect]:
        """Make them durable; the receipt follows."""
        changes = tuple(record for record in message.records if record.kind in KINDS)
        return [Append(FiledBy(sender, message.reference, changes), message.records)]

    @on(Recorded)
    def recorded(self, event: Recorded, now: datetime) -> list[Effect]:
        """They are durable (or clash with what is there): tell who filed them."""
        filed = event.reference
        if not isinstance(filed, FiledBy):
            return []
        receipt = Receipt(filed.reference, event.fault)
        told = refusal(receipt, self.me.name, now) if filed.sender == self.me.name else [Send(filed.sender, receipt)]
        changes = filed.key_changes if event.fault is None else ()
        return [*told, *(effect for record in changes for effect in self._key_changed(record, now))]

    def _key_changed(self, record: Record, now: datetime) -> list[Effect]:
        """All others are told: nobody checks a signature by a key that the ledger would not take."""
        others = [name for name in self.rules.domains if name != self.me.name]
        return [*self.emit(KeyRecorded(record), now), *(Send(name, KeyChanged(record)) for name in others)]

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Have filed again what may not have come through."""
        lost = "records that were filed and not yet recorded: those of contracts and orders are asked for again"
        return Recovery([Send(name, FileAgain()) for name in self._parties], (lost,))


class KeyRevoking(Part[NoState]):
    """Revokes the keys that are planned to be (`MarketRules.key_changes`)."""

    def __init__(self, me: AgentIdentity) -> None:
        super().__init__(me, NoState())

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """Wait for each of them."""
        return self._planned(now)

    def _planned(self, now: datetime) -> list[Effect]:
        changes = enumerate(self.rules.key_changes)
        return [Arm(RevokeKey(number), max(change.at, now) + MOMENT) for number, change in changes if change.reason]

    @on(RevokeKey)
    def revoke(self, timer: RevokeKey, now: datetime) -> list[Effect]:
        """Record that the key the party signs with now is void."""
        change = self.rules.key_changes[timer.number]
        public = self.me.keys.get(change.party)
        if public is None or public == change.replacement:
            return []  # it is done
        record = revocation(
            self.me.domain, self.me.signer, change.party, public, change.reason, now, change.replacement
        )
        return [Append(FiledBy(self.me.name, KeyFiling(record.key), (record,)), (record,))]

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What is recorded may not have been told."""
        others = [name for name in self.rules.domains if name != self.me.name]
        told = [Send(name, KeyChanged(record)) for record in history.key_changes for name in others]
        return Recovery([*told, *self._planned(now)])


class BlockClosing(Part[BlockClosingState]):
    """Closes one block for what is agreed before the first day, then one for each day; has every head co-signed."""

    def __init__(self, me: AgentIdentity, cosigners: tuple[str, ...]) -> None:
        super().__init__(me, BlockClosingState())
        self._cosigners = cosigners

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """The first block closes with the beginning of the first day."""
        self.state.started = now
        return [Arm(CloseNow(1), self._closing(1))]

    @on(DayNear)
    def day_near(self, event: DayNear, now: datetime) -> list[Effect]:
        """The closing of a day's block."""
        number = (event.day.day - self.rules.first_day).days + 2
        return [Arm(CloseNow(number), self._closing(number))]

    def _closing(self, number: int) -> datetime:
        return self.rules.periods[0].start if number == 1 else self.rules.periods[number - 2].end + CLOSING

    @on(CloseNow)
    def close_now(self, timer: CloseNow, now: datetime) -> list[Effect]:
        """Close the block of a period, in the order of the periods."""
        number, postponed, days = timer.number, self.state.postponed, self.rules.periods
        overdue = now - self._closing(number) > self.rules.interval or any(other < number for other in postponed)
        if number > 1 and number not in postponed and overdue:
            # One second each: blocks close in their order, however many closings a standstill went over.
            postponed[number] = now + LATE + timedelta(seconds=number)
            return [Arm(timer, postponed[number])]
        postponed.pop(number, None)
        start = self.state.started if number == 1 else days[number - 2].start
        if start is None:
            return []
        # A site on the wall clock begins in the middle of its first day: nothing was agreed before that one.
        end = max(days[0].start, start) if number == 1 else days[number - 2].end
        return [CloseBlock(number, start, end)]

    @on(BlockClosed)
    def closed(self, event: BlockClosed, now: datetime) -> list[Effect]:
        """Ask for co-signatures, so that no party alone could rewrite the past."""
        number, heads = event.head.number, self.state.heads
        signature = self.me.signer.sign(event.head.message)
        announced = HeadAnnounced(event.head, event.shown, signature)
        if number in self.state.unsigned:
            return [Send(name, announced) for name in self.state.unsigned.pop(number)]
        heads[number] = event.head
        for old in [k for k in heads if k <= number - _HEADS]:
            del heads[old]
        return [*(Send(name, announced) for name in self._cosigners), block_closed(event.head)]

    @on(HeadCosigned)
    def cosigned(self, message: HeadCosigned, sender: str, now: datetime) -> list[Effect]:
        """Store a co-signature."""
        if sender not in self._cosigners or message.number not in self.state.heads:
            return []
        domain = self.rules.domains[sender]
        if not verify(self.me.keys.get(domain, b""), self.state.heads[message.number].message, message.signature):
            why = f"a co-signature of block {message.number} that is not by the key it signs with"
            return [Publish(RuleBroken(now, sender, self.me.name, why))]
        return [Cosign(message.number, domain, message.signature)]

    def first_open(self, history: LedgerHistory, now: datetime) -> LocalDay:
        """The day of the first block that is not closed."""
        return self.rules.day(self.rules.first_day).next(max(_last_closed(history) - 1, 0))

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Go on behind the last block, and have signed what is not."""
        heads, state = history.event.heads, self.state
        state.started = heads[0][0].period_start if heads else history.event.began
        state.heads = {head.number: head for head, _ in heads[-_HEADS:]}
        effects: list[Effect] = [] if heads else [Arm(CloseNow(1), self._closing(1))]
        for head, signatures in heads:
            signed = {signature.party for signature in signatures}
            missing = tuple(name for name in self._cosigners if self.rules.domains[name] not in signed)
            if missing:  # to close it again changes nothing, and tells what is to be shown of it
                state.unsigned[head.number] = missing
                effects.append(CloseBlock(head.number, head.period_start, head.period_end))
        if heads:
            return Recovery(effects)
        began = f"when it was started: the first block's period begins with the first record, {state.started}"
        return Recovery(effects, (began,))


def _last_closed(history: LedgerHistory) -> int:
    heads = history.event.heads
    return heads[-1][0].number if heads else 0


class KeeperRole(Role):
    """One per market.

    Args:
        cosigners: the agents that co-sign every head.
    """

    def __init__(self, name: str, rules: MarketRules, key: bytes, cosigners: tuple[str, ...]) -> None:
        me = AgentIdentity(name, rules, key)
        closing = BlockClosing(me, cosigners)
        days, records = OperatedDays(me, closing.first_open), RecordKeeping(me, cosigners)
        super().__init__(me, KeyChanges(me, name), KeyRevoking(me), closing, days, records)
