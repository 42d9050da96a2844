"""Settlement with a seller that answers at once: what is owed is told and recorded, what it accepts is paid.

For those who settle by one meter that both sides read; who waits for members' meters is `SettlementAsBuyer`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.keys import SellerDay
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.settlement import (
    SellerAccount,
    disputed_orders,
    due_payments,
    payment_effects,
    settlement_effects,
)
from cim.codec.codec import wire
from market.contracts.contract import FlexContract
from market.uftp import FlexSettlement, FlexSettlementResponse


@wire("part.DirectSettling")
@dataclass(slots=True)
class DirectSettlingState:
    """What was told: by message id what is not answered, and the days on which each seller was told."""

    open: dict[str, FlexSettlement] = field(default_factory=dict)
    told: dict[SellerDay, str] = field(default_factory=dict)


class DirectSettling(Part[DirectSettlingState]):
    """Tells sellers what they are owed for a day, once, and pays.

    Args:
        contracts: by which capacity is paid; None: nothing but orders is settled.
    """

    def __init__(self, me: AgentIdentity, ledger: str, contracts: Contracts | None = None) -> None:
        super().__init__(me, DirectSettlingState())
        self._ledger, self._contracts = ledger, contracts

    def tell(self, seller: str, period: date, account: SellerAccount, now: datetime) -> list[Effect]:
        """A day's sums with a seller; nothing where it was told already, or nothing is owed."""
        key = SellerDay(seller, period)
        if key in self.state.told or not (account.orders or account.contracts):
            return []
        message, effects = settlement_effects(self.me, seller, self._ledger, period, account, now, salted=False)
        number = message.header.message_id
        self.state.open[number], self.state.told[key] = message, number
        return effects

    @on(FlexSettlementResponse)
    def answered(self, message: FlexSettlementResponse, sender: str, now: datetime) -> list[Effect]:
        """What is accepted is paid; what is disputed is told, for people."""
        number = message.flex_settlement_message_id
        settlement = self.state.open.get(number)
        if settlement is None or settlement.header.recipient_domain != self.rules.domains.get(sender):
            why = "nothing waits for it"
            return [self.me.lapse("FlexSettlementResponse", message.header.message_id, sender, why, now)]
        del self.state.open[number]
        return self._pay(settlement, message, sender, now)

    def _pay(
        self, settlement: FlexSettlement, answer: FlexSettlementResponse, seller: str, now: datetime
    ) -> list[Effect]:
        terms: tuple[FlexContract, ...] = ()
        if self._contracts is not None:
            terms = self._contracts.terms_on(seller, settlement.period_start)
        domain = self.rules.domains[seller]
        payments = due_payments(self.me, settlement, answer, terms, domain)
        paid = payment_effects(self.me, self._ledger, settlement, payments, domain, now, salted=False)
        disputed = [
            self.me.lapse("FlexSettlement", reference, seller, "it is disputed: it is for people", now)
            for reference in disputed_orders(answer)
        ]
        return [*paid, *disputed]

    def prune(self, before: date) -> None:
        """Days that are closed for good; what nobody answered of them is for people."""
        self.state.told = {key: number for key, number in self.state.told.items() if key.period >= before}
        self.state.open = {k: one for k, one in self.state.open.items() if one.period_start >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Who was told is not told again; who has not answered is asked again, who has is paid."""
        effects: list[Effect] = []
        for (_, domain), one in history.owed_by(self.me.domain).items():
            name = self.rules.name_of(domain)
            if name is None:
                continue
            settlement, number = one.settlement, one.settlement.header.message_id
            self.state.told[SellerDay(name, settlement.period_start)] = number
            if one.response is None:
                self.state.open[number] = settlement
                effects.append(Send(name, settlement))
            elif not one.is_paid:
                effects += self._pay(settlement, one.response, name, now)
        return Recovery(effects)
