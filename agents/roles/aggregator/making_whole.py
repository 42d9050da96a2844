"""The aggregator pays members what a day with its orders cost them more than a day without, once, within bounds.

A claim says what the day came to: that is checked by the member's meter and what it is paid. All claims of a day are heard
before the first is paid, since together they are at most a small share of all payments. What a member's orders truly cost
beyond its prices is in the next offers' prices: it is called later, or paid for. A member whose meters told nothing yet is paid
nothing yet either: it claims again once a revision counts them, if that leaves it worse off still.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from agents.roles.aggregator.accounts import Accounts
from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.aggregator.member_orders import MemberOrders
from agents.roles.effects import Arm, Effect, Publish, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.messages import Filed, MakeWholeClaim
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.filing import Filing
from agents.roles.parts.recovery import KEPT_DAYS, LedgerHistory
from agents.roles.parts.settlement_as_buyer import DaySettled
from agents.roles.publications import payments_made
from cim.codec.codec import wire
from market.settlement.make_whole import SHARE_PCT, granted
from market.settlement.payments import Payment

REASON = "make-whole"
WAIT = timedelta(minutes=30)  # after the first claim of a day, or its settlement: by then all have claimed
_E4_PER_CT = 100


@wire("aggregator.timer.make_whole")
@dataclass(frozen=True, slots=True)
class PayClaims(Timer):
    """All claims of a day are in."""

    period: date


@dataclass(frozen=True, slots=True)
class ClaimsAnswered:
    """Told inside the role: a day is settled, and its members were made whole with so much, by member; also where none claimed."""

    period: date
    paid_e4: dict[str, int]


@wire("aggregator.MakingWhole")
@dataclass(slots=True)
class MakingWholeState:
    """What is claimed and paid.

    Attributes:
        claims_e4: by day and member, what is claimed and not answered.
        paid_e4: by day and member.
        dearer_e4_per_kwh: by member, what each kWh moved cost it beyond its prices on the last day that it was ordered.
    """

    claims_e4: dict[date, dict[str, int]] = field(default_factory=dict)
    paid_e4: dict[date, dict[str, int]] = field(default_factory=dict)
    dearer_e4_per_kwh: dict[str, int] = field(default_factory=dict)


class MakingWhole(Part[MakingWholeState]):
    """Answers claims by paying them; a claim beyond what its orders can have cost is not paid.

    Args:
        accounts: all payments of a day, and what a member's day came to.
    """

    def __init__(self, me: AgentIdentity, config: AggregatorConfig, orders: MemberOrders, accounts: Accounts) -> None:
        super().__init__(me, MakingWholeState())
        self._config, self._orders, self._members = config, orders, config.by_name()
        self._accounts = accounts

    def dearer_e4_per_kwh(self, member: str) -> int:
        """What a kWh of a member is to cost more in an offer than its contract says."""
        return self.state.dearer_e4_per_kwh.get(member, 0)

    @on(DaySettled)
    def day_settled(self, event: DaySettled, now: datetime) -> list[Effect]:
        """Members claim when they have seen what they are paid."""
        return [Arm(PayClaims(event.period), now + WAIT)]

    @on(MakeWholeClaim)
    def claimed(self, message: MakeWholeClaim, sender: str, now: datetime) -> list[Effect]:
        """Keep it until all of the day are heard; once a day, and no more than what the ordered energy can have cost."""
        period, fault = message.period, None
        member = self._members.get(sender)
        most = self._most_e4(sender, period) if member is not None and member.is_on(period) else 0
        if (message.claimant, message.payer) != (self.rules.domains.get(sender), self.me.domain):
            fault = f"{message.claimant} claims of {message.payer}; expected its sender of {self.me.domain}"
        elif sender in self.state.paid_e4.get(period, {}):
            fault = "it is paid"
        elif not 0 < message.amount_e4 <= most:
            fault = f"{message.amount_e4} claimed; expected 1 to {most} for what was ordered"
        else:
            fault = self._fault(message, sender)
        if fault is not None:
            return [self.me.lapse("MakeWholeClaim", str(period), sender, fault, now)]
        self.state.claims_e4[period] = {**self.state.claims_e4.get(period, {}), sender: message.amount_e4}
        return [Arm(PayClaims(period), now + WAIT)]

    def _fault(self, claim: MakeWholeClaim, member: str) -> str | None:
        """What is wrong with what a claim says of the day: what the DSO paid besides can only have made it cheaper."""
        if claim.amount_e4 > claim.market_e4 - claim.local_e4:
            return f"{claim.amount_e4} claimed; expected at most {claim.market_e4 - claim.local_e4}, what the day cost more"
        if not self._accounts.metered(member, claim.period):
            return "not all of its meters told of the day yet; expected a claim after the settlement that counts them"
        bill = self._accounts.energy_bill(member, claim.period)
        most = None if bill is None else bill.total_e4 - self._accounts.earned_e4(member, claim.period)
        if most is not None and claim.market_e4 > most:
            return f"the day came to {claim.market_e4} by the claim; expected at most {most} by its meter and payments"
        return None

    @on(PayClaims)
    def pay(self, timer: PayClaims, now: datetime) -> list[Effect]:
        """Pay a day's claims, recorded, as far as their share of all payments goes; what is beyond is told."""
        period, before = timer.period, self.state.paid_e4.get(timer.period, {})
        claims = self.state.claims_e4.pop(period, {})
        self._learn(period, claims)
        amounts = granted(claims, self._accounts.moved_e4(period), sum(before.values())) if claims else {}
        self.state.paid_e4[period] = {**before, **amounts}
        effects: list[Effect] = []
        for member in sorted(claims):
            if amounts[member] < claims[member]:
                why = f"{claims[member]} claimed, {amounts[member]} paid: no more than {SHARE_PCT} % of all payments"
                effects.append(self.me.lapse("MakeWholeClaim", str(period), member, why, now))
            if amounts[member]:
                effects += self._payment(period, member, amounts[member], now)
        return effects + self.emit(ClaimsAnswered(period, self.state.paid_e4[period]), now)

    def _payment(self, period: date, member: str, amount_e4: int, now: datetime) -> list[Effect]:
        domain = self.rules.domains[member]
        payment = Payment(self.me.domain, domain, amount_e4, REASON, f"{period}/{domain}", self.rules.currency)
        name = f"{period}/{self.me.domain}/{domain}/{REASON}"
        record = self.me.record("remuneration", name, (payment,), now, salted=True)
        filed = Send(self._config.ledger, Filed(Filing("remuneration", name), (record,)))
        published: Publish = payments_made((payment,), now)
        return [filed, published]

    def _learn(self, period: date, claims_e4: dict[str, int]) -> None:
        """What a member that was ordered on the day claimed for each kWh is what it is dearer next time; nothing or not."""
        for member in self._members:
            moved_kwh = self._moved_kwh(member, period)
            if moved_kwh and member not in self.state.paid_e4.get(period, {}):
                more = round(claims_e4.get(member, 0) / moved_kwh)
                self.state.dearer_e4_per_kwh[member] = more

    def _most_e4(self, member: str, period: date) -> int:
        """What the energy that orders moved can have cost: at the price above all members' prices."""
        return round(self._moved_kwh(member, period) * self._config.shortage_ct_per_kwh * _E4_PER_CT)

    def _moved_kwh(self, member: str, period: date) -> float:
        parts = self._orders.parts_of(member, period)
        return sum(abs(watts) for part in parts for _, _, watts in part.isps) / 1000 * self.rules.hours

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        state = self.state
        state.claims_e4 = {period: one for period, one in state.claims_e4.items() if period >= before}
        state.paid_e4 = {period: one for period, one in state.paid_e4.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What is recorded is paid; what was claimed and is not, will be."""
        for payments in history.of("remuneration", tuple).values():
            for payment in payments:
                if isinstance(payment, Payment) and payment.payer == self.me.domain and payment.reason == REASON:
                    period = date.fromisoformat(payment.reference.split("/")[0])
                    self._note(self.state.paid_e4, period, payment.payee, payment.amount)
        first, effects = self.rules.day_of(now).next(-KEPT_DAYS).day, list[Effect]()
        for claim in history.of("make-whole-claim", MakeWholeClaim).values():
            name = self.rules.name_of(claim.claimant)
            if claim.payer == self.me.domain and claim.period >= first and name is not None:
                effects += self.claimed(claim, name, now)
        return Recovery([effect for effect in effects if isinstance(effect, Arm)])

    def _note(self, table: dict[date, dict[str, int]], period: date, domain: str, amount_e4: int) -> None:
        name = self.rules.name_of(domain)
        if name is not None:
            table[period] = {**table.get(period, {}), name: amount_e4}
