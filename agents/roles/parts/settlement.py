"""What every party does after the day: the same sums from its own data, accept or dispute, pay, all in signed records."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.messages import Filed
from agents.roles.parts.filing import Filing
from agents.roles.publications import baselines_checked, payments_made, settlement_answered, settlement_told
from cim.model.arrays import Floats
from market.contracts.contract import FlexContract
from market.settlement.baseline_checks import BaselineCheck
from market.settlement.day import METERED
from market.settlement.payments import Payment, capacity_payments, payments_of, statuses
from market.uftp import (
    AcceptedDisputed,
    ContractSettlement,
    FlexOrderSettlement,
    FlexSettlement,
    FlexSettlementResponse,
    Metering,
    MeteringProfile,
    SettlementSums,
)

LATEST = timedelta(hours=3)  # after the day's end: settle with what was metered


@dataclass(frozen=True, slots=True)
class SellerAccount:
    """What a buyer owes a seller for a day, by its own data: orders, what was reserved, and how far baselines held."""

    orders: tuple[FlexOrderSettlement, ...]
    contracts: tuple[ContractSettlement, ...]
    baselines: tuple[BaselineCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class OrdersDisputed:
    """Told inside a role: the seller and the buyer (agents) differ on these orders of a day."""

    buyer: str
    seller: str
    period: date
    orders: tuple[str, ...]


def metering_of(me: AgentIdentity, to: str, period: date, ean: str, energy_wh: Floats, now: datetime,
                lost: Collection[int] = ()) -> Metering:  # fmt: skip
    """A Metering message: mean power of each ISP in whole watts, from watt-hours; `lost` ISPs are marked as such.

    What is told of a lost ISP is the energy that was counted there, so that a day's sum is the counters' difference.
    """
    rules = me.rules
    power = tuple(round(float(x) / rules.hours) for x in energy_wh)
    profiles = [MeteringProfile("Power", "W", power)]
    if lost:
        profiles.append(MeteringProfile(METERED, "1", tuple(int(k not in lost) for k in range(1, len(power) + 1))))
    header = me.header(to, now, None, "Metering", period.isoformat(), ean)
    return Metering(header, period, ean, 1, tuple(profiles), rules.timezone, rules.isp_minutes)


def settlement_key(settlement: FlexSettlement, buyer: str, seller: str) -> str:
    """Under which a settlement, its answer and its payments are recorded: a later revision of it has a key of its own."""
    key = f"{settlement.period_start}/{buyer}/{seller}"
    return key if settlement.revision == 1 else f"{key}#{settlement.revision}"


def settlement_effects(
    me: AgentIdentity,
    to: str,
    ledger: str,
    period: date,
    account: SellerAccount,
    now: datetime,
    revision: int = 1,
    *,
    sums: SettlementSums | None = None,
    salted: bool,
) -> tuple[FlexSettlement, list[Effect]]:
    """The buyer's FlexSettlement: into the ledger (`salted` where the seller is a member) and to the seller."""
    header = me.header(to, now, None, "FlexSettlement", period.isoformat(), *([str(revision)] if revision > 1 else []))
    currency = me.rules.currency
    message = FlexSettlement(header, period, period, currency, account.orders, account.contracts, revision, sums)
    key = settlement_key(message, me.domain, me.rules.domains[to])
    record = me.record("flex-settlement", key, message, now, salted=salted)
    filed = Send(ledger, Filed(Filing("settlement", message.header.message_id), (record,)))
    told = [settlement_told(message), *baselines_checked(message, account.baselines)]
    return message, [filed, Send(to, message), *told]


def response_effects(
    me: AgentIdentity,
    to: str,
    ledger: str,
    theirs: FlexSettlement,
    ours: Sequence[FlexOrderSettlement],
    now: datetime,
    *,
    fines_at_most: bool,
    salted: bool,
) -> tuple[FlexSettlementResponse, list[Effect]]:
    """The seller's answer: the plausibility check of every order, recorded and sent."""
    answers = statuses(ours, theirs.order_settlements, fines_at_most=fines_at_most)
    header, answered, result, _ = me.reply(to, now, theirs, None)
    message = FlexSettlementResponse(header, answered, result, answers)
    key = settlement_key(theirs, me.rules.domains[to], me.domain)
    record = me.record("flex-settlement-response", key, message, now, salted=salted)
    return message, [
        Send(ledger, Filed(Filing("response", message.header.message_id), (record,))),
        Send(to, message),
        settlement_answered(message),
    ]


def due_payments(
    me: AgentIdentity,
    settlement: FlexSettlement,
    response: FlexSettlementResponse,
    contracts: Sequence[FlexContract],
    seller: str,
) -> tuple[Payment, ...]:
    """What is to be paid of a settlement: the accepted orders and what stood by; disputed orders wait."""
    accepted = {s.order_reference for s in response.statuses if s.disposition is AcceptedDisputed.ACCEPTED}
    rows = [row for row in settlement.order_settlements if row.order_reference in accepted]
    payments: list[Payment] = list(payments_of(rows, me.domain, seller, settlement.currency))
    by_id = {contract.contract_id: contract for contract in contracts}
    for part in settlement.contract_settlements:
        if part.contract_id in by_id:
            payments += capacity_payments(by_id[part.contract_id], part.period.isoformat(), part.isps)
    return tuple(payments)


def payment_effects(
    me: AgentIdentity,
    ledger: str,
    settlement: FlexSettlement,
    payments: Sequence[Payment],
    seller: str,
    now: datetime,
    *,
    salted: bool,
) -> list[Effect]:
    """One signed record of all the payments of a settlement (or of its corrections); nothing where nothing is owed."""
    if not payments:
        return []
    key = settlement_key(settlement, me.domain, seller)
    record = me.record("remuneration", key, tuple(payments), now, salted=salted)
    return [Send(ledger, Filed(Filing("remuneration", key), (record,))), payments_made(payments, now)]


def disputed_orders(response: FlexSettlementResponse) -> tuple[str, ...]:
    """References of the orders that an answer disputes."""
    return tuple(s.order_reference for s in response.statuses if s.disposition is AcceptedDisputed.DISPUTED)
