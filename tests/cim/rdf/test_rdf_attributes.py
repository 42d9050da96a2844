"""The names of attributes in files: those of IEC 61970-301 and 61968-9, each under the class that declares it."""

from __future__ import annotations

import pytest

from cim.codec.rdf.attributes import CLASSES, Shape, attributes

# class -> what a file may say of it beside its identity (IEC 61970-301, 61968-9; CGMES 3.0), `*` marks a reference
GOLDEN = {
    "Terminal": "ACDCTerminal.sequenceNumber ACDCTerminal.connected *Terminal.ConductingEquipment "
    "*Terminal.ConnectivityNode *Terminal.TopologicalNode",
    "ACLineSegment": "*Equipment.EquipmentContainer *ConductingEquipment.BaseVoltage Conductor.length ACLineSegment.r "
    "ACLineSegment.x ACLineSegment.bch ACLineSegment.gch",
    "PowerTransformerEnd": "TransformerEnd.endNumber *TransformerEnd.BaseVoltage *TransformerEnd.Terminal "
    "*PowerTransformerEnd.PowerTransformer PowerTransformerEnd.ratedS PowerTransformerEnd.ratedU PowerTransformerEnd.r "
    "PowerTransformerEnd.x PowerTransformerEnd.g PowerTransformerEnd.b PowerTransformerEnd.phaseAngleClock "
    "PowerTransformerEnd.connectionKind",
    "RatioTapChanger": "TapChanger.lowStep TapChanger.highStep TapChanger.neutralStep TapChanger.normalStep "
    "TapChanger.neutralU TapChanger.step RatioTapChanger.stepVoltageIncrement *RatioTapChanger.TransformerEnd",
    "Breaker": "*Equipment.EquipmentContainer *ConductingEquipment.BaseVoltage Switch.normalOpen Switch.open",
    "EnergyConsumer": "*Equipment.EquipmentContainer *ConductingEquipment.BaseVoltage EnergyConsumer.p EnergyConsumer.q "
    "EnergyConsumer.pfixed EnergyConsumer.qfixed",
    "CurrentLimit": "*OperationalLimit.OperationalLimitSet *OperationalLimit.OperationalLimitType CurrentLimit.value "
    "CurrentLimit.normalValue",
    "OperationalLimitSet": "*OperationalLimitSet.Equipment *OperationalLimitSet.Terminal",
    "RegulatingControl": "RegulatingControl.mode *RegulatingControl.Terminal RegulatingControl.targetValue "
    "RegulatingControl.enabled RegulatingControl.discrete",
    "VoltageLevel": "*VoltageLevel.BaseVoltage *VoltageLevel.Substation",
    "SubGeographicalRegion": "*SubGeographicalRegion.Region",
    "BatteryUnit": "*Equipment.EquipmentContainer *PowerElectronicsUnit.PowerElectronicsConnection "
    "PowerElectronicsUnit.maxP PowerElectronicsUnit.minP BatteryUnit.ratedE BatteryUnit.storedE",
    "ThermalGeneratingUnit": "*Equipment.EquipmentContainer GeneratingUnit.maxOperatingP GeneratingUnit.minOperatingP "
    "GeneratingUnit.nominalP GeneratingUnit.initialP",
    "SvVoltage": "SvVoltage.v SvVoltage.angle *SvVoltage.TopologicalNode",
    "SvPowerFlow": "SvPowerFlow.p SvPowerFlow.q *SvPowerFlow.Terminal",
    "BaseVoltage": "BaseVoltage.nominalVoltage",
    "UsagePoint": "UsagePoint.ratedPower UsagePoint.isSdp UsagePoint.phaseCode *UsagePoint.Equipments",
    "Meter": "*EndDevice.UsagePoint EndDevice.serialNumber EndDevice.isSmartInverter *EndDevice.EndDeviceGroups "
    "Meter.formNumber",
}
_OF_ALL = {"IdentifiedObject.name", "IdentifiedObject.description"}


@pytest.mark.parametrize("kind", GOLDEN)
def test_attributes_have_the_standards_names(kind: str) -> None:
    """Neither more nor fewer than the standard's, in its spelling: references with a capital, values without."""
    said = [("*" if a.shape is Shape.REFERENCE else "") + a.path for a in attributes(CLASSES[kind])]
    assert [path for path in said if path not in _OF_ALL] == GOLDEN[kind].split()


@pytest.mark.parametrize("kind", CLASSES)
def test_no_two_attributes_of_a_class_share_a_name(kind: str) -> None:
    """Names without their class are told apart, since files of some tools put an attribute under another class."""
    found = attributes(CLASSES[kind])
    assert len({attribute.local for attribute in found}) == len(found)
    assert len({attribute.field for attribute in found}) == len(found)


@pytest.mark.parametrize("kind", CLASSES)
def test_only_references_stand_several_times(kind: str) -> None:
    """What a class may say several times are other objects; a value stands once."""
    assert all(attribute.shape is Shape.REFERENCE for attribute in attributes(CLASSES[kind]) if attribute.many)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_quantity_or_choice_says_of_what(kind: str) -> None:
    """Each quantity has its class with a unit, each choice its list, and nothing else has either."""
    for attribute in attributes(CLASSES[kind]):
        assert (attribute.quantity is not None) == (attribute.shape is Shape.QUANTITY)
        assert (attribute.choice is not None) == (attribute.shape is Shape.CHOICE)


@pytest.mark.parametrize("name", ["Equipment", "ConductingEquipment", "Switch", "TapChanger", "IdentifiedObject"])
def test_what_only_others_are_made_of_stands_in_no_file(name: str) -> None:
    """Abstract classes of the standard are no objects; a file that has one has it left out."""
    assert (name in CLASSES) == (name == "Switch")  # a Switch alone is concrete in IEC 61970-301
