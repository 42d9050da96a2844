"""What every party does after the day: the same sums from its own data, accept or dispute, pay, all in signed records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np

from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.messages import Filed
from agents.roles.parts.filing import Filing
from agents.roles.publications import payments_made, settlement_answered, settlement_told
from cim.model.arrays import Floats
from market.contracts.contract import FlexContract
from market.settlement.orders import price_of, rounded, settle_orders
from market.settlement.payments import Payment, capacity_payments, payments_of, statuses
from market.uftp import (
    AcceptedDisputed,
    ContractSettlement,
    ContractSettlementIsp,
    DPrognosis,
    FlexOrder,
    FlexOrderSettlement,
    FlexSettlement,
    FlexSettlementResponse,
    IspPower,
    Metering,
    MeteringProfile,
)

LATEST = timedelta(hours=3)  # after the day's end: settle with what was metered
METERED = "Metered"  # a profile beside "Power" where not all of a day is known: 1 where an ISP was metered, else 0


def metering_of(me: AgentIdentity, to: str, period: date, ean: str, energy_wh: Floats, now: datetime,
                lost: Collection[int] = ()) -> Metering:  # fmt: skip
    """A Metering message: mean power of each ISP in whole watts, from watt-hours; `lost` ISPs are marked as such."""
    rules = me.rules
    power = tuple(round(float(x) / rules.hours) for x in energy_wh)
    profiles = [MeteringProfile("Power", "W", tuple(0 if k in lost else w for k, w in enumerate(power, start=1)))]
    if lost:
        profiles.append(MeteringProfile(METERED, "1", tuple(int(k not in lost) for k in range(1, len(power) + 1))))
    header = me.header(to, now, None, "Metering", period.isoformat(), ean)
    return Metering(header, period, ean, 1, tuple(profiles), rules.timezone, rules.isp_minutes)


def lost_isps(messages: Sequence[Metering]) -> frozenset[int]:
    """The ISPs (1-based) of a day that one of these meters did not see."""
    profiles = [p for m in messages if (p := m.profile(METERED)) is not None]
    return frozenset(k for profile in profiles for k, known in enumerate(profile.values, start=1) if not known)


def metered_w(messages: Sequence[Metering], count: int) -> list[int]:
    """[T] sum of the meterings' power, watts."""
    rows = [p.values for m in messages if (p := m.profile("Power")) is not None and len(p.values) == count]
    return [int(x) for x in np.sum(np.array(rows, dtype=np.int64), axis=0)] if rows else [0] * count


def freeze(baseline: dict[int, int], order: FlexOrder, prognosis: DPrognosis) -> None:
    """The baseline (ISP -> watts) of an ISP is the prognosis its first order was offered against, for good."""
    for row in order.isps:
        baseline.setdefault(row.start, prognosis.power_w[row.start - 1])


def dense(baseline: Mapping[int, int], count: int) -> list[int]:
    """[T] watts from ISP -> watts; ISPs without an order have none and count as 0."""
    return [baseline.get(isp, 0) for isp in range(1, count + 1)]


def settle(
    orders: Sequence[FlexOrder],
    baseline: Mapping[int, int],
    actual_w: Sequence[int],
    contracts: Iterable[FlexContract],
    lost: Collection[int] = (),
) -> tuple[FlexOrderSettlement, ...]:
    """All orders of one congestion point (or element) and day, under these contracts; on `lost` ISPs nobody knows."""
    penalties: dict[str | None, int] = {None: 0} | {contract.contract_id: contract.penalty for contract in contracts}
    if lost:
        orders = [part for order in orders if (part := _where_metered(order, lost)) is not None]
    return settle_orders(orders, dense(baseline, len(actual_w)), actual_w, penalties) if orders else ()


