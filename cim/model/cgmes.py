"""The versions of the exchange standard CGMES (IEC 61970-600)."""

from __future__ import annotations

from enum import StrEnum


class Cgmes(StrEnum):
    """A version of CGMES: 3.0 (CIM 17) knows converters and batteries, 2.4.15 (CIM 16) does not."""

    V3_0 = "3.0"
    V2_4_15 = "2.4.15"

    @property
    def namespace(self) -> str:
        """Of the CIM's classes."""
        return "http://iec.ch/TC57/CIM100#" if self is Cgmes.V3_0 else "http://iec.ch/TC57/2013/CIM-schema-cim16#"
