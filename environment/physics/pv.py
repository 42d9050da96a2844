"""A PV array that can be curtailed."""

from __future__ import annotations

from environment.physics.curtailable import CurtailableGenerator
from environment.physics.unit import UnitKind


class PvArray(CurtailableGenerator):
    """Generates what the sun gives, or less if limited."""

    kind = UnitKind.PV
