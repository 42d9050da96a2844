"""A wind turbine that can be curtailed, and the power curve that its wind is turned into power by.

ASSUMPTION, because no turbine's measured curve is packed: between cut-in and rated speed the power rises with the cube
of the wind speed, as the power in the wind does. Losses, air density and the time a pitch drive takes are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Floats
from environment.physics.curtailable import CurtailableGenerator
from environment.physics.unit import UnitKind


@dataclass(frozen=True, slots=True)
class PowerCurve:
    """A turbine's power per unit of its rating.

    Attributes:
        cut_in_m_s: below this wind speed it stands still.
        rated_m_s: from this wind speed on it gives its rated power.
        cut_out_m_s: above this wind speed it stops to protect itself.
    """

    cut_in_m_s: float
    rated_m_s: float
    cut_out_m_s: float

    def per_unit(self, speed_m_s: Floats) -> Floats:
        """The power at each wind speed at hub height, 0..1."""
        rising = (speed_m_s**3 - self.cut_in_m_s**3) / (self.rated_m_s**3 - self.cut_in_m_s**3)
        return np.where(speed_m_s > self.cut_out_m_s, 0.0, np.clip(rising, 0.0, 1.0))


class WindTurbine(CurtailableGenerator):
    """Generates what the wind gives, or less if limited."""

    kind = UnitKind.WIND
