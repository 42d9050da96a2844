"""Whatever is changed in a ledger's file, verification fails and says where."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cim.codec.codec import encode
from market.ledger import schema
from market.ledger.errors import LedgerBroken
from market.ledger.records import Party, Record
from market.ledger.signing import key_from_seed
from market.ledger.store import LedgerStore
from market.ledger.verify import verify

START = datetime(2026, 5, 20, tzinfo=UTC)
NAMES = ("agr.example", "dso.example", "iles.example")
KEYS = {name: key_from_seed(7, name) for name in NAMES}


def record(number: int, day: int = 0) -> Record:
    """A record of the aggregator, agreed to by the DSO."""
    at = START + timedelta(days=day, minutes=number)
    salt = bytes([number + 1]) * 32 if number % 2 else b""
    made = Record("order", f"o-{day}-{number:03d}", at, NAMES[0], encode((number, "body")), salt=salt)
    return made.signed(NAMES[0], KEYS[NAMES[0]]).signed(NAMES[1], KEYS[NAMES[1]])


def fill(path: Path, blocks: int = 3, each: int = 5, pending: int = 4) -> None:
    """A ledger of some co-signed blocks, and records that are in no block yet."""
    with LedgerStore(path) as ledger:
        ledger.create([Party(n, KEYS[n].public) for n in NAMES], {"site": "strem", "format": "1", "seed": "7"})
        for day in range(blocks):
            ledger.append([record(number, day) for number in range(each)])
            start = START + timedelta(days=day)
            head = ledger.close_block(day + 1, start, start + timedelta(days=1), start + timedelta(days=1))
            for name in NAMES[1:]:
                ledger.cosign(head.number, name, KEYS[name].sign(head.message))
        ledger.append([record(number, blocks) for number in range(pending)])


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound ledger, made once."""
    path = tmp_path_factory.mktemp("ledger") / "sound.ledger"
    fill(path)
    return path


def other(value: Any) -> list[Any]:
    """Values of the same type that differ by one byte, at several places."""
    if isinstance(value, int):
        return [value + 1, value ^ 0x80, -value - 1]
    if isinstance(value, str):
        return [value[:-1] + chr(ord(value[-1]) ^ 1), chr(ord(value[0]) ^ 1) + value[1:], value + "x", ""]
    places = {0, len(value) // 2, len(value) - 1}
    flipped = [bytes(b ^ (1 if i == place else 0) for i, b in enumerate(value)) for place in sorted(places)]
    return [*flipped, value + b"\0", b""]


def set_cell(path: Path, place: tuple[str, str, int], value: Any, loosen: bool = False) -> None:
    """Write one cell (table, column, row) behind the ledger's back; `loosen` lifts STRICT and NOT NULL meanwhile."""
    table, column, row = place
    order = ", ".join(schema.ORDER[table])
    where = " AND ".join(f"{name} = ?" for name in schema.ORDER[table])
    loose = schema.ddl(table).replace("STRICT, ", "").replace("STRICT", "").replace(" NOT NULL", "")
    if loosen:
        set_schema(path, table, loose)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA synchronous = OFF")
        query = f"SELECT {order} FROM {table} ORDER BY {order} LIMIT 1 OFFSET {row}"
        keys = database.execute(query).fetchone()
        database.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (value, *keys))
        database.commit()
    if loosen:
        set_schema(path, table, schema.ddl(table))


