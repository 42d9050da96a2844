"""Settlement from the buyer's side: after the day its own sums, told to each seller; what a seller accepts is paid.

The table is `market.settlement.conversation`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from agents.roles.effects import Arm, Effect, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.part import DayClosed, Part, Recovery, on
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.meter_data import DayMetered, MeterData
from agents.roles.parts.operated_days import DayNear
from agents.roles.parts.recovery import KEPT_DAYS, LedgerHistory
from agents.roles.parts.settlement import payment_effects, settlement_effects
from cim.codec.codec import wire
from market.uftp import ContractSettlement, FlexOrderSettlement, FlexSettlement, FlexSettlementResponse

LATEST = timedelta(hours=3)  # after the day's end: settle with what was metered


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
class SellerAccount:
    """What a buyer owes a seller for a day, by its own data: orders, and what was reserved."""

    orders: tuple[FlexOrderSettlement, ...]
    contracts: tuple[ContractSettlement, ...]


@wire("part.SettlementAsBuyer")
@dataclass(slots=True)
class SettlementAsBuyerState:
    """What is settled and not answered.

    Attributes:
        settlements: by message id, those that the seller has not answered.
        postponed: until when a day's settlement was put off after a standstill.
        told: sellers of a day that were told before a loss of everything.
    """

    settlements: dict[str, FlexSettlement] = field(default_factory=dict)
    postponed: dict[date, datetime] = field(default_factory=dict)
    told: dict[date, tuple[str, ...]] = field(default_factory=dict)


class SettlementAsBuyer(Part[SettlementAsBuyerState]):
    """Settles each day with all sellers, once.

    Args:
        sellers: agents it buys from.
        account: what it owes a seller for a day; None where nothing is to be settled with that seller.
        needed: sellers whose settlements make a day settled, when the ledger is all that is left.
    """

    def __init__(
        self,
        me: AgentIdentity,
        ledger: str,
        *,
        sellers: Sequence[str],
        account: Callable[[str, date], SellerAccount | None],
        needed: Callable[[], Sequence[str]],
        contracts: Contracts,
        meters: MeterData,
    ) -> None:
        super().__init__(me, SettlementAsBuyerState())
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
            message, sent = settlement_effects(
                self.me, seller, self.ledger, period, account.orders, account.contracts, now
            )
            self.state.settlements[message.header.message_id] = message
            effects += sent
        effects += self.emit(DaySettled(period), now)
        return effects + self.emit(DayClosed(self.rules.day(period).next(-KEPT_DAYS).day), now)

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
        return self._pay(settlement, message, sender, now)

    def _pay(
        self, settlement: FlexSettlement, response: FlexSettlementResponse, seller: str, now: datetime
    ) -> list[Effect]:
        contracts, domain = self._contracts.with_peer(seller), self.rules.domains[seller]
        return payment_effects(self.me, self.ledger, settlement, response, contracts, domain, now)

    def prune(self, before: date) -> None:
        """Days that are closed for good; where some sellers were told before a loss, the others are for people."""
        for period in [period for period in self.state.told if period < before]:
            self._meters.close(period)  # its timer may still come, and then nobody may be told twice
            del self.state.told[period]
        self.state.postponed = {k: v for k, v in self.state.postponed.items() if k >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Who was settled is not settled again; who has not answered is told again, who has is paid."""
        state, needed = self.state, set(self._needed())
        owed = history.owed_by(self.me.domain)
        settled: dict[date, set[str]] = {}
        for period, seller in owed:
            settled.setdefault(date.fromisoformat(period), set()).add(seller)
        for day, domains in settled.items():
            told = tuple(name for name in self._sellers if self.rules.domains[name] in domains)
            if needed <= set(told):
                self._meters.close(day)
            else:
                state.told[day] = told
        effects: list[Effect] = []
        for (_, seller), one in owed.items():
            name = self.rules.name_of(seller)
            if name is None or one.paid or name not in self._sellers or not self._contracts.with_peer(name):
                continue
            if one.response is None:
                state.settlements[one.settlement.header.message_id] = one.settlement
                effects.append(Send(name, one.settlement))
            else:
                effects += self._pay(one.settlement, one.response, name, now)
        return Recovery(effects)
