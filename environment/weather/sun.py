"""Where the sun stands, and what a tilted plane receives of it.

The sun's place is the Astronomical Almanac's low-precision formula (Michalsky 1988, "The Astronomical Almanac's algorithm for
approximate solar position", Solar Energy 40(3)): 0.01 degrees between 1950 and 2050. Diffuse light falls on a plane by Hay and
Davies (1980): the part around the sun like the beam, the rest from the whole sky.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Floats
from environment.weather.pack import WeatherYear

_J2000_S = 946_728_000.0  # 1 January 2000, 12:00 UTC, POSIX seconds
_DAY_S = 86_400.0
_SOLAR_CONSTANT_W_M2 = 1366.1
_LOWEST_COS = 0.01745  # a beam nearer to the horizon than a degree would be divided by almost nothing
_GROUND = 0.2  # reflects so much: grass and dry earth


@dataclass(frozen=True, eq=False)
class SunPlace:
    """Where the sun stands at instants; radians. Azimuth from north over east, 0 to 2 pi."""

    elevation: Floats
    azimuth: Floats


@dataclass(frozen=True)
class Plane:
    """How a plane faces: tilt from the horizontal, azimuth from north over east (180 is south), degrees."""

    tilt_deg: float
    azimuth_deg: float


def sun_place(at_s: Floats, latitude_deg: float, longitude_deg: float) -> SunPlace:
    """The sun at instants (POSIX seconds), seen from a place, without refraction."""
    days = (at_s - _J2000_S) / _DAY_S
    anomaly = np.radians((357.528 + 0.9856003 * days) % 360)
    longitude = np.radians((280.460 + 0.9856474 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly)) % 360)
    tilt = np.radians(23.439 - 4e-7 * days)
    right_ascension = np.arctan2(np.cos(tilt) * np.sin(longitude), np.cos(longitude))
    declination = np.arcsin(np.sin(tilt) * np.sin(longitude))
    hour_of_greenwich = (18.697374558 + 24.06570982441908 * days) % 24  # sidereal
    hour_angle = np.radians(15 * hour_of_greenwich + longitude_deg) - right_ascension
    latitude = np.radians(latitude_deg)
    elevation = np.arcsin(
        np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    )
    azimuth = np.arctan2(
        -np.sin(hour_angle), np.tan(declination) * np.cos(latitude) - np.sin(latitude) * np.cos(hour_angle)
    )
    return SunPlace(elevation, azimuth % (2 * np.pi))


def on_plane_w_m2(weather: WeatherYear, plane: Plane) -> Floats:
    """What a plane receives, W/m2, for each quarter-hour of a year; the sun stands where it is when the quarter begins.

    NSRDB's values are those of that instant.
    """
    sun = sun_place(weather.starts_s, weather.latitude_deg, weather.longitude_deg)
    tilt, facing = np.radians(plane.tilt_deg), np.radians(plane.azimuth_deg)
    up = np.sin(sun.elevation)
    into = np.maximum(
        up * np.cos(tilt) + np.cos(sun.elevation) * np.sin(tilt) * np.cos(sun.azimuth - facing), 0.0
    )  # cosine of the angle of incidence
    around_sun = weather.dni_w_m2 / _above_air_w_m2(weather.starts_s)
    of_sun = weather.dhi_w_m2 * around_sun * into / np.maximum(up, _LOWEST_COS)
    of_sky = weather.dhi_w_m2 * (1 - around_sun) * (1 + np.cos(tilt)) / 2
    of_ground = weather.ghi_w_m2 * _GROUND * (1 - np.cos(tilt)) / 2
    received: Floats = weather.dni_w_m2 * into + of_sun + of_sky + of_ground
    return received


def _above_air_w_m2(at_s: Floats) -> Floats:
    """What a plane that faces the sun receives above the air (Spencer 1971), W/m2."""
    day = 2 * np.pi * ((at_s - _J2000_S) / _DAY_S % 365.2425 + 0.5) / 365.2425
    series = 1.00011 + 0.034221 * np.cos(day) + 0.00128 * np.sin(day)
    found: Floats = _SOLAR_CONSTANT_W_M2 * (series + 0.000719 * np.cos(2 * day) + 0.000077 * np.sin(2 * day))
    return found
