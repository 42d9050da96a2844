"""Digests of meter data: who holds other values is found, whoever the message was to; who holds the same never is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from market.settlement.meter_copies import copy_digest, wrong_copies_of
from market.uftp import Header, Metering, MeteringProfile

AT = datetime(2016, 5, 20, 23, tzinfo=UTC)
WATTS = st.lists(st.integers(-9_000, 9_000), min_size=4, max_size=4).map(tuple)


def told(owner: str, meter: str, watts: tuple[int, ...], to: str = "agr.example") -> Metering:
    """What an owner's meter told a party."""
    header = Header(owner, to, AT, "m-1", "c-1")
    return Metering(header, date(2016, 5, 20), meter, 1, (MeteringProfile("Power", "W", watts),), "Europe/Vienna")


@given(watts=WATTS, other=WATTS)
def test_a_copy_is_wrong_exactly_where_its_values_are_others(watts: tuple[int, ...], other: tuple[int, ...]) -> None:
    """The same values to two parties have one digest; one watt more is another, and what was read is what is told then."""
    read, held = told("farm.example", "farm.pv", watts, "meters.example"), told("farm.example", "farm.pv", other)
    wrong = wrong_copies_of((copy_digest(held),), (read,))
    assert wrong == (() if watts == other else (read,))


def test_what_was_not_read_and_what_is_not_held_is_left_out() -> None:
    """Of a meter that only one side knows nothing can be said; another's meter of the same name is another meter."""
    mine, theirs = told("a.example", "pv", (1, 2)), told("b.example", "pv", (3, 4))
    assert wrong_copies_of((copy_digest(mine),), (theirs,)) == ()
    assert wrong_copies_of((), (mine, theirs)) == ()


def test_several_are_told_in_one_order() -> None:
    """Whatever the order in which they were read."""
    read = [told("b.example", "pv", (1,)), told("a.example", "z", (1,)), told("a.example", "b", (1,))]
    held = [copy_digest(replace(m, profiles=(MeteringProfile("Power", "W", (2,)),))) for m in read]
    assert [m.ean for m in wrong_copies_of(held, read)] == ["b", "z", "pv"]
    assert wrong_copies_of(held, read) == wrong_copies_of(held, reversed(read))
