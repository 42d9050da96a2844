"""A site's tariffs reach the market's values in its units."""

from __future__ import annotations

from datetime import date

from agents.assembly.tariffs_of_site import tariff_of
from cim.codec.codec import decode, encode
from cim.model.intervals import LocalDay
from environment.sites import load_site
from market.billing.tariff import Tariff

SITE = load_site("strem")
DAY = LocalDay(date(2016, 5, 20), SITE.timezone)


def test_a_households_tariff_is_the_files() -> None:
    """5.8 + 6.2 + 7.4 ct/kWh from the grid, 8.24 to it, all day, and no hourly prices to carry."""
    tariff = tariff_of(SITE, "household-1")
    rates = tariff.rates(DAY)
    assert tariff.hourly is None
    assert {round(x, 6) for x in rates.retail_ct_per_kwh} == {19.4}
    assert {round(x, 6) for x in rates.feed_in_ct_per_kwh} == {8.24}


def test_a_plant_sells_at_the_hours_price() -> None:
    """The PV field earns the day-ahead price of the like day of 2018: 3.453 ct/kWh from 13 to 14 h, say."""
    rates = tariff_of(SITE, "pv-field").rates(DAY)
    hours = rates.feed_in_ct_per_kwh.reshape(24, 4)
    assert (hours == hours[:, :1]).all()
    assert round(float(hours[13, 0]), 3) == 3.653
    assert len(set(hours[:, 0].tolist())) > 20


def test_a_tariff_survives_the_wire() -> None:
    """What is sent to another process is the same tariff there."""
    tariff = tariff_of(SITE, "biogas")
    again = decode(encode(tariff))
    assert isinstance(again, Tariff)
    assert again.rows == tariff.rows
    assert again.rates(DAY).feed_in_e4_per_mwh.tolist() == tariff.rates(DAY).feed_in_e4_per_mwh.tolist()
