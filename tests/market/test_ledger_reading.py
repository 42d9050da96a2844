"""Reading a ledger: in its file or its bytes, while its keeper writes, by block, kind and instant."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from market.ledger import schema
from market.ledger.errors import LedgerConflict, NotALedger
from market.ledger.prover import Prover
from market.ledger.reader import LedgerReader
from market.ledger.records import Record
from market.ledger.store import LedgerStore
from market.ledger.verify import verify
from tests.market.ledgers import DAY, DSO, PARTIES, START, fill, record


def contents(source: schema.Source) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables."""
    with closing(schema.open_ledger(source, read_only=True)) as database:
        return {t: database.execute(f"SELECT * FROM {t} ORDER BY {', '.join(schema.ORDER[t])}").fetchall()
                for t in schema.COLUMNS}  # fmt: skip


def test_a_file_and_an_image_hold_the_same_bytes(tmp_path: Path) -> None:
    """The same appends give the same rows to the byte, digests, seals and signatures included, and the same head."""
    path = tmp_path / "a.ledger"
    with LedgerStore(path) as on_disk, LedgerStore(b"") as in_memory:
        head = fill(on_disk)
        assert fill(in_memory) == head
        image = in_memory.image()
    assert contents(path) == contents(image) == contents(path.read_bytes())
    assert verify(path, head.digest) == verify(image, head.digest) == verify(path.read_bytes(), head.digest)
    with Prover(path) as one, Prover(image) as two:
        assert one.inclusion("order", "003") == two.inclusion("order", "003")


def test_a_keeper_goes_on_from_a_files_bytes_as_from_the_file(tmp_path: Path) -> None:
    """What is appended to a copy in memory and to the file gives the same third head; the file's bytes stay apart."""
    path = tmp_path / "a.ledger"
    with LedgerStore(path) as store:
        fill(store)
    before = path.read_bytes()
    heads = []
    for source in (before, path):
        with LedgerStore(source) as store:
            store.append([record(100)])
            heads.append(store.close_block(3, START + 2 * DAY, START + 3 * DAY, START + 3 * DAY))
        if source is before:
            assert path.read_bytes() == before
    assert heads[0] == heads[1]
    assert heads[0].count == 2


def test_anyone_reads_while_a_writer_appends(tmp_path: Path) -> None:
    """Every verification during 40 appends finds a sound ledger, a prefix of the last one, that never grows shorter."""
    path = tmp_path / "a.ledger"
    with LedgerStore(path) as store:
        store.create(PARTIES, {})
        expected = tuple(record(k + extra) for k in range(40) for extra in (0, 100))

        def write() -> None:
            for k in range(40):
                store.append(expected[2 * k : 2 * k + 2])

        seen = []
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write)
            while not writing.done():
                seen.append(verify(path).records)
                with LedgerReader(path) as reader:
                    found = reader.records()
                assert found == expected[: len(found)]
            writing.result()
        assert seen == sorted(seen)
        assert all(count % 2 == 0 for count in seen)  # a batch is seen whole or not at all
        assert verify(path).records == 80


def test_a_reader_sees_a_transaction_only_when_it_is_whole(tmp_path: Path) -> None:
    """Rows that a writer has not committed are seen by nobody, and its failure leaves nothing of them."""
    path = tmp_path / "a.ledger"
    with LedgerStore(path) as store:
        store.create(PARTIES, {})
        store.append([record(1)])
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("DELETE FROM records")
            assert verify(path).records == 1
            with LedgerReader(path) as reader:
                assert reader.records() == (record(1),)
            other.execute("ROLLBACK")
        forged = Record("order", "001", START, "dso", b"other").signed("dso", DSO)
        with pytest.raises(LedgerConflict, match="order 001"):
            store.append([record(2), record(3), forged])
        assert store.records() == (record(1),)
        assert verify(path).records == 1


def test_records_are_chosen_by_block_kind_and_instant(tmp_path: Path) -> None:
    """Each criterion alone and together; 0 is the block of open records; `since` includes its instant."""
    with LedgerStore(tmp_path / "a.ledger") as store:
        fill(store)
        assert [r.key for r in store.records(block=1)] == [f"{k:03d}" for k in range(7)]
        assert {r.kind for r in store.records(block=2)} == {"metering"}
        assert [r.kind for r in store.records(block=0)] == ["contract"]
        assert store.records(block=3) == ()
        assert len(store.records(since=START + timedelta(minutes=5))) == 4
        assert len(store.records(since=START + timedelta(minutes=5, microseconds=1))) == 1
        assert store.records(block=2, kind="order") == ()
        assert store.records(kind="metering", since=START) == store.records(block=2)
        assert store.began() == START
        summary = store.summary()
        assert summary.kinds == (("contract", 1), ("metering", 3), ("order", 7))
        assert (summary.records, summary.open_records, summary.blocks) == (11, 1, 2)
        assert (summary.parties, summary.cosignatures, summary.head) == (2, 2, store.heads()[-1])
        assert [s.party for s in store.cosignatures(1)] == ["agr", "dso"]
        assert store.cosignatures(2) == ()


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%41b", "with space", "ü.ledger", "a&mode=memory"])
def test_any_file_name_is_that_file(tmp_path: Path, name: str) -> None:
    """Signs that mean something in a URI mean nothing in a file's name: exactly this file is made, and read."""
    with LedgerStore(tmp_path / name) as store:
        head = fill(store)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert verify(str(tmp_path / name), head.digest).blocks == 2


def test_what_is_no_ledger_is_told_with_its_place(tmp_path: Path) -> None:
    """A folder, an absent file, other tables, bytes of something else: each in one sentence that says where."""
    foreign = tmp_path / "foreign.sqlite"
    with closing(sqlite3.connect(foreign)) as database:
        database.execute("CREATE TABLE t (a)")
        database.commit()
    with pytest.raises(NotALedger, match=r"foreign\.sqlite is SQLite with other tables"):
        LedgerStore(foreign)
    with pytest.raises(NotALedger, match="none of its tables is a ledger's"):
        verify(foreign)
    for read_only in (True, False):
        with pytest.raises(NotALedger, match="no file"):
            LedgerReader(tmp_path, read_only)
    with pytest.raises(NotALedger, match="5 bytes are not an SQLite file"):
        LedgerStore(b"hello")
    with pytest.raises(NotALedger, match="0 bytes"):
        verify(b"")
    with pytest.raises(NotALedger, match="does not exist"):
        LedgerReader(tmp_path / "none")
    assert not (tmp_path / "none").exists()
