"""`iles community`: a month of Strem billed from its profile year, whatever the clocks and members do."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from environment.sites import load_site
from environment.sites.community import AustrianCommunity
from environment.sites.loader import parse_site
from environment.sites.schema import Site
from experiments.cli.community import app
from experiments.community.austrian import allocated, austrian_account, factors_of
from experiments.community.command import billed
from experiments.community.metered import Metered, counted_wh, energies_of, lived, month_of
from experiments.community.tariffs import law_day
from market.community.bill import Account, CommunityBill

TEXT = (Path(__file__).parents[3] / "environment" / "sites" / "strem.yaml").read_text(encoding="utf-8")


@cache
def strem() -> Site:
    """The site as it ships."""
    return load_site("strem")


@cache
def days(first: str, count: int) -> Metered:
    """Some days of Strem, lived."""
    begin = LocalDay(date.fromisoformat(first), strem().timezone)
    return lived(strem(), tuple(begin.next(k) for k in range(count)), 1)


def with_community(**changes: Any) -> tuple[Site, AustrianCommunity]:
    """Strem with a community that says something else."""
    raw = yaml.safe_load(TEXT)
    raw["community"] |= changes
    site = parse_site(yaml.safe_dump(raw), "mine.yaml")
    assert isinstance(site.community, AustrianCommunity)
    return site, site.community


def members(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Strem's members, some with more keys."""
    found = copy.deepcopy(yaml.safe_load(TEXT)["community"]["members"])
    return [member | changes.get(member["prosumer"].replace("-", "_"), {}) for member in found]


@pytest.mark.parametrize(("first", "isps"), [("2016-03-27", 92), ("2016-05-20", 96), ("2016-10-30", 100)])
def test_a_day_on_which_the_clocks_change_is_billed_whole(first: str, isps: int) -> None:
    """92, 96 or 100 quarter-hours; what was metered is what is billed, own cover is what neighbours fed in and did not keep."""
    metered = days(first, 1)
    found = billed(strem(), metered).statement
    assert {len(row) for row in metered.taken_wh.values()} == {isps}
    names = [bill.member for bill in found.bills]
    for bill in found.bills:
        assert bill.register_wh("1-1:1.9.0 G.01") == metered.taken_wh[bill.member].sum()
        assert bill.register_wh("1-1:2.9.0 G.01") == metered.given_wh[bill.member].sum()
    own = sum(bill.register_wh("1-1:2.9.0 G.03") for bill in found.bills)
    left = sum(bill.register_wh("1-1:2.9.0 P.01T") for bill in found.bills)
    assert own + left == sum(int(metered.given_wh[name].sum()) for name in names)
    assert sum(found.account_e4(account) for account in Account) == found.paid_e4


def test_a_community_costs_no_member_and_its_account_is_even() -> None:
    """On the default day every member pays less than without; the community keeps what rounding leaves."""
    found = billed(strem(), days("2016-05-20", 1)).statement
    assert all(bill.saved_e4 >= 0 for bill in found.bills)
    assert found.saved_e4 > 0
    assert abs(found.account_e4(Account.COMMUNITY)) <= len(found.bills)


def bill_of(site: Site, metered: Metered, name: str) -> CommunityBill:
    """One member's bill."""
    return next(bill for bill in billed(site, metered).statement.bills if bill.member == name)


def test_a_member_that_leaves_is_billed_to_its_last_day() -> None:
    """Farm 9 until the first of two days: own cover of that day alone, energy of both, and the page says so."""
    two, one = days("2016-05-20", 2), days("2016-05-20", 1)
    site, _ = with_community(members=members(farm_9={"until": date(2016, 5, 20)}))
    left = bill_of(site, two, "farm-9")
    assert left.register_wh("1-1:2.9.0 G.03") == bill_of(strem(), one, "farm-9").register_wh("1-1:2.9.0 G.03") > 0
    assert left.register_wh("1-1:1.9.0 G.01") == two.taken_wh["farm-9"].sum()
    assert left.notes == ("Member until 2016-05-20; after that all energy is the supplier's.",)


