"""What stands behind Strem's connections in its CIM file: every number and reference of every kind of device."""

from __future__ import annotations

from functools import cache
from typing import TypeVar

import pytest

from cim.codec.rdf.names import Cgmes
from cim.model.der import EndDeviceGroup
from cim.model.generation import (
    BatteryUnit,
    GeneratingUnit,
    PhotoVoltaicUnit,
    PowerElectronicsConnection,
    PowerElectronicsUnit,
    SolarGeneratingUnit,
    SynchronousMachine,
    ThermalGeneratingUnit,
)
from cim.model.identified import CimValue, IdentifiedObject
from cim.model.metering import EndDevice, Meter, UsagePoint
from cim.model.topology import ConductingEquipment, ConnectivityNode, Terminal, VoltageLevel
from cim.model.wires import CurrentLimit, EnergyConsumer
from environment.cim_grid.grid_out import Identifiers
from environment.cim_grid.site_out import site_objects
from environment.sites import Site, load_site

T = TypeVar("T", bound=CimValue)
IDS = Identifiers("strem")
VERSIONS = list(Cgmes)


@cache
def strem() -> Site:
    """The shipped site."""
    return load_site("strem")


@cache
def objects(version: Cgmes) -> tuple[CimValue, ...]:
    """All of its objects."""
    return tuple(site_objects(strem(), version))


def all_of(kind: type[T], version: Cgmes = Cgmes.V3_0) -> list[T]:
    """Those of a class."""
    return [item for item in objects(version) if isinstance(item, kind)]


def called(kind: type[T], name: str, version: Cgmes = Cgmes.V3_0) -> T:
    """The one of a class with this name."""
    (found,) = [item for item in all_of(kind, version) if getattr(item, "name", None) == name]
    return found


def rated(kind: str) -> dict[str, float]:
    """The rating of each device of a kind, by its site-wide name."""
    return {p.device_name(d): d.rated_w.value for p in strem().prosumers for d in p.devices if d.kind == kind}


def test_a_battery_holds_what_it_begins_with_and_works_both_ways() -> None:
    """Power is the rating either way, the energy its capacity, what is stored the share that it begins a day with."""
    share = strem().batteries.initial_soc.value
    capacity = {
        p.device_name(d): d.capacity_wh.value for p in strem().prosumers for d in p.devices if d.kind == "battery"
    }
    for name, rated_w in rated("battery").items():
        unit = called(BatteryUnit, name)
        assert unit.max_p is not None
        assert unit.min_p is not None
        assert unit.rated_e is not None
        assert unit.stored_e is not None
        assert (unit.max_p.value, unit.min_p.value) == (rated_w, -rated_w)
        assert unit.rated_e.value == capacity[name]
        assert unit.stored_e.value == pytest.approx(share * capacity[name])


def test_pv_gives_and_never_takes() -> None:
    """Behind its converter PV gives up to its rating and takes nothing; in 2.4.15 its machine does the same."""
    for name, rated_w in rated("pv").items():
        unit = called(PhotoVoltaicUnit, name)
        assert unit.max_p is not None
        assert unit.min_p is not None
        assert (unit.max_p.value, unit.min_p.value) == (rated_w, 0)
        machine = called(SolarGeneratingUnit, name, Cgmes.V2_4_15)
        assert (machine.max_operating_p.value, machine.min_operating_p.value) == (rated_w, 0)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_chps_plan_and_part_load_are_in_the_file(version: Cgmes) -> None:
    """What it plans, what it can at least and at most run at: all of them generation, so all above nought."""
    for prosumer in strem().prosumers:
        for device in prosumer.devices:
            if device.kind == "chp":
                unit = called(ThermalGeneratingUnit, prosumer.device_name(device), version)
                rated_w = device.rated_w.value
                assert unit.max_operating_p.value == rated_w
                assert unit.min_operating_p.value == pytest.approx(device.minimum.value * rated_w)
                assert unit.initial_p is not None
                assert unit.initial_p.value == pytest.approx(device.plan.value * rated_w)


def test_what_only_consumes_is_at_rest_with_its_rating() -> None:
    """Stations, heat pumps and appliances are consumers that draw nothing now, and could draw their rating."""
    for kind in ("station", "gateway", "appliance"):
        assert rated(kind)
        for name, rated_w in rated(kind).items():
            consumer = called(EnergyConsumer, name)
            assert consumer.p is not None
            assert consumer.pfixed is not None
            assert (consumer.p.value, consumer.pfixed.value) == (0, rated_w)


