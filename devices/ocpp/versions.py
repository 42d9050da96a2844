"""The versions of OCPP that a station may speak, best first."""

from __future__ import annotations

from collections.abc import Mapping

from devices.ocpp.v16.version import Version16
from devices.ocpp.v21.version import Version21
from devices.ocpp.v201.version import Version201
from devices.ocpp.version import Version

DEFAULT = Version201.subprotocol
VERSIONS: Mapping[str, Version] = {version.subprotocol: version for version in (Version21(), Version201(), Version16())}
