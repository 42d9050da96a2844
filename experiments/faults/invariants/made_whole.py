"""Judging claims to be made whole: nobody is paid more than it claimed, and all of it where that is little."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date

from agents.roles.aggregator.making_whole import REASON
from experiments.faults.simulation_run import SimulationRun
from market.settlement.make_whole import SHARE_PCT


def made_whole_as_claimed(simulation: SimulationRun) -> Iterator[str]:
    """Paid is what was claimed; less only where all claims of a day are beyond the payer's share of its settlements."""
    claims: dict[tuple[str, date], dict[str, int]] = {}
    for claim in simulation.book.of("make-whole-claim"):
        claims.setdefault((claim.payer, claim.period), {})[claim.claimant] = claim.amount_e4
    paid: dict[tuple[str, date], dict[str, int]] = {}
    for payments in simulation.book.of("remuneration"):
        for payment in payments:
            if payment.reason == REASON:
                period = date.fromisoformat(payment.reference.partition("/")[0])
                paid.setdefault((payment.payer, period), {})[payment.payee] = payment.amount
    settled = _settled_e4(simulation)
    for payer, period in sorted({*claims, *paid}):
        claimed, given = claims.get((payer, period), {}), paid.get((payer, period), {})
        all_reached = 100 * sum(claimed.values()) <= SHARE_PCT * settled[payer, period]
        for claimant in sorted({*claimed, *given}):
            wanted, got = claimed.get(claimant, 0), given.get(claimant, 0)
            if got > wanted or (got < wanted and all_reached):
                yield f"{payer}, {period}: {got} paid to make {claimant} whole; expected {wanted}, as claimed"


def _settled_e4(simulation: SimulationRun) -> Counter[tuple[str, date]]:
    """(party, day) -> amounts of its orders' settlements, of both levels: part of all payments that it knows of."""
    settled: Counter[tuple[str, date]] = Counter()
    for settlement in simulation.book.of("flex-settlement"):
        for row in settlement.order_settlements:
            for party in (settlement.header.sender_domain, settlement.header.recipient_domain):
                settled[party, settlement.period_start] += row.price + row.penalty
    return settled