def test_only_converters_that_can_be_told_are_smart_inverters() -> None:
    """PV and batteries are; stations, heat pumps, the CHP and meters are not said to be."""
    smart = {item.name for item in all_of(EndDevice) if item.is_smart_inverter}
    assert smart == {*rated("pv"), *rated("battery")}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_reference_leads_to_an_object(version: Cgmes) -> None:
    """No object names an mRID that is not in the file, and no mRID stands twice."""
    known = [item.m_rid for item in objects(version) if isinstance(item, IdentifiedObject)]
    assert len(known) == len(set(known))
    for item in all_of(Terminal, version):
        assert {item.conducting_equipment, item.connectivity_node} <= set(known)
    for unit in all_of(PowerElectronicsUnit, version):
        assert unit.power_electronics_connection in known
    for point in all_of(UsagePoint, version):
        assert point.equipments
        assert set(point.equipments) <= set(known)
    for device in all_of(EndDevice, version):
        assert {device.usage_point, *device.end_device_groups} <= set(known)
    for machine in all_of(SynchronousMachine, version):
        assert machine.generating_unit in known


@pytest.mark.parametrize("version", VERSIONS)
def test_equipment_stands_at_its_prosumers_node(version: Cgmes) -> None:
    """One terminal each, at the node of the connection, in the voltage level of that node."""
    at = {item.conducting_equipment: item.connectivity_node for item in all_of(Terminal, version)}
    for prosumer in strem().prosumers:
        behind = [
            item for item in all_of(ConductingEquipment, version) if (item.name or "").startswith(f"{prosumer.name}.")
        ]
        assert len(behind) == len(prosumer.devices) + (prosumer.base_load is not None)
        for item in behind:
            assert at[item.m_rid] == IDS.of(ConnectivityNode, prosumer.node)
            assert item.equipment_container == IDS.of(VoltageLevel, prosumer.node)


def test_a_connections_devices_and_meter_are_at_its_usage_point() -> None:
    """A usage point has all equipment of its prosumer, one meter, and an end device for each device."""
    for prosumer in strem().prosumers:
        point = called(UsagePoint, prosumer.name)
        names = {item.name for item in all_of(ConductingEquipment) if item.m_rid in point.equipments}
        wanted = {prosumer.device_name(device) for device in prosumer.devices}
        assert names == wanted | ({f"{prosumer.name}.load"} if prosumer.base_load else set())
        here = [item for item in all_of(EndDevice) if item.usage_point == point.m_rid]
        assert {item.name for item in here if isinstance(item, Meter)} == {prosumer.meter}
        assert {item.name for item in here if not isinstance(item, Meter)} == wanted


def test_devices_are_grouped_by_aggregator_and_congestion_point() -> None:
    """One group for each aggregator at each point where it has members, and each device in just its own."""
    wanted = {f"{p.aggregator} at {p.congestion_point}" for p in strem().prosumers}
    groups = {item.m_rid: item.name for item in all_of(EndDeviceGroup)}
    assert sorted(groups.values(), key=str) == sorted(wanted)
    for prosumer in strem().prosumers:
        for device in prosumer.devices:
            (group,) = called(EndDevice, prosumer.device_name(device)).end_device_groups
            assert groups[group] == f"{prosumer.aggregator} at {prosumer.congestion_point}"


def test_2_4_15_has_no_class_that_it_does_not_know() -> None:
    """Neither converters, meters, usage points nor groups: a reader of CIM 16 would stumble over them."""
    later = (PowerElectronicsConnection, PowerElectronicsUnit, UsagePoint, EndDevice, EndDeviceGroup)
    assert not any(isinstance(item, later) for item in objects(Cgmes.V2_4_15))
    names = {unit.name for unit in all_of(GeneratingUnit, Cgmes.V2_4_15)}
    assert names == {*rated("pv"), *rated("battery"), *rated("chp")}


def test_a_current_limit_has_a_normal_value_only_where_the_version_knows_it() -> None:
    """Both versions say the limit; 3.0 says the normal one too, 2.4.15 has no such attribute."""
    for version in VERSIONS:
        for limit in all_of(CurrentLimit, version):
            assert limit.value is not None
            assert limit.normal_value == (limit.value if version is Cgmes.V3_0 else None)
