"""What every party does after the day: the same sums from its own data, accept or dispute, pay, all in signed records."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.messages import Filed
from agents.roles.parts.filing import Filing
from agents.roles.publications import payments_made, settlement_answered, settlement_told
from cim.model.arrays import Floats
from market.contracts.contract import FlexContract
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
)

LATEST = timedelta(hours=3)  # after the day's end: settle with what was metered


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
    *,
    fines_at_most: bool,
) -> list[Effect]:
    """The seller's answer: the plausibility check of every order, recorded and sent."""
    answers = statuses(ours, theirs.order_settlements, fines_at_most=fines_at_most)
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
