"""What `iles ledger show` prints: a ledger's blocks and heads, or the records that concern one party."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

import agents.assembly.wire_types  # noqa: F401 - what the ledger keeps must be readable
from agents.roles.prosumer.held_orders import ElementOrder
from agents.runtime.ledger_history import concerned
from cim.codec.codec import decode
from cim.model.errors import BadInput
from experiments.market.keys import key_rows
from market.ledger.reader import LedgerReader
from market.ledger.records import Record
from market.settlement.day import POWER
from market.settlement.portfolio import BASELINE, ORDERED, is_under_order
from market.uftp import FlexOrder, Metering


def show(path: Path) -> None:
    """Meta entries, kinds of record, and a table of the blocks.

    Raises:
        NotALedger: the file is no ledger.
    """
    with LedgerReader(path) as ledger:
        summary, meta, heads = ledger.summary(), ledger.meta(), ledger.heads()
        keys = key_rows(record for _, record in ledger.key_changes())
        signers = {head.number: ledger.cosignatures(head.number) for head in heads}
    console = Console(highlight=False)
    for name, value in meta.items():
        console.print(f"{name}: {value}", markup=False)
    kinds = ", ".join(f"{count} {kind}" for kind, count in summary.kinds) or "none"
    console.print(
        f"{summary.parties} parties; records: {kinds}; {summary.open_records} not in a block yet; "
        f"{summary.bodies} bodies kept beside salted hashes",
        markup=False,
    )
    for key in keys:
        end = f"goes over to {key.new[:16]}" if key.new else "is void"
        why = f", revoked by {key.by}: {key.reason}" if key.reason else ""
        console.print(f"{key.at[:16]}: the key {key.old[:16]} of {key.party} {end}{why}", markup=False, soft_wrap=True)
    table = Table("block", "period start (UTC)", "period end (UTC)", "records", "co-signed by", "head")
    for head in heads:
        parties = [signature.party for signature in signers[head.number]]
        named = ", ".join(parties[:3]) + (f" and {len(parties) - 3} more" if len(parties) > 3 else "")
        start, end = (instant.strftime("%Y-%m-%d %H:%M") for instant in (head.period_start, head.period_end))
        table.add_row(str(head.number), start, end, str(head.count), named, head.digest.hex()[:16])
    console.print(table)
    if heads:
        console.print(f"Head of block {heads[-1].number}: {heads[-1].digest.hex()}", markup=False, soft_wrap=True)


def show_member(path: Path, domain: str, day: date | None) -> None:
    """The records that concern a party, in their order.

    Raises:
        BadInput: the file is no ledger, or the party is not one of its parties.
    """
    console = Console(highlight=False, soft_wrap=True)
    console.print("made at (UTC)     KIND KEY (what the ledger holds; signed by)")
    for record in concerning(path, domain, day):
        form = (
            "a salted hash, its body erased"
            if record.is_erased
            else "a salted hash"
            if record.is_salted
            else "its body"
        )
        signers = ", ".join(signature.party for signature in record.signatures)
        line = f"{record.at:%Y-%m-%d %H:%M}  {record.kind} {record.key} ({form}; {signers})"
        console.print(line, markup=False)


def show_element(records: Sequence[Record], element: str) -> None:
    """What records say of an element: how orders fell on it, with the baselines they move it from, and what it was metered by.

    Raises:
        BadInput: none says anything of it.
    """
    table = Table("ISP", "baseline, W", "ordered, W", "metered, W", "in", title_justify="left")
    for record in records:
        body = decode(record.body) if record.body else ()
        for part in body if isinstance(body, tuple) else ():
            if isinstance(part, ElementOrder) and part.element == element:
                for isp, baseline_w, ordered_w in part.isps:
                    table.add_row(str(isp), str(baseline_w), str(ordered_w), "", f"{record.kind} {record.key}")
            elif isinstance(part, Metering) and part.ean == element and is_under_order(part):
                rows = [_values(part, name) for name in (BASELINE, ORDERED, POWER)]
                for isp, (baseline_w, ordered_w, power_w) in enumerate(zip(*rows, strict=True), start=1):
                    if ordered_w:
                        told = (str(baseline_w), str(ordered_w), str(power_w))
                        table.add_row(str(isp), *told, f"{record.kind} {record.key}")
    if not table.rows:
        raise BadInput(
            f"element: the proven records say nothing of {element} under order; expected one that was ordered"
        )
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160
    console.print(table)


def _values(metering: Metering, name: str) -> tuple[int, ...]:
    profile = metering.profile(name)
    return () if profile is None else profile.values


def concerning(path: Path, domain: str, day: date | None = None, *, closed: bool = False) -> list[Record]:
    """The records a party has made, signed or is named in; of one day (by their key, when they were made, or what an order or
    split is about); only of blocks.

    Raises:
        BadInput: the file is no ledger, or the party is not one of its parties.
    """
    with LedgerReader(path) as ledger:
        parties = [party.name for party in ledger.parties()]
        still_open = {(record.kind, record.key) for record in ledger.records(block=0)} if closed else set()
        records = ledger.records()
    if domain not in parties:
        raise BadInput(f"member: {domain} is none of the {len(parties)} parties to this ledger, such as {parties[0]}")
    return [
        record
        for record in records
        if (record.kind, record.key) not in still_open
        and domain in concerned(record)
        and (day is None or day.isoformat() in record.key or record.at.date() == day or _is_about(record, day))
    ]


def _is_about(record: Record, day: date) -> bool:
    """Whether an order or a split that was made before is about a day."""
    body = decode(record.body) if record.body else ()
    return any(
        isinstance(part, ElementOrder | FlexOrder) and part.period == day
        for part in (body if isinstance(body, tuple) else (body,))
    )
