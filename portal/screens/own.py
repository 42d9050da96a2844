"""What is a party's own: its devices, and the consents that it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from cim.platform.access.consents import Consent
from cim.platform.publications.agreements import (
    ContractAgreed,
)
from cim.platform.publications.incidents import ElementOverridden
from cim.platform.publications.measured import CommandRefused, DeviceBack, DeviceLost
from cim.platform.publications.settlement import SettlementTold, last_revisions
from cim.platform.store import Told, values
from portal.screens.asked import answers
from portal.screens.markup import (
    Asked,
    Cell,
    Choice,
    Html,
    Line,
    acting,
    chart,
    hidden,
    mark,
    money,
    note,
    options,
    section,
    table,
    text,
)
from portal.screens.page import Parts
from portal.screens.seen import Seen

_SPANS: Final = ((15, "15 min"), (60, "1 h"), (180, "3 h"), (720, "12 h"), (1440, "1 day"), (7 * 1440, "7 days"))


def devices(seen: Seen) -> Parts:
    """A prosumer's own devices: what they did today, and whether they answer."""
    grid = seen.sources.grid
    if grid is None:
        return (
            section(
                "Devices",
                note(seen.sources.missing.get("grid", "Who has which devices is not known here.")),
                name="devices",
            ),
        )
    party = seen.visitor.party
    own = seen.name(party) if party is not None else None
    if own is not None and own not in grid.drawing.node_of:
        mine = {one.seller for one in values(seen.store, ContractAgreed) if one.buyer == party}
        homes = [seen.name(seller) for seller in mine if seen.name(seller) in grid.drawing.node_of]
        words = f"You have no connection of your own. Your members' devices are theirs to see; you have {len(homes)} members."
        return (section("Devices", note(words), name="devices"),)
    homes = sorted(grid.drawing.node_of) if own is None else [own]
    asked = seen.query.get("home", homes[0])
    home = asked if asked in homes else homes[0]
    form = Asked(
        (
            Choice("home", "Home", [(one, seen.title(one)) for one in homes], home),
            Choice("day", "Day", seen.days(), seen.day.key),
        )
    )
    found = seen.measured.day(seen.day, seen.now)
    lines, rows = [], []
    lost = _faults(seen)
    hours = seen.day.isp_minutes / 60
    meter = found.power_w.get(grid.drawing.meter_of[home])
    if meter is not None:
        lines.append(Line("connection", meter / 1000))
    for device, kind in grid.drawing.kind_of.items():
        if device.partition(".")[0] != home:
            continue
        row = found.power_w.get(device)
        taken, given, last = _energies(row, hours)
        if row is not None:
            lines.append(Line(f"{device.partition('.')[2]} ({kind})", row / 1000, "quiet"))
        rows.append(
            (device, kind, last, taken, given, mark(lost[device], "bad") if device in lost else mark("answers", "good"))
        )
    parts = [Html(f'<div data-keep="asked">{form.html()}</div>')]
    parts.append(
        section(
            seen.title(home),
            chart("devices", f"Power on {seen.day.key}", "kW", seen.starts(), lines, "Above zero: consumption.")
            if lines
            else note(f"Nothing of {seen.title(home)} was metered on {seen.day.key}."),
            table(
                "Devices",
                ("device", "kind", "last power, kW", "consumed, kWh", "generated, kWh", "state"),
                rows,
                "No device stands behind this connection's meter.",
            ),
            name="devices",
        )
    )
    parts.append(_overrides(seen, home, [one for one in grid.drawing.kind_of if one.partition(".")[0] == home]))
    if seen.actions is not None and own is not None and party is not None:
        parts.append(answers(seen, seen.actions.of(party, 50), "your"))
    return parts


def _overrides(seen: Seen, home: str, devices: Sequence[str]) -> Html:
    """What its owner keeps for itself, what it cost of what was promised, and the form to keep or give back a device."""
    told = [one for one in values(seen.store, ElementOverridden) if one.element in devices]
    last = {one.element: one for one in told}
    kept = [one for one in last.values() if one.until is not None and one.until > seen.now]
    rows: list[tuple[Cell, ...]] = []
    for one in reversed(told):
        if one.until is None:
            rows.append((seen.local(one.at), one.element, "given back", None, None, None, None, mark("over", "")))
            continue
        found = kept_without(seen, one, told)
        rows.append(
            (
                seen.local(one.at),
                one.element,
                seen.local(one.until),
                one.promised_wh / 1000,
                None if found is None else found.delivered_wh / 1000,
                None if found is None else found.missing_wh / 1000,
                None if found is None else money(found.penalty_e4, currency_of(seen)),
                _kept_state(one, one in kept, found),
            )
        )
    head = (
        "at (local)", "device", "kept until (local)", "promised of it, kWh", "delivered of it, kWh", "missing, kWh", "penalty",
        "state",
    )  # fmt: skip
    return section(
        "Kept for yourself" if seen.visitor.party is not None else f"Kept by the owner of {seen.title(home)}",
        table("Newest first", head, rows, "No device is kept from the market.", seen.rows),
        *(_keep_forms(devices, kept) if seen.actions is not None and seen.visitor.party is not None else ()),
        note(
            "A device that is kept runs by its own rule and is not offered. Your aggregator is told at once and looks for what was "
            "promised among its other members; what is not found counts as not delivered, by your contract. Delivered and missing "
            "are as settled, by whole quarter-hours; the penalty is that of the orders in them."
        ),
        name="overrides",
    )


@dataclass(frozen=True, slots=True)
class KeptWithout:
    """What was settled of the orders of an element in the ISPs in which its owner kept it."""

    delivered_wh: float
    missing_wh: float
    penalty_e4: int


