"""Numbers, units, signs, rules, names: what becomes of each value."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cim.mapping.engine.mapping_file import read_mapping
from cim.mapping.engine.units import conversion, factor_to
from cim.model.errors import BadInput
from cim.model.reading_type import build_reading_type, parse_reading_type
from cim.model.readings import Kind
from tests.cim.engine.mappings import HOURLY, taken

HEAD = "meter;time;kwh\n"
POINT = HOURLY.replace("interval_s: 3600", "interval_s: 0")


def one(cell: str, mapping: str = HOURLY) -> tuple[object, object] | str:
    """A cell's (value, quality), or why it was refused."""
    rows, rejects = taken(mapping, f"{HEAD}m;01.01.2024 00:00;{cell}\n")
    return (rows[0]["value"], rows[0]["quality"]) if rows else rejects[0][1]


@pytest.mark.parametrize(
    ("cell", "wh"), [("1,5", 1500.0), (" 2 ", 2000.0), ("-,5", -500.0), ("1e-3", 1.0), ("0", 0.0), ('"3,5"', 3500.0)]
)
def test_decimal_commas(cell: str, wh: float) -> None:
    """A comma is the decimal sign where the mapping says so."""
    assert one(cell) == (wh, "GOOD")


@pytest.mark.parametrize(
    "cell", ["1.5", "1,5,0", "12a", "--1", "1 000", "inf", "1e999", "٣", "\ufffd", "0x10", "1_000", "9e17"]
)
def test_what_is_no_number_is_refused(cell: str) -> None:
    """Never read as another number: a point where a comma is expected is not passed over."""
    assert one(cell) == f"kwh: {cell!r} is no number a meter shows"


def test_thousands() -> None:
    """1.234,5 is one thousand and more; 1.23 is not a hundred and twenty-three."""
    mapping = HOURLY.replace('decimal: ","', 'decimal: ",", thousands: "."')
    assert one("1.234,5", mapping) == (1_234_500.0, "GOOD")
    assert one("1.23", mapping) == "kwh: '1.23' is no number a meter shows"


@pytest.mark.parametrize("cell", ["", "  ", "NaN", "nan", "N/A", "n/a", "null"])
def test_no_value_is_a_reading_that_says_so(cell: str) -> None:
    """An empty cell or a marker is a reading of quality ABSENT with value 0."""
    assert one(cell) == (0.0, "ABSENT")


def test_markers_of_a_source() -> None:
    """-1 and 9999 stand for no value, also written -1,0; or the record is skipped or held, as the mapping says."""
    mapping = HOURLY.replace("unit: kWh", 'unit: kWh, missing: [-1, 9999, "kein Wert"]')
    assert [one(cell, mapping) for cell in ("-1", "-1,0", "9999", "Kein Wert")] == [(0.0, "ABSENT")] * 4
    assert one("-1", mapping.replace("unit: kWh", "when_missing: quarantine, unit: kWh")) == "kwh: no value ('-1')"
    assert taken(mapping.replace("unit: kWh", "when_missing: skip, unit: kWh"), f"{HEAD}m;01.01.2024 00:00;-1\n") == (
        [],
        [],
    )


def test_ranges() -> None:
    """Outside its range a value is held, or kept as INVALID where the mapping says so; the bounds themselves are inside."""
    mapping = HOURLY.replace("unit: kWh", "unit: kWh, low: 0, high: 10")
    assert one("10", mapping) == (10_000.0, "GOOD")
    assert one("10,1", mapping) == "kwh: '10,1' is outside 0.0 to 10.0"
    assert one("-1", mapping.replace("low: 0", "outside: invalid, low: 0")) == (-1000.0, "INVALID")


def test_a_spike_is_held_and_what_follows_is_not() -> None:
    """A counter's jump to 9 and back: only the spike is further from the last good value than an hour allows."""
    mapping = POINT.replace("unit: kWh", "unit: kWh, max_change_per_hour: 2").replace("energy_import", "counter_import")
    data = HEAD + "".join(f"m;01.01.2024 0{k}:00;{v}\n" for k, v in enumerate(["1", "2", "9", "4", "5"]))
    rows, rejects = taken(mapping, data)
    assert [row["value"] for row in rows] == [1000.0, 2000.0, 4000.0, 5000.0]
    assert rejects == [(4, "kwh: '9' changed by more than 2.0 in an hour")]


