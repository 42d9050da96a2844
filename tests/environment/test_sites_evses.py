"""Charging stations with several EVSEs in a site file: what cannot be is refused, each fault with one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cim.model.errors import BadInput
from environment.sites import load_site
from tests.worlds.market_days import park_with_one_charger

Change = Callable[[dict[str, Any]], object]


def _refused(folder: Path, change: Change) -> str:
    path = park_with_one_charger(folder)
    site = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(next(prosumer for prosumer in site["prosumers"] if prosumer["name"] == "charging-park"))
    path.write_text(yaml.safe_dump(site, sort_keys=False), encoding="utf-8")
    with pytest.raises(BadInput) as refused:
        load_site(str(path))
    return str(refused.value)


def test_a_sound_one_is_read(tmp_path: Path) -> None:
    """Its EVSEs keep their own names; both are reached by the station's."""
    park = load_site(str(park_with_one_charger(tmp_path))).prosumer("charging-park")
    assert [park.device_name(device) for device in park.devices[:3]] == [
        "charging-park.station-1", "charging-park.station-2", "charging-park.station-3",
    ]  # fmt: skip
    assert [park.wire_name(device) for device in park.devices[:3]] == [
        "charging-park.charger", "charging-park.charger", "charging-park.station-3",
    ]  # fmt: skip


def _assumed(value: float) -> dict[str, object]:
    return {"value": value, "assumed": True}


def _given(device: int, **values: object) -> Change:
    return lambda park: park["devices"][device].update(values)


def _charger(**values: object) -> Change:
    return lambda park: park["charging_stations"][0].update(values)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_given(0, evse={"station": "other", "number": 1}), "evse.station: value 'other': expected one of"),
        (_given(1, evse={"station": "charger", "number": 1}), "station-2: evse.number: value 1: expected another one"),
        (_given(1, evse={"station": "charger", "number": 3}), "its EVSEs are [1, 3]: expected 1 to 2"),
        (_given(1, evse={"station": "charger", "number": 0}), "greater than or equal to 1"),
        (lambda park: park["devices"][1].pop("evse"), "1 of its EVSEs is a device: expected two or more"),
        (_charger(name="station-3"), "a device has that name: expected every name once"),
        (lambda park: park.update(charging_stations=2 * park["charging_stations"]), "expected every name once"),
        (lambda park: park.pop("charging_stations"), "expected one of charging_stations: nothing (there is none)"),
        (_given(0, ocpp="1.6"), "expected ocpp at the charging station charger, not at its EVSE"),
        (_given(0, discharge_w={"value": 7000, "assumed": True}), 'expected ocpp: "2.1" at the charging station charger'),
        (_charger(limit_w={"value": 0, "assumed": True}), "expected a value > 0"),
        (
            lambda park: (_given(0, min_current_a=_assumed(6))(park), _charger(limit_w=_assumed(3000))(park)),
            "limit_w: value 3000: expected at least the 4140 W with which the vehicles at station-1 charge",
        ),
        (_charger(evses=2), "evses"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(tmp_path: Path, change: Change, words: str) -> None:
    """One sentence, which says what was expected."""
    assert words in _refused(tmp_path, change)
