"""Flexibility available and reserved, the VPPs that offer it, and how their last split converged."""

from __future__ import annotations

import numpy as np

from cim.model.arrays import Floats
from cim.platform.publications.agreements import AssetsRegistered, ContractAgreed, ContractEnded, UnitsMoved
from cim.platform.publications.sessions import SessionConcluded
from cim.platform.publications.trading import FlexOffered, ReservationUpdated
from cim.platform.store import latest, values
from portal.screens.markup import (
    Asked,
    Choice,
    Digits,
    Figure,
    Html,
    Line,
    chart,
    figures,
    kw,
    note,
    section,
    table,
)
from portal.screens.page import Parts
from portal.screens.seen import Seen


def make(seen: Seen) -> Parts:
    """The page."""
    asked = Asked((Choice("day", "Day", seen.days(), seen.day.key),)).html()
    return Html(f'<div data-keep="asked">{asked}</div>'), _available(seen), _plants(seen), _convergence(seen)


def in_force(seen: Seen) -> list[ContractAgreed]:
    """Contracts that hold on the day shown."""
    ended = {one.contract_id: one.last_day for one in values(seen.store, ContractEnded)}
    day = seen.day.day
    return [
        one
        for one in latest(seen.store, ContractAgreed, "contract_id")
        if one.start_date <= day <= min(one.end_date, ended.get(one.contract_id, one.end_date))
    ]


def _available(seen: Seen) -> Html:
    day = seen.day
    dso = [one for one in in_force(seen) if one.buyer == seen.site.dso]
    members = [one for one in in_force(seen) if one.buyer != seen.site.dso]
    up = sum(sum(e.max_increase_w for e in one.elements) for one in members)
    down = sum(sum(abs(e.max_decrease_w) for e in one.elements) for one in members)
    reserved: dict[str, Floats] = {}
    for contract in dso:
        if contract.reserved and day.day.isoweekday() in contract.days_of_week:
            row = np.zeros(day.count)
            for place, start in enumerate(seen.starts()):
                minute = start.hour * 60 + start.minute
                if contract.start_minute <= minute < contract.end_minute:
                    row[place] = max(contract.amount_up_w, abs(contract.amount_down_w)) / 1000
            reserved[contract.contract_id] = row
    updated = {update.contract_id: update for update in seen.of_day(ReservationUpdated)}  # the newest of each
    for update in updated.values():
        if update.contract_id in reserved:
            for isp in update.isps:
                reserved[update.contract_id][isp.start - 1 : isp.start - 1 + isp.duration] = abs(isp.power_w) / 1000
    total = np.sum(list(reserved.values()), axis=0) if reserved else np.zeros(day.count)
    shown = [
        Figure("members' flexibility, more consumption", up / 1000, "kW"),
        Figure("members' flexibility, less consumption", down / 1000, "kW"),
        Figure("reserved by the DSO, at most", float(total.max()), "kW"),
        Figure("contracts with the DSO", len(dso)),
        Figure("contracts with members", len(members)),
    ]
    offered = seen.of_day(FlexOffered)
    rows = (
        (
            seen.local(one.at),
            seen.name(one.seller),
            seen.title(one.congestion_point),
            len(one.options),
            most / 1000,
            "open" if one.expires > seen.now else "expired",
        )
        for one in reversed(offered)
        if (most := max((abs(isp.power_w) for option in one.options for isp in option.isps), default=0)) or True
    )
    return section(
        "Available and reserved",
        figures(*shown),
        chart(
            "reserved",
            f"Reserved for the DSO on {day.key}",
            "kW",
            seen.starts(),
            [Line("reserved", total)],
            "After what the DSO has given back.",
        )
        if reserved
        else note(f"Nothing is reserved for the DSO on {day.key}."),
        table(
            "Offered for this day",
            ("at (local)", "aggregator", "point", "options", "highest power, kW", "state"),
            rows,
            "Nothing has been offered for this day.",
            seen.rows,
        ),
        name="available",
    )


