"""The store: what was put is what is read, in order, whatever the filling, and after a kill amid a write."""

from __future__ import annotations

import dataclasses
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cim.model.errors import BadInput, ProgrammingFault
from cim.model.readings import Kind, Reading
from cim.platform import parquet_store, publications
from cim.platform.columns import publication_of, row_of, schema_of
from cim.platform.memory_store import MemoryStore
from cim.platform.parquet_store import ParquetStore
from cim.platform.publications.base import IspPower, Publication
from cim.platform.publications.families import FAMILIES, family_name
from cim.platform.publications.grid import SafetyAnalysed
from cim.platform.publications.measured import DeviceBack, DeviceLost, ReadingsTaken
from cim.platform.publications.trading import FlexOffered, OfferedOption, OrderPlaced
from cim.platform.published import PublishedTables, published
from cim.platform.store import Store, latest, values
from experiments.cli import diagrams
from tests.cim.test_codec_wire import instance

NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)
DAY = date(2026, 5, 20)
Filling = Callable[..., ParquetStore]


def lost(minute: int, device: str = "pv") -> DeviceLost:
    """A device that is lost some minutes after noon."""
    return DeviceLost(NOON + timedelta(minutes=minute), device, f"no answer {minute}")


@contextmanager
def mortal() -> Iterator[Filling]:
    """Opens stores whose process may be killed: their files are let go of in the end, and nothing else is done."""
    opened: list[ParquetStore] = []

    def open_store(folder: Path, keep: bool = True) -> ParquetStore:
        opened.append(ParquetStore(folder, keep))
        return opened[-1]

    try:
        yield open_store
    finally:
        for store in opened:
            store._log._file.close()


@pytest.fixture
def opening() -> Iterator[Filling]:
    """See `mortal`."""
    with mortal() as open_store:
        yield open_store


@pytest.fixture(params=["memory", "parquet"])
def store(request: pytest.FixtureRequest, tmp_path: Path, opening: Filling) -> Store:
    """Each filling of the port, empty."""
    return MemoryStore() if request.param == "memory" else opening(tmp_path)


def test_publications_are_asked_for_by_family_time_and_key(store: Store) -> None:
    """Order is that of putting; `until` is excluded; a key is matched exactly; numbers go on across families."""
    store.put("pv", lost(0))
    store.put("bat", lost(1, "bat"))
    store.put("pv", DeviceBack(NOON + timedelta(minutes=2), "pv"))
    store.put("pv", lost(3))
    assert [(t.number, t.agent, t.publication.device) for t in store.told(DeviceLost)] == [
        (1, "pv", "pv"), (2, "bat", "bat"), (4, "pv", "pv"),
    ]  # fmt: skip
    minute = [NOON + timedelta(minutes=k) for k in range(5)]
    assert [t.number for t in store.told(DeviceLost, minute[1], minute[3])] == [2]
    assert values(store, DeviceLost, key={"device": "pv"}) == [lost(0), lost(3)]
    assert latest(store, DeviceLost, "device") == [lost(1, "bat"), lost(3)]
    assert store.told(OrderPlaced) == []


def test_readings_are_rows_of_their_own(store: Store) -> None:
    """They are asked for by source, kind and time, and counted, also before anything is flushed."""
    rows = [
        Reading(f"m-{k % 2}", Kind.POWER if k < 3 else Kind.VOLTAGE, k, NOON + timedelta(minutes=k)) for k in range(4)
    ]
    store.put("m", ReadingsTaken(NOON, tuple(rows[:2])))
    store.flush()
    store.put("m", ReadingsTaken(NOON, tuple(rows[2:])))
    assert store.readings() == rows
    assert store.readings("m-0") == [rows[0], rows[2]]
    assert store.readings(kind=Kind.VOLTAGE) == [rows[3]]
    assert store.readings(since=rows[1].at, until=rows[3].at) == rows[1:3]
    assert store.reading_count == 4


def test_every_family_has_a_table_and_survives_it(tmp_path: Path, opening: Filling) -> None:
    """A publication of each family, with values of each of its fields' types, reads back equal from its table."""
    modules = [import_module(f"{publications.__name__}.{m.name}") for m in iter_modules(publications.__path__)]
    told = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type)}
    assert {f for f in told if issubclass(f, Publication)} == {*FAMILIES.values(), Publication, ReadingsTaken}
    given_ = [instance(family, np.random.default_rng(seed)) for family in FAMILIES.values() for seed in range(4)]
    store = opening(tmp_path, keep=False)
    for publication in given_:
        store.put("a", publication)
    store.close()
    for family in FAMILIES.values():
        assert values(opening(tmp_path), family) == [p for p in given_ if type(p) is family]
        assert all(publication_of(family, row_of(p)) == p for p in given_ if type(p) is family)


