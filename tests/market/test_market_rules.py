"""The grid of control intervals that all agents share, and who is who; also on the days when the clocks change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.codec.codec import decode, encode
from market.contracts.contract import FlexContract, FlexElement, in_force
from market.contracts.templates import from_template
from market.rules import Control, MarketRules

FIRST = date(2026, 3, 28)  # the clocks change on the second day


def rules(control_s: int = 300, isp_minutes: int = 15, days: int = 3) -> MarketRules:
    """Rules of a market of two agents."""
    domains = {"agr": "agr.example", "dso": "dso.example"}
    return MarketRules("Europe/Vienna", isp_minutes, "EUR", control_s, FIRST, days, Control.MARKET, domains, {}, "seed")


INSTANTS = st.datetimes(datetime(2026, 3, 28), datetime(2026, 3, 31), timezones=st.just(UTC))  # noqa: DTZ001
INTERVALS = st.sampled_from([60, 300, 900])


@given(instant=INSTANTS, control_s=INTERVALS)
def test_the_next_boundary_is_the_first_grid_point_after_an_instant(instant: datetime, control_s: int) -> None:
    """Strictly later, at most one interval away, and a whole number of intervals after the local day's start."""
    market = rules(control_s)
    found, start = market.boundary(instant), market.interval_start(instant)
    assert start <= instant < found
    assert found - start == market.interval
    begin = market.day_of(instant).start
    assert (found - begin) % market.interval == timedelta(0)
    assert market.boundary(instant) == found  # asked again, the same


@given(instant=INSTANTS, control_s=INTERVALS)
def test_patience_is_half_to_one_and_a_half_intervals(instant: datetime, control_s: int) -> None:
    """A deadline for answers is on the grid, neither too soon to be met nor far away."""
    market = rules(control_s)
    wait = market.patience(instant) - instant
    assert market.interval / 2 < wait <= 1.5 * market.interval
    assert market.interval_start(market.patience(instant)) == market.patience(instant)


@pytest.mark.parametrize(("minutes", "counts"), [(15, [96, 92, 96]), (30, [48, 46, 48]), (60, [24, 23, 24])])
def test_the_operated_days_follow_each_other_without_a_gap(minutes: int, counts: list[int]) -> None:
    """Each day ends where the next begins, with the ISPs that the local day has."""
    days = rules(900, minutes).periods
    assert [day.count for day in days] == counts
    assert all(before.end == after.start for before, after in pairwise(days))
    assert rules(900, minutes).hours == minutes / 60


@given(instant=INSTANTS)
def test_an_instant_lies_in_exactly_the_day_it_is_said_to(instant: datetime) -> None:
    """start <= instant < end, by the local calendar."""
    day = rules().day_of(instant)
    assert day.start <= instant < day.end
    assert day == rules().day(day.day)


def test_a_domain_leads_back_to_its_agent() -> None:
    """Name and domain are one to one; an unknown domain is nobody's."""
    market = rules()
    assert [market.name_of(domain) for domain in market.domains.values()] == list(market.domains)
    assert market.name_of("eve.example") is None


class Term(NamedTuple):
    """First and last day of a contract, counted from `FIRST`."""

    first: int
    last: int


@given(terms=st.lists(st.builds(Term, st.integers(0, 20), st.integers(0, 20)), max_size=6), offset=st.integers(-1, 21))
def test_of_several_contracts_the_last_one_agreed_counts(terms: list[Term], offset: int) -> None:
    """Of those whose term holds the day it is the last in the list; None where there is none."""
    day = FIRST + timedelta(days=offset)
    contracts = [contract(str(number), *sorted(term)) for number, term in enumerate(terms)]
    covering = [c for c in contracts if c.start_date <= day <= c.end_date]
    assert in_force(contracts, day) == (covering[-1] if covering else None)


def contract(name: str, first: int, last: int) -> FlexContract:
    """A contract from and to these days."""
    return from_template(
        "plant-daily", contract_id=name, buyer="agr.example", seller="plant.example", start_date=FIRST + timedelta(days=first),
        end_date=FIRST + timedelta(days=last), timezone="Europe/Vienna",
        flex_elements=(FlexElement("bess", "battery", 1000, -1000),),
    )  # fmt: skip


@pytest.mark.parametrize("control", list(Control))
def test_only_the_market_column_trades(control: Control) -> None:
    """Rules of every column travel to agents unchanged; flexibility is traded in one of them."""
    market = replace(rules(), control=control)
    assert decode(encode(market)).control is control
    assert market.flexibility == (control == "market")