def test_a_member_that_joins_takes_from_the_others_from_its_first_day_on() -> None:
    """Before it joins the others have more; from that day on all have what they had."""
    two = days("2016-05-20", 2)
    _, late = with_community(members=members(farm_9={"from": date(2016, 5, 21)}))
    _, always = with_community()
    a, b = allocated(late, two), allocated(always, two)
    index = [member.prosumer for member in late.members].index("farm-9")
    others = [k for k in range(13) if k != index]
    assert (a.own_cover_wh[:96, index] == 0).all()
    assert a.own_cover_wh[:96, others].sum() > b.own_cover_wh[:96, others].sum()
    assert (a.own_cover_wh[96:] == b.own_cover_wh[96:]).all()


def test_factors_change_at_midnight_alone() -> None:
    """On the night in which the clocks go forward the day before has 96 rows of the old factor, the next 92 of the new."""
    metered = days("2016-03-26", 2)
    _, community = with_community(
        members=members(farm_9={"factor_pct": {"value": 60, "assumed": True}, "from": date(2016, 3, 27)})
    )
    column = factors_of(community, metered)[:, [m.prosumer for m in community.members].index("farm-9")]
    assert column.tolist() == [0] * 96 + [60] * 92


def test_half_a_factor_takes_half_part() -> None:
    """By 50 % no quarter-hour's own cover is above half of the consumption, and the page says by which factor."""
    metered = days("2016-05-20", 1)
    half = {"factor_pct": {"value": 50, "assumed": True}}
    site, community = with_community(members=members(farm_9=half))
    index = [member.prosumer for member in community.members].index("farm-9")
    found = allocated(community, metered)
    assert (2 * found.own_cover_wh[:, index] <= metered.taken_wh["farm-9"]).all()
    assert "Takes part by a factor of 50 %." in bill_of(site, metered, "farm-9").notes


def test_a_static_key_gives_nothing_on() -> None:
    """With all shares at Farm 1, which has nearly all it needs, the others have nothing from the community."""
    shares = {m["prosumer"].replace("-", "_"): {"share": {"value": 0, "assumed": True}} for m in members()}
    shares["farm_1"] = {"share": {"value": 1, "assumed": True}}
    site, _ = with_community(key="static", members=members(**shares))
    found = billed(site, days("2016-05-20", 1)).statement
    own = {bill.member: bill.register_wh("1-1:2.9.0 G.03") for bill in found.bills}
    assert sum(own.values()) == own["farm-1"]


def test_the_law_of_2027_is_not_guessed() -> None:
    """Billed as in 2027, no table of reductions holds: refused with the days that are known; 2026 is taken."""
    site, community = with_community(as_in_year={"value": 2027, "assumed": True})
    with pytest.raises(
        BadInput, match="grid-fee reduction on 2027-05-20: no table holds; expected a day within 2021-11-01"
    ):
        austrian_account(site, community, days("2016-05-20", 1))


def test_a_day_is_the_local_one_in_utc() -> None:
    """14 November begins at 23:00 UTC of the day before, as the distributors' window has it, and ends 96 quarter-hours later."""
    made = billed(strem(), days("2016-11-14", 1)).intervals
    assert made is not None
    assert made.begins[0] == datetime(2016, 11, 13, 23, tzinfo=UTC)
    assert made.begins[-1] == datetime(2016, 11, 14, 22, 45, tzinfo=UTC)


def test_a_member_that_cannot_feed_in_has_no_registers_of_feed_in() -> None:
    """Farm 9 has a heat pump: five registers; Farm 1 has sun and a battery: nine."""
    found = {bill.member: len(bill.registers) for bill in billed(strem(), days("2016-05-20", 1)).statement.bills}
    assert (found["farm-9"], found["farm-1"]) == (5, 9)


def test_the_statement_says_by_which_years_law_it_is() -> None:
    """The profile year is 2016, the law that of 2026: a note says so."""
    assert (
        "profile year 2016, billed by the law's tables of 2026"
        in billed(strem(), days("2016-05-20", 1)).statement.notes[-1]
    )