def test_a_table_has_the_documented_columns(tmp_path: Path, opening: Filling) -> None:
    """Golden: an offer's table, column by column, and its one row as any Parquet reader sees it."""
    store = opening(tmp_path, keep=False)
    option = OfferedOption("o-1", 30_000, (IspPower(53, 20_000),))
    at = datetime(2026, 5, 20, 12, 0, 0, 1, tzinfo=UTC)
    store.put("dso", FlexOffered(at, "m-2", "dso.example", "agr.example", "ean.1", DAY, at, None, "EUR", (option,)))
    store.close()
    (path,) = (tmp_path / "publications").glob("*.parquet")
    assert path.name == "flex_offered-00000001.parquet"
    table = pq.ParquetFile(path).read()
    isps = "list<element: struct<start: int64 not null, power_w: int64 not null, duration: int64 not null> not null>"
    options = f"struct<reference: string not null, price_e4: int64 not null, isps: {isps} not null>"
    assert {field.name: str(field.type) for field in table.schema} == {
        "sequence": "int64", "told_by": "string", "at": "timestamp[us, tz=UTC]", "reference": "string", "buyer": "string",
        "seller": "string", "congestion_point": "string", "period": "date32[day]", "expires": "timestamp[us, tz=UTC]",
        "request": "string", "currency": "string", "for_people": "bool", "options": f"list<element: {options} not null>",
    }  # fmt: skip
    (row,) = table.to_pylist()
    assert (row["sequence"], row["told_by"], row["request"], row["period"]) == (1, "dso", None, DAY)
    assert row["options"] == [
        {"reference": "o-1", "price_e4": 30_000, "isps": [{"start": 53, "power_w": 20_000, "duration": 1}]}
    ]


OPERATIONS = st.lists(
    st.one_of(st.integers(1, 5).map(lambda count: ("put", count)), st.sampled_from([("kill", 0), ("close", 0)])),
    max_size=12,
)