@pytest.mark.parametrize(
    ("unit", "kind", "value", "expected"),
    [
        ("kW", "power", 1.5, 1500.0), ("MW", "power", 1.0, 1e6), ("W", "power", 7.0, 7.0),
        ("degF", "temperature", 212.0, 100.0), ("K", "temperature", 273.15, 0.0), ("°C", "temperature", 21.5, 21.5),
        ("%", "state_of_charge", 55.0, 55.0), ("1", "state_of_charge", 0.55, 55.0), ("kvar", "reactive_power", 2.0, 2000.0),
    ],
)  # fmt: skip
def test_units(unit: str, kind: str, value: float, expected: float) -> None:
    """Values come in the reading type's unit."""
    mapping = POINT.replace("energy_import, unit: kWh", f'{kind}, unit: "{unit}"')
    found = one(str(value).replace(".", ","), mapping)
    assert found[0] == pytest.approx(expected, abs=1e-9)


def test_a_code_with_a_multiplier_is_honoured() -> None:
    """The 18 fields may say kWh: then a value in Wh becomes one in kWh."""
    code = "0.0.7.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0"
    assert one("1500", HOURLY.replace("energy_import, unit: kWh", f"{code}, unit: Wh")) == (1.5, "GOOD")
    assert conversion("MWh", parse_reading_type(code)).factor == pytest.approx(1000.0)
    with pytest.raises(BadInput, match="cannot be turned"):
        factor_to("kW", "Wh")


def test_sources_that_count_the_other_way() -> None:
    """sign -1 turns generation into negative consumption; zero stays zero."""
    mapping = POINT.replace("energy_import, unit: kWh", "power, unit: kW, sign: -1")
    assert one("2", mapping) == (-2000.0, "GOOD")
    assert str(one("0", mapping)[0]) == "0.0"


def test_names_of_quantities_are_the_codes_that_agents_use() -> None:
    """Readings that a mapping names `power` and those of the devices' drivers are one type."""
    mapping = POINT.replace("energy_import, unit: kWh", "power, unit: kW")
    rows, _ = taken(mapping, f"{HEAD}m;01.01.2024 00:00;1\n")
    assert rows[0]["reading_type"] == Kind.POWER.reading_type
    rows, _ = taken(HOURLY, f"{HEAD}m;01.01.2024 00:00;1\n")
    expected = build_reading_type("energy", "Wh", interval_s=3600, flow_direction="forward", accumulation="deltaData")
    assert rows[0]["reading_type"] == expected.code
    assert rows[0]["duration_s"] == 3600


def test_a_register_a_line() -> None:
    """A long table: each value asks for its own lines, and what nobody asks for is passed over."""
    mapping = """
name: long
format: {kind: csv}
instant: {column: t, interval_s: 900}
usage_point: {column: mp, lookup: {AT1: "agr-east:home-1"}}
meter: {column: mp, prefix: "m-"}
values:
  - {column: v, where: {obis: "1-0:1.8.0"}, reading_type: counter_import, unit: kWh}
  - {column: v, where: {obis: "1-0:2.8.0"}, reading_type: counter_export, unit: kWh}
"""
    data = "mp,t,obis,v\nAT1,2024-01-01T00:00Z,1-0:1.8.0,5\nAT1,2024-01-01T00:00Z,1-0:2.8.0,6\nAT1,2024-01-01T00:00Z,0-0:1,x\n"
    data += "AT2,2024-01-01T00:00Z,1-0:1.8.0,7\n"
    rows, rejects = taken(mapping, data)
    assert [(row["usage_point"], row["meter"], row["value"], row["duration_s"]) for row in rows] == [
        ("agr-east:home-1", "m-AT1", 5000.0, 0), ("agr-east:home-1", "m-AT1", 6000.0, 0)
    ]  # fmt: skip
    assert rejects == [(5, "usage_point: 'AT2' is not in the mapping's lookup")]


def test_one_bad_value_holds_the_record_and_the_others_are_taken() -> None:
    """Of a wide record the good columns are readings, and the quarantine has the whole record."""
    mapping = HOURLY + "  - {column: c, reading_type: temperature, unit: °C}\n"
    rows, rejects = taken(mapping, "meter;time;kwh;c\nm;01.01.2024 00:00;1;warm\n")
    assert [row["value"] for row in rows] == [1000.0]
    assert rejects == [(2, "c: 'warm' is no number a meter shows")]


