"""A customer's tariff: what a kilowatt-hour from the grid costs, part by part, and what one fed in earns.

Rates are integer ten-thousandths of the currency unit per MWh: 1 ct/kWh is 100,000 of them, and day-ahead prices
(hundredths of a unit per MWh) are whole numbers too, so that nothing is rounded before a bill's lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from cim.codec.codec import wire
from cim.model.arrays import Floats, Ints
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from market.billing.hourly_prices import HourlyPrices

E4_PER_MWH_OF_CT_PER_KWH = 100_000
_NINE_OF_TEN = 0.9


@wire("market.TariffRow")
@dataclass(frozen=True, slots=True)
class TariffRow:
    """What holds from a day on, ten-thousandths per MWh.

    Attributes:
        from_day: first local day.
        energy_e4_per_mwh, network_e4_per_mwh, taxes_e4_per_mwh: the parts of what a kWh from the grid costs.
        feed_in_e4_per_mwh: what a kWh fed in earns.
        energy_by_hour, feed_in_by_hour: whether the day-ahead price of the hour comes on top of the part.
    """

    from_day: date
    energy_e4_per_mwh: int
    network_e4_per_mwh: int
    taxes_e4_per_mwh: int
    feed_in_e4_per_mwh: int
    energy_by_hour: bool = False
    feed_in_by_hour: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class DayRates:
    """A tariff on one day, each [T] ten-thousandths per MWh."""

    energy_e4_per_mwh: Ints
    network_e4_per_mwh: Ints
    taxes_e4_per_mwh: Ints
    feed_in_e4_per_mwh: Ints

    @property
    def retail_ct_per_kwh(self) -> Floats:
        """[T] what one more kilowatt-hour from the grid costs, all parts together."""
        parts = self.energy_e4_per_mwh + self.network_e4_per_mwh + self.taxes_e4_per_mwh
        return np.asarray(parts / E4_PER_MWH_OF_CT_PER_KWH, dtype=np.float64)

    @property
    def feed_in_ct_per_kwh(self) -> Floats:
        """[T] what one more kilowatt-hour fed in earns."""
        return np.asarray(self.feed_in_e4_per_mwh / E4_PER_MWH_OF_CT_PER_KWH, dtype=np.float64)


@wire("market.Tariff")
@dataclass(frozen=True, slots=True)
class Tariff:
    """A customer's dated rows, ascending, and the hourly prices that some of them refer to."""

    rows: tuple[TariffRow, ...]
    hourly: HourlyPrices | None = None

    def row(self, day: date) -> TariffRow:
        """The row that holds on a day.

        Raises:
            BadInput: the day is before the first row.
        """
        held = [row for row in self.rows if row.from_day <= day]
        if not held:
            first = self.rows[0].from_day.isoformat() if self.rows else "one row"
            raise BadInput(f"tariffs: no row holds on {day}; expected {first} or later")
        return held[-1]

    def by_and_large(self, day: date) -> tuple[float, float]:
        """What a kWh costs from the grid on average, and earns at most in nine of ten hours, ct/kWh, from a day on.

        Raises:
            BadInput: no row holds on it, or its row needs hourly prices and there are none.
        """
        row = self.row(day)
        retail = row.energy_e4_per_mwh + row.network_e4_per_mwh + row.taxes_e4_per_mwh
        bought = float(self._hours(row).e4_per_mwh.mean()) if row.energy_by_hour else 0.0
        sold = float(np.quantile(self._hours(row).e4_per_mwh, _NINE_OF_TEN)) if row.feed_in_by_hour else 0.0
        rate = E4_PER_MWH_OF_CT_PER_KWH
        return (retail + bought) / rate, (row.feed_in_e4_per_mwh + sold) / rate

    def rates(self, day: LocalDay) -> DayRates:
        """The tariff on a local day.

        Raises:
            BadInput: no row holds on it, or its row needs hourly prices and there are none.
        """
        row, none = self.row(day.day), np.zeros(day.count, dtype=np.int64)
        by_hour = self._hours(row).of_day(day) if row.energy_by_hour or row.feed_in_by_hour else none
        return DayRates(
            energy_e4_per_mwh=none + row.energy_e4_per_mwh + (by_hour if row.energy_by_hour else 0),
            network_e4_per_mwh=none + row.network_e4_per_mwh,
            taxes_e4_per_mwh=none + row.taxes_e4_per_mwh,
            feed_in_e4_per_mwh=none + row.feed_in_e4_per_mwh + (by_hour if row.feed_in_by_hour else 0),
        )

    def _hours(self, row: TariffRow) -> HourlyPrices:
        """The prices that a row refers to."""
        if self.hourly is None:
            raise BadInput(f"tariffs: the row from {row.from_day} goes by hourly prices; expected some")
        return self.hourly