def _where_metered(order: FlexOrder, lost: Collection[int]) -> FlexOrder | None:
    """An order's part on the ISPs that were metered, at its price for them; elsewhere it is neither paid nor fined."""
    single = [IspPower(isp, row.power_w) for row in order.isps for isp in range(row.start, row.start + row.duration)]
    known = tuple(row for row in single if row.start not in lost)
    if len(known) == len(single):
        return order
    price = rounded(price_of(order) * sum(abs(row.power_w) for row in known))
    return replace(order, isps=known, price=price) if known else None


def reservation(contract: FlexContract, requested: Mapping[int, int], offered: Mapping[int, int], count: int,
                ordered: Mapping[int, int]) -> tuple[ContractSettlementIsp, ...]:  # fmt: skip
    """What a contract reserved on a day and whether it was there: where less was offered than asked for, only that.

    The obligation is min(|reserved|, |requested|) (USEF, "FlexReservationUpdate").
    """
    rows = []
    reserved = contract.amount_up_w or contract.amount_down_w
    for isp in range(1, count + 1):
        asked, given = requested.get(isp, 0), offered.get(isp, 0)
        short = asked * reserved > 0 and abs(given) < min(abs(asked), abs(reserved))
        available = given if short else reserved
        rows.append(ContractSettlementIsp(isp, reserved, asked, available, given, ordered.get(isp, 0)))
    return tuple(rows)


def settlement_effects(
    me: AgentIdentity,
    to: str,
    ledger: str,
    period: date,
    orders: tuple[FlexOrderSettlement, ...],
    contracts: tuple[ContractSettlement, ...],
    now: datetime,
) -> tuple[FlexSettlement, list[Effect]]:
    """The buyer's FlexSettlement: into the ledger and to the seller."""
    header = me.header(to, now, None, "FlexSettlement", period.isoformat())
    message = FlexSettlement(header, period, period, me.rules.currency, orders, contracts)
    record = me.record("flex-settlement", f"{period}/{me.domain}/{me.rules.domains[to]}", message, now)
    filed = Send(ledger, Filed(Filing("settlement", message.header.message_id), (record,)))
    return message, [filed, Send(to, message), settlement_told(message)]


def response_effects(
    me: AgentIdentity,
    to: str,
    ledger: str,
    theirs: FlexSettlement,
    ours: Sequence[FlexOrderSettlement],
    now: datetime,
) -> list[Effect]:
    """The seller's answer: the plausibility check of every order, recorded and sent."""
    answers = statuses(ours, theirs.order_settlements)
    header, answered, result, _ = me.reply(to, now, theirs, None)
    message = FlexSettlementResponse(header, answered, result, answers)
    key = f"{theirs.period_start}/{me.rules.domains[to]}/{me.domain}"
    record = me.record("flex-settlement-response", key, message, now)
    return [
        Send(ledger, Filed(Filing("response", message.header.message_id), (record,))),
        Send(to, message),
        settlement_answered(message),
    ]


def payment_effects(
    me: AgentIdentity,
    ledger: str,
    settlement: FlexSettlement,
    response: FlexSettlementResponse,
    contracts: Sequence[FlexContract],
    seller: str,
    now: datetime,
) -> list[Effect]:
    """What is accepted is paid: one signed record of all the payments of a settlement; disputed orders wait."""
    accepted = {s.order_reference for s in response.statuses if s.disposition is AcceptedDisputed.ACCEPTED}
    rows = [row for row in settlement.order_settlements if row.order_reference in accepted]
    payments: list[Payment] = list(payments_of(rows, me.domain, seller, settlement.currency))
    by_id = {contract.contract_id: contract for contract in contracts}
    for part in settlement.contract_settlements:
        if part.contract_id in by_id:
            payments += capacity_payments(by_id[part.contract_id], part.period.isoformat(), part.isps)
    if not payments:
        return []
    key = f"{settlement.period_start}/{me.domain}/{seller}"
    record = me.record("remuneration", key, tuple(payments), now)
    return [Send(ledger, Filed(Filing("remuneration", key), (record,))), payments_made(payments, now)]
