"""Section 1: what the run comes down to, as tiles."""

from __future__ import annotations

from experiments.report.data import RunData
from experiments.report.style import text
from experiments.report.tables import money, number

_CHANGE = 0.005  # smallest difference of energy, as a share, that a tile shows


def section(data: RunData) -> str:
    """The head of the page."""
    s, site = data.summary, data.result.site
    first, last = data.time.days[0].day, data.time.days[-1].day
    days = f"{first}" if first == last else f"{first} to {last}"
    grid, dispatch, ledger = s["grid"], s["dispatch"], s["ledger"]
    broken, loading = grid["violations"], grid["max_loading_pct"]
    parties = len([name for name in s["money"] if name != "sum"])
    paid = sum(payment.amount for payment in data.payments)
    share = s["delivered_wh"] / s["ordered_wh"] if s["ordered_wh"] else 1.0
    tiles = [
        ("limits broken", f"{broken['without_flexibility']} → {broken['with_flexibility']}",
         "(bus or branch, ISP), without → with flexibility", not broken["with_flexibility"]),
        ("highest loading", f"{loading['without_flexibility']:.0f} → {loading['with_flexibility']:.0f} %",
         f"of a branch's rating, {site.isp_minutes}-minute mean; limit {site.limits.max_loading_pct.value:g} %",
         loading["with_flexibility"] <= site.limits.max_loading_pct.value),
        ("delivered", f"{number(s['delivered_wh'] / 1000)} kWh",
         f"of {number(s['ordered_wh'] / 1000)} kWh ordered by the DSO ({share:.1%})", share > 1 - 10 * _CHANGE),
        ("missing", f"{number(s['deficiency_wh'] / 1000)} kWh", "deficiency, subject to penalty",
         s["deficiency_wh"] <= _CHANGE * 10 * max(s["ordered_wh"], 1)),
        ("paid", f"{money(paid)} {site.currency}",
         f"between {parties} parties; all gains sum to {s['money'].get('sum', 0)}", not s["money"].get("sum", 0)),
        ("settled", f"{s['settlements']} settlements", f"{s['disputes']} orders disputed; {s['contracts']} contracts",
         not s["disputes"]),
        ("dispatch (ADMM)", f"{dispatch['sessions']} splits",
         f"{dispatch['converged']} converged, {dispatch['polished']} polished, {dispatch['failed']} failed; cost above a "
         f"lower bound: median {dispatch['median_gap']:.2%}, worst {dispatch['worst_gap']:.2%} "
         f"({dispatch['worst_gap_e4'] / 100:.2f} ct); all sellers of a request "
         f"together {dispatch['system_gap']:.2%}", not dispatch["failed"]),
        ("trading", f"{s['flex_requests']} / {s['flex_offers']} / {s['flex_orders']}", "requests / offers / orders",
         True),
        ("ledger", f"{text(ledger['head'][:10])}…",
         f"{ledger['records']} records in {ledger['blocks']} blocks, "
         f"{'verified' if ledger['verified'] else 'NOT verified'}", bool(ledger["verified"])),
        ("agents", f"{sum(s['agents'].values())}",
         ", ".join(f"{count} {role}" for role, count in s["agents"].items()), True),
        ("messages", number(int(s["messages"])), f"between agents; {number(int(s['readings']))} readings", True),
        ("time", f"{s['wall_s']:.0f} s", f"for {s['isps']} ISPs; {s['startup_s']:.1f} s of it start-up", True),
    ]  # fmt: skip
    shown = "".join(
        f'<div class="tile {"" if good else "bad"}"><dt>{text(name)}</dt><dd class=big>{value}</dd>'
        f"<dd>{text(words)}</dd></div>"
        for name, value, words, good in tiles
    )
    missing = data.result.missing
    gone = f"<p class=warn>Not reached at the start: {text(', '.join(missing))}.</p>" if missing else ""
    return (
        f"<header><h1>{text(site.title)}</h1><p>{text(days)} · seed {s['seed']} · runtime {text(s['runtime'])}, "
        f"{text(s['wire'])} wire, {s['ray_actors']} Ray actors · {text(site.timezone)}</p></header>"
        f"{gone}<dl class=tiles>{shown}</dl>"
    )
