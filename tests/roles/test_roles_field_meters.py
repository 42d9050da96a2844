"""Meters and inverters as people report them from the field: tests/golden/metering/CASE holds readings and right answer."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.planning.elements.element import ElementConfig
from agents.roles.effects import Effect, Publish, Send
from agents.roles.events import Measured, Received
from agents.roles.messages import DeviceReport, MeterUpdate
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.energy_metering import EnergyMetering
from cim.model.devices import DeviceKind
from cim.model.readings import Kind, Quality, Reading
from cim.platform.publications.measured import ReadingRefused, ReadingsTaken
from tests.worlds import players, terms
from tests.worlds.players import DAY, POINT

GOLDEN = Path(__file__).parents[1] / "golden" / "metering"
METER, PV = "farm-a.meter", "farm-a.pv"
KINDS = {"power_w": Kind.POWER, "import_wh": Kind.ENERGY_IMPORT, "export_wh": Kind.ENERGY_EXPORT}


def farm() -> ProsumerRole:
    """A farm with a PV plant, on a connection for 30 kW."""
    elements = (ElementConfig(PV, DeviceKind.PV, 8_200),)
    config = terms.prosumer_config("farm-a", POINT, "agr", elements, (np.zeros(96),), carries_w=30_000)
    return ProsumerRole("farm-a", players.rules(), players.key("farm-a"), config)


def lived(case: dict[str, Any], source: str) -> tuple[ProsumerRole, list[tuple[int, Effect]]]:
    """The farm when a source has shown all readings of a case, and its effects by the minute."""
    role, effects = farm(), list[tuple[int, Effect]]()
    for row in case["readings"]:
        at = DAY.start + timedelta(minutes=row["minute"])
        readings = tuple(Reading(source, kind, float(row[name]), at) for name, kind in KINDS.items() if name in row)
        event = (
            Measured(METER, readings, ()) if source == METER else Received(PV, 1, DeviceReport(PV, at, readings, ()))
        )
        effects += [(row["minute"], effect) for effect in role.handle(event, at)]
    return role, effects


@pytest.mark.parametrize("folder", sorted(GOLDEN.iterdir()), ids=lambda folder: folder.name)
def test_a_field_case_is_metered_as_it_was(folder: Path) -> None:
    """Energy of each ISP to the watt-hour, ISPs that nobody knows, and the readings that are refused by name."""
    assert (folder / "source.md").read_text(encoding="utf-8").strip()
    case, expected = (json.loads((folder / f"{name}.json").read_text()) for name in ("input", "expected"))
    source = METER if "import_wh" in case["readings"][0] else PV
    role, effects = lived(case, source)
    metering = role.part(EnergyMetering)
    right = np.zeros(96)
    told = expected["energy_wh"]
    rows = told.items() if isinstance(told, dict) else enumerate(told, start=1)
    for isp, energy_wh in rows:
        right[int(isp) - 1] = energy_wh
    assert metering.energy_wh(source, DAY) == pytest.approx(right, abs=1.0)
    minutes = [row["minute"] for row in case["readings"]]
    whole = range(-(-minutes[0] // 15) + 1, minutes[-1] // 15 + 1)
    assert [isp for isp in whole if isp in metering.lost_isps(source, DAY)] == expected["unmetered_isps"]
    refused = [minute for minute, e in effects if isinstance(e, Publish) and isinstance(e.publication, ReadingRefused)]
    assert refused == expected["refused_minutes"]


@pytest.mark.parametrize("name", ["zero-once", "replaced", "rollover"])
def test_a_meters_field_case_never_shows_another_power(name: str) -> None:
    """The aggregator is told 1200 W, or that the meter was blind; a refused counter is INVALID in the telemetry."""
    case = json.loads((GOLDEN / name / "input.json").read_text())
    _, effects = lived(case, METER)
    updates = [e.message for _, e in effects if isinstance(e, Send) and isinstance(e.message, MeterUpdate)]
    assert {update.power_w for update in updates[1:]} <= {1200, None}
    bad = {minute for minute, e in effects if isinstance(e, Publish) and isinstance(e.publication, ReadingsTaken)
           for r in e.publication.readings if r.quality is Quality.INVALID}  # fmt: skip
    assert bad == set(json.loads((GOLDEN / name / "expected.json").read_text())["refused_minutes"])
