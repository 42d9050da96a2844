"""Section 1, its sentences on money and on what was lost: what the market was worth, to whom, and what is not in a figure."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.report.data import RunData
from experiments.report.style import text
from experiments.report.tables import money, number
from experiments.run.columns.column import ColumnName
from market.settlement.payments import balance

_MARKET = ColumnName.MARKET


def sentences(data: RunData) -> Iterator[str]:
    """What the market was worth and cost, what aggregators made of it, what was lost beside it, and its highest loading."""
    yield from _worth(data)
    yield from _prices(data)
    yield from _sellers(data)
    yield from _lost(data)
    yield from _peak(data)


def _worth(data: RunData) -> Iterator[str]:
    """Welfare of the market less that of the columns that an owner and a DSO would have without it."""
    columns, currency = data.summary["columns"], data.result.site.currency
    worth = [
        f"{money(columns[_MARKET]['welfare'] - columns[name]['welfare'])} {currency} {words}"
        for name, words in (
            (ColumnName.CURTAILMENT, "against the DSO's curtailment alone"),
            (ColumnName.LOCAL, "against local rules, which break limits wherever the table says so"),
        )
        if name in columns
    ]
    if worth:
        yield f"What the market was worth to all together (welfare, negative: it cost them): {', '.join(worth)}."


def _prices(data: RunData) -> Iterator[str]:
    """An ordered kilowatt-hour beside one that the DSO takes by its own right, and why it orders at such a price."""
    relief, site = data.summary["relief"], data.result.site
    order, own = relief["order_ct_per_kwh"], relief["own_right_ct_per_kwh"]
    if order is None or own is None:
        return
    times = site.market.outside_options.last_resort_pct.value / 100
    yield (
        f"Each kWh of orders that was delivered cost the DSO {order:.2f} ct, each that it took by its own right {own:.2f} ct. "
        f"It takes offers of up to {times:g} times that, because the site file values its own right so (last_resort_pct "
        f"{site.market.outside_options.last_resort_pct.value:g}): the right is the last resort, not the cheapest means."
    )


def _sellers(data: RunData) -> Iterator[str]:
    """What each aggregator gained or lost between the DSO and its members; what relief costs with losses in it."""
    relief, dso, currency = data.summary["relief"], data.result.site.dso.domain, data.result.site.currency
    gains: dict[str, int] = relief["sellers"]
    if not gains:
        return
    from_dso = balance(p for p in data.payments if dso in (p.payer, p.payee))
    each = "; ".join(
        f"{data.name(seller)} {'lost' if gain < 0 else 'gained'} {money(abs(gain))} {currency} "
        f"({money(from_dso.get(seller, 0))} from the DSO, {money(from_dso.get(seller, 0) - gain)} to its members)"
        for seller, gain in gains.items()
    )
    with_losses = relief["with_losses_ct_per_kwh"]
    said = (
        f" With losses of aggregators added, relief cost {with_losses:.1f} ct each kVAh."
        if with_losses is not None
        else ""
    )
    yield text(f"Aggregators: {each}.{said}")


def _lost(data: RunData) -> Iterator[str]:
    """Sun and wind not used, taken apart, and biogas that is not part of it."""
    of, currency = data.summary["columns"][_MARKET], data.result.site.currency
    ordered_wh = of["generation_lost_wh"] - of["curtailed_wh"] - of["held_back_wh"]
    yield (
        f"Of {number(of['generation_lost_wh'] / 1000)} kWh of sun and wind that the market left unused, the DSO took "
        f"{number(of['curtailed_wh'] / 1000)} by its own right, {number(ordered_wh / 1000)} were ordered and delivered, and "
        f"{number(of['held_back_wh'] / 1000)} were held back unasked, for the most part by plants that hold a promised level "
        f"while the sun is stronger (worth {money(of['held_back_worth'])} {currency} of feed-in). Biogas is "
        f"not in these figures: CHP made {number(of['chp_not_made_wh'] / 1000)} kWh less than under local rules."
    )


def _peak(data: RunData) -> Iterator[str]:
    """The highest over a control interval beside the highest mean of an ISP, which limits are checked on."""
    of, minutes = data.summary["columns"][_MARKET], data.result.site.isp_minutes
    if of["peak_loading_pct"] is None:
        return
    yield (
        f"Limits are checked on means of {minutes} minutes: with the market the highest is {of['max_loading_pct']:.1f} %. At a "
        f"congestion point's meter the highest over {data.result.site.control_interval_s / 60:g} minutes was "
        f"{of['peak_loading_pct']:.1f} % of the branch's rating, losses left out."
    )
