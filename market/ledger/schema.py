"""The ledger's tables, word for word: a file whose schema differs in one letter is not the ledger that was written."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from market.ledger import hashing, merkle
from market.ledger.errors import NotALedger

DatabaseError = sqlite3.DatabaseError
Source = Path | str | bytes  # a ledger's file, or the bytes of one
_MAGIC = b"SQLite format 3\0"
APPLICATION_ID = 0x494C4553  # "ILES", so that file(1) and we know the file
VERSION = 2

COLUMNS: dict[str, dict[str, str]] = {
    "meta": {"name": "text", "value": "text", "digest": "blob"},
    "parties": {"name": "text", "public": "blob", "digest": "blob"},
    "records": {
        "sequence": "integer",
        "kind": "text",
        "key": "text",
        "at": "integer",
        "leaf": "blob",
        "entry": "blob",
    },
    "bodies": {"sequence": "integer", "salt": "blob", "body": "blob"},
    "blocks": {
        "number": "integer",
        "period_start": "integer",
        "period_end": "integer",
        "count": "integer",
        "size": "integer",
        "root": "blob",
        "previous": "blob",
        "parties_hash": "blob",
        "closed_at": "integer",
        "digest": "blob",
    },
    "cosignatures": {"sequence": "integer", "number": "integer", "party": "text", "value": "blob", "digest": "blob"},
    "seals": {"name": "text", "rows": "integer", "tip": "blob", "digest": "blob"},
}
# One row of `seals` for each of these: how many rows it has and the running digest over them in order. `bodies` is not
# among them: what it holds can be erased, and each row is held by the commitment in its record.
SEALED = ("blocks", "cosignatures", "meta", "parties", "records")
# How a table's rows are ordered when they are chained, and which columns name a row in a sentence.
ORDER = {
    "meta": ("name",),
    "parties": ("name",),
    "records": ("sequence",),
    "bodies": ("sequence",),
    "blocks": ("number",),
    "cosignatures": ("sequence",),
    "seals": ("name",),
}
_EXTRA = {"records": ", UNIQUE (kind, key)", "cosignatures": ", UNIQUE (number, party)"}
_ROWID = (
    "records",
    "bodies",
    "blocks",
    "cosignatures",
)  # their key is the rowid itself; the others have no hidden rowid either


def ddl(table: str) -> str:
    """The statement that makes `table`; SQLite keeps it word for word in its schema."""
    columns = [f"{name} {kind.upper()} NOT NULL" for name, kind in COLUMNS[table].items()]
    options = "STRICT" if table in _ROWID else "STRICT, WITHOUT ROWID"
    return (
        f"CREATE TABLE {table} ({', '.join(columns)}, PRIMARY KEY ({', '.join(ORDER[table])})"
        f"{_EXTRA.get(table, '')}) {options}"
    )


def parties_hash(digests: Sequence[bytes]) -> bytes:
    """Tree hash over the row digests of meta, then of parties, each in order of name: the ledger's own name in its heads."""
    return merkle.root(digests)


def open_ledger(source: Source, read_only: bool) -> sqlite3.Connection:
    """A connection in explicit transactions; text that is no UTF-8 is kept as it stands.

    Bytes are a ledger in memory that goes on from them, or begins with none; nothing is written back to them.

    Raises:
        NotALedger: missing or empty (when only reading), a folder, or not SQLite.
    """
    database = _open_image(source, read_only) if isinstance(source, bytes) else _open_file(Path(source), read_only)
    database.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    return database


def _open_image(image: bytes, read_only: bool) -> sqlite3.Connection:
    if not image.startswith(_MAGIC) and (image or read_only):
        raise NotALedger(f"ledger: {len(image)} bytes are not an SQLite file; expected an ILES ledger")
    database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    if image:
        database.deserialize(image)
    return database


def _open_file(path: Path, read_only: bool) -> sqlite3.Connection:
    if read_only and not path.is_file():
        raise NotALedger(f"ledger: {path} does not exist or is no file; expected an ILES ledger")
    if path.exists() and not path.is_file():
        raise NotALedger(f"ledger: {path} is no file; expected an ILES ledger")
    if path.exists() and path.stat().st_size:
        try:
            with path.open("rb") as file:
                if file.read(16) != _MAGIC:
                    raise NotALedger(f"ledger: {path} is not an SQLite file; expected an ILES ledger")
        except OSError as error:
            raise NotALedger(f"ledger: {path} cannot be read ({error.strerror})") from error
    elif read_only:
        raise NotALedger(f"ledger: {path} is empty; expected an ILES ledger")
    try:
        uri = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rwc'}"
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise NotALedger(f"ledger: {path} cannot be opened ({error})") from error


def first_tip() -> bytes:
    """The running digest of a table without rows."""
    return hashing.START_OF_CHAIN
