"""The namespaces and profiles of the two exchange standards that are written (IEC 61970-600, CGMES 2.4.15 and 3.0)."""

from __future__ import annotations

from cim.model.cgmes import Cgmes

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
MD = "http://iec.ch/TC57/61970-552/ModelDescription/1#"

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
