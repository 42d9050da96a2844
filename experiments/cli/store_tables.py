"""`iles docs tables`: the store's tables as a page, from the publications' own classes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import get_args, get_type_hints

from cim.platform.columns import schema_of
from cim.platform.publications.base import Publication
from cim.platform.publications.families import FAMILIES

_HEAD = """# The store's tables

Drawn by `iles docs tables` from the classes in `cim/platform/publications/`; do not edit.

What agents tell the data platform is kept in the folder of a run (`out/...`) or of a living site: readings in
`telemetry/readings-NNNN.parquet`, every other family of publications in `publications/FAMILY-NNNNNNNN.parquet`, where the number
is the `sequence` of the file's first row. Files are written whole and never changed. What is in no table yet stands in
`publications/put.log`, from which a killed process's successor goes on; readings wait in memory, on a living site for at most a
quarter of an hour of its time. Any Parquet reader reads the tables, for example DuckDB:
`SELECT seller, sum(price_e4) / 1e4 FROM 'out/strem/publications/order_placed-*.parquet' GROUP BY seller`.

Units stand in the names: `_w` watts, `_wh` watt-hours, `_kw` kilowatts, `_pct` percent, `_e4` ten-thousandths of the currency
unit. Power is positive towards consumption. ISPs count from 1 in the local day `period`. Instants are UTC. A `?` marks what may
be null; `[]` a list; a capitalised name a row within a row (below the families).

Every table begins with `sequence` (integer: counts up with every publication of the store), `told_by` (text: the agent) and `at`
(instant: when it was so).

## readings

IEC 61968-9 readings, a row each; this table has no `sequence` and no `told_by`.

| column | type | meaning |
|---|---|---|
| `source` | text | device or meter that measured |
| `kind` | text | what was measured, with its unit: `power_w`, `energy_import_wh`, `soc_pct`, ... |
| `reading_type` | text | the same as an 18-field ReadingType code |
| `value` | number | in the unit of `kind`; 0 when absent |
| `at` | instant | when |
| `quality` | text | `GOOD`, `STALE`, `ABSENT` or `INVALID` |
"""
_NAMES = {"str": "text", "int": "integer", "float": "number", "bool": "yes or no", "bytes": "bytes", "date": "date"}


def page() -> str:
    """The Markdown page of all tables."""
    within = sorted(set(_rows()), key=lambda kind: kind.__name__)
    assert all(schema_of(family) for family in FAMILIES.values())  # noqa: S101 - what is listed has a table
    tables = [_section(name, family, ("at",)) for name, family in sorted(FAMILIES.items())]
    return "\n".join([_HEAD, *tables, "# Rows within rows\n", *(_section(kind.__name__, kind, ()) for kind in within)])


def _rows() -> Iterator[type]:
    """The dataclasses of which publications' rows are made."""
    for module in {inspect.getmodule(family) for family in (*FAMILIES.values(), Publication)}:
        for _, kind in inspect.getmembers(module, is_dataclass):
            if isinstance(kind, type) and inspect.getmodule(kind) is module and not issubclass(kind, Publication):
                yield kind


def _section(title: str, kind: type, left_out: tuple[str, ...]) -> str:
    words, hints = inspect.getdoc(kind) or "", get_type_hints(kind)
    summary, _, attributes = words.partition("\n\nAttributes:")
    meanings = {
        name.strip(): text
        for names, text in re.findall(r"^ +([\w, ]+): (.+)$", attributes, re.M)
        for name in names.split(",")
    }
    shown = [field.name for field in fields(kind) if field.name not in left_out]
    columns = [
        f"| `{name}` | {_type(hints[name])} |" + (f" {meanings.get(name, '')} |" if meanings else "") for name in shown
    ]
    head = ("| column | type | meaning |", "|---|---|---|") if meanings else ("| column | type |", "|---|---|")
    return "\n".join([f"## {title}\n", " ".join(summary.split()), "", *head, *columns, ""])


def _type(hint: object) -> str:
    inner = get_args(hint)
    if type(None) in inner:
        return f"{_type(inner[0])}?"
    if inner:
        return f"{_type(inner[0])}[]"
    name = getattr(hint, "__name__", str(hint))
    return "instant" if name == "datetime" else _NAMES.get(name, name)