@pytest.mark.parametrize(
    ("day", "year", "expected"),
    [
        (date(2016, 2, 29), 2026, date(2026, 2, 28)),
        (date(2016, 2, 29), 2028, date(2028, 2, 29)),
        (date(2016, 12, 31), 2026, date(2026, 12, 31)),
    ],
)
def test_a_leap_day_has_the_law_of_the_day_before(day: date, year: int, expected: date) -> None:
    """29 February in a year without one."""
    assert law_day(day, year) == expected


@given(power=st.lists(st.integers(0, 50_000), min_size=1, max_size=200), minutes=st.sampled_from([15, 30, 60]))
def test_a_register_counts_whole_watt_hours_and_forgets_none(power: list[int], minutes: int) -> None:
    """At any time what it has counted is the energy so far, cut to the watt-hour."""
    counted = np.cumsum(counted_wh(np.array(power), minutes))
    exact = np.cumsum(power) * minutes // 60
    assert counted.tolist() == exact.tolist()


START = datetime(2016, 5, 20, tzinfo=UTC)
INSTANTS = [START + timedelta(minutes=15 * k) for k in range(6)]


def test_a_counter_that_was_not_read_is_spread_and_said_to_be() -> None:
    """Read at 0, 1 and 4 of 0 to 5: the first measured, three substituted evenly, the last missing with 0 Wh."""
    counter = {INSTANTS[0]: 100.4, INSTANTS[1]: 110.6, INSTANTS[4]: 140.6}
    energies, quality = energies_of(counter, INSTANTS)
    assert energies.tolist() == [10, 10, 10, 10, 0]
    assert quality.tolist() == [1, 2, 2, 2, 3]
    nothing, missing = energies_of({}, INSTANTS)
    assert (nothing.tolist(), missing.tolist()) == ([0] * 5, [3] * 5)


def test_a_missing_meter_counts_as_nothing_and_is_noted() -> None:
    """A member whose meter told nothing (L3) takes no part in those quarter-hours; the statement counts them."""
    metered = days("2016-05-20", 1)
    lost = replace(metered, quality=metered.quality | {"farm-9": np.full(96, 3)})
    found = billed(strem(), lost).statement
    assert "96 quarter-hours rest on substitute or missing values (L2, L3)." in found.notes
    bill = next(bill for bill in found.bills if bill.member == "farm-9")
    assert bill.register_wh("1-1:2.9.0 G.03") == 0


@pytest.mark.parametrize("text", ["2016", "2016-13", "May", "2016-5", "2030-01"])
def test_a_month_that_is_none_is_told(text: str) -> None:
    """Another form, or outside the profile year."""
    with pytest.raises(BadInput, match="month: "):
        month_of(strem(), text)


def test_a_month_has_all_its_days() -> None:
    """February 2016 has 29, October's hours are 745; without a word it is the default day's month."""
    assert len(month_of(strem(), "2016-02")) == 29
    assert sum(day.count for day in month_of(strem(), "2016-10")) == 745 * 4
    assert month_of(strem(), None)[0].day == date(2016, 5, 1)


@pytest.mark.slow
def test_a_month_of_strem_by_the_command(tmp_path: Path) -> None:
    """`iles community strem --out DIR --json`: valid JSON that closes, a page for each member, and the warning on each."""
    done = CliRunner().invoke(app, ["strem", "--month", "2016-03", "--out", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["schema"], told["first"]) == ("iles.community/1", "2016-03-01")
    assert sum(told["accounts_e4"].values()) == told["paid_e4"] == sum(bill["total_e4"] for bill in told["bills"])
    assert len(told["bills"]) == 13
    pages = sorted(tmp_path.glob("*.html"))
    assert len(pages) == 14
    assert all("need a lawyer first" in page.read_text(encoding="utf-8") for page in pages)
    assert json.loads((tmp_path / "community.json").read_text(encoding="utf-8")) == told
