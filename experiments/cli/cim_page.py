"""`iles docs cim`: the classes of the Common Information Model that ILES has, and what of ILES stands as which."""

from __future__ import annotations

import inspect
from types import ModuleType

from cim.codec.rdf.attributes import CLASSES, attributes
from cim.model import der, generation, metering, topology, wires
from cim.model.identified import CimValue
from cim.model.reading_type import parse_reading_type
from cim.model.readings import Kind

_HEAD = """# The Common Information Model in ILES

Drawn by `iles docs cim` from the classes in `cim/model/`; do not edit.

```sh
iles cim export strem --out strem.xml                  # CGMES 3.0: converters, batteries, meters
iles cim export strem --out old.xml --cgmes 2.4.15     # for tools of CIM 16
iles cim show strem.xml                                # what is in it, and its power flow
iles cim import strem.xml --out again.yaml --homes 0   # a CIM grid of anybody's as a site: `iles run again.yaml`
```

An import takes the files of one model together (EQ, SSH, TP, SV of any CIM version) and makes a site file: what the files say is
marked `source: cim`, all else `assumed: true`. Where the files have a power flow's result (SV), `iles cim show` sets ours beside
it. Files are bounded in size; a document type, an entity, a damaged or impossible grid is refused in one sentence.

## Read by others, and others read

Two readers that are not ours, in an environment of their own:

```sh
python3 -m venv cim-tools
cim-tools/bin/pip install triplets cimpy
iles cim export strem --out strem.xml
iles cim export strem --out old.xml --cgmes 2.4.15
cim-tools/bin/python docs/cim_readers.py strem.xml old.xml
```

cimpy ships CIGRE's benchmark grid of medium voltage as NEPLAN wrote it. `iles cim show` sets its own power flow
beside NEPLAN's (15 nodes, equal within a millionth); `iles run cigre.yaml` runs the site that is made of it:

```sh
iles cim show cim-tools/lib/python3.*/site-packages/cimpy/examples/sampledata/CIGRE_MV/*.xml
iles cim import cim-tools/lib/python3.*/site-packages/cimpy/examples/sampledata/CIGRE_MV/*.xml --out cigre.yaml --homes 0
```

## Names and units

Python's names are the standard's in Python's spelling: `rated_u` is `ratedU`. Numbers are in SI units without prefix (watts,
volts, metres); files have CGMES's prefixes (MW, kV, km), and the decimal point moves exactly.

## What of ILES stands as which class

| ILES | CIM | by |
|---|---|---|
"""
_MAPPINGS = (
    (
        "node, line, transformer, source of a feeder",
        "ConnectivityNode in a VoltageLevel, ACLineSegment with CurrentLimit, PowerTransformer with "
        "PowerTransformerEnds and RatioTapChanger, ExternalNetworkInjection with RegulatingControl",
        "`environment/cim_grid/grid_out.py`; back: `grid_in.py`",
    ),
    (
        "connection and its meter",
        "UsagePoint, Meter",
        "`environment/cim_grid/devices_out.py`",
    ),
    (
        "base load, charging station, heat pump, appliance",
        "EnergyConsumer: `pfixed` is the rating, `p` the state (base loads at their peak, devices at rest)",
        "the same",
    ),
    (
        "PV, wind turbine, battery",
        "PowerElectronicsConnection with PhotoVoltaicUnit, PowerElectronicsWindUnit, BatteryUnit (in CGMES "
        "2.4.15: SynchronousMachine with SolarGeneratingUnit, WindGeneratingUnit, GeneratingUnit; what a "
        "battery holds has no place there)",
        "the same",
    ),
    (
        "CHP plant",
        "SynchronousMachine with ThermalGeneratingUnit",
        "the same",
    ),
    (
        "an aggregator's devices at a congestion point",
        "EndDeviceGroup of EndDevices",
        "the same",
    ),
    (
        "flexibility request",
        "DERGroupDispatch: a DispatchSchedule of ranges for what is asked, one for the room left",
        "`market/der/dispatches.py`, both ways",
    ),
    (
        "flexibility offer",
        "DERGroupDispatch: a DispatchSchedule for each option, with its price in `Names`",
        "the same",
    ),
    (
        "flexibility order",
        "DERGroupDispatch: one DispatchSchedule",
        "the same",
    ),
    (
        "D-Prognosis, baseline",
        "DERGroupForecast",
        "`market/der/forecasts.py`, both ways",
    ),
    (
        "UFTP Metering",
        "MeterReading, an IntervalBlock for each profile",
        "`market/der/meterings.py`, both ways",
    ),
    (
        "readings of devices and meters",
        "MeterReading, an IntervalBlock for each kind, ReadingQuality for each value",
        "`cim/mapping/meter_readings.py`, both ways",
    ),
)

_AFTER = """
Intervals of a schedule are the ISPs of a local day, by the market's numbers; values are net watts, + = consumption. What the CIM
has no attribute for (domains, prices, references) travels in `Names` of the kinds `uftp:...`, so that a message comes back whole.

## Reading types of what devices tell

| kind | code | unit | flow |
|---|---|---|---|
"""


_EVERYWHERE = ("m_rid", "name", "description")


def page() -> str:
    """The Markdown page."""
    kinds = [(kind.value, parse_reading_type(kind.reading_type)) for kind in Kind]
    rows = [
        f"| `{name}` | `{read.code}` | {_unit(read.unit_name, read.multiplier)} | {read.flow} |" for name, read in kinds
    ]
    table = ["| " + " | ".join(row) + " |" for row in _MAPPINGS]
    parts = [_HEAD + "\n".join(table) + "\n" + _AFTER + "\n".join(rows) + "\n"]
    parts += [_classes(module) for module in (topology, wires, generation, metering, der)]
    return "\n".join(parts)


def _unit(name: str, multiplier: int) -> str:
    return name or ("%" if multiplier == -2 else "-")


def _classes(module: ModuleType) -> str:
    """A table of the classes that a module defines: those in files with their attributes there."""
    words = (inspect.getdoc(module) or "").partition("\n")[0]
    lines = [
        f"## `{module.__name__.replace('.', '/')}.py`\n",
        f"{words}\n",
        "| class | what it is | attributes |",
        "|---|---|---|",
    ]
    for name, kind in vars(module).items():
        if isinstance(kind, type) and kind.__module__ == module.__name__ and issubclass(kind, CimValue):
            if CLASSES.get(name) is kind:
                said = ", ".join(
                    f"`{attribute.path}`" for attribute in attributes(kind) if attribute.field not in _EVERYWHERE
                )
            else:
                said = ", ".join(f"`{field}`" for field in kind.model_fields if field not in _EVERYWHERE)
            what = " ".join((inspect.getdoc(kind) or "").split())
            lines.append(f"| {name} | {what} | {said} |")
    return "\n".join(lines) + "\n"
