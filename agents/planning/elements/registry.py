"""All kinds of flexible element that ILES knows; a new kind is one more module and one more entry here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from agents.planning.elements.appliance import Appliance
from agents.planning.elements.battery import Battery
from agents.planning.elements.chp import Chp
from agents.planning.elements.element import ElementKind
from agents.planning.elements.heat import Heat
from agents.planning.elements.pv import Pv
from agents.planning.elements.vehicle import Vehicle
from agents.planning.elements.wind import Wind
from cim.model.devices import DeviceKind
from cim.model.errors import ProgrammingFault

ELEMENT_KINDS: Mapping[DeviceKind, ElementKind] = MappingProxyType(
    {rules.kind: rules for rules in (Heat(), Vehicle(), Battery(), Pv(), Wind(), Chp(), Appliance())}
)


def element_kind(kind: DeviceKind) -> ElementKind:
    """The rules of a kind of element.

    Raises:
        ProgrammingFault: devices of this kind are no flexible elements (a meter, a weather service).
    """
    if kind not in ELEMENT_KINDS:
        raise ProgrammingFault(f"kind {kind} is no flexible element; expected one of {', '.join(ELEMENT_KINDS)}")
    return ELEMENT_KINDS[kind]
