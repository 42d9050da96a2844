"""`iles community` by Spain's law, with Strem's connections as a stand-in: hours, plants, coefficients, files, leavers."""

from __future__ import annotations

import copy
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from environment.sites.community import SpanishCommunity
from environment.sites.loader import parse_site
from environment.sites.schema import Site
from experiments.cli.community import app
from experiments.community import best
from experiments.community.best import YearOfHours, coefficients_by_kind, file_of, judged, kind_of_hour, most_own_use_wh
from experiments.community.command import billed, billed_month
from experiments.community.metered import Metered, lived
from experiments.community.spanish import (
    agreement_of,
    check_law,
    coefficients_of,
    fixed_coefficients,
    net_feed_in_wh,
    shared_hours,
    surplus_prices,
)
from market.community.bill import Account
from market.community.exact import MILLION
from market.community.spain.best_coefficients import Expected
from market.community.spain.distributor_file import coefficient_file, written
from tests.worlds.communities import SMALL, SPANISH, assumed, spanish_site


def site_with(base: dict[str, Any] = SMALL, **changes: Any) -> tuple[Site, SpanishCommunity]:
    """Strem in Spain with a community some of whose keys are changed."""
    site = parse_site(spanish_site(copy.deepcopy(base) | changes), "mine.yaml")
    assert isinstance(site.community, SpanishCommunity)
    return site, site.community


@cache
def days(first: str, count: int) -> Metered:
    """Some days of it, lived."""
    site, _ = site_with()
    begin = LocalDay(date.fromisoformat(first), site.timezone)
    return lived(site, tuple(begin.next(k) for k in range(count)), 1)


@pytest.mark.parametrize(("first", "hours"), [("2016-03-27", 23), ("2016-05-20", 24), ("2016-10-30", 25)])
def test_a_day_has_the_hours_that_passed(first: str, hours: int) -> None:
    """23, 24 or 25; what the plant gave is what members used, have to spare, and nothing else; all accounts close."""
    site, community = site_with()
    metered = days(first, 1)
    shared = shared_hours(site, community, metered, agreement_of(community, 2026, None))
    assert len(shared.generated_wh) == hours
    assert int(shared.own_wh.sum() + shared.surplus_wh.sum()) == int(net_feed_in_wh(site, community, metered).sum()) > 0
    assert int(shared.consumed_wh.sum()) == sum(int(metered.taken_wh[m.prosumer].sum()) for m in community.members)
    found = billed(site, metered).statement
    assert sum(found.account_e4(account) for account in Account) == found.paid_e4
    assert all(bill.saved_e4 >= 0 for bill in found.bills)


def test_the_law_is_asked_before_a_month_is_lived(tmp_path: Path) -> None:
    """Coefficients after the fact, and a year of whose limits nothing is known, are refused in a sentence."""
    file = tmp_path / "site.yaml"
    file.write_text(spanish_site(SMALL | {"coefficient_mode": "ex_post"}), encoding="utf-8")
    with pytest.raises(BadInput, match="ex_post on 2026-05-01; expected fixed or hourly_ex_ante"):
        billed_month(str(file), None, 1)
    site, community = site_with(as_in_year=assumed(2018))
    with pytest.raises(
        BadInput, match="limits of self-consumption on 2018-05-20: not known; expected a day from 2019-04-07"
    ):
        check_law(site, community, [LocalDay(date(2016, 5, 20), site.timezone)])


def test_coefficients_go_by_contract_unless_agreed() -> None:
    """Five times 5.75 of 43.75 kW and 15 of them; or what the file says, to the millionth."""
    _, community = site_with()
    assert fixed_coefficients(community).tolist() == [131_429, 131_429, 131_429, 131_428, 131_428, 342_857]
    given = copy.deepcopy(SPANISH["members"])
    for member, share in zip(given, (0.5, 0.3, 0.2), strict=True):
        member["coefficient"] = assumed(share)
    _, agreed = site_with(SPANISH, members=given)
    assert fixed_coefficients(agreed).tolist() == [500_000, 300_000, 200_000]


