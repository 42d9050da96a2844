"""Settlement from the buyer's side: after the day its own sums, told to each seller; what a seller accepts is paid.

The table is `market.settlement.conversation`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from agents.roles.dispute_messages import ArbitrationDecided
from agents.roles.effects import Arm, Effect, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.part import DayClosed, Part, Recovery, on
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.keys import SellerDay
from agents.roles.parts.meter_data import DayCorrected, DayMetered, MeterData
from agents.roles.parts.operated_days import DayNear
from agents.roles.parts.recovery import KEPT_DAYS, LedgerHistory
from agents.roles.parts.settlement import (
    LATEST,
    OrdersDisputed,
    SellerAccount,
    disputed_orders,
    due_payments,
    payment_effects,
    settlement_effects,
)
from cim.codec.codec import wire
from market.settlement.baseline_checks import accumulated, day_totals, period_start
from market.settlement.payments import Payment, corrections
from market.uftp import FlexSettlement, FlexSettlementResponse, SettlementSums, SettlementTotals


@wire("part.timer.settle")
@dataclass(frozen=True, slots=True)
class SettleDay(Timer):
    """A day is settled now at the latest."""

    period: date


@dataclass(frozen=True, slots=True)
class DaySettled:
    """Told inside a role: a day's settlements are told to all sellers."""

    period: date


@dataclass(frozen=True, slots=True)
class SettlementAskedFor:
    """Told inside a role: a day that is over is to be settled now."""

    period: date


@wire("part.SettlementAsBuyer")
@dataclass(slots=True)
class SettlementAsBuyerState:
    """What is settled and not answered.

    Attributes:
        settlements: by message id, those that the seller has not answered.
        postponed: until when a day's settlement was put off after a standstill.
        told: sellers of a day that were told before a loss of everything.
        latest: what each seller was told last of a day.
        paid: what each was paid so far.
        changed: what is settled anew when the seller has answered the last.
        totals: of the running settlement period, what each seller's days came to by what it was told last.
        rebuilt: days settled before a loss of everything: not all that their sums stood on is known, so people correct them.
    """

    settlements: dict[str, FlexSettlement] = field(default_factory=dict)
    postponed: dict[date, datetime] = field(default_factory=dict)
    told: dict[date, tuple[str, ...]] = field(default_factory=dict)
    latest: dict[SellerDay, FlexSettlement] = field(default_factory=dict)
    paid: dict[SellerDay, tuple[Payment, ...]] = field(default_factory=dict)
    changed: tuple[SellerDay, ...] = ()
    rebuilt: tuple[date, ...] = ()
    totals: dict[SellerDay, SettlementTotals] = field(default_factory=dict)


