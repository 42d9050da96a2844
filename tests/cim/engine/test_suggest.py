"""A first mapping for a file that nobody has described: what is found, what is assumed, and that it maps."""

from __future__ import annotations

import io

import pytest

from cim.mapping.engine.mapping_file import read_mapping
from cim.mapping.engine.suggest.suggest import suggest
from cim.mapping.engine.suggest.words import quantity, role, unit_in
from cim.model.errors import BadInput
from tests.cim.engine.mappings import taken


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Zählerstand Bezug [kWh]", "energy_import"), ("Einspeisung_kWh", "energy_export"), ("Wirkleistung (kW)", "power"),
        ("Energía activa importada (kWh)", "energy_import"), ("Energía vertida (kWh)", "energy_export"),
        ("Excedentes", "energy_export"),
        ("Potencia [W]", "power"), ("Consumo_kWh", "energy_import"), ("active power (MW)", "power"), ("Consumption kW", "power"),
        ("SoC [%]", "state_of_charge"), ("temperature_2m", "temperature"), ("Außentemperatur", None), ("Tensión (V)", "voltage"),
        ("Blindarbeit [kvarh]", "reactive_energy"), ("Bemerkung", None),
    ],
)  # fmt: skip
def test_headers_of_values(header: str, found: str | None) -> None:
    """German, Spanish and English words; the unit decides between energy and power."""
    assert quantity(header) == found


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Zeitstempel", "instant"), ("Fecha", "date"), ("Hora", "time"), ("Uhrzeit bis", "time"), ("Fecha y hora", "instant"),
        ("CUPS", "usage_point"), ("Zählpunktbezeichnung", "usage_point"), ("Zählernummer", "meter"), ("Contador", "meter"),
        ("Método de obtención", "quality"), ("Zählerstand", None), ("Verbrauch", None),
    ],
)  # fmt: skip
def test_headers_of_parts(header: str, found: str | None) -> None:
    """Which part of a record a column is."""
    assert role(header) == found


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("P (kW)", "kW"), ("Bezug [kWh]", "kWh"), ("E/MWh", "MWh"), ("consumo_KWh", "kWh"), ("T [°C]", "°C"), ("Zeit h", None),
        ("x", None),
    ],
)  # fmt: skip
def test_units_in_headers(header: str, unit: str | None) -> None:
    """In brackets, behind a slash, as the last word."""
    assert unit_in(header) == unit


def test_a_register_is_known_by_growing() -> None:
    """A column that only grows from above zero is suggested as a counter, and the suggestion maps."""
    data = "time,meter,energy kWh\n" + "".join(f"2024-01-01T{h:02d}:00:00Z,m,{1000.5 + h}\n" for h in range(24))
    text = suggest(io.BytesIO(data.encode()), "x")
    assert "reading_type: counter_import" in text
    rows, rejects = taken(text, data)
    assert (len(rows), rejects, rows[0]["value"], rows[0]["duration_s"]) == (24, [], 1_000_500.0, 0)


def test_lists_in_json_and_lines() -> None:
    """An object of lists (as weather services give), records below a path, and a record a line: all are found and map."""
    lists = '{"a": 1, "hourly": {"time": ["2024-01-01T00:00", "2024-01-01T01:00"], "temperature_2m": [1, 2.5]}}'
    deep = '{"data": {"rows": [{"ts": 1704067200, "v": {"power_kW": 1}}, {"ts": 1704067260, "v": {"power_kW": 2}}]}}'
    lined = '{"timestamp": "2024-01-01T00:00:00Z", "power W": 5}\n{"timestamp": "2024-01-01T00:00:01Z", "power W": 6}\n'
    for data, lines, values in (
        (lists, "parallel: true", [1.0, 2.5]), (deep, "rows: data.rows", [1000.0, 2000.0]), (lined, "lines: true", [5.0, 6.0])
    ):  # fmt: skip
        text = suggest(io.BytesIO(data.encode()), "x")
        assert lines in text
        rows, rejects = taken(text, data)
        assert ([row["value"] for row in rows], rejects) == (values, [])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"   \n",
        b"{",
        b"[1, 2]",
        b"PAR1xx",
        b"a;b\n1;2\n",
        b"\x00\xff\x00\n\x01",
        b'{"a": {}}',
        b"time,name\n2024-01-01,x\n",
        b'"',
    ],
)
def test_what_cannot_be_suggested_is_refused_in_words(data: bytes) -> None:
    """One sentence, whatever the bytes are; never a suggestion that could not be read."""
    with pytest.raises(BadInput):
        read_mapping(suggest(io.BytesIO(data), "x"))