def test_hourly_coefficients_come_from_the_distributors_file(tmp_path: Path) -> None:
    """Columns by supply point, whatever their order; a file is wanted where they are hourly and refused where they are fixed."""
    _, community = site_with(coefficient_mode="hourly_ex_ante")
    with pytest.raises(BadInput, match="coefficients: no file; expected the distributor's file"):
        agreement_of(community, 2026, None)
    codes = [member.cups or "" for member in community.members]
    rows = np.zeros((8760, 6), dtype=np.int64)
    rows[:, 5] = MILLION  # in the file the last column is the first member
    file = coefficient_file(community.cau or "", 2026, codes[::-1], rows)
    path = tmp_path / file.name
    path.write_text(written(file), encoding="utf-8")
    found = agreement_of(community, 2026, path)
    assert found.hourly
    assert found.e6[0].tolist() == [MILLION, 0, 0, 0, 0, 0]
    with pytest.raises(BadInput, match="in 2026; expected ES1234123456789012JY1FA000 in 2027"):
        agreement_of(community, 2027, path)
    with pytest.raises(BadInput, match="given, but coefficient_mode is fixed"):
        agreement_of(site_with()[1], 2026, path)
    fewer = copy.deepcopy(SMALL["members"])[:5]
    with pytest.raises(BadInput, match="expected those of the members"):
        agreement_of(site_with(coefficient_mode="hourly_ex_ante", members=fewer)[1], 2026, path)


def test_a_day_takes_the_coefficients_of_its_weekday() -> None:
    """Friday 20 May 2016 has the hours of a Friday of May 2026; where the clocks change, hours go by the clock."""
    _, community = site_with()
    rows = np.zeros((8760, 6), dtype=np.int64)
    rows[:, 0], rows[:, 1] = np.arange(8760), MILLION - np.arange(8760)
    agreement = type(agreement_of(community, 2026, None))(date(2026, 1, 1), tuple("abcdef"), rows)
    friday = coefficients_of(agreement, [LocalDay(date(2016, 5, 20), "Europe/Madrid")])[:, 0]
    first = LocalDay(date(2026, 1, 1), "Europe/Madrid")
    assert date(2026, 5, 22).weekday() == date(2016, 5, 20).weekday()
    begin = (LocalDay(date(2026, 5, 22), "Europe/Madrid").start - first.start).total_seconds() / 3600
    assert friday.tolist() == [begin + k for k in range(24)]
    twice = coefficients_of(agreement, [LocalDay(date(2016, 10, 30), "Europe/Madrid")])[:, 0]  # as Sunday, 1 November
    assert np.diff(twice).tolist() == [1, 1, 0, *[1] * 21]
    lacking = coefficients_of(agreement, [LocalDay(date(2016, 3, 27), "Europe/Madrid")])[
        :, 0
    ]  # as 29 March: it lacks the same
    assert np.diff(lacking).tolist() == [1] * 22
    same = coefficients_of(agreement, [LocalDay(date(2026, 10, 25), "Europe/Madrid")])[:, 0]
    assert np.diff(same).tolist() == [1] * 24


def test_a_member_that_leaves_pays_no_more_and_its_part_is_sold() -> None:
    """Farm 9 until the first of two days: one day's consumption on its bill, a note; what it is still allotted is sold."""
    given = copy.deepcopy(SMALL["members"])
    given[3]["until"] = date(2016, 5, 20)
    site, _ = site_with(members=given)
    two, one = days("2016-05-20", 2), days("2016-05-20", 1)
    found = billed(site, two).statement
    bill = next(bill for bill in found.bills if bill.member == "farm-9")
    assert bill.register_wh("EC") == one.taken_wh["farm-9"].sum()
    assert bill.notes[-1] == "Member until 2016-05-20; this bill is for the days until then."
    assert found.registers[-1].energy_wh == sum(line.energy_wh for line in found.income) > 0
    assert found.account_e4(Account.COMMUNITY) == -sum(line.amount_e4 for line in found.income) > 0


