"""Every device that a site file can name has the rules of its kind, and they agree with each other."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.planning.elements.element import ElementConfig
from agents.planning.elements.registry import ELEMENT_KINDS, element_kind
from cim.model.devices import DeviceKind, Mode, Nameplate, Setpoint
from cim.model.errors import ProgrammingFault
from environment.physics import UnitKind
from environment.sites.devices import DEVICE_WORDS
from tests.worlds.elements import NOTHING, unknown, window

KINDS = sorted(ELEMENT_KINDS)


def test_what_a_site_can_name_is_what_the_registry_knows() -> None:
    """Neither a device without rules nor rules without a device."""
    assert {kind.value for kind in ELEMENT_KINDS} == DEVICE_WORDS


def test_labels_and_balances_name_each_kind_once() -> None:
    """A report tells all kinds apart, by the names that the physics gives them; base load is no element."""
    kinds = ELEMENT_KINDS.values()
    assert len({kind.label for kind in kinds}) == len(kinds)
    assert {kind.balance for kind in kinds} | {"load"} == {kind.value for kind in UnitKind}


@pytest.mark.parametrize("kind", [DeviceKind.METER, DeviceKind.WEATHER])
def test_a_meter_is_no_element(kind: DeviceKind) -> None:
    """Asking for the rules of what nobody can steer names the kinds there are."""
    with pytest.raises(ProgrammingFault, match=f"{kind} is no flexible element; expected one of"):
        element_kind(kind)


@pytest.mark.parametrize("kind", KINDS)
@given(power_w=st.integers(-60_000, 60_000), mode=st.sampled_from(list(Mode)))
def test_a_safe_setpoint_stays_safe(kind: DeviceKind, power_w: int, mode: Mode) -> None:
    """Within the nameplate, what is safe already is not changed, and a limit bounds the way the device can go."""
    rules, plate = element_kind(kind), Nameplate(kind, "M", "M", "1", 5_000, 4_000)
    safe = rules.safe(Setpoint(mode, power_w), plate)
    assert -5_000 <= safe.power_w <= 4_000
    assert rules.safe(safe, plate) == safe
    if rules.generates:
        assert safe.power_w <= 0
    if rules.mode is Mode.LIMIT and not rules.generates:
        assert safe.power_w >= 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_free_element_is_expected_as_forecast(kind: DeviceKind) -> None:
    """Where no order holds it nothing changes; where one does, a power it could have chosen itself is expected.

    What foresees its orders is expected as it foresees them.
    """
    rules = element_kind(kind)
    forecast = np.array([-2.0, -2.0]) if rules.generates else np.array([2.0, 2.0])
    held = np.array([np.nan, forecast[1] / 2])
    moved = np.array([0.0, -forecast[1] / 2])
    there = forecast[1] if rules.foresees_orders else held[1]
    np.testing.assert_array_equal(rules.expected(forecast, held, moved), [forecast[0], there])


@pytest.mark.parametrize(
    ("kind", "both", "given_only", "taken_only"),
    [
        (DeviceKind.PV, -60.0, -100.0, None),
        (DeviceKind.WIND, -60.0, -100.0, None),
        (DeviceKind.CHP, -60.0, -100.0, None),
        (DeviceKind.BATTERY, -60.0, None, None),
        (DeviceKind.GATEWAY, -60.0, None, None),
        (DeviceKind.STATION, 40.0, None, 40.0),
        (DeviceKind.APPLIANCE, 40.0, None, 40.0),
    ],
)
def test_the_energy_register_needs_the_directions_that_its_kind_can_take(
    kind: DeviceKind, both: float, given_only: float | None, taken_only: float | None
) -> None:
    """40 Wh taken and 100 Wh given: a generator counts with what it gave alone, a station with what it took alone."""
    rules = element_kind(kind)
    assert rules.register_wh(40.0, 100.0) == both
    assert rules.register_wh(None, 100.0) == given_only
    assert rules.register_wh(40.0, None) == taken_only
    assert rules.register_wh(None, None) is None


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not DeviceKind.BATTERY])
def test_only_a_battery_is_carried_forward_and_held_back(kind: DeviceKind) -> None:
    """What others store is told by their devices, and left as it was told; nothing is kept of it for orders."""
    assert element_kind(kind).stored_later(3.0, 2.0, 1.0) == 3.0
    known = unknown(ElementConfig("e", kind, 5_000, 5_000, 5_000))
    assert np.isnan(element_kind(kind).owner_kw(known, window(), NOTHING)).all()


def test_roles_and_elements_load_no_solver_and_no_data_frames() -> None:
    """A host that starts a prosumer and its devices imports none of pandas, scipy, cvxpy, osqp."""
    program = (
        "import sys; import agents.roles.prosumer, agents.roles.device_agent, agents.planning.elements.registry; "
        "print(sorted({'pandas', 'scipy', 'cvxpy', 'osqp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