def kept_without(seen: Seen, one: ElementOverridden, told: Sequence[ElementOverridden]) -> KeptWithout | None:
    """What came of an override; None where nothing is settled of it (yet)."""
    ends = [one.until or one.at, *(o.at for o in told if o.element == one.element and o.at > one.at)]
    begin, end, hours = one.at, min(ends), seen.site.isp_minutes / 60
    delivered, missing, penalty, found = 0.0, 0.0, 0, False
    for settled in last_revisions(values(seen.store, SettlementTold, one.at)):
        for row in settled.orders if settled.seller == one.owner else ():
            day = LocalDay(row.period, seen.site.timezone, seen.site.isp_minutes)
            kept = [
                isp
                for isp in row.isps
                if row.congestion_point == one.element
                and day.isp_start(isp.start) < end
                and begin < day.isp_start(isp.start + isp.duration)
            ]
            delivered += sum(abs(isp.delivered_flex_power_w) * isp.duration * hours for isp in kept)
            missing += sum(isp.power_deficiency_w * isp.duration * hours for isp in kept)
            penalty += row.penalty_e4 if kept else 0
            found = found or bool(kept)
    return KeptWithout(delivered, missing, penalty) if found else None


def _kept_state(one: ElementOverridden, kept: bool, found: KeptWithout | None) -> Html:
    if kept:
        return mark("kept", "warn")
    if found is not None:
        return mark("settled", "bad" if found.missing_wh else "good")
    return mark("not settled yet", "warn") if one.promised_wh else mark("nothing was promised", "")


def currency_of(seen: Seen) -> str:
    """Of the site's market."""
    return next((one.currency for one in values(seen.store, ContractAgreed)), "")


def _keep_forms(devices: Sequence[str], kept: Sequence[ElementOverridden]) -> Sequence[Html]:
    names = options((one, one) for one in devices)
    spans = options(((str(minutes), words) for minutes, words in _SPANS), "60")
    fields = (
        f'<label>Device <select name="element">{names}</select></label>'
        f'<label>For <select name="minutes" data-number>{spans}</select></label>'
    )
    forms = [acting("/market/actions/keep", "keep", fields, "Keep it for me")]
    for one in kept:
        back = hidden("element", one.element) + Html('<input type="hidden" name="minutes" value="" data-empty-null>')
        forms.append(acting("/market/actions/keep", f"back-{one.element}", back, f"Give {one.element} back"))
    return forms


def _energies(row: Floats | None, hours: float) -> tuple[float | None, float | None, float | None]:
    if row is None or not np.isfinite(row).any():
        return None, None, None
    last = float(row[np.isfinite(row)][-1]) / 1000
    return (
        float(np.nansum(np.maximum(row, 0)) * hours / 1000),
        float(-np.nansum(np.minimum(row, 0)) * hours / 1000),
        last,
    )


def _faults(seen: Seen) -> dict[str, str]:
    """Device -> why it does not answer or obey, by what was told of it last."""
    told: list[Told[DeviceLost] | Told[CommandRefused] | Told[DeviceBack]] = [
        *seen.store.told(DeviceLost),
        *seen.store.told(CommandRefused),
        *seen.store.told(DeviceBack),
    ]
    faults: dict[str, str] = {}
    for one in sorted(told, key=lambda one: one.number):
        if isinstance(one.publication, DeviceBack):
            faults.pop(one.publication.device, None)
        else:
            faults[one.publication.device] = one.publication.reason
    return faults


def consents(seen: Seen) -> Parts:
    """Consents that the visitor gave, and a form to give another."""
    if seen.data is None:
        return (
            section(
                "Consents", note("This portal serves no data, so there is nothing to consent to."), name="consents"
            ),
        )
    data = seen.data()
    principal = data.access.who(seen.visitor.who, "read", "consents")
    rows = [_consent_row(seen, one, data.access.now()) for one in data.access.consents.given_by(principal.name)]
    home = seen.name(seen.visitor.party) if seen.visitor.party else ""
    form = Html(
        '<form id="consent" data-keep="consent" class="asked" data-giver="'
        f'{text(principal.name)}"><label>To <input name="assignee" required size="28" placeholder="name or domain"></label>'
        '<label>For <select name="purpose"><option>research</option><option>advice</option><option>operation</option>'
        '</select></label><label>What <select name="scope"><option value="connection">the connection</option>'
        '<option value="devices">the devices, too</option></select></label>'
        f'<label>Home <input name="home" required value="{text(home)}"></label>'
        '<label>Until <input name="until" type="date"></label><button>Give consent</button>'
        '<p role="status" class="note"></p></form>'
    )
    return (
        section(
            "Consents",
            table(
                "Given by you, newest first",
                ("to", "for", "what", "given at (local)", "until", "state", ""),
                reversed(rows),
                "You have given no consent: nobody but those who run market and grid sees your data.",
            ),
            form,
            note(
                "A consent holds from the next request on, until its last day or until you withdraw it; every use of it is "
                "in the record of accesses."
            ),
            name="consents",
        ),
    )


def _consent_row(seen: Seen, one: Consent, now: datetime) -> tuple[Cell, ...]:
    holds = one.holds(now)
    state = mark("withdrawn", "") if one.withdrawn else mark("holds", "good") if holds else mark("over", "")
    button = Html(
        "" if one.withdrawn else f'<button type="button" data-withdraw="{text(one.identity)}">Withdraw</button>'
    )
    homes = ", ".join(f"{one.scope} of {home}" for home in one.usage_points)
    until = "withdrawn" if one.until is None else f"{seen.local(one.until):%Y-%m-%d}"
    return one.grantee, one.purpose, homes, seen.local(one.given), until, state, button
