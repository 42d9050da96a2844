"""Sampled values become CIM readings in watts, watt-hours and our sign."""

from datetime import UTC, datetime

import pytest

from cim.mapping.ocpp import readings
from cim.model.readings import Kind, Quality
from devices.ocpp.payload import Payload
from devices.ocpp.v201.requests import samples as sampled_values

AT = datetime(2026, 5, 1, tzinfo=UTC)


def _all(*samples):
    """What the station's JSON becomes."""
    return readings("cs", AT, sampled_values([Payload(sample) for sample in samples]))


def _one(*samples):
    (reading,) = _all(*samples)
    return reading


def test_units_and_multipliers_scale_to_watts():
    """11 kW and 1.1 with multiplier 4 are both 11,000 W."""
    kilo = {"value": 11, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "kW"}}
    ten_kilo = {"value": 1.1, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "W", "multiplier": 4}}
    assert _one(kilo).value == pytest.approx(11_000)
    assert _one(ten_kilo).value == pytest.approx(11_000)


def test_export_is_negative_power_and_nets_with_import():
    """Power towards the grid is negative, and one meter has one net power."""
    export = {"value": 3000, "measurand": "Power.Active.Export"}
    imported = {"value": 500, "measurand": "Power.Active.Import"}
    assert _one(export).value == -3000
    assert _one(imported, export).value == -2500


def test_phases_are_summed_unless_a_total_is_given():
    """Three phases make a total; a given total wins; voltage is the mean."""
    phases = [{"value": 1000, "measurand": "Power.Active.Import", "phase": p} for p in ("L1", "L2", "L3")]
    assert _one(*phases).value == 3000
    assert _one(*phases, {"value": 2990, "measurand": "Power.Active.Import"}).value == 2990
    volts = [{"value": v, "measurand": "Voltage", "phase": p} for v, p in ((229, "L1-N"), (231, "L2-N"))]
    assert _one(*volts).value == 230


def test_a_bare_sample_is_the_import_register_in_watt_hours():
    """The standard's defaults apply when the station names nothing."""
    assert _one({"value": 42}).kind is Kind.ENERGY_IMPORT
    assert _one({"value": 42}).value == 42


@pytest.mark.parametrize(
    "sample",
    [
        {"value": 5, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "Wh"}},
        {"value": 5, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "W", "multiplier": 9999}},
        {"value": 10**400, "measurand": "Power.Active.Import"},
    ],
)
def test_a_unit_that_does_not_fit_is_invalid_not_guessed(sample):
    """A wrong unit or an absurd number never passes as a good value."""
    assert _one(sample).quality is Quality.INVALID


def test_unknown_measurands_are_left_out():
    """What ILES has no kind for makes no reading."""
    assert _all({"value": 50, "measurand": "Frequency"}) == ()