class SettlementAsBuyer(Part[SettlementAsBuyerState]):
    """Settles each day with all sellers, once.

    Args:
        sellers: agents it buys from.
        account: what it owes a seller for a day; None where nothing is to be settled with that seller.
        needed: sellers whose settlements make a day settled, by the day, when the ledger is all that is left.
        of_members: the sellers are members, whose records are salted.
    """

    def __init__(
        self,
        me: AgentIdentity,
        ledger: str,
        *,
        sellers: Sequence[str],
        account: Callable[[str, date], SellerAccount | None],
        needed: Callable[[date], Sequence[str]],
        contracts: Contracts,
        meters: MeterData,
        of_members: bool = False,
    ) -> None:
        super().__init__(me, SettlementAsBuyerState())
        self._of_members = of_members
        self.ledger, self._sellers, self._account, self._needed = ledger, tuple(sellers), account, needed
        self._contracts, self._meters = contracts, meters

    @on(DayNear)
    def day_near(self, event: DayNear, now: datetime) -> list[Effect]:
        """A day is settled some hours after its end at the latest."""
        return [Arm(SettleDay(event.day.day), event.day.end + LATEST)]

    @on(DayMetered)
    def day_metered(self, event: DayMetered, now: datetime) -> list[Effect]:
        """All meters are in."""
        return self._settle(event.period, now)

    @on(SettlementAskedFor)
    def asked_for(self, event: SettlementAskedFor, now: datetime) -> list[Effect]:
        """Somebody wants a day settled with what came so far; what comes later makes a revision, as always."""
        return [] if self._meters.is_closed(event.period) else self._settle(event.period, now)

    @on(SettleDay)
    def time_is_up(self, timer: SettleDay, now: datetime) -> list[Effect]:
        """Not all meters came: settle with those that did; after a standstill the others have to catch up first."""
        period, state = timer.period, self.state
        if self._meters.is_closed(period):
            return []
        due = self.rules.day(period).end + LATEST
        if now - due > self.rules.interval and period not in state.postponed:
            state.postponed[period] = now + 4 * self.rules.interval
            return [Arm(timer, state.postponed[period])]
        return self._settle(period, now)

    def _settle(self, period: date, now: datetime) -> list[Effect]:
        self._meters.close(period)
        told = self.state.told.pop(period, ())
        effects: list[Effect] = []
        for seller in (name for name in self._sellers if name not in told):
            account = self._account(seller, period)
            if account is None:
                continue
            effects += self._told(seller, period, account, now)
        effects += self.emit(DaySettled(period), now)
        return effects + self.emit(DayClosed(self.rules.day(period).next(-KEPT_DAYS).day), now)

    def _told(
        self, seller: str, period: date, account: SellerAccount, now: datetime, revision: int = 1
    ) -> list[Effect]:
        message, effects = settlement_effects(
            self.me,
            seller,
            self.ledger,
            period,
            account,
            now,
            revision,
            sums=self._sums(SellerDay(seller, period), account),
            salted=self._of_members,
        )
        self.state.settlements[message.header.message_id] = message
        self.state.latest[SellerDay(seller, period)] = message
        return effects

    def _sums(self, key: SellerDay, account: SellerAccount) -> SettlementSums:
        """A day's totals, and those since its calendar month began, as far as its days were settled here."""
        self.state.totals[key] = day_totals(account.orders, account.baselines, self.rules.isp_minutes)
        since = period_start(key.period)
        days = [k for k in self.state.totals if k.seller == key.seller and since <= k.period <= key.period]
        return SettlementSums(self.state.totals[key], since, accumulated(self.state.totals[k] for k in days))

    @on(DayCorrected)
    def corrected(self, event: DayCorrected, now: datetime) -> list[Effect]:
        """Meter data of a settled day changed: each seller whose sums change by it is settled with anew, as a revision."""
        return [effect for name in self._sellers for effect in self._revise(SellerDay(name, event.period), now)]

    @on(ArbitrationDecided)
    def decided(self, message: ArbitrationDecided, sender: str, now: datetime) -> list[Effect]:
        """What was disputed is told again by the right data, even where the own sums stay: the seller's have changed."""
        seller = self.rules.name_of(message.seller)
        mine = sender == self._meters.facilitator and message.buyer == self.me.domain and message.meterings
        if not mine or seller not in self._sellers:
            return []
        key = SellerDay(seller, message.period)
        before, account = self.state.latest.get(key), self._account(seller, message.period)
        waiting = before is not None and before.header.message_id in self.state.settlements
        if before is None or account is None or waiting or key.period in self.state.rebuilt:
            return []
        return self._told(key.seller, key.period, account, now, before.revision + 1)

    def _revise(self, key: SellerDay, now: datetime) -> list[Effect]:
        before, account = self.state.latest.get(key), self._account(key.seller, key.period)
        if before is None or account is None or key.period in self.state.rebuilt:
            return []
        if (before.order_settlements, before.contract_settlements) == (account.orders, account.contracts):
            return []
        if before.header.message_id in self.state.settlements:
            if key not in self.state.changed:
                self.state.changed = (*self.state.changed, key)
            return []
        return self._told(key.seller, key.period, account, now, before.revision + 1)

    @on(FlexSettlementResponse)
    def responded(self, message: FlexSettlementResponse, sender: str, now: datetime) -> list[Effect]:
        """The seller accepts: pay it. What it disputes waits for people."""
        number = message.flex_settlement_message_id
        settlement = self.state.settlements.get(number)
        domain = self.rules.domains.get(sender)
        if settlement is None or settlement.header.recipient_domain != domain:
            why = "nothing waits for it"
            return [self.me.lapse("FlexSettlementResponse", message.header.message_id, sender, why, now)]
        del self.state.settlements[number]
        effects, disputed = self._pay(settlement, message, sender, now), disputed_orders(message)
        if disputed:
            effects += self.emit(OrdersDisputed(self.me.name, sender, settlement.period_start, disputed), now)
        key = SellerDay(sender, settlement.period_start)
        if key in self.state.changed:
            self.state.changed = tuple(one for one in self.state.changed if one != key)
            effects += self._revise(key, now)
        return effects

    def _pay(
        self, settlement: FlexSettlement, response: FlexSettlementResponse, seller: str, now: datetime
    ) -> list[Effect]:
        contracts = self._contracts.terms_on(seller, settlement.period_start)
        domain = self.rules.domains[seller]
        key = SellerDay(seller, settlement.period_start)
        paid = self.state.paid.get(key, ())
        payments = corrections(paid, due_payments(self.me, settlement, response, contracts, domain))
        self.state.paid[key] = (*paid, *payments)
        return payment_effects(self.me, self.ledger, settlement, payments, domain, now, salted=self._of_members)

    def delivered_pct(self, seller: str) -> int | None:
        """How much of what was ordered of a seller (its domain) it delivered on the days that are kept; None: nothing was."""
        name = self.rules.name_of(seller)
        told = (settlement for key, settlement in self.state.latest.items() if key.seller == name)
        rows = [row for settlement in told for order in settlement.order_settlements for row in order.isps]
        ordered = sum(abs(row.ordered_flex_power_w) * row.duration for row in rows)
        missing = sum(min(row.power_deficiency_w, abs(row.ordered_flex_power_w)) * row.duration for row in rows)
        return round(100 * (ordered - missing) / ordered) if ordered else None

    def prune(self, before: date) -> None:
        """Days that are closed for good; where some sellers were told before a loss, the others are for people."""
        for period in [period for period in self.state.told if period < before]:
            self._meters.close(period)  # its timer may still come, and then nobody may be told twice
            del self.state.told[period]
        state = self.state
        state.postponed = {k: v for k, v in state.postponed.items() if k >= before}
        state.latest = {k: v for k, v in state.latest.items() if k.period >= before}
        state.paid = {k: v for k, v in state.paid.items() if k.period >= before}
        state.totals = {k: v for k, v in state.totals.items() if k.period >= period_start(before)}
        state.rebuilt = tuple(period for period in state.rebuilt if period >= before)
        state.changed = tuple(key for key in state.changed if key.period >= before)

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Who was settled is not settled again; who has not answered is told again, who has is paid."""
        state = self.state
        owed = history.owed_by(self.me.domain)
        settled: dict[date, set[str]] = {}
        for period, seller in owed:
            settled.setdefault(date.fromisoformat(period), set()).add(seller)
        state.rebuilt = tuple(sorted(settled))
        for day, domains in settled.items():
            told = tuple(name for name in self._sellers if self.rules.domains[name] in domains)
            if set(self._needed(day)) <= set(told):
                self._meters.close(day)
            else:
                state.told[day] = told
        effects: list[Effect] = []
        for (_, seller), one in owed.items():
            name = self.rules.name_of(seller)
            if name is None or name not in self._sellers:
                continue
            key = SellerDay(name, one.settlement.period_start)
            state.latest[key], state.paid[key] = one.settlement, one.payments
            if one.settlement.sums is not None:
                state.totals[key] = one.settlement.sums.day
            if one.is_paid or not self._contracts.with_peer(name):
                continue
            if one.response is None:
                state.settlements[one.settlement.header.message_id] = one.settlement
                effects.append(Send(name, one.settlement))
            else:
                effects += self._pay(one.settlement, one.response, name, now)
        return Recovery(effects)