def _plants(seen: Seen) -> Html:
    rows = []
    assets = {asset.name: asset for told in values(seen.store, AssetsRegistered) for asset in told.assets}
    moved = {(m.unit, m.product): m for told in values(seen.store, UnitsMoved) for m in told.units}
    sessions = {one.aggregator: one for one in values(seen.store, SessionConcluded, seen.since)}
    contracts = [one for one in in_force(seen) if one.buyer != seen.site.dso]
    for buyer in dict.fromkeys(one.buyer for one in contracts):
        mine = [one for one in contracts if one.buyer == buyer]
        elements = [element for one in mine for element in one.elements]
        units = sum(1 for one in moved.values() if one.provider == buyer)
        last = sessions.get(seen.name(buyer)) or sessions.get(buyer)
        rows.append(
            (
                seen.name(buyer),
                len({one.seller for one in mine}),
                len(elements),
                units,
                kw(sum(element.max_increase_w for element in elements)),
                kw(sum(abs(element.max_decrease_w) for element in elements)),
                "none yet"
                if last is None
                else f"{last.status or 'nobody took part'}, {seen.local(last.at):%Y-%m-%d %H:%M}",
            )
        )
    kinds: dict[str, list[int]] = {}
    for asset in assets.values():
        kinds.setdefault(asset.kind, []).append(max(abs(asset.max_consumption_w), abs(asset.max_generation_w)))
    return section(
        "Virtual power plants",
        table(
            "Aggregators and their members",
            (
                "aggregator",
                "members",
                "elements",
                "units in the register",
                "can raise, kW",
                "can lower, kW",
                "last split",
            ),
            rows,
            "No aggregator has members yet: contracts are agreed when the site begins.",
        ),
        table(
            "Registered assets by kind",
            ("kind", "assets", "rated, kW"),
            ((kind, len(found), sum(found) / 1000) for kind, found in sorted(kinds.items())),
            "No asset has been registered yet.",
        ),
        name="plants",
    )


def _convergence(seen: Seen) -> Html:
    told = values(seen.store, SessionConcluded, seen.since)
    if not told:
        return section(
            "Last convergence",
            note(f"No virtual power plant has split a request{seen.yet}: one will when the DSO asks for flexibility."),
            name="convergence",
        )
    last = next((one for one in reversed(told) if one.residuals), told[-1])
    rounds = [[n + 1, r.primal_kw, r.dual_kw] for n, r in enumerate(last.residuals)]
    first = last.first_isp - 1
    day = (
        seen.day
        if seen.day.day == last.period
        else type(seen.day)(last.period, seen.site.timezone, seen.site.isp_minutes)
    )
    starts = seen.starts(day)[first : first + len(last.total_kw)]
    lines = [Line("members' sum", last.total_kw)]
    lines += [
        Line(name, row, "limit")
        for name, row in (("lowest asked", last.low_kw), ("highest asked", last.high_kw))
        if all(abs(v) < 1e6 for v in row)
    ]
    return section(
        "Last convergence",
        figures(
            Figure("aggregator", last.aggregator),
            Figure("purpose", last.purpose),
            Figure("status", last.status or "nobody took part", "", "bad" if last.status == "failed" else "good"),
            Figure("members", len(last.members)),
            Figure("rounds", last.rounds),
            Figure("sessions so far", len(told)),
        ),
        chart(
            "split",
            f"What the members came to for {seen.title(last.congestion_point)} on {last.period}",
            "kW",
            starts,
            lines,
        ),
        table(
            "Residuals on the members' sum, by round",
            ("round", "primal, kW", "dual, kW"),
            ((n, Digits(f"{p:.4g}"), Digits(f"{d:.4g}")) for n, p, d in rounds),
            "It took no rounds.",
            seen.rows and 12,
        ),
        name="convergence",
    )
