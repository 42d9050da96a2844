"""A series of a small district that a test makes up: a load by weekday, and sun that a weather service roughly foresees."""

from __future__ import annotations

from datetime import date

import numpy as np

from agents.planning.forecast.bands.history import SeriesHistory

FIRST = date(2016, 1, 2)


def made_up(days: int, seed: int = 1, weather: bool = True, error: float = 0.08) -> SeriesHistory:
    """`days` days of watts: 2 kW of load with a habit, less on Sundays, and a 10 kW plant under changing skies."""
    rng = np.random.default_rng(seed)
    slots = np.arange(96)
    clear = np.clip(np.sin((slots - 24) / 48 * np.pi), 0, None)
    sky = rng.uniform(0.1, 1.0, (days, 1))
    sun = sky * clear
    told = np.clip(sun + error * clear * rng.standard_normal((days, 1)), 0, 1)
    habit = 2000 + 800 * np.sin(slots / 96 * 2 * np.pi)
    weekday = np.array([(FIRST.weekday() + day) % 7 for day in range(days)])
    load = habit * np.where(weekday == 6, 0.6, 1.0)[:, None] + 150 * rng.standard_normal((days, 96))
    return SeriesHistory(FIRST, load - 10_000 * sun, told if weather else None, "AT")
