"""`iles docs summary`: the fields of summary.json as a page, from the classes that write it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_HEAD = """# summary.json, schema `{schema}`

Drawn by `iles docs summary` from `experiments/run/summary.py`; do not edit.

Written by `iles run`. Energies are watt-hours, money integer ten-thousandths of the currency unit, loading percent of the
rating, voltages per unit. Fields are only added within a version; a changed or removed field makes a new one. `*` stands for
any key. Version 2 has every field of version 1, with the same meaning: `without_flexibility` is the column `local`,
`with_flexibility` the column `market`. Beside it `columns.parquet` has what every column did, a row for each connection or unit and
ISP (`column`, `kind`, `name`, `start`, `duration_s`, `power_w`, `reactive_var`, `available_w`, `stored_wh`): `settled_vs_true` and
all bills of columns without payments can be recomputed from it and the site file.

| field | type | meaning |
|---|---|---|
"""


def page() -> str:
    """The Markdown page of all fields."""
    from experiments.run.summary import SCHEMA, Summary

    schema = Summary.model_json_schema(by_alias=True)
    rows = [f"| `{path}` | {kind} | {words} |" for path, kind, words in _rows(schema, schema["$defs"], "")]
    return _HEAD.format(schema=SCHEMA) + "\n".join(rows) + "\n"


def _rows(part: dict[str, Any], known: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, raw in part["properties"].items():
        value = _resolved(raw, known)
        path, kind = f"{prefix}{name}", _type(value, known)
        for item in value.get("anyOf", ()):  # an object or null: its fields stand below
            one = _resolved(item, known)
            value = one if "properties" in one else value
        yield path, kind, raw.get("description", " ".join(value.get("description", "").split()))
        inner = value.get("additionalProperties")
        if isinstance(inner, dict):
            value, path = _resolved(inner, known), f"{path}.*"
        if "properties" in value:
            yield from _rows(value, known, f"{path}.")


def _resolved(value: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = known[value["$ref"].rpartition("/")[2]] if "$ref" in value else value
    return found


def _type(value: dict[str, Any], known: dict[str, Any]) -> str:
    if "const" in value:
        return f'`"{value["const"]}"`'
    if "anyOf" in value:
        return " or ".join(_type(_resolved(item, known), known) for item in value["anyOf"])
    if value["type"] == "array":
        return f"list of {_type(_resolved(value['items'], known), known)}"
    inner = value.get("additionalProperties")
    if not isinstance(inner, dict):
        return str(value["type"])
    keys = value.get("propertyNames", {})
    names = _resolved(keys, known).get("enum") if keys else None
    of = f"{' · '.join(f'`{name}`' for name in names)}" if names else "string"
    return f"object: {of} → {_type(_resolved(inner, known), known)}"
