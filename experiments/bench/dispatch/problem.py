"""The bench's problem, by seed: N prosumers, each with a battery, a vehicle, a PV plant that can be curtailed and a load.

A day of 96 quarter-hours from noon to noon, so that a night of charging is in one piece. Wear costs are small and strictly
convex. Import and export caps are the same kW per prosumer for any N; they bind at about 59 of the 96 intervals.
All figures are assumptions of the bench.
"""

from __future__ import annotations

import numpy as np

from agents.planning.dispatch.packed.coupling import Coupling
from agents.planning.dispatch.packed.members import Members, Rating
from agents.planning.dispatch.packed.on_off import LeastPowerVehicle, OnOff, RunOnce
from cim.model.arrays import Floats

T, HOURS = 96, 0.25
BLOCK = 250  # members are drawn in blocks, each from its own seed: any host makes its own part
PEAK_CT_PER_KW2 = 1.5  # of the mean power, per interval
IMPORT_KW, EXPORT_KW = 0.54, 0.6  # per prosumer
SIX_AMPERES_KW, THREE_PHASE_KW = 1.38, 11.0  # the least of a phase (IEC 61851-1), and the station that has three


def members(seed: int, first: int, count: int) -> Members:
    """Members first .. first + count of the district of a seed."""
    parts = []
    for block in range(first // BLOCK, -(-(first + count) // BLOCK)):
        ratings, available, load = _block(seed, block)
        low, high = max(first - block * BLOCK, 0), min(first + count - block * BLOCK, BLOCK)
        parts.append((ratings[low:high], available[low:high], load[low:high]))
    ratings, available, load = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Members(ratings, available, load, HOURS)


def coupling(seed: int, count: int) -> Coupling:
    """What they share: a price that is high in the evening and low at noon, and the caps."""
    hour = _hour()
    draw = np.random.default_rng([seed, 1])
    price = 24 + 7 * np.exp(-(((hour - 19) / 2.5) ** 2)) + 4 * np.exp(-(((hour - 8) / 2) ** 2))
    price = price - 9 * np.exp(-(((hour - 13) / 2.5) ** 2)) + draw.normal(0, 0.6, T)
    caps = np.full(T, float(count))
    return Coupling(price, PEAK_CT_PER_KW2 / count, IMPORT_KW * caps, EXPORT_KW * caps, HOURS)


def switched(seed: int, count: int) -> tuple[Members, list[OnOff]]:
    """The first members of a district whose vehicles charge at 0 or at least 6 A, and who each run a programme once."""
    whole = members(seed, 0, count)
    draw = np.random.default_rng([seed, 5])
    devices: list[OnOff] = []
    for k, r in enumerate(whole.ratings):
        kw = float(r[Rating.VEHICLE_KW])
        least = SIX_AMPERES_KW * (3 if kw == THREE_PHASE_KW else 1)
        window = int(r[Rating.ARRIVAL]), int(r[Rating.DEPARTURE])
        energy = max(float(r[Rating.VEHICLE_ENERGY]), least * HOURS)
        devices.append(LeastPowerVehicle(k, float(r[Rating.VEHICLE_CURVATURE]), *window, least, kw, energy, HOURS, T))
        run = draw.uniform(0.3, 2.2, int(draw.integers(4, 11)))
        first = int(draw.integers(0, T - len(run) - 24))
        devices.append(RunOnce(k, run, first, first + int(draw.integers(8, 25)), T))
    ratings = whole.ratings.copy()
    ratings[:, Rating.VEHICLE_ENERGY] = 0.0
    return Members(ratings, whole.available_kw, whole.load_kw, HOURS), devices


def _hour() -> Floats:
    hours: Floats = np.asarray((12 + (np.arange(T) + 0.5) * HOURS) % 24, dtype=np.float64)
    return hours


def _block(seed: int, block: int) -> tuple[Floats, Floats, Floats]:
    draw = np.random.default_rng([seed, 2, block])
    n, hour = BLOCK, _hour()
    r = np.zeros((n, len(Rating)))
    r[:, Rating.CAPACITY] = draw.uniform(5, 15, n)
    r[:, Rating.CHARGE_KW] = r[:, Rating.DISCHARGE_KW] = r[:, Rating.CAPACITY] * draw.uniform(0.3, 0.6, n)
    r[:, Rating.ENERGY] = r[:, Rating.CAPACITY] * draw.uniform(0.1, 0.6, n)
    r[:, Rating.ETA_IN] = r[:, Rating.ETA_OUT] = 0.95
    r[:, Rating.BATTERY_CURVATURE] = draw.uniform(0.05, 0.25, n)
    r[:, Rating.BATTERY_WEAR] = draw.uniform(0.1, 0.4, n)
    arrival = np.clip(draw.normal(22, 5, n), 4, 60).astype(int)  # about half past five
    r[:, Rating.ARRIVAL] = arrival
    r[:, Rating.DEPARTURE] = np.clip(draw.normal(77, 5, n), arrival + 12, T).astype(int)
    r[:, Rating.VEHICLE_KW] = draw.choice([3.7, 7.4, 11.0], n)
    reach = r[:, Rating.VEHICLE_KW] * (r[:, Rating.DEPARTURE] - arrival) * HOURS
    r[:, Rating.VEHICLE_ENERGY] = np.minimum(draw.gamma(4, 2.5, n), 0.9 * reach)
    r[:, Rating.VEHICLE_CURVATURE] = draw.uniform(0.02, 0.1, n)
    r[:, Rating.PV_CURVATURE] = draw.uniform(0.05, 0.2, n)
    peak = draw.uniform(3, 10, n)
    sun = np.exp(-(((hour[None, :] - 13 - draw.normal(0, 0.7, n)[:, None]) / 2.8) ** 2))
    available = peak[:, None] * sun * (0.75 + 0.25 * draw.random((n, T))) * (np.abs(hour - 13) < 7.5)
    shape = 0.25 + 0.5 * np.exp(-(((hour - 19) / 2.5) ** 2)) + 0.3 * np.exp(-(((hour - 7.5) / 1.5) ** 2))
    load = draw.gamma(3, 1 / 3, n)[:, None] * shape * draw.gamma(2, 0.5, (n, T))
    return r, available, load
