"""What stands at the buses of a CIM grid as the prosumers of a site file, and homes added to them on request."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cim.codec.rdf.reading import CimModel
from cim.model.generation import (
    BatteryUnit,
    GeneratingUnit,
    PhotoVoltaicUnit,
    PowerElectronicsUnit,
    RotatingMachine,
    SolarGeneratingUnit,
    ThermalGeneratingUnit,
)
from cim.model.metering import UsagePoint
from cim.model.wires import EnergyConsumer, NonConformLoad
from environment.cim_grid.grid_in import CimGrid, Injection

Row = dict[str, object]

# Whose power follows which profile no CIM file says: many homes are the mean of several profiles, of several weeks.
_HOMES_COLUMNS: Row = {
    "column": "H0-G",
    "others": [
        {"column": "H0-A"},
        {"column": "H0-B", "weeks_later": {"value": 1, "assumed": True}},
        {"column": "H0-C", "weeks_later": {"value": 2, "assumed": True}},
    ],
}
_HOME_LOAD_W, _HOME_PV_W, _HOME_BATTERY_W, _HOME_BATTERY_WH, _HOME_HEAT_PUMP_W = 3000, 5000, 5000, 10000, 2000
_LARGEST_HOME_BATTERY_W = 100_000


def cim(value: float) -> Row:
    """A number that the file says."""
    return {"value": value, "source": "cim"}


def assumed(value: float) -> Row:
    """A number that nobody says."""
    return {"value": value, "assumed": True}


class Slugs:
    """Names as a site file may have them: lower case, digits and hyphens, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, text: str) -> str:
        """The next free name for `text`."""
        plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "unnamed"
        slug, number = plain, 1
        while slug in self._taken:
            number += 1
            slug = f"{plain}-{number}"
        self._taken.add(slug)
        return slug


@dataclass
class _Connection:
    name: str
    node: str
    p_w: float = 0.0
    q_var: float = 0.0
    industry: bool = False
    devices: list[Row] = field(default_factory=list)
    kind: str = "estate"


def connections(model: CimModel, grid: CimGrid) -> list[tuple[str, str, Row]]:
    """(name, node, what a site file says of it) of each connection: a usage point, or equipment that is at none.

    Loads become base loads, PV, batteries and thermal units devices; what neither draws nor is a device is left out.
    """
    point_of = {item: point for point in model.all(UsagePoint) for item in point.equipments}
    behind: dict[str, list[PowerElectronicsUnit]] = defaultdict(list)
    for unit in model.all(PowerElectronicsUnit):
        behind[unit.power_electronics_connection].append(unit)
    found: dict[tuple[str, str], _Connection] = {}
    for injection in grid.injections:
        point = point_of.get(injection.equipment.m_rid)
        name = (point.name or point.m_rid) if point else injection.name
        connection = found.setdefault((name, injection.node), _Connection(name, injection.node))
        _add(connection, injection, model, behind)
    return [(c.name, c.node, _row(c)) for c in found.values() if c.p_w > 0 or c.devices]


def _add(
    connection: _Connection, injection: Injection, model: CimModel, behind: Mapping[str, list[PowerElectronicsUnit]]
) -> None:
    equipment = injection.equipment
    if isinstance(equipment, EnergyConsumer):
        connection.p_w += max(injection.p_w, 0.0)
        connection.q_var += max(injection.q_var, 0.0)
        connection.industry |= isinstance(equipment, NonConformLoad)
        return
    if isinstance(equipment, RotatingMachine):
        unit = model.get(GeneratingUnit, equipment.generating_unit)
        units: Sequence[GeneratingUnit | PowerElectronicsUnit] = [unit] if unit else []
    else:
        units = behind.get(equipment.m_rid, [])
    for one in units:  # one by one: each is named after those before it
        connection.devices.extend(_device(connection, one))


def _device(connection: _Connection, unit: GeneratingUnit | PowerElectronicsUnit) -> Iterator[Row]:
    """The device that a unit is; none for kinds whose behaviour a CIM file says too little of."""
    number = f"-{len(connection.devices) + 1}" if connection.devices else ""
    most = unit.max_operating_p if isinstance(unit, GeneratingUnit) else unit.max_p
    if most is None or most.value <= 0:
        return
    rated = cim(most.value)
    if isinstance(unit, PhotoVoltaicUnit | SolarGeneratingUnit):
        connection.kind = "pv_plant" if connection.p_w == 0 else connection.kind
        yield {"name": f"pv{number}", "kind": "pv", "rated_w": rated, "column": "PV5", "sunspec": "123"}
    elif isinstance(unit, BatteryUnit) and unit.rated_e is not None and unit.rated_e.value > 0:
        model = "124" if most.value <= _LARGEST_HOME_BATTERY_W else "704"
        held = cim(unit.rated_e.value)
        yield {"name": f"battery{number}", "kind": "battery", "rated_w": rated, "capacity_wh": held, "sunspec": model}
    elif isinstance(unit, ThermalGeneratingUnit):
        connection.kind = "chp_plant"
        share = unit.min_operating_p.value / most.value
        plan = unit.initial_p.value / most.value if unit.initial_p else 0.0
        yield {
            "name": f"chp{number}",
            "kind": "chp",
            "rated_w": rated,
            "plan": cim(plan) if 0 < plan <= 1 else assumed(1.0),
            "minimum": cim(share) if 0 < share <= 1 else assumed(0.4),
            "ramp_per_min": assumed(0.1),
            "sunspec": "704",
        }


def _row(connection: _Connection) -> Row:
    row: Row = {"title": connection.name, "kind": "industry" if connection.industry else connection.kind}
    if connection.p_w > 0:
        columns: Row = {"column": "G3-A"} if connection.industry else _HOMES_COLUMNS
        row["base_load"] = columns | {"peak_w": cim(connection.p_w), "peak_var": cim(connection.q_var)}
    return row | {"devices": connection.devices}


def homes(count: int, nodes: list[str], name: Callable[[str], str]) -> list[tuple[str, str, Row]]:
    """`count` homes in turn over `nodes`, each with PV, a battery and a heat pump; all of it assumed."""
    found = []
    for index in range(count):
        row: Row = {
            "title": f"Home {index + 1} (assumed)",
            "kind": "household",
            "base_load": {
                "column": ("H0-A", "H0-B", "H0-C")[index % 3],
                "peak_w": assumed(_HOME_LOAD_W),
                "peak_var": assumed(_HOME_LOAD_W * 0.4),
            },
            "devices": [
                {"name": "pv", "kind": "pv", "rated_w": assumed(_HOME_PV_W), "column": "PV5", "sunspec": "123"},
                {
                    "name": "battery",
                    "kind": "battery",
                    "rated_w": assumed(_HOME_BATTERY_W),
                    "capacity_wh": assumed(_HOME_BATTERY_WH),
                    "sunspec": "124",
                },
                {
                    "name": "gateway",
                    "kind": "gateway",
                    "rated_w": assumed(_HOME_HEAT_PUMP_W),
                    "column": "Soil_Alternative_2",
                },
            ],
        }
        found.append((name(f"home-{index + 1}"), nodes[index % len(nodes)], row))
    return found
