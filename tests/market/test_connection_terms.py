"""What is agreed of a connection beside the market: hours and notice of an agreement, what is withdrawn, who is capped."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.codec.codec import decode, encode
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from market.contracts.connection_terms import (
    NOTHING_AGREED,
    ConnectionTerms,
    FlexibleConnection,
    LimitOnCall,
    NonFirm,
    Usage,
    usage_fault,
    withdrawals,
)

DAY = LocalDay(date(2016, 6, 15), "Europe/Vienna", 15)
AHEAD = DAY.next(-1).at(12)
AGREED = FlexibleConnection(10_000, 4_000, 0, 6_000, first_month=4, last_month=9, start_minute=600, end_minute=960,
                            notice_min=60)  # fmt: skip
NOON_ISP = 49  # from 12:00


def flat(name: str, watts: int, agreed: FlexibleConnection = AGREED) -> NonFirm:
    """A connection that is expected to feed in (< 0) the same all day."""
    return NonFirm(name, agreed, (watts,) * DAY.count)


@pytest.mark.parametrize(
    ("changes", "hour", "before_min", "may"),
    [
        ({}, 12, 60, True),
        ({}, 12, 59, False),  # the notice
        ({}, 10, 60, True),  # the first hour
        ({}, 9, 600, False),
        ({}, 16, 600, False),  # the end is not included
        ({"first_month": 7}, 12, 60, False),
        ({"last_month": 5}, 12, 60, False),
        ({"first_month": 11, "last_month": 2}, 12, 60, False),  # a winter
        ({"first_month": 11, "last_month": 6}, 12, 60, True),
        ({"notice_min": 0}, 12, 0, True),
    ],
)
def test_capacity_is_withdrawn_in_the_agreements_hours_and_season_with_its_notice(
    changes: dict[str, Any], hour: int, before_min: int, may: bool
) -> None:
    """Local time counts, and the first minute that is one too late is too late."""
    fields = {"first_month": 4, "last_month": 9, "start_minute": 600, "end_minute": 960, "notice_min": 60} | changes
    agreed = FlexibleConnection(0, 4_000, 0, 6_000, **fields)
    start = DAY.at(hour)
    assert agreed.may_withdraw(start, DAY.timezone, start - timedelta(minutes=before_min)) is may


def test_no_more_is_withdrawn_than_is_needed_and_all_give_the_same_share() -> None:
    """9 kW are needed; one has 6 kW above what is firm, the other 3: all of both. Of 3 needed, 2 and 1."""
    connections = (flat("a", -10_000), flat("b", -7_000))
    assert withdrawals({NOON_ISP: 9_000}, connections, DAY, AHEAD) == {"a": {NOON_ISP: 4_000}, "b": {NOON_ISP: 4_000}}
    assert withdrawals({NOON_ISP: 3_000}, connections, DAY, AHEAD) == {"a": {NOON_ISP: 8_000}, "b": {NOON_ISP: 6_000}}


def test_nothing_is_withdrawn_where_it_does_not_help() -> None:
    """No need, a need of the other sign, a connection that feeds in no more than is firm, or outside its hours."""
    assert withdrawals({NOON_ISP: 0}, (flat("a", -10_000),), DAY, AHEAD) == {}
    assert withdrawals({NOON_ISP: -5_000}, (flat("a", -10_000),), DAY, AHEAD) == {}
    assert withdrawals({NOON_ISP: 5_000}, (flat("a", -4_000), flat("b", 2_000)), DAY, AHEAD) == {}
    assert withdrawals({1: 5_000}, (flat("a", -10_000),), DAY, AHEAD) == {}


@given(
    needs=st.dictionaries(st.integers(1, 96), st.integers(-50_000, 50_000), max_size=8),
    expected=st.lists(st.integers(-20_000, 5_000), min_size=1, max_size=5),
)
def test_what_is_left_is_never_below_what_is_firm(needs: dict[int, int], expected: list[int]) -> None:
    """Whatever is needed; and what is withdrawn meets the need, or is all that there is, and a watt each at most above."""
    connections = [flat(str(k), watts) for k, watts in enumerate(expected)]
    found = withdrawals(needs, connections, DAY, AHEAD)
    assert all(left >= AGREED.firm_export_w for isps in found.values() for left in isps.values())
    for isp in {isp for isps in found.values() for isp in isps}:
        taken = sum(-expected[int(name)] - isps[isp] for name, isps in found.items() if isp in isps)
        spare = sum(max(-watts - AGREED.firm_export_w, 0) for watts in expected)
        assert min(needs[isp], spare) <= taken <= min(needs[isp] + len(expected), spare)


def test_the_lower_of_cap_and_agreement_counts() -> None:
    """4 and 6 kW of an agreement are 10; a cap of 7 is below that; nothing agreed limits nothing."""
    assert ConnectionTerms(flexible=AGREED).export_w == 10_000
    assert ConnectionTerms(max_export_w=7_000, flexible=AGREED).export_w == 7_000
    assert ConnectionTerms(max_export_w=7_000, flexible=AGREED).import_w == 10_000
    assert (NOTHING_AGREED.import_w, NOTHING_AGREED.export_w, NOTHING_AGREED.least_export_w) == (None, None, 0)


def test_a_sum_beyond_capped_connections_is_told_with_their_names() -> None:
    """One capped at 5 kW beside one that carries 10: 15 kW of feed-in may be, 15.001 may not; consumption is not capped."""
    members = (Usage("a", ConnectionTerms(max_export_w=5_000), 20_000), Usage("b", NOTHING_AGREED, 10_000))
    assert usage_fault({3: -15_000}, members) is None
    assert usage_fault({3: 90_000}, members) is None
    assert usage_fault({3: -15_001}, members) == (
        "MaxUsage: -15001 W in ISP 3; at most -15000 W (capped: a at 5000 W)"
    )  # fmt: skip


def test_where_nobody_knows_what_another_connection_carries_nothing_is_beyond() -> None:
    """A sum cannot be judged by one of its parts."""
    members = (Usage("a", ConnectionTerms(max_import_w=5_000)), Usage("b", NOTHING_AGREED))
    assert usage_fault({1: 90_000}, members) is None
    assert usage_fault({1: 5_001}, members[:1]) == "MaxUsage: 5001 W in ISP 1; at most 5000 W (capped: a at 5000 W)"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: FlexibleConnection(0, -1, 0, 0), "firm_export_w -1; expected 0 or more"),
        (lambda: FlexibleConnection(0, 0, 0, 0, first_month=13), "months 13 to 12; expected 1 to 12"),
        (lambda: FlexibleConnection(0, 0, 0, 0, start_minute=60, end_minute=60), "minutes 60 to 60; expected"),
        (lambda: FlexibleConnection(0, 0, 0, 0, notice_min=-1), "notice_min -1; expected 0 or more"),
        (lambda: LimitOnCall(-1, 15, 0), "least_export_w -1, expires_min 15; expected"),
        (lambda: LimitOnCall(0, 0, 0), "least_export_w 0, expires_min 0; expected"),
        (lambda: LimitOnCall(2_000, 15, 1_999), "fail_safe_export_w 1999; expected the minimum of 2000 or more"),
        (lambda: ConnectionTerms(max_import_w=-1), "max_import_w -1; expected 0 or more"),
    ],
)
def test_terms_that_cannot_be_are_refused(make: Any, sentence: str) -> None:
    """With the field, its value and what was expected."""
    with pytest.raises(BadInput, match=sentence):
        make()


def test_terms_cross_the_wire() -> None:
    """They are part of what agents are told."""
    terms = ConnectionTerms(1, 2, AGREED, LimitOnCall(1_000, 30, 2_000))
    assert decode(encode(terms)) == terms
