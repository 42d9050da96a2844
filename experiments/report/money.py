"""Section 5: who paid whom and for what; the sum over all parties is zero."""

from __future__ import annotations

import plotly.graph_objects as go

from experiments.report.data import RunData
from experiments.report.style import QUIET, REASONS, figure, pale, text
from experiments.report.tables import Amount, table
from market.settlement.payments import Payment, balance

_UNIT = 10_000


def section(data: RunData) -> str:
    """Flows, gains by reason, and the table of parties."""
    payments: list[Payment] = data.payments
    if not payments:
        return "<p class=note>Nothing was paid.</p>"
    return _flows(data, payments) + _gains(data, payments) + _table(data, payments)


def _flows(data: RunData, payments: list[Payment]) -> str:
    sums: dict[tuple[str, str, str], int] = {}
    for payment in payments:
        if payment.reason != "penalty":  # they run backwards and would turn the picture into a tangle
            key = (payment.payer, payment.payee, payment.reason)
            sums[key] = sums.get(key, 0) + payment.amount
    if not sums:
        return ""
    names = list(dict.fromkeys(name for payer, payee, _ in sums for name in (payer, payee)))
    currency = data.result.site.currency
    fig = go.Figure(
        go.Sankey(
            node={"label": [text(data.name(name)) for name in names], "color": QUIET, "pad": 10, "thickness": 14,
                  "line": {"width": 0}, "hovertemplate": "%{label}: %{value:.4f} " + currency + "<extra></extra>"},
            link={
                "source": [names.index(payer) for payer, _, _ in sums],
                "target": [names.index(payee) for _, payee, _ in sums],
                "value": [amount / _UNIT for amount in sums.values()],
                "color": [pale(REASONS.get(reason, QUIET), 0.5) for _, _, reason in sums],
                "label": [reason for _, _, reason in sums],
                "hovertemplate": "%{label}: %{value:.4f} " + currency + "<extra></extra>",
            },
        )
    )  # fmt: skip
    fig.update_layout(hovermode="closest")
    note = (
        f'<span class=key style="--c:{REASONS["utilisation"]}">utilisation</span> '
        f'<span class=key style="--c:{REASONS["capacity"]}">capacity</span> Band widths in {text(currency)}. '
        "Penalties run the other way; they are in the bars below and in the table."
    )
    return figure("fig-flows", "What was paid for flexibility", fig, max(360, 26 * len(names)), note)


def _gains(data: RunData, payments: list[Payment]) -> str:
    names = _parties(data, payments)
    fig = go.Figure()
    for reason, shade in REASONS.items():
        for sign, word in ((1, "received"), (-1, "paid")):
            row = [_sum(payments, name, reason, sign) * sign / _UNIT for name in names]
            if any(row):
                fig.add_trace(
                    go.Bar(x=[text(data.name(name)) for name in names], y=row, name=reason, legendgroup=reason,
                           showlegend=all(trace.name != reason for trace in fig.data), marker={"color": shade},
                           hovertemplate=word + " %{y:.4f}"))  # fmt: skip
    fig.update_layout(barmode="relative")
    fig.update_yaxes(title=f"received (+) and paid (−), {text(data.result.site.currency)}")
    fig.update_xaxes(title="party", tickangle=-40)
    return figure("fig-gains", "Money of each party by reason", fig, 400)


def _table(data: RunData, payments: list[Payment]) -> str:
    gains = balance(payments)
    rows = [
        (data.name(name), *(_amount(payments, name, reason) for reason in REASONS), Amount(gain))
        for name, gain in ((name, gains[name]) for name in _parties(data, payments))
    ]
    total = ("sum", *(_total(payments, gains, reason) for reason in REASONS), Amount(sum(gains.values())))
    head = ("party", *REASONS, f"net, {data.result.site.currency}")
    return table("Money of each party (received − paid)", head, rows, total=total)


def _parties(data: RunData, payments: list[Payment]) -> list[str]:
    """Domains: the DSO, its aggregators, then their members."""
    site = data.result.site
    first = [site.dso.domain, *(party.domain for party in site.aggregators)]
    gains = balance(payments)
    return [*(name for name in first if name in gains), *(name for name in gains if name not in first)]


def _amount(payments: list[Payment], name: str, reason: str) -> Amount:
    return Amount(_sum(payments, name, reason, 1) - _sum(payments, name, reason, -1))


def _total(payments: list[Payment], gains: dict[str, int], reason: str) -> Amount:
    return Amount(sum(_amount(payments, name, reason).value for name in gains))


def _sum(payments: list[Payment], name: str, reason: str, sign: int) -> int:
    return sum(p.amount for p in payments if p.reason == reason and (p.payee if sign > 0 else p.payer) == name)