def set_schema(path: Path, table: str, sql: str) -> None:
    """Overwrite a table's definition in SQLite's own schema table."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA writable_schema = ON")
        database.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (sql, table))
        database.commit()


CELLS = [(table, column) for table, columns in schema.COLUMNS.items() for column in columns]


@pytest.mark.parametrize(("table", "column"), CELLS)
def test_a_changed_byte_in_any_column_is_found_and_its_table_named(
    sound: Path, tmp_path: Path, table: str, column: str
) -> None:
    """One byte changed, in the first, a middle and the last row, breaks the ledger; the sentence names the table."""
    database = sqlite3.connect(sound)
    order = ", ".join(schema.ORDER[table])
    values = [value for (value,) in database.execute(f"SELECT {column} FROM {table} ORDER BY {order}")]
    database.close()
    tried = 0
    for row in sorted({0, 1, len(values) // 2, len(values) - 1}):
        for value in other(values[row]):
            path = tmp_path / "changed.ledger"
            shutil.copy(sound, path)
            try:
                set_cell(path, (table, column, row), value)
            except sqlite3.IntegrityError:
                continue  # SQLite itself refuses a second row of that key
            with pytest.raises(LedgerBroken, match=table):
                verify(path)
            tried += 1
    assert tried >= 4


@pytest.mark.parametrize(("table", "column"), CELLS)
def test_a_changed_type_or_null_in_any_column_is_found(sound: Path, tmp_path: Path, table: str, column: str) -> None:
    """A value turned into another type that reads alike, or into NULL, breaks the ledger; its table is named."""
    database = sqlite3.connect(sound)
    order = ", ".join(schema.ORDER[table])
    (value,) = database.execute(f"SELECT {column} FROM {table} ORDER BY {order}").fetchone()
    database.close()
    kind = schema.COLUMNS[table][column]
    by_kind: dict[str, list[Any]] = {"text": [str(value).encode()], "blob": ["text", 5]}
    alike = by_kind.get(kind) or [value + 0.5, b"\x01"]
    if (
        column == schema.ORDER[table][0]
        and schema.COLUMNS[table][column] == "integer"
        and len(schema.ORDER[table]) == 1
    ):
        return  # a rowid: SQLite can store nothing but an integer there
    for changed in [*alike, None]:
        path = tmp_path / "changed.ledger"
        shutil.copy(sound, path)
        try:
            set_cell(path, (table, column, 0), changed, loosen=True)
        except sqlite3.IntegrityError:
            continue  # a key without rowid takes no NULL, whatever the definition says
        with pytest.raises(LedgerBroken, match=table):
            verify(path)


@pytest.mark.parametrize("table", [table for table in schema.COLUMNS if table != "bodies"])
@pytest.mark.parametrize("row", [0, -1])
def test_a_removed_row_is_found(sound: Path, tmp_path: Path, table: str, row: int) -> None:
    """A row taken out of any table but `bodies`, whose may be erased, breaks the ledger, also one that no block holds yet."""
    path = tmp_path / "changed.ledger"
    shutil.copy(sound, path)
    database = sqlite3.connect(path)
    order = schema.ORDER[table]
    keys = database.execute(f"SELECT {', '.join(order)} FROM {table} ORDER BY {', '.join(order)}").fetchall()[row]
    database.execute(f"DELETE FROM {table} WHERE {' AND '.join(f'{name} = ?' for name in order)}", keys)
    database.commit()
    database.close()
    with pytest.raises(LedgerBroken, match=table):
        verify(path)


@pytest.mark.parametrize("table", list(schema.COLUMNS))
def test_an_added_row_is_found(sound: Path, tmp_path: Path, table: str) -> None:
    """A copy of a row under another key breaks the ledger."""
    path = tmp_path / "changed.ledger"
    shutil.copy(sound, path)
    database = sqlite3.connect(path)
    row = list(database.execute(f"SELECT * FROM {table} ORDER BY {schema.ORDER[table][0]} DESC").fetchone())
    row[0] = row[0] + 1 if isinstance(row[0], int) else row[0] + "2"
    if table in ("records", "cosignatures"):
        row[2] = row[2] + "2" if isinstance(row[2], str) else row[2]
    if table == "cosignatures":
        row[1] = 1
        row[2] = NAMES[0]
    database.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    database.commit()
    database.close()
    with pytest.raises(LedgerBroken, match=table):
        verify(path)


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("extra", "CREATE TABLE extra (a)"),
        ("records", "CREATE INDEX more ON records (at)"),
        ("records", "ALTER TABLE records ADD COLUMN note TEXT"),
        ("records", "ALTER TABLE records RENAME COLUMN at TO made_at"),
        ("meta", "DROP TABLE meta"),
        ("open_records", "CREATE VIEW open_records AS SELECT * FROM records"),
        ("blocks", "CREATE TRIGGER quiet AFTER INSERT ON blocks BEGIN DELETE FROM meta; END"),
        ("user_version", "PRAGMA user_version = 3"),
        ("application_id", "PRAGMA application_id = 2"),
        ("sqlite_stat1", "ANALYZE"),
    ],
)
def test_a_changed_schema_is_found(sound: Path, tmp_path: Path, table: str, statement: str) -> None:
    """Tables, columns, indexes, views, triggers or file marks added, changed or removed break the ledger."""
    path = tmp_path / "changed.ledger"
    shutil.copy(sound, path)
    database = sqlite3.connect(path)
    database.execute(statement)
    database.commit()
    database.close()
    with pytest.raises(LedgerBroken, match=table):
        verify(path)


@pytest.mark.parametrize("table", ["records", "blocks", "cosignatures"])
def test_swapped_rows_are_found(sound: Path, tmp_path: Path, table: str) -> None:
    """Two rows that change places break the ledger."""
    path = tmp_path / "changed.ledger"
    shutil.copy(sound, path)
    database = sqlite3.connect(path)
    key = schema.ORDER[table][0]
    for before, after in ((1, -1), (2, 1), (-1, 2)):
        database.execute(f"UPDATE {table} SET {key} = ? WHERE {key} = ?", (after, before))
    database.commit()
    database.close()
    with pytest.raises(LedgerBroken, match=table):
        verify(path)


@pytest.mark.slow
def test_a_flipped_bit_anywhere_in_the_file_is_found_or_changes_nothing(sound: Path, tmp_path: Path) -> None:
    """Every 23rd byte flipped, of unused space every 368th: broken, or the very same content; never a traceback."""
    whole = sound.read_bytes()
    before = contents(sound)
    path = tmp_path / "changed.ledger"
    silent = 0
    places = [place for place in range(16, len(whole), 23) if any(whole[place - 16 : place + 17]) or place % 16 == 0]
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x04]) + whole[place + 1 :])
        try:
            verify(path)
        except LedgerBroken:
            continue
        silent += 1
        assert contents(path) == before, f"byte {place} changed the content and was not found"
    assert silent < len(places) / 2  # most of it is content


def contents(path: Path) -> list[Any]:
    """All rows of all tables."""
    database = sqlite3.connect(path)
    rows = [
        database.execute(f"SELECT * FROM {t} ORDER BY {', '.join(schema.ORDER[t])}").fetchall() for t in schema.COLUMNS
    ]
    database.close()
    return rows
