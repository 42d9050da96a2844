"""The aggregator pays a member what a day with its orders cost it more than a day without, once, within bounds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.aggregator.member_orders import MemberOrders
from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.messages import Filed, MakeWholeClaim
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.filing import Filing
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.publications import payments_made
from cim.codec.codec import wire
from market.settlement.payments import Payment

REASON = "make-whole"
_E4_PER_CT = 100


@wire("aggregator.MakingWhole")
@dataclass(slots=True)
class MakingWholeState:
    """What is paid: (day, member)."""

    paid: tuple[tuple[date, str], ...] = ()


class MakingWhole(Part[MakingWholeState]):
    """Answers claims by paying them; a claim beyond what its orders can have cost is not paid."""

    def __init__(self, me: AgentIdentity, config: AggregatorConfig, orders: MemberOrders) -> None:
        super().__init__(me, MakingWholeState())
        self._config, self._orders, self._members = config, orders, config.by_name()

    @on(MakeWholeClaim)
    def claimed(self, message: MakeWholeClaim, sender: str, now: datetime) -> list[Effect]:
        """Pay it, recorded; once a day, and no more than what the ordered energy can have cost."""
        key, fault = (message.period, sender), None
        most = self._most_e4(sender, message.period) if sender in self._members else 0
        if (message.claimant, message.payer) != (self.rules.domains.get(sender), self.me.domain):
            fault = f"{message.claimant} claims of {message.payer}; expected its sender of {self.me.domain}"
        elif key in self.state.paid:
            fault = "it is paid"
        elif not 0 < message.amount_e4 <= most:
            fault = f"{message.amount_e4} claimed; expected 1 to {most} for what was ordered"
        if fault is not None:
            return [self.me.lapse("MakeWholeClaim", str(message.period), sender, fault, now)]
        self.state.paid = (*self.state.paid, key)
        domain = self.rules.domains[sender]
        reference = f"{message.period}/{domain}"
        payment = Payment(self.me.domain, domain, message.amount_e4, REASON, reference, self.rules.currency)
        name = f"{message.period}/{self.me.domain}/{domain}/{REASON}"
        record = self.me.record("remuneration", name, (payment,), now)
        filed = Send(self._config.ledger, Filed(Filing("remuneration", name), (record,)))
        return [filed, payments_made((payment,), now)]

    def _most_e4(self, member: str, period: date) -> int:
        """What the energy that orders moved can have cost: at the price above all members' prices."""
        parts = self._orders.parts_of(member, period)
        moved_w = sum(abs(watts) for part in parts for _, _, watts in part.isps)
        return round(moved_w / 1000 * self.rules.hours * self._config.shortage_ct_per_kwh * _E4_PER_CT)

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.paid = tuple(key for key in self.state.paid if key[0] >= before)

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What is recorded is paid."""
        for payments in history.of("remuneration", tuple).values():
            for payment in payments:
                if isinstance(payment, Payment) and payment.payer == self.me.domain and payment.reason == REASON:
                    name = self.rules.name_of(payment.payee)
                    if name is not None:
                        period = date.fromisoformat(payment.reference.split("/")[0])
                        self.state.paid = (*self.state.paid, (period, name))
        return Recovery()
