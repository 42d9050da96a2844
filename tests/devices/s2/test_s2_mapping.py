"""S2 quantities become CIM readings with our sign."""

from datetime import UTC, datetime

from cim.mapping.s2 import fill_level, power
from cim.model.readings import Kind, Quality

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_total_wins_and_phases_are_summed():
    """One net power, positive for consumption, from whatever quantities were measured."""
    phases = [("ELECTRIC.POWER.L1", 100.0), ("ELECTRIC.POWER.L2", -300.0)]
    assert power("gw", AT, phases).value == -200
    assert power("gw", AT, [*phases, ("ELECTRIC.POWER.3_PHASE_SYMMETRIC", 7.0)]).value == 7
    assert power("gw", AT, [("HEAT.TEMPERATURE", 40.0)]) is None


def test_fill_level_is_a_temperature():
    """The fill level of a room is its temperature, and nonsense is INVALID."""
    assert fill_level("gw", AT, 20.5).kind is Kind.TEMPERATURE
    for level in (float("nan"), 1e308, -274.0, 101.0):
        assert fill_level("gw", AT, level).quality is Quality.INVALID
    assert fill_level("gw", AT, 101.0, Kind.STATE_OF_CHARGE).quality is Quality.INVALID
    assert fill_level("gw", AT, 99.5, Kind.STATE_OF_CHARGE).quality is Quality.GOOD


def test_a_power_that_nothing_has_is_invalid():
    """Beyond any device of a community: it is told, and no number of anything."""
    for watts in (1e308, -1e9, float("inf")):
        found = power("gw", AT, [("ELECTRIC.POWER.L1", watts)])
        assert (found.value, found.quality) == (0.0, Quality.INVALID)
