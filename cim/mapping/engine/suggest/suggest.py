"""From a file's first rows to a mapping that can be tried at once, each line with its reason as a comment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import BinaryIO

import yaml

from cim.mapping.engine.suggest import values, words
from cim.mapping.engine.suggest.sniff import Sniffed, sniff
from cim.model.errors import BadInput


@dataclass(slots=True)
class _Columns:
    """Which column is what, by number."""

    roles: dict[str, int] = field(default_factory=dict)
    measured: dict[int, str] = field(default_factory=dict)


def suggest(source: BinaryIO, name: str) -> str:
    """The text of a mapping file.

    Args:
        name: of the mapping to be.

    Raises:
        BadInput: nothing in the file looks like times, or nothing like values.
    """
    found = sniff(source)
    columns = {k: [row[k] for row in found.rows] for k in range(len(found.headers))}
    numbers = {k: values.numbers(cells) for k, cells in columns.items()}
    kinds = _kinds(found, columns, numbers)
    when, interval = _instant(found, columns, kinds)
    written = [n for k in kinds.measured if (n := numbers[k]) is not None]
    lines = [f"name: {name}", "format:", *_fields(found.format, found.reasons)]
    decimal = next((n.decimal for n in written if n.decimal == ","), ".")
    if decimal == "," and found.format["kind"] != "parquet":
        lines.append('  decimal: ","  # numbers are written with a comma')
    thousands = next((n.thousands for n in written if n.thousands), "")
    if thousands:
        lines.append(f'  thousands: "{thousands}"  # both signs stand in one number')
    lines += ["instant:", *when]
    lines += _whose(found, columns, kinds)
    lines.append("values:")
    for k, quantity in kinds.measured.items():
        lines += _value(found.headers[k], quantity, numbers[k], columns[k], interval)
    rest = [h for k, h in enumerate(found.headers) if k not in kinds.measured and k not in kinds.roles.values()]
    lines += [f"# not used: {', '.join(rest)}"] if rest else []
    return "\n".join(lines) + "\n"


def _kinds(found: Sniffed, columns: dict[int, list[str]], numbers: dict[int, values.Numbers | None]) -> _Columns:
    kinds = _Columns()
    for k, header in enumerate(found.headers):
        role = words.role(header)
        if (role in {"instant", "date", "time"} and role not in kinds.roles) or (
            role is not None and role not in kinds.roles
        ):
            kinds.roles[role] = k
        elif role is None and numbers[k] is not None and (quantity := words.quantity(header)) is not None:
            kinds.measured[k] = quantity
    if not {"instant", "date"} & kinds.roles.keys():
        by_cells = next((k for k, cells in columns.items() if k not in kinds.measured and values.times(cells)), None)
        taken = (
            kinds.roles.get("time")
            if "time" in kinds.roles and values.times(columns[kinds.roles["time"]])
            else by_cells
        )
        if taken is None:
            there = ascii(", ".join(found.headers)[:200])
            raise BadInput(f"no column looks like a time; expected one, but there are {there}")
        kinds.roles = {role: k for role, k in kinds.roles.items() if k != taken} | {"instant": taken}
    if not kinds.measured:
        left = [k for k, n in numbers.items() if n is not None and k not in kinds.roles.values()]
        if not left:
            raise BadInput(f"no column looks like values; there are {', '.join(found.headers)[:300]}")
        kinds.measured = dict.fromkeys(left[:1], "energy_import")
    return kinds


def _instant(found: Sniffed, columns: dict[int, list[str]], kinds: _Columns) -> tuple[list[str], int]:
    roles, headers = kinds.roles, found.headers
    at = roles.get("instant", roles.get("date", -1))
    cells, names, hours = columns[at], [headers[at]], False
    told = values.times(cells)
    clock = roles.get("time")
    if told is not None and "%H" not in told.pattern and clock is not None and "instant" not in roles:
        hours = all(cell.strip().isdecimal() for cell in columns[clock] if cell.strip())
        if not hours:
            cells = [f"{a.strip()} {b.strip()}" for a, b in zip(cells, columns[clock], strict=True)]
            names.append(headers[clock])
            told = values.times(cells)
    if told is None:
        raise BadInput(f"{' '.join(names)}: its times are written in no way that is known, for example {cells[:1]}")
    interval = 3600 if hours else values.interval_s(told.us)
    lines = [
        f"  column: {_flow(names if len(names) > 1 else names[0])}",
        f"  pattern: {_flow(told.pattern)}  # as {cells[0].strip()!r} is",
    ]
    if hours and clock is not None:
        lines.append(f"  hour_number: {_flow(headers[clock])}  # whole numbers: the hours of the day")
    if not told.is_utc:
        zone, why = words.zone(headers)
        lines.append(f"  zone: {zone}  # {why}")
    if interval:
        lines.append(f"  interval_s: {interval}  # the usual step from row to row")
        said = " ".join(words.plain(name) for name in names)
        late = values.begins_late(told.us, interval) and not words.BEGINS.search(said)
        if not hours and (words.ENDS.search(said) or late):
            why = "the first time is one interval after midnight" if late else "the header says so"
            lines.append(f"  marks: end  # {why}")
    if "season" in roles:
        lines.append(
            f"  season: {{column: {_flow(headers[roles['season']])}, summer: [S], winter: [W]}}  # look at its words"
        )
    return lines, interval


def _whose(found: Sniffed, columns: dict[int, list[str]], kinds: _Columns) -> list[str]:
    lines = []
    for what, other in (("usage_point", "meter"), ("meter", "usage_point")):
        k = kinds.roles.get(what, kinds.roles.get(other))
        if k is None:
            lines.append(
                f"{what}: {{constant: change-me}}  # no column says it: write whose connection or which meter it is"
            )
        else:
            example = next((cell for cell in columns[k] if cell.strip()), "")
            lines.append(f"{what}: {_flow(found.headers[k])}  # for example {example.strip()!r}")
    return lines


def _value(header: str, quantity: str, written: values.Numbers | None, cells: list[str], interval: int) -> list[str]:
    reason = "by its words"
    counts = (
        written is not None
        and quantity.startswith("energy_")
        and (words.COUNTER.search(words.plain(header)) is not None or values.grows(cells, written))
    )
    if quantity.startswith("energy_") and (counts or not interval):
        quantity = "counter_export" if quantity == "energy_export" else "counter_import"
        reason = "it only grows, or its words say so: a register" if counts else "no interval: taken as a register"
    said = words.unit_in(header)
    usual = {
        "counter": "kWh",
        "energy": "kWh",
        "power": "kW",
        "reactive": "kvar",
        "voltage": "V",
        "current": "A",
        "frequency": "Hz",
    }
    unit = said or usual.get(
        quantity.split("_")[0], {"temperature": "degC", "state_of_charge": "%"}.get(quantity, "kWh")
    )
    if quantity == "reactive_energy" and said is None:
        unit = "kvarh"
    lines = [
        f"  - column: {_flow(header)}",
        f"    reading_type: {quantity}  # {reason}",
        f"    unit: {_flow(unit)}  # {'the header says so' if said else 'assumed: look whether it is so'}",
    ]
    if written is not None and written.missing:
        lines.append(f"    missing: {_flow(list(written.missing))}  # stands where a value should")
    return lines


def _fields(form: dict[str, str | int | bool], reasons: dict[str, str]) -> list[str]:
    return [
        f"  {name}: {_flow(value)}" + (f"  # {reasons[name]}" if name in reasons else "")
        for name, value in form.items()
    ]


def _flow(value: str | int | bool | list[str]) -> str:
    """A value as YAML on one line."""
    if isinstance(value, str):
        value = [value]
        return yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000).strip()[1:-1]
    return yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000).split("\n")[0]
