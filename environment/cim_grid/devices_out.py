"""What stands behind a site's connections, as objects of the CIM: usage points, meters, loads, converters, machines, groups."""

from __future__ import annotations

from collections.abc import Iterator

from cim.model.cgmes import Cgmes
from cim.model.der import EndDeviceGroup
from cim.model.generation import (
    BatteryUnit,
    GeneratingUnit,
    PhotoVoltaicUnit,
    PowerElectronicsConnection,
    PowerElectronicsUnit,
    PowerElectronicsWindUnit,
    SolarGeneratingUnit,
    SynchronousMachine,
    ThermalGeneratingUnit,
    WindGeneratingUnit,
)
from cim.model.identified import CimValue
from cim.model.metering import EndDevice, Meter, UsagePoint
from cim.model.quantities import ActivePower, ApparentPower, ReactivePower, RealEnergy
from cim.model.topology import ConductingEquipment, VoltageLevel
from cim.model.wires import EnergyConsumer
from environment.cim_grid.grid_out import Identifiers
from environment.sites.devices import AnyDevice, ChpUnit, Pv, Wind
from environment.sites.devices import BatteryUnit as SiteBattery
from environment.sites.schema import Prosumer, Site

_REST_P, _REST_Q = ActivePower.of(0.0), ReactivePower.of(0.0)


def device_objects(site: Site, ids: Identifiers, version: Cgmes) -> Iterator[CimValue]:
    """The objects behind the connections of `site`.

    The state they are in: every base load at its peak, every device at rest. CGMES 2.4.15 has no meters and no converters;
    there PV, wind and batteries are machines with a generating unit, which says powers but not what a battery holds.
    """
    for prosumer in site.prosumers:
        equipment = list(_equipment(site, prosumer, ids, version))
        yield from (item for items in equipment for item in items)
        if version is Cgmes.V3_0:
            heads = tuple(items[0].m_rid for items in equipment if isinstance(items[0], ConductingEquipment))
            yield from _metering(prosumer, ids, heads)
    if version is Cgmes.V3_0:
        for aggregator, point in sorted({(p.aggregator, p.congestion_point) for p in site.prosumers}):
            yield EndDeviceGroup(m_rid=_group(ids, aggregator, point), name=f"{aggregator} at {point}", type="DERGroup")


def _group(ids: Identifiers, aggregator: str, point: str) -> str:
    return ids.of(EndDeviceGroup, f"{aggregator}@{point}")


def _metering(prosumer: Prosumer, ids: Identifiers, equipment: tuple[str, ...]) -> Iterator[CimValue]:
    point = UsagePoint(
        m_rid=ids.of(UsagePoint, prosumer.name),
        name=prosumer.name,
        description=prosumer.title,
        is_sdp=True,
        equipments=equipment,
    )
    yield point
    yield Meter(m_rid=ids.of(Meter, prosumer.meter), name=prosumer.meter, usage_point=point.m_rid)
    for device in prosumer.devices:
        yield EndDevice(
            m_rid=ids.of(EndDevice, prosumer.device_name(device)),
            name=prosumer.device_name(device),
            usage_point=point.m_rid,
            is_smart_inverter=isinstance(device, Pv | Wind | SiteBattery),
            end_device_groups=(_group(ids, prosumer.aggregator, prosumer.congestion_point),),
        )


def _equipment(site: Site, prosumer: Prosumer, ids: Identifiers, version: Cgmes) -> Iterator[list[CimValue]]:
    """The objects of each load and device: first what is connected, then its terminal and what stands behind it."""
    level = ids.of(VoltageLevel, prosumer.node)
    load = prosumer.base_load
    if load is not None:
        name = f"{prosumer.name}.load"
        p, q = ActivePower.of(load.peak_w.value), ReactivePower.of(load.peak_var.value)
        consumer = EnergyConsumer(
            m_rid=ids.of(EnergyConsumer, name), name=name, equipment_container=level, p=p, q=q, pfixed=p, qfixed=q
        )
        yield [consumer, ids.terminal(consumer, prosumer.node)]
    for device in prosumer.devices:
        name = prosumer.device_name(device)
        made: tuple[ConductingEquipment, *tuple[CimValue, ...]]
        if isinstance(device, Pv | Wind | SiteBattery) and version is Cgmes.V3_0:
            made = _converter(site, device, name, ids, level)
        elif device.capability.generation_w > 0:
            made = _machine(device, name, ids, level)
        else:
            made = (_consumer(device, name, ids, level),)
        yield [made[0], ids.terminal(made[0], prosumer.node), *made[1:]]


def _consumer(device: AnyDevice, name: str, ids: Identifiers, level: str) -> EnergyConsumer:
    """What only consumes: charging stations, heat pumps, appliances; `pfixed` is its rating."""
    return EnergyConsumer(
        m_rid=ids.of(EnergyConsumer, name),
        name=name,
        equipment_container=level,
        p=_REST_P,
        q=_REST_Q,
        pfixed=ActivePower.of(device.rated_w.value),
        qfixed=_REST_Q,
    )


def _converter(
    site: Site, device: AnyDevice, name: str, ids: Identifiers, level: str
) -> tuple[PowerElectronicsConnection, PowerElectronicsUnit]:
    """A converter and the PV, wind or battery unit behind it."""
    rated_w = device.rated_w.value
    at = PowerElectronicsConnection(
        m_rid=ids.of(PowerElectronicsConnection, name),
        name=name,
        equipment_container=level,
        rated_s=ApparentPower.of(rated_w),
        p=_REST_P,
        q=_REST_Q,
    )
    if isinstance(device, SiteBattery):
        held_wh = device.capacity_wh.value
        return at, BatteryUnit(
            m_rid=ids.of(BatteryUnit, name),
            name=name,
            power_electronics_connection=at.m_rid,
            max_p=ActivePower.of(rated_w),
            min_p=ActivePower.of(-rated_w),
            rated_e=RealEnergy.of(held_wh),
            stored_e=RealEnergy.of(held_wh * site.batteries.initial_soc.value),
        )
    kind = PhotoVoltaicUnit if isinstance(device, Pv) else PowerElectronicsWindUnit
    return at, kind(
        m_rid=ids.of(kind, name),
        name=name,
        power_electronics_connection=at.m_rid,
        max_p=ActivePower.of(rated_w),
        min_p=_REST_P,
    )


_MACHINE: dict[type[AnyDevice], type[GeneratingUnit]] = {
    Pv: SolarGeneratingUnit,
    Wind: WindGeneratingUnit,
    ChpUnit: ThermalGeneratingUnit,
}


def _machine(device: AnyDevice, name: str, ids: Identifiers, level: str) -> tuple[SynchronousMachine, GeneratingUnit]:
    """A machine and the unit that drives it; a battery's takes power too, which no other class of 2.4.15 can."""
    can = device.capability
    kind = _MACHINE.get(type(device), GeneratingUnit)
    unit = kind(
        m_rid=ids.of(kind, name),
        name=name,
        equipment_container=level,
        max_operating_p=ActivePower.of(can.generation_w),
        min_operating_p=ActivePower.of(-can.floor_w if can.floor_w else -can.consumption_w),
        nominal_p=ActivePower.of(can.generation_w),
        initial_p=ActivePower.of(-can.planned_w),
    )
    machine = SynchronousMachine(
        m_rid=ids.of(SynchronousMachine, name),
        name=name,
        equipment_container=level,
        generating_unit=unit.m_rid,
        rated_s=ApparentPower.of(device.rated_w.value),
        p=_REST_P,
        q=_REST_Q,
    )
    return machine, unit