def test_json_paths_lists_and_lines() -> None:
    """Records below a path, an object of lists, and a record a line give the same readings."""
    head = HOURLY.replace('format: {kind: csv, delimiter: ";", decimal: ","}', "format: {kind: json, %s}").replace(
        "column: kwh", "column: v.kwh"
    )
    head = head.replace('"%d.%m.%Y %H:%M"', "epoch_s")
    records = [{"meter": "m", "time": 1704067200 + 3600 * k, "v": {"kwh": k}} for k in range(3)]
    deep, _ = taken(head % "rows: data.points", json.dumps({"data": {"points": records}}))
    lined, bad = taken(
        head % "lines: true",
        "\n".join([json.dumps(records[0]), "{", json.dumps(records[1]), "[]", json.dumps(records[2])]),
    )
    lists, _ = taken(
        head % "parallel: true",
        json.dumps({"meter": ["m"] * 3, "time": [r["time"] for r in records], "v": {"kwh": [0, 1, 2]}}),
    )
    values = [(row["begin"], row["value"]) for row in deep]
    assert [value for _, value in values] == [0.0, 1000.0, 2000.0]
    assert [(row["begin"], row["value"]) for row in lined] == values
    assert [(row["begin"], row["value"]) for row in lists] == values
    assert [line for line, _ in bad] == [2, 4]


def test_parquet() -> None:
    """Typed columns: instants with a zone, integers, nulls."""
    mapping = HOURLY.replace('{kind: csv, delimiter: ";", decimal: ","}', "{kind: parquet}")
    times = pa.array([1704067200, 1704070800, None], pa.int64()).cast(pa.timestamp("s", "Europe/Vienna"))
    sink = io.BytesIO()
    pq.write_table(
        pa.table({"meter": pa.array(["m"] * 3).dictionary_encode(), "time": times, "kwh": pa.array([1, None, 3])}), sink
    )
    rows, rejects = taken(mapping, sink.getvalue())
    assert [(row["value"], row["quality"]) for row in rows] == [(1000.0, "GOOD"), (0.0, "ABSENT")]
    assert rejects == [(3, "no time")]
    for data in (b"no parquet", sink.getvalue()[:-40]):
        with pytest.raises(BadInput, match="no readable Parquet"):
            taken(mapping, data)


def test_lines_that_do_not_fit() -> None:
    """Too few cells, too many, a quotation mark never closed, bytes of another encoding: each line alone is refused."""
    data = b"meter;time;kwh\nm;01.01.2024 00:00;1\nm;01.01.2024 01:00\n\nm;01.01.2024 02:00;3;4\n"
    data += b'm;"01.01.2024 03:00;5\nm\xff;01.01.2024 04:00;6\nm;01.01.2024 05:00;7'
    rows, rejects = taken(HOURLY, data)
    assert [row["value"] for row in rows] == [1000.0, 7000.0]
    assert [line for line, _ in rejects] == [3, 5, 6, 7]
    assert dict(rejects)[6] == 'a " is opened and not closed in its line'


def test_headers_may_stand_lower_and_in_other_encodings() -> None:
    """Words above the header are passed over, a byte order mark too, and cp1252 is read."""
    mapping = HOURLY.replace('decimal: ","', 'decimal: ",", header_row: 3, encoding: cp1252').replace(
        "column: kwh", "column: Zählerstand"
    )
    rows, _ = taken(
        mapping, "Export vom 1.1.\r\n\r\nmeter;time;Zählerstand\r\nm;01.01.2024 00:00;1\r\n".encode("cp1252")
    )
    assert [(row["value"], row["line"]) for row in rows] == [(1000.0, 4)]
    rows, _ = taken(HOURLY, b"\xef\xbb\xbfmeter;time;kwh\nm;01.01.2024 00:00;1\n")
    assert len(rows) == 1
    with pytest.raises(BadInput, match="column 'time' is not in the header; there are a, b"):
        taken(HOURLY, "a;b\n")


@pytest.mark.parametrize(
    ("was", "becomes", "message"),
    [
        ("unit: kWh", "unit: kW", "line 8, values.0: values\\[0\\] \\(kwh\\): unit 'kW' is one of W"),
        ("zone: Europe/Vienna", "zone: Mars/One", "line 4, instant.*zone 'Mars/One' is not known"),
        ("interval_s: 3600", "interval: 3600", "line 4, instant.interval.*Extra inputs"),
        ("meter: meter", "", "meter: Field required"),
        ("kind: csv", "kind: xml", "line 3, format"),
        ("energy_import", "energy_imported", "no code of 18 fields"),
        ("unit: kWh", "unit: kWh, low: 5, high: 1", "line 8, values.0.*low 5.0 is above high 1.0"),
        ('"%d.%m.%Y %H:%M"', '"%Q"', "%Q is not known"),
        ("values:", "values: *x", "line 7: aliases"),
        ("name: hourly", "name: [", "line "),
        ("encoding", "encoding", None),
    ],
)  # fmt: skip
def test_a_wrong_mapping_is_told_by_line_and_field(was: str, becomes: str, message: str | None) -> None:
    """One sentence: the line, the field, what was expected."""
    if message is None:
        assert read_mapping(HOURLY).mapping.name == "hourly"
        return
    with pytest.raises(BadInput, match=message):
        read_mapping(HOURLY.replace(was, becomes), "m.yaml")
