"""What a PV plant gives in a weather year, per unit of its panels' peak power.

The panels' temperature is Faiman's (2008, "Assessing the outdoor operating temperature of photovoltaic modules"), the power
falls linearly with it, and one factor stands for all other losses, as in PVGIS and PVWatts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Floats
from environment.weather.pack import WeatherYear
from environment.weather.sun import Plane, on_plane_w_m2

_FAIMAN_W_M2_K, _FAIMAN_WIND = 25.0, 6.84  # W/(m2 K), and the same for each m/s of wind
_STANDARD_W_M2, _STANDARD_C = 1000.0, 25.0


@dataclass(frozen=True)
class PvPlant:
    """A PV plant.

    Attributes:
        plane: how its panels face.
        per_k: how much of the power is lost for each kelvin above 25 degrees.
        losses: of the rest, what soiling, mismatch, cables and inverter take.
    """

    plane: Plane
    per_k: float = 0.004
    losses: float = 0.14


def pv_per_unit(weather: WeatherYear, plant: PvPlant) -> Floats:
    """Alternating current power of each quarter-hour over the panels' peak power, 0 to 1."""
    received = on_plane_w_m2(weather, plant.plane)
    panel_c = weather.temperature_c + received / (_FAIMAN_W_M2_K + _FAIMAN_WIND * weather.wind_m_s)
    power = received / _STANDARD_W_M2 * (1 - plant.per_k * (panel_c - _STANDARD_C)) * (1 - plant.losses)
    return np.clip(power, 0.0, 1.0)
