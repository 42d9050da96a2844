"""All prosumers' bills in every column, and what would leave nobody worse off in the one of perfect foresight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from experiments.run.bills import bills_of
from experiments.run.columns.column import Column, ColumnName
from experiments.run.columns.models import BillFigures
from experiments.run.run import RunResult
from market.billing.bill import Bill
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
