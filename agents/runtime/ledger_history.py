"""What the ledger knows of agents whose hosts have lost them: read from its file, and handed to each agent its part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from agents.roles.events import Recalled
from agents.roles.grid_messages import CapacityWithdrawn
from agents.roles.messages import MakeWholeClaim
from cim.codec.codec import decode
from cim.model.errors import BadInput
from market.contracts.changes import TERMINATION, ContractTermination
from market.contracts.contract import FlexContract
from market.contracts.templates import PUBLISHED_TEMPLATE
from market.ledger.party_keys import KINDS
from market.ledger.reader import LedgerReader
from market.ledger.records import Record
from market.settlement.payments import Payment

# Of these all count: contracts run for a year, limit activations in it, and cover units that were registered before it.
_WHOLE = ("register", "contract", TERMINATION, PUBLISHED_TEMPLATE, "member-order", "flex-order", "flex-order-refusal",
          "connection-switch", "service-level")  # fmt: skip
_RECENT = timedelta(days=14)  # twice as long as a day may wait for its settlement
_HEADS = 30  # whose co-signatures may still come


def recollect(ledger: Path, fresh: Iterable[str], domains: Mapping[str, str], now: datetime) -> dict[str, Recalled]:
    """By agent of `fresh`, what the ledger knows of it; nothing where the site had not begun: no file, or no record.

    Args:
        domains: of all agents, by name.

    Raises:
        NotALedger: there is a file, but it is no ledger.
    """
    names = tuple(fresh)
    if not names or not has_begun(ledger):
        return {}
    with LedgerReader(ledger) as reader:
        began = reader.began() or now
        heads = tuple((head, reader.cosignatures(head.number)) for head in reader.heads()[-_HEADS:])
        parts: dict[str, list[Record]] = {domains[name]: [] for name in names}
        for record in _records(reader, now):
            # Whose signature counts everybody must know.
            for domain in parts if record.kind in KINDS else parties_of(record):
                if domain in parts:
                    parts[domain].append(record)
    return {name: Recalled(tuple(parts[domains[name]]), heads, began, now) for name in names}


def has_begun(ledger: Path) -> bool:
    """Whether a site has recorded anything yet.

    Raises:
        NotALedger: there is a file, but it is no ledger.
    """
    if not ledger.is_file() or not ledger.stat().st_size:
        return False
    with LedgerReader(ledger) as reader:
        return reader.began() is not None


def _records(reader: LedgerReader, now: datetime) -> Iterator[Record]:
    yield from (record for _, record in reader.key_changes())
    for kind in _WHOLE:
        yield from reader.records(kind=kind)
    for record in reader.records(since=now - _RECENT):
        if record.kind not in _WHOLE and record.kind not in KINDS:
            yield record


def parties_of(record: Record) -> tuple[str, ...]:
    """Whom a record is about: its author, who signed it, and who is named in it."""
    found = {record.author: None}
    found |= dict.fromkeys(signature.party for signature in record.signatures)
    with suppress(BadInput):  # what cannot be read is still its author's
        found |= dict.fromkeys(_named(decode(record.body)))
    return tuple(found)


def concerned(record: Record) -> frozenset[str]:
    """Whom a record says something of: its parties, who pays or is paid by it, and who claims."""
    found = set(parties_of(record))
    with suppress(BadInput):
        body = decode(record.body)
        for part in body if isinstance(body, tuple) else (body,):
            if isinstance(part, Payment):
                found |= {part.payer, part.payee}
            elif isinstance(part, MakeWholeClaim):
                found |= {part.claimant, part.payer}
    return frozenset(found)


def _named(body: object) -> Iterator[str]:
    if isinstance(body, tuple):
        for part in body:
            yield from _named(part)
    elif isinstance(body, FlexContract | ContractTermination):
        yield from (body.buyer, body.seller)
    elif isinstance(body, MakeWholeClaim):
        yield from (body.claimant, body.payer)
    elif isinstance(body, CapacityWithdrawn):
        yield body.owner
    elif (header := getattr(body, "header", None)) is not None:
        yield from (header.sender_domain, header.recipient_domain)