def test_a_later_agreement_gives_what_a_leaver_had_to_the_others() -> None:
    """Farm 9 leaves on 20 May and the others agree anew from the 21st: on that day nothing is allotted to nobody."""
    given = copy.deepcopy(SMALL["members"])
    given[3]["until"] = date(2016, 5, 20)
    names = [member["prosumer"] for member in given if member["prosumer"] != "farm-9"]
    later = {"from": date(2016, 5, 21), "coefficients": {name: assumed(0.2) for name in names}}
    site, community = site_with(members=given, agreements=[later])
    shared = shared_hours(site, community, days("2016-05-20", 2), agreement_of(community, 2026, None))
    assert shared.unclaimed_wh.sum() == 0
    assert (shared.allotted_wh[24:, 3] == 0).all()
    assert shared.allotted_wh[:24, 3].sum() > 0
    assert int(shared.allotted_wh.sum()) == int(shared.generated_wh.sum())


@pytest.mark.parametrize(("first", "second", "says"), [
    (date(2016, 4, 30), None, "agreement from 2016-04-30: the one before is from 2016-01-01; expected 2016-05-01 or later"),
    (date(2016, 5, 1), date(2016, 8, 31), "agreement from 2016-08-31: the one before is from 2016-05-01"),
])  # fmt: skip
def test_agreements_are_changed_every_four_months_at_the_soonest(first: date, second: date | None, says: str) -> None:
    """Sooner is refused where bills are made, whichever month is billed."""
    later = [{"from": day, "coefficients": {"farm-5": assumed(1)}} for day in (first, second) if day is not None]
    site, _ = site_with(agreements=later)
    with pytest.raises(BadInput, match=says):
        billed(site, days("2016-05-20", 1))


def test_surplus_is_sold_at_the_hours_price() -> None:
    """By `surplus_by: day_ahead` it is the hour's, plus what the file adds; fixed otherwise."""
    metered = days("2016-05-20", 1)
    site, community = site_with(SPANISH, surplus_ct_per_kwh=assumed(1))
    hourly = surplus_prices(site, community, metered.days)
    assert len(hourly) == 24
    assert len(set(hourly.tolist())) > 10
    small_site, small = site_with()
    assert set(surplus_prices(small_site, small, metered.days).tolist()) == {500_000}


def made_up_year(seed: int = 3) -> tuple[YearOfHours, np.ndarray[Any, Any]]:
    """Six weeks of January and May with two members: one at home by day, one at night, and equal coefficients."""
    rng = np.random.default_rng(seed)
    hours, group, month, odd = [], [], [], []
    for start, name in ((date(2026, 1, 5), 1), (date(2026, 5, 4), 5)):
        for k in range(42):
            day = date.fromordinal(start.toordinal() + k)
            for hour in range(24):
                sun = max(0, 4000 - 600 * abs(12 - hour))
                at_home = 1500 if 8 <= hour <= 16 else 100
                hours.append((sun, at_home + rng.integers(0, 200), 1600 - at_home + rng.integers(0, 200)))
                group.append(kind_of_hour(day, hour))
                month.append(name)
                odd.append(day.isocalendar().week % 2 == 1)
    table = np.array(hours)
    expected = Expected(
        table[:, 0], table[:, 1:], np.full((len(table), 2), 2_000_000), np.zeros(len(table), dtype=np.int64), np.array(group),
        np.zeros(len(table), dtype=np.int64),
    )  # fmt: skip
    return YearOfHours(expected, np.array(odd), np.array(month)), np.array([500_000, 500_000])


