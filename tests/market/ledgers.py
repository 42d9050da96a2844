"""A small ledger of two parties for the tests of reading and writing one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from market.ledger.records import BlockHead, Party, Record
from market.ledger.signing import key_from_seed
from market.ledger.store import LedgerStore

START, DAY = datetime(2026, 5, 20, tzinfo=UTC), timedelta(days=1)
AGR, DSO = (key_from_seed(12, name) for name in ("agr", "dso"))
PARTIES = [Party("agr", AGR.public), Party("dso", DSO.public)]


def record(number: int, kind: str = "order", minute: int = 0) -> Record:
    """A record of the DSO that the aggregator agreed to."""
    made = Record(kind, f"{number:03d}", START + timedelta(minutes=minute), "dso", bytes([number % 256]) * 3)
    return made.signed("dso", DSO).signed("agr", AGR)


def fill(store: LedgerStore) -> BlockHead:
    """Two blocks, the first co-signed by both, and an open record; the last head."""
    store.create(PARTIES, {"site": "strem", "format": "1"})
    store.append([record(k) for k in range(7)])
    first = store.close_block(1, START, START + DAY, START + DAY)
    for name, signer in (("dso", DSO), ("agr", AGR)):
        store.cosign(1, name, signer.sign(first.message))
    store.append([record(k, "metering", 5) for k in range(3)])
    last = store.close_block(2, START + DAY, START + 2 * DAY, START + 2 * DAY)
    store.append([record(99, "contract", 9)])
    return last