@settings(deadline=None, max_examples=40)
@given(operations=OPERATIONS, part=st.integers(1, 6))
def test_what_was_put_is_what_is_read_after_kills_and_restarts(operations: list[tuple[str, int]], part: int) -> None:
    """However often the process is killed or ends, every publication is there once, in order, under its first number."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch, mortal() as opening:
        patch.setattr(parquet_store, "PART", part)
        store, put = opening(Path(folder)), list[Publication]()
        for what, count in operations:
            for k in range(count):
                put.append(lost(len(put)) if k % 2 else DeviceBack(NOON, f"d-{len(put)}"))
                store.put("a", put[-1])
            if what == "close":
                store.close()
            if what != "put":
                store = opening(Path(folder))
        told = sorted([*store.told(DeviceLost), *store.told(DeviceBack)], key=lambda one: one.number)
        assert [one.publication for one in told] == put
        assert [one.number for one in told] == list(range(1, len(put) + 1))


@given(again=st.integers(0, 5), closes=st.booleans())
@settings(deadline=None, max_examples=20)
def test_what_is_told_once_more_after_a_restart_is_kept_once(again: int, closes: bool) -> None:
    """Hosts tell their last round again when they come back; the store passes over it, and takes what is new."""
    with tempfile.TemporaryDirectory() as folder, mortal() as opening:
        store = opening(Path(folder))
        for k in range(5):
            store.put("a", lost(k))
        if closes:
            store.close()
        store = opening(Path(folder))
        for k in range(5 - again, 6):
            store.put("a", lost(k))
        store.put("b", lost(5))
        assert [(t.agent, t.publication) for t in store.told(DeviceLost)] == [
            *(("a", lost(k)) for k in range(6)), ("b", lost(5)),
        ]  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(cut=st.integers(0, 400))
def test_a_kill_amid_a_write_loses_only_what_was_being_written(cut: int) -> None:
    """The log cut at any byte: what stood before is read, the torn entry is gone, and the next number is free."""
    with tempfile.TemporaryDirectory() as name, mortal() as opening:
        folder, sizes = Path(name), [0]
        log = folder / "publications" / "put.log"
        store = opening(folder)
        for k in range(4):
            store.put("a", lost(k))
            sizes.append(log.stat().st_size)
        with log.open("r+b") as file:
            file.truncate(min(cut, sizes[-1]))
        whole = sum(size <= cut for size in sizes[1:])
        again = opening(folder)
        again.put("a", lost(9))
        assert values(opening(folder), DeviceLost) == [*(lost(k) for k in range(whole)), lost(9)]
        assert again.told(DeviceLost)[-1].number == whole + 1


def test_another_process_reads_what_is_only_logged(tmp_path: Path, opening: Filling) -> None:
    """Tables and log together, each publication once, while the store is open; a torn entry is left where it is."""
    store = opening(tmp_path)
    store.put("a", lost(0))
    store.close()
    store = opening(tmp_path)
    log = tmp_path / "publications" / "put.log"
    for k in (1, 2):
        store.put("a", lost(k))
        assert PublishedTables(tmp_path).told(DeviceLost) == store.told(DeviceLost)
        assert PublishedTables(tmp_path).newest() == lost(k).at
    held = log.read_bytes()
    store.close()
    assert published(tmp_path, DeviceLost) == [lost(0), lost(1), lost(2)]
    log.write_bytes(held + b"torn")  # a kill between the tables and the emptying of the log leaves both
    assert published(tmp_path, DeviceLost) == [lost(0), lost(1), lost(2)]
    assert log.read_bytes() == held + b"torn"


@pytest.mark.parametrize("renamed", [0, 1])
def test_a_kill_amid_the_tables_doubles_nothing(
    tmp_path: Path, opening: Filling, monkeypatch: pytest.MonkeyPatch, renamed: int
) -> None:
    """Some tables are written, the log is not cleared yet: each publication is there once."""
    store = opening(tmp_path, keep=False)
    store.put("a", lost(0))
    store.put("a", DeviceBack(NOON, "pv"))
    done, rename = [], Path.rename

    def dying(path: Path, to: Path) -> Path:
        if len(done) == renamed:
            raise KeyboardInterrupt
        done.append(to)
        return rename(path, to)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", dying)
        with pytest.raises(KeyboardInterrupt):
            store.close()
    again = opening(tmp_path)
    assert values(again, DeviceLost) == [lost(0)]
    assert values(again, DeviceBack) == [DeviceBack(NOON, "pv")]
    again.close()
    assert len(list((tmp_path / "publications").glob("*.parquet"))) == 2


def test_a_new_run_takes_the_place_of_the_old_one(tmp_path: Path, opening: Filling) -> None:
    """Without `keep` nothing of an earlier run is read, neither from tables nor from the log."""
    for closes in (True, False):
        store = opening(tmp_path, keep=False)
        store.put("a", lost(0))
        if closes:
            store.close()
    assert values(opening(tmp_path, keep=False), DeviceLost) == []


def test_a_row_from_before_a_field_takes_its_default_or_says_what_is_missing() -> None:
    """An older table is read by newer code where the new field has a default; else one sentence names the field."""
    row = row_of(SafetyAnalysed(NOON, "p", DAY, (1,), (2.0,)))
    del row["need_w"]
    with pytest.raises(BadInput, match="SafetyAnalysed: a stored row has no need_w"):
        publication_of(SafetyAnalysed, row)
    older = {"start": 1, "power_w": 5}
    order = row_of(OrderPlaced(NOON, "o", "b", "s", "p", DAY, 1, "EUR", ()))
    assert publication_of(OrderPlaced, {**order, "isps": [older]}) == OrderPlaced(
        NOON, "o", "b", "s", "p", DAY, 1, "EUR", (IspPower(1, 5),)
    )


def test_what_is_no_family_has_no_table() -> None:
    """A publication of a class that nobody registered is a fault of ours, told with its name."""
    stranger = dataclasses.make_dataclass("Stranger", [], bases=(Publication,), frozen=True)
    with pytest.raises(ProgrammingFault, match="Stranger has no table"):
        family_name(stranger)


def test_the_documentation_lists_every_table(tmp_path: Path) -> None:
    """`iles docs tables` writes what is committed in docs/store.md, and every family's columns stand under its name."""
    written = tmp_path / "store.md"
    result = CliRunner().invoke(diagrams.app, ["tables", "--out", str(written)])
    assert result.exit_code == 0, result.output
    page = written.read_text(encoding="utf-8")
    assert page == (Path(__file__).parents[2] / "docs" / "store.md").read_text(encoding="utf-8")
    for name, family in FAMILIES.items():
        section = page.split(f"## {name}\n")[1].split("\n## ")[0]
        columns = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
        assert ["sequence", "told_by", "at", *columns] == schema_of(family).names


def test_a_store_is_read_while_it_is_written(tmp_path: Path) -> None:
    """A thread that reads while another puts sees each publication once, in order, also when the log becomes tables."""
    store, over = ParquetStore(tmp_path), threading.Event()
    seen: list[list[int]] = []

    def read() -> None:
        while not over.is_set():
            seen.append([told.number for told in store.told(DeviceBack)])

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(2 * parquet_store.PART + 500):
        store.put("agent", DeviceBack(NOON + timedelta(seconds=number), "pv"))
    over.set()
    reader.join()
    store.close()
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seen)
