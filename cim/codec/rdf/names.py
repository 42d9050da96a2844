"""The namespaces and profiles of the two exchange standards that are written (IEC 61970-600, CGMES 2.4.15 and 3.0)."""

from __future__ import annotations

from enum import StrEnum

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
MD = "http://iec.ch/TC57/61970-552/ModelDescription/1#"


class Cgmes(StrEnum):
    """A version of CGMES: 3.0 (CIM 17) knows converters and batteries, 2.4.15 (CIM 16) does not."""

    V3_0 = "3.0"
    V2_4_15 = "2.4.15"

    @property
    def namespace(self) -> str:
        """Of the CIM's classes."""
        return "http://iec.ch/TC57/CIM100#" if self is Cgmes.V3_0 else "http://iec.ch/TC57/2013/CIM-schema-cim16#"


PROFILES = {
    Cgmes.V3_0: (
        "http://iec.ch/TC57/ns/CIM/CoreEquipment-EU/3.0",
        "http://iec.ch/TC57/ns/CIM/SteadyStateHypothesis-EU/3.0",
    ),
    Cgmes.V2_4_15: (
        "http://entsoe.eu/CIM/EquipmentCore/3/1",
        "http://entsoe.eu/CIM/SteadyStateHypothesis/1/1",
    ),
}
