"""What `iles ledger show` prints: a ledger's blocks and heads, or the records that concern one party."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

import agents.assembly.wire_types  # noqa: F401 - what the ledger keeps must be readable
from agents.runtime.ledger_history import concerned
from cim.model.errors import BadInput
from market.ledger.reader import LedgerReader
from market.ledger.records import Record


def show(path: Path) -> None:
    """Meta entries, kinds of record, and a table of the blocks.

    Raises:
        NotALedger: the file is no ledger.
    """
    with LedgerReader(path) as ledger:
        summary, meta, heads = ledger.summary(), ledger.meta(), ledger.heads()
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


def concerning(path: Path, domain: str, day: date | None = None, *, closed: bool = False) -> list[Record]:
    """The records a party has made, signed or is named in; of one day (as their key, or when they were made); only of blocks.

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
        and (day is None or day.isoformat() in record.key or record.at.date() == day)
        and domain in concerned(record)
    ]
