"""All prosumers' bills in every column, and what would leave nobody worse off in the one of perfect foresight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from experiments.run.bills import bills_of
from experiments.run.columns.column import Column, ColumnName
from experiments.run.columns.models import BillFigures, MadeWhole
from experiments.run.run import RunResult
from market.billing.bill import LINE_OF_REASON, Bill, BillKind
from market.settlement.payments import Payment

Bills = dict[str, Bill]  # by prosumer's domain


def column_bills(result: RunResult, column: Column) -> Bills:
    """Every prosumer's bill of a column: energy by its truth, and its payments."""
    rules = result.site_agents.rules
    return bills_of(result.site, rules.periods, column.truth, column.payments, rules.domains)


def compensated(foresight: Column, bills: Bills, local: Bills, dso: str, currency: str) -> Column:
    """The column of foresight in which the DSO pays each prosumer what its bill is above that of the column `local`.

    Nobody negotiates there; this is the least for which all would agree to it, their energy bills being all they look at.
    """
    more = {domain: bill.total_e4 - local[domain].total_e4 for domain, bill in bills.items()}
    paid = (
        Payment(dso, domain, amount, "make-whole", "foresight", currency)
        for domain, amount in more.items()
        if amount > 0
    )
    return replace(foresight, payments=tuple(paid))


def with_bills(
    result: RunResult, columns: Mapping[ColumnName, Column]
) -> tuple[dict[ColumnName, Column], dict[ColumnName, Bills]]:
    """All columns and their bills, foresight's with what makes it no worse for anybody than `local`."""
    made = dict(columns)
    bills = {name: column_bills(result, column) for name, column in made.items()}
    if ColumnName.FORESIGHT in made:
        site, name = result.site, ColumnName.FORESIGHT
        made[name] = compensated(made[name], bills[name], bills[ColumnName.LOCAL], site.dso.domain, site.currency)
        bills[name] = column_bills(result, made[name])
    return made, bills


def bill_figures(bills: Mapping[ColumnName, Bills]) -> dict[str, BillFigures]:
    """What each prosumer pays in the columns `market` and `local`."""
    local = bills[ColumnName.LOCAL]
    return {
        domain: BillFigures(
            market=bill.total_e4,
            local=local[domain].total_e4,
            lines={line.kind: line.amount_e4 for line in bill.lines},
        )
        for domain, bill in bills[ColumnName.MARKET].items()
    }


def made_whole_of(payments: Iterable[Payment], bills: Bills) -> MadeWhole:
    """What was paid to make members whole, and its shares: of what parties paid each other, and of the energy too.

    Args:
        bills: of the same column.
    """
    made = tuple(payments)
    paid = sum(one.amount for one in made if LINE_OF_REASON[one.reason] is BillKind.MAKE_WHOLE)
    all_e4, of_payments = sum(one.amount for one in made), set(LINE_OF_REASON.values())
    energy = sum(abs(line.amount_e4) for bill in bills.values() for line in bill.lines if line.kind not in of_payments)
    return MadeWhole(
        paid=paid,
        payments=all_e4,
        energy=energy,
        share_of_payments=round(paid / all_e4, 6) if all_e4 else 0.0,
        share_of_all=round(paid / (all_e4 + energy), 6) if all_e4 + energy else 0.0,
    )
