"""Packed day-ahead prices: a whole year of hours, as SMARD publishes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cim.model.errors import BadInput
from environment.prices import day_ahead, load_prices
from environment.prices.assumed_spain import HOURS, MONTHS_EUR_PER_MWH, spanish_prices
from environment.prices.smard_import import ZONES, austrian_prices
from environment.weather import load_weather

PACKS = Path(day_ahead.__file__).parent / "data"
HEAD = f"Date;Time of day;{ZONES[0]};{ZONES[1]}"


def table(first: datetime, hours: int) -> list[str]:
    """SMARD rows: local time, a price of the common zone before October, Austria's own from then on."""
    from zoneinfo import ZoneInfo

    lines = [HEAD]
    for k in range(hours):
        at = (first + timedelta(hours=k)).astimezone(ZoneInfo("Europe/Vienna"))
        own, common = (f"{k}.25", "-") if at.month >= 10 else ("-", f"-{k}.5")
        lines.append(f"{at:%b} {at.day}, {at.year};{at:%I:%M %p};{own};{common}".replace(";0", ";"))
    return lines


def test_the_year_2018_is_whole() -> None:
    """8,760 hours from local midnight on; New Year's first price is the published -5.27 EUR/MWh."""
    prices = load_prices("smard-2018")
    assert (prices.first, len(prices.e4_per_mwh)) == (datetime(2017, 12, 31, 23, tzinfo=UTC), 8760)
    assert (prices.timezone, prices.currency, int(prices.e4_per_mwh[0])) == ("Europe/Vienna", "EUR", -52_700)
    # 1 October 2018, 00:00 local: Austria's own zone begins with 59.53 EUR/MWh.
    begin = datetime(2018, 9, 30, 22, tzinfo=UTC)
    assert int(prices.e4_per_mwh[(begin - prices.first) // timedelta(hours=1)]) == 595_300


@pytest.mark.parametrize("first", [datetime(2018, 3, 24, 23, tzinfo=UTC), datetime(2018, 10, 27, 22, tzinfo=UTC)])
def test_the_days_on_which_the_clocks_change_are_read_hour_by_hour(first: datetime) -> None:
    """Neither the missing hour nor the one that comes twice moves a price; negative ones are kept."""
    found, prices = austrian_prices(table(first, 30))
    assert found == first
    assert prices == [(-k * 10_000 - 5_000) if first.month == 3 else k * 10_000 + 2_500 for k in range(30)]


def test_a_gap_and_an_hour_without_a_price_are_told() -> None:
    """A row that is missing, or has no price, is one sentence with its number."""
    lines = table(datetime(2018, 5, 1, 22, tzinfo=UTC), 5)
    with pytest.raises(BadInput, match=r"row 3: .* was found where hours lead to"):
        austrian_prices([*lines[:3], *lines[4:]])
    with pytest.raises(BadInput, match="row 1: no price of 2018-05-02"):
        austrian_prices([HEAD, "May 2, 2018;12:00 AM;-;-"])
    with pytest.raises(BadInput, match="no rows"):
        austrian_prices([HEAD])


def test_an_unknown_pack_is_told() -> None:
    """The packs there are stand in the sentence."""
    with pytest.raises(BadInput, match="prices: 'nowhere' is unknown; expected one of assumed-es-2019, smard-2018"):
        load_prices("nowhere")


def test_spains_prices_are_assumed_and_dip_with_the_sun() -> None:
    """A whole local year, marked as assumed; June's early afternoon is cheapest, January's less so; no price is negative."""
    pack = load_prices("assumed-es-2019")
    assert (pack.first, len(pack.e4_per_mwh)) == (datetime(2018, 12, 31, 23, tzinfo=UTC), 8760)
    assert (pack.timezone, pack.currency) == ("Europe/Madrid", "EUR")
    assert "ASSUMPTION" in (PACKS / "assumed-es-2019" / "ATTRIBUTION.md").read_text()
    assert pack.e4_per_mwh.min() >= 0
    june = pack.e4_per_mwh[151 * 24 - 1 : 181 * 24 - 1].reshape(30, 24).mean(axis=0)  # by Madrid's hours
    january = pack.e4_per_mwh[: 31 * 24].reshape(31, 24).mean(axis=0)
    assert 12 <= int(june.argmin()) <= 16
    assert january[13] > june[13] + 150_000  # a weaker sun, and a dearer month


def test_the_assumed_prices_can_be_made_again() -> None:
    """The generator gives the packed hours; each is the month's level by the hour less 3.5 ct/MWh for each W/m2, at least 0."""
    first, prices = spanish_prices(load_weather("nsrdb-malaga-2019"))
    pack = load_prices("assumed-es-2019")
    assert (first, prices) == (pack.first, pack.e4_per_mwh.tolist())
    at = datetime(2019, 6, 21, 12, tzinfo=UTC)  # a Friday, 14:00 in Madrid
    weather = load_weather("nsrdb-malaga-2019")
    quarter = (at - weather.first) // timedelta(minutes=15)
    sun = float(weather.ghi_w_m2[quarter : quarter + 4].mean())
    wanted = MONTHS_EUR_PER_MWH[5] * HOURS[14] - 0.035 * sun
    assert prices[(at - first) // timedelta(hours=1)] == max(round(wanted * 10_000), 0)
