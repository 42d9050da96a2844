"""Section 5, its first table: what each prosumer pays for the days, without and with the market."""

from __future__ import annotations

from typing import Any

from experiments.report.data import RunData
from experiments.report.tables import Amount, table
from market.billing.bill import BillKind

CENT_A_DAY_E4 = 100  # what a bill may differ by without anybody being worse off


def section(data: RunData) -> str:
    """The bills, line by line, and who is worse off."""
    bills: dict[str, dict[str, Any]] = data.summary["bills"]
    kinds = [kind for kind in BillKind if any(kind in bill["lines"] for bill in bills.values())]
    amounts = {
        party: [
            bill["local"],
            bill["market"],
            bill["market"] - bill["local"],
            *(bill["lines"].get(k, 0) for k in kinds),
        ]
        for party, bill in bills.items()
    }
    rows = [(data.name(party), *map(Amount, row)) for party, row in amounts.items()]
    total = ("sum", *(Amount(sum(column)) for column in zip(*amounts.values(), strict=True)))
    currency = data.result.site.currency
    head = ("prosumer", f"local, {currency}", "market", "market − local", *(str(kind) for kind in kinds))
    caption = "Bills: what each prosumer pays, energy by its tariff (negative: it earns); the market's line by line"
    return table(caption, head, rows, total=total) + _worse_off(data, bills)


def _worse_off(data: RunData, bills: dict[str, dict[str, Any]]) -> str:
    allowed = CENT_A_DAY_E4 * len(data.time.days)
    worse = [data.name(party) for party, bill in bills.items() if bill["market"] > bill["local"] + allowed]
    whole = data.summary["made_whole"]
    share = f"{whole['share_of_payments']:.2%} of all payments" if whole["payments"] else "nothing was paid"
    share += f", {whole['share_of_all']:.2%} with the energy on all bills"
    who = (
        f"worse off by more than a cent a day: {', '.join(worse)}"
        if worse
        else "nobody is worse off by more than a cent a day"
    )
    return f"<p class=note>Against local rules alone {who}. Paid back to make members whole: {share}.</p>"
