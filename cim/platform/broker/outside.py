"""Messages as outsiders read them: JSON, msgpack, or readings as CIM JSON; what of it they may see is decided elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from cim.mapping.meter_readings import QUALITIES
from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality
from cim.platform.broker.consumer import Received
from cim.platform.broker.schemas import COLUMNS, READINGS
from cim.platform.columns import Plain

Told: TypeAlias = Mapping[str, Plain]  # a message for outsiders, instants as ISO 8601 texts

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Form(StrEnum):
    """How messages are written."""

    JSON = "json"
    MSGPACK = "msgpack"
    CIM = "cim"


def check_form(topic: str, form: Form) -> None:
    """Raises BadInput where a topic has no such form."""
    if form is Form.CIM and topic != READINGS:
        raise BadInput(
            f"format cim: the CIM's classes are for topic {READINGS}, not {topic!r}; expected json or msgpack"
        )


def rows_of(one: Received) -> list[dict[str, Plain]]:
    """The readings of a block, a row each: the columns of `COLUMNS` with `at` as text, and `recorded`."""
    message = one.message or {}
    columns = {name: _column(message.get(name)) for name in COLUMNS}
    recorded = _instant(message.get("recorded_us"))
    names = [name for name in COLUMNS if name != "at_us"]
    rows = zip(*(columns[name] for name in (*names, "at_us")), strict=True)
    return [{**dict(zip(names, row, strict=False)), "at": _instant(row[-1]), "recorded": recorded} for row in rows]


def told_readings(entry_id: str, rows: Sequence[Told]) -> Told:
    """A block of readings for outsiders; rows may lack what is not to be seen."""
    return {"id": entry_id, "topic": READINGS, "readings": [dict(row) for row in rows]}


def told_publication(topic: str, one: Received) -> Told:
    """A publication for outsiders."""
    return {"id": one.id, "topic": topic, **{name: plain(value) for name, value in (one.message or {}).items()}}


def written(told: Told, form: Form) -> str | bytes:
    """A message's text (JSON, CIM JSON) or bytes (msgpack).

    CIM JSON is a `MeterReadings` document (IEC 61968-9): each reading with its ReadingType, time stamp and quality.
    """
    if form is Form.MSGPACK:
        import msgpack

        packed: bytes = msgpack.packb(told)
        return packed
    return json.dumps(_cim(told) if form is Form.CIM and "readings" in told else told, ensure_ascii=False)


def plain(value: Plain) -> Plain:
    """A value as JSON has it."""
    if isinstance(value, date):  # an instant is a date, too
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def _cim(told: Told) -> Told:
    meters: dict[tuple[str, str], list[Plain]] = {}
    rows = told["readings"]
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict):
            continue
        reading: dict[str, Plain] = {
            name: row[ours] for name, ours in (("timeStamp", "at"), ("value", "value")) if ours in row
        }
        if "kind" in row:
            reading["ReadingType"] = {"mRID": Kind(str(row["kind"])).reading_type}
        if "quality" in row:
            quality = QUALITIES[Quality(str(row["quality"]))].value
            reading["ReadingQualities"] = [{"ReadingQualityType": {"mRID": quality}}]
        meters.setdefault((str(row.get("usage_point", "")), str(row.get("meter", ""))), []).append(reading)
    found: list[Plain] = []
    for (point, meter), readings in meters.items():
        one: dict[str, Plain] = {"Readings": readings}
        if meter:
            one["Meter"] = {"mRID": meter}
        if point:
            one["UsagePoint"] = {"mRID": point}
        found.append(one)
    return {"id": told["id"], "MeterReadings": found}


def _column(values: Plain) -> Sequence[Plain]:
    return values if isinstance(values, list | tuple) else ()


def _instant(us: Plain) -> str:
    return (_EPOCH + timedelta(microseconds=us if isinstance(us, int) else 0)).isoformat()
