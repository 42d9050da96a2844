"""Settlement from the seller's side: the same sums from its own data, and acceptance or dispute, order by order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum, auto

from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.settlement import OrdersDisputed, disputed_orders, response_effects
from agents.roles.parts.settlement_as_buyer import DaySettled
from cim.codec.codec import wire
from market.uftp import FlexOrderSettlement, FlexSettlement


class Ready(Enum):
    """Whether a day's own sums can be done."""

    YES = auto()
    LATER = auto()  # the meters come by other ways than the buyer's sums
    NEVER = auto()


@dataclass(frozen=True, slots=True)
class SettlementAnswered:
    """Told inside a role: what the buyer settled for a day is checked and answered."""

    settlement: FlexSettlement


@wire("part.SettlementAsSeller")
@dataclass(slots=True)
class SettlementAsSellerState:
    """What the buyer settled.

    Attributes:
        waiting: by day, settlements that are answered when the own meters are complete.
        answered: by day, message id of the settlement that was answered last.
        revisions: by day, its revision.
    """

    waiting: dict[date, FlexSettlement] = field(default_factory=dict)
    answered: dict[date, str] = field(default_factory=dict)
    revisions: dict[date, int] = field(default_factory=dict)


class SettlementAsSeller(Part[SettlementAsSellerState]):
    """Checks the buyer's settlement of each day, and answers it once.

    Args:
        buyer: the agent it sells to on a day.
        ready: whether its own sums of a day can be done.
        account: what it is owed for a day's orders, by its own data.
        fines_at_most: whether the buyer only passes on what it is fined itself, so that it may take less of a penalty.
        is_member: it is a member, whose records are salted.
    """

    def __init__(
        self,
        me: AgentIdentity,
        ledger: str,
        *,
        buyer: Callable[[date], str],
        ready: Callable[[date], Ready],
        account: Callable[[date], tuple[FlexOrderSettlement, ...]],
        fines_at_most: bool = False,
        is_member: bool = False,
    ) -> None:
        super().__init__(me, SettlementAsSellerState())
        self._is_member = is_member
        self.ledger, self._buyer, self._ready, self._account = ledger, buyer, ready, account
        self._fines_at_most = fines_at_most

    @on(FlexSettlement)
    def settled(self, message: FlexSettlement, sender: str, now: datetime) -> list[Effect]:
        """The buyer settles: answer it when the own sums can be done."""
        period, number = message.period_start, message.header.message_id
        if sender != self._buyer(period):
            return []
        if message.revision <= self.state.revisions.get(period, 0):
            why = f"{period.isoformat()} is answered already"
            return [self.me.lapse("FlexSettlement", number, sender, why, now)]
        ready = self._ready(period)
        if ready is Ready.NEVER:
            why = f"{period.isoformat()} is not metered"
            return [self.me.lapse("FlexSettlement", number, sender, why, now)]
        if ready is Ready.LATER:
            self.state.waiting[period] = message
            return []
        return self._answer(message, now)

    @on(DaySettled)
    def own_day_settled(self, event: DaySettled, now: datetime) -> list[Effect]:
        """The own meters are complete, or nothing more is waited for."""
        message = self.state.waiting.pop(event.period, None)
        return [] if message is None else self._answer(message, now)

    def _answer(self, message: FlexSettlement, now: datetime) -> list[Effect]:
        period = message.period_start
        self._note_answered(message)
        ours = self._account(period)
        response, effects = response_effects(
            self.me,
            self._buyer(period),
            self.ledger,
            message,
            ours,
            now,
            fines_at_most=self._fines_at_most,
            salted=self._is_member,
        )
        disputed = disputed_orders(response)
        if disputed:
            effects += self.emit(OrdersDisputed(self._buyer(period), self.me.name, period, disputed), now)
        first = message.revision == 1  # what follows from a day's settlement follows once
        return effects + (self.emit(SettlementAnswered(message), now) if first else [])

    def _note_answered(self, message: FlexSettlement) -> None:
        self.state.answered[message.period_start] = message.header.message_id
        self.state.revisions[message.period_start] = message.revision

    def prune(self, before: date) -> None:
        """Days that are closed for good; what still waited for their meters is for people."""
        self.state.waiting = {k: v for k, v in self.state.waiting.items() if k >= before}
        self.state.answered = {k: v for k, v in self.state.answered.items() if k >= before}
        self.state.revisions = {k: v for k, v in self.state.revisions.items() if k >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What was answered is; the others are owed an answer."""
        effects: list[Effect] = []
        for (_, domain), one in history.owed_to(self.me.domain).items():
            buyer = self._buyer(one.settlement.period_start)
            if domain != self.rules.domains[buyer]:
                continue
            if one.response is not None:
                self._note_answered(one.settlement)
            else:
                effects += self.settled(one.settlement, buyer, now)
        return Recovery(effects)
