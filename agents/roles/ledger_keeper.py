"""The ledger keeper: makes records durable, tells who filed them, closes a block per settlement period, has it co-signed.

What the records mean is not its affair; the proofs are `market.ledger`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agents.roles.effects import Append, Arm, CloseBlock, Cosign, Effect, Publish, Send
from agents.roles.events import BlockClosed, Recalled, Recorded, Started
from agents.roles.messages import FileAgain, Filed, HeadAnnounced, HeadCosigned, Receipt
from agents.roles.part import on
from agents.roles.parts.days import DailyDesk
from agents.roles.publications import block_closed
from cim.codec.codec import wire
from cim.model.intervals import LocalDay
from cim.platform.publications import MemoryLost
from market.ledger.records import BlockHead
from market.rules import MarketRules

CLOSING = timedelta(hours=6)  # after the day's end: metering, settlement and answers are in by then
LATE = timedelta(hours=1)  # after a standstill over a closing: the others have to catch up first


@wire("keeper.State")
@dataclass(slots=True)
class KeeperState:
    """What the keeper must remember."""

    started: datetime | None = None
    heads: dict[str, BlockHead] = field(default_factory=dict)  # the last ones, by number
    late: dict[str, datetime] = field(default_factory=dict)  # closings put off, by number
    forgotten: tuple[str, ...] = ()  # what a loss of everything left nothing of


_HEADS = 30  # whose co-signatures may still come


class KeeperRole(DailyDesk[KeeperState]):
    """One per market."""

    def __init__(self, name: str, rules: MarketRules, key: bytes, cosigners: tuple[str, ...]) -> None:
        super().__init__(name, rules, key, KeeperState())
        self.cosigners = cosigners

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """One block for what is agreed before the first day, then one for each day."""
        self.state.started = now
        return [Arm("close 1", self._closing(1)), *self.days_on(self.rules.day(self.rules.first_day), now)]

    def day_timers(self, day: LocalDay, now: datetime) -> list[Effect]:
        """The closing of its block."""
        number = (day.day - self.rules.first_day).days + 2
        return [Arm(f"close {number}", self._closing(number))]

    @on(Recalled)
    def recalled(self, event: Recalled, now: datetime) -> list[Effect]:
        """Go on behind the last block; have signed what is not, and filed again what may not have come through."""
        state, heads = self.state, event.heads
        state.started = heads[0][0].period_start if heads else event.began
        state.heads = {str(head.number): head for head, _ in heads[-_HEADS:]}
        closed = heads[-1][0].number if heads else 0
        effects: list[Effect] = [] if closed else [Arm("close 1", self._closing(1))]
        effects += self.days_on(self.rules.day(self.rules.first_day).next(max(closed - 1, 0)), now)
        for name in self.cosigners:
            unsigned = (head for head, signed in heads if all(s.party != self.rules.domains[name] for s in signed))
            effects += [Send(name, HeadAnnounced(head)) for head in unsigned]
        effects += [Send(name, FileAgain()) for name in self.cosigners]
        told = ["records that were filed and not yet recorded: those of contracts and orders are asked for again"]
        if not heads:
            told.append(f"when it was started: the first block's period begins with the first record, {event.began}")
        state.forgotten = tuple(told)
        return [*effects, Publish(MemoryLost(now, self.name, state.forgotten))]

    def _closing(self, number: int) -> datetime:
        return self.rules.periods[0].start if number == 1 else self.rules.periods[number - 2].end + CLOSING

    @on(Filed)
    def filed(self, message: Filed, sender: str, now: datetime) -> list[Effect]:
        """Make them durable; the receipt follows."""
        return [Append(f"{sender} {message.reference}", message.records)]

    @on(Recorded)
    def recorded(self, event: Recorded, now: datetime) -> list[Effect]:
        """They are durable (or clash with what is there): tell who filed them."""
        sender, _, reference = str(event.reference).partition(" ")
        return [Send(sender, Receipt(reference, event.fault))]

    def timer_close(self, number: str, now: datetime) -> list[Effect]:
        """Close the block of a period, in the order of the periods."""
        index = int(number)
        days = self.rules.periods
        overdue = now - self._closing(index) > self.rules.interval or any(int(k) < index for k in self.state.late)
        if index > 1 and number not in self.state.late and overdue:
            # One second each: blocks close in their order, however many closings a standstill went over.
            self.state.late[number] = now + LATE + timedelta(seconds=index)
            return [Arm(f"close {number}", self.state.late[number])]
        self.state.late.pop(number, None)
        start = self.state.started if index == 1 else days[index - 2].start
        if start is None:
            return []
        # A site on the wall clock begins in the middle of its first day: nothing was agreed before that one.
        end = max(days[0].start, start) if index == 1 else days[index - 2].end
        return [CloseBlock(index, start, end)]

    @on(BlockClosed)
    def closed(self, event: BlockClosed, now: datetime) -> list[Effect]:
        """Ask for co-signatures, so that no party alone could rewrite the past."""
        number = event.head.number
        self.state.heads[str(number)] = event.head
        for old in [k for k in self.state.heads if int(k) <= number - _HEADS]:
            del self.state.heads[old]
        announced: list[Effect] = [Send(name, HeadAnnounced(event.head)) for name in self.cosigners]
        return [*announced, block_closed(event.head)]

    @on(HeadCosigned)
    def cosigned(self, message: HeadCosigned, sender: str, now: datetime) -> list[Effect]:
        """Store a co-signature."""
        if sender not in self.cosigners or str(message.number) not in self.state.heads:
            return []
        return [Cosign(message.number, self.rules.domains[sender], message.signature)]
