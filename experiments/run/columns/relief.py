"""What the DSO pays for each kilowatt-hour by which the grid is relieved, and what makes the market dearer than curtailing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from experiments.run.columns.bills import Bills
from experiments.run.columns.column import Column, ColumnName
from experiments.run.columns.figures import energy_e4, paid_by
from experiments.run.columns.models import Cause, ColumnFigures, Relief

TIMES_CURTAILMENT = 3.0  # up to so many times its cost the market needs no explanation
_LARGEST = 3  # causes that are named


def relief_of(
    figures: Mapping[ColumnName, ColumnFigures],
    market: Column,
    bills: Mapping[ColumnName, Bills],
    delivered_wh: int,
    dso: str,
    aggregators: Iterable[str],
) -> Relief:
    """The cost of relief by the market and by curtailment alone.

    Curtailment is priced at what it takes from members by their dated tariffs: feed-in lost, and energy bought that they
    would have made themselves, by the truth; so it does not hang on what meters and accounts made of it.

    Args:
        figures: of the columns local, curtailment and market.
        market: who paid whom in it.
        bills: of the same columns.
        delivered_wh: of what the DSO ordered: what it pays for.
        dso: its domain.
        aggregators: their domains.
    """
    local_wh = figures[ColumnName.LOCAL].over_limit_wh
    relieved_wh = local_wh - figures[ColumnName.MARKET].over_limit_wh
    cost = figures[ColumnName.MARKET].dso_cost
    market_ct = _ct_per_kwh(cost, relieved_wh)
    curtailment_ct, causes = None, list[Cause]()
    if ColumnName.CURTAILMENT in figures:
        lost_e4 = energy_e4(bills[ColumnName.CURTAILMENT].values()) - energy_e4(bills[ColumnName.LOCAL].values())
        curtailment_ct = _ct_per_kwh(lost_e4, local_wh - figures[ColumnName.CURTAILMENT].over_limit_wh)
    ratio = market_ct / curtailment_ct if market_ct is not None and curtailment_ct else None
    if ratio is not None and curtailment_ct is not None and ratio > TIMES_CURTAILMENT:
        causes = _causes(market, dso, delivered_wh, relieved_wh, curtailment_ct)[:_LARGEST]
    sellers = {seller: -paid_by(market, seller) for seller in aggregators}
    lost = sum(max(-gain, 0) for gain in sellers.values())
    bought = sum(p.amount for p in market.payments if (p.payer, p.reason) == (dso, "utilisation"))
    return Relief(
        relieved_wh=relieved_wh,
        market_ct_per_kwh=_rounded(market_ct),
        curtailment_ct_per_kwh=_rounded(curtailment_ct),
        times_curtailment=_rounded(ratio),
        causes=causes,
        sellers=sellers,
        with_losses_ct_per_kwh=_rounded(_ct_per_kwh(cost + lost, relieved_wh)),
        order_ct_per_kwh=_rounded(_ct_per_kwh(bought, delivered_wh)),
        own_right_ct_per_kwh=_rounded(_own_right_ct(figures, market, dso)),
    )


def beside_curtailment(relief: Relief, curtailment_ct_per_kwh: float | None) -> Relief:
    """Relief of a run without the column `curtailment`, beside what that costs on the same day; one with it stays."""
    if relief.curtailment_ct_per_kwh is not None or curtailment_ct_per_kwh is None:
        return relief
    market_ct = relief.market_ct_per_kwh
    ratio = market_ct / curtailment_ct_per_kwh if market_ct is not None and curtailment_ct_per_kwh else None
    return relief.model_copy(
        update={"curtailment_ct_per_kwh": curtailment_ct_per_kwh, "times_curtailment": _rounded(ratio)}
    )


def _own_right_ct(figures: Mapping[ColumnName, ColumnFigures], market: Column, dso: str) -> float | None:
    """What the DSO paid for a kilowatt-hour that it took; in the column `curtailment` it pays for nothing else."""
    paid = sum(p.amount for p in market.payments if (p.payer, p.reason) == (dso, "curtailment"))
    in_market = _ct_per_kwh(paid, figures[ColumnName.MARKET].curtailed_wh)
    if in_market is not None or ColumnName.CURTAILMENT not in figures:
        return in_market
    alone = figures[ColumnName.CURTAILMENT]
    return _ct_per_kwh(alone.dso_cost, alone.curtailed_wh)


def _ct_per_kwh(cost_e4: int, energy_wh: int) -> float | None:
    """Hundredths of the currency unit a kilowatt-hour; None of no energy."""
    return cost_e4 / 100 / (energy_wh / 1000) if energy_wh > 0 else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _causes(market: Column, dso: str, delivered_wh: int, relieved_wh: int, unit_ct: float) -> list[Cause]:
    """What the market cost above the same relief by curtailment, taken apart, the largest first; they add up to it."""
    by_reason: dict[str, int] = {}
    for payment in market.payments:
        if dso in (payment.payer, payment.payee):
            sign = 1 if payment.payer == dso else -1
            by_reason[payment.reason] = by_reason.get(payment.reason, 0) + sign * payment.amount
    bought = by_reason.pop("utilisation", 0)
    used_wh = min(delivered_wh, relieved_wh)
    needed = bought * used_wh / delivered_wh if delivered_wh else 0.0
    unit_e4_per_wh = unit_ct / 10
    parts = {
        "power held ready (capacity)": by_reason.pop("capacity", 0),
        f"{(delivered_wh - used_wh) / 1000:.0f} kWh bought beyond what the grid was relieved by": bought - needed,
        "a price of energy above what curtailing costs": needed - unit_e4_per_wh * used_wh,
        "relief that no order paid for": -unit_e4_per_wh * (relieved_wh - used_wh),
        **{_WORDS.get(reason, reason): amount for reason, amount in by_reason.items()},
    }
    found = [Cause(words=words, amount=round(amount)) for words, amount in parts.items() if round(amount)]
    return sorted(found, key=lambda cause: -cause.amount)


_WORDS = {
    "curtailment": "the DSO's own curtailment beside the market",
    "penalty": "penalties that sellers paid",
    "make-whole": "making members whole",
}
