"""Judging the money: every ordered ISP settled once, both sides with the same sum, and what one pays the other gets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from agents.roles.aggregator.making_whole import REASON as MAKE_WHOLE
from agents.roles.aggregator.member_orders import MemberOrders
from agents.roles.parts.contracts import Contracts
from experiments.faults.simulation_run import SimulationRun
from market.settlement.elements import ElementMove, commitment
from market.settlement.payments import capacity_amount
from market.uftp import AcceptedDisputed, FlexOrderSettlement, FlexSettlement


def _rows(simulation: SimulationRun) -> Iterator[tuple[FlexSettlement, FlexOrderSettlement]]:
    for settlement in simulation.book.of("flex-settlement"):
        for row in settlement.order_settlements:
            yield settlement, row


def isps_are_settled_once(simulation: SimulationRun) -> Iterator[str]:
    """Each ISP of each order is settled exactly once, at the DSO's level and at the members' (element by element)."""
    owed: Counter[tuple[str, str, int]] = Counter()
    for order in simulation.book.of("flex-order"):
        for row in order.isps:
            for isp in range(row.start, row.start + row.duration):
                owed[order.header.recipient_domain, order.order_reference, isp] += 1
    for agent in simulation.of_role("aggregator"):
        orders, contracts = agent.inner.part(MemberOrders), agent.inner.part(Contracts)
        told = orders.state.parts
        for element, period, member in sorted({(p.element, p.period, p.member) for p in told}):
            parts = [p for p in told if (p.element, p.period) == (element, period)]
            moves = [ElementMove(orders.order(p.order_reference), p.isps) for p in parts]
            contract = contracts.contract_on(member, period)
            held = None if contract is None else commitment(element, moves, contract)
            for row in held[0].isps if held is not None else ():
                owed[simulation.scenario.rules.domains[member], f"{period}/{element}", row.start] += 1
    settled: Counter[tuple[str, str, int]] = Counter()
    for settlement, order in _rows(simulation):
        for done in order.isps:
            for isp in range(done.start, done.start + done.duration):
                settled[settlement.header.recipient_domain, order.order_reference, isp] += 1
    for seller, reference, isp in sorted({*owed, *settled}):
        times, expected = settled[seller, reference, isp], owed[seller, reference, isp]
        if times != expected or expected > 1:
            yield f"{seller}, order {reference}, ISP {isp}: settled {times} times; expected once for {expected} in force"


def both_sides_agree(simulation: SimulationRun) -> Iterator[str]:
    """Every settlement is answered, and nobody disputes: both sides did the same sum from their own data."""
    answers = {answer.flex_settlement_message_id: answer for answer in simulation.book.of("flex-settlement-response")}
    for settlement in simulation.book.of("flex-settlement"):
        header = settlement.header
        where = f"{header.recipient_domain}, settlement of {header.sender_domain} for {settlement.period_start}"
        answer = answers.get(header.message_id)
        if answer is None:
            yield f"{where}: no answer in the ledger; expected one"
            continue
        for status in answer.statuses:
            if status.disposition is AcceptedDisputed.DISPUTED:
                yield f"{where}, order {status.order_reference}: {status.dispute_reason}; expected the same sums"


def money_sums_to_zero(simulation: SimulationRun) -> Iterator[str]:
    """What each party paid out, by its own records, and what each is due, by what it accepted, come to zero together.

    Amounts are ten-thousandths of the currency unit.
    """
    contracts = {contract.contract_id: contract for contract in simulation.book.of("contract")}
    answers = {answer.flex_settlement_message_id: answer for answer in simulation.book.of("flex-settlement-response")}
    due: Counter[tuple[str, str, str, str]] = Counter()
    for settlement in simulation.book.of("flex-settlement"):
        buyer, seller = settlement.header.sender_domain, settlement.header.recipient_domain
        answer = answers.get(settlement.header.message_id)
        accepted = {
            status.order_reference
            for status in (answer.statuses if answer is not None else ())
            if status.disposition is AcceptedDisputed.ACCEPTED
        }
        for row in settlement.order_settlements:
            if row.order_reference in accepted:
                due[buyer, seller, "utilisation", row.order_reference] += row.price
                due[seller, buyer, "penalty", row.order_reference] += row.penalty
        for part in settlement.contract_settlements if answer is not None else ():
            amount = capacity_amount(contracts[part.contract_id], part.isps)
            due[buyer, seller, "capacity", f"{part.contract_id}/{part.period}"] += amount
    paid: Counter[tuple[str, str, str, str]] = Counter()
    for payments in simulation.book.of("remuneration"):
        for payment in payments:
            if payment.reason == MAKE_WHOLE:  # of what is claimed, `made_whole` judges
                continue
            paid[payment.payer, payment.payee, payment.reason, payment.reference] += payment.amount
    for key in sorted({*due, *paid}):
        payer, payee, reason, reference = key
        if due[key] != paid[key]:
            yield (
                f"{payer} to {payee}, {reason} for {reference}: {paid[key]} paid against {due[key]} due, "
                f"{paid[key] - due[key]:+d} in sum; expected 0"
            )