def test_habits_that_come_again_are_used_on_weeks_that_were_not_seen() -> None:
    """Own use on unseen weeks rises by more than a tenth, stays below the bound, nobody loses; what has no sun stays fixed."""
    year, fixed = made_up_year()
    found = coefficients_by_kind(year, fixed, year.odd)
    assert found.shape == (144, 2)
    assert (found.sum(axis=1) == MILLION).all()
    everyone = np.tile(fixed, (144, 1))
    before, after = judged(year, fixed, {"fixed": everyone, "best": found}, ~year.odd)
    assert (before.way, before.worst_e4) == ("fixed", 0)
    assert after.own_wh > 1.1 * before.own_wh
    assert after.own_wh <= most_own_use_wh(year, ~year.odd)
    assert after.worst_e4 >= 0
    assert after.saved_e4 - before.saved_e4 == pytest.approx(2 * (after.own_wh - before.own_wh), abs=2)
    assert found[kind_of_hour(date(2026, 1, 5), 2)].tolist() == [500_000, 500_000]


def test_in_the_weeks_they_are_made_from_nobody_is_worse_in_any_month() -> None:
    """The bound of the programme, month by month, to the ten-thousandth."""
    year, fixed = made_up_year(7)
    found = coefficients_by_kind(year, fixed, year.odd)
    for month in (1, 5):
        (one,) = judged(year, fixed, {"best": found}, year.odd & (year.month == month))
        assert one.worst_e4 >= 0


def test_the_file_of_a_year_has_each_hours_kind() -> None:
    """8,760 rows: the first hour of 2026 is that of a Thursday night in winter; codes that are missing are told."""
    site, community = site_with()
    by_kind = np.tile(fixed_coefficients(community), (144, 1))
    by_kind[kind_of_hour(date(2026, 1, 1), 0)] = [MILLION, 0, 0, 0, 0, 0]
    file = file_of(community, site.timezone, by_kind)
    assert file.e6[0].tolist() == [MILLION, 0, 0, 0, 0, 0]
    assert file.e6[1].tolist() == fixed_coefficients(community).tolist()
    assert file.e6[72].tolist() == fixed_coefficients(community).tolist()  # Sunday, 4 January
    _, nameless = site_with(SPANISH)
    with pytest.raises(BadInput, match="CUPS: ''; expected 22 characters"):
        file_of(nameless, site.timezone, np.tile(fixed_coefficients(nameless), (144, 1)))


def test_an_austrian_community_has_no_coefficients_to_agree() -> None:
    """Its sharing is after the fact; told in a sentence."""
    from environment.sites import load_site

    with pytest.raises(BadInput, match="community by law AT; expected ES"):
        best.spanish_community(load_site("strem"))
    with pytest.raises(BadInput, match=r"coefficients: x\.txt; expected none under the law of AT"):
        billed(load_site("strem"), days("2016-05-20", 1), Path("x.txt"))


@pytest.mark.slow
def test_coefficients_are_written_and_a_month_billed_by_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`iles community coefficients SITE --out DIR`, then a month by that file: own use is more than by fixed ones.

    Of the profile year ten weeks of summer are lived here; the other months keep their fixed coefficients.
    """
    fixed, hourly = tmp_path / "fixed.yaml", tmp_path / "hourly.yaml"
    fixed.write_text(spanish_site(SMALL), encoding="utf-8")
    hourly.write_text(spanish_site(SMALL | {"coefficient_mode": "hourly_ex_ante"}), encoding="utf-8")
    first = LocalDay(date(2016, 6, 1), "Europe/Vienna")
    monkeypatch.setattr(best, "whole_days", lambda _: tuple(first.next(k) for k in range(70)))
    done = CliRunner().invoke(app, ["coefficients", str(fixed), "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    path = tmp_path / "ES1234123456789012JY1FA000_2026.txt"
    assert path.name in done.output.replace("\n", "")
    before = billed_month(str(fixed), "2016-07", 1).statement
    after = billed_month(str(hourly), "2016-07", 1, path).statement
    assert after.registers[2].energy_wh > before.registers[2].energy_wh
    worse = [bill.saved_e4 - was.saved_e4 for bill, was in zip(after.bills, before.bills, strict=True)]
    assert min(worse) >= 0
