"""Whose a connection is on a day: the one answer that forecasts, orders, meterings, settlements and payments go by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cim.codec.codec import decode, encode
from market.register.providers import (
    ALWAYS,
    ProviderSwitch,
    ServedDays,
    aggregator_on,
    aggregators_between,
    aggregators_of,
    days_with,
)

FIRST = date(2016, 6, 15)


@dataclass(frozen=True)
class Home:
    """A connection."""

    aggregator: str
    switches: tuple[ProviderSwitch, ...] = ()


def on(days: int) -> date:
    """So many days after the first."""
    return FIRST + timedelta(days=days)


@st.composite
def homes(draw: st.DrawFn) -> Home:
    """A connection that goes over up to four times, each time to another of three aggregators."""
    days = sorted(draw(st.lists(st.integers(0, 30), max_size=4, unique=True)))
    holder = first = draw(st.sampled_from("abc"))
    switches = []
    for day in days:
        holder = draw(st.sampled_from([name for name in "abc" if name != holder]))
        switches.append(ProviderSwitch(on(day), holder))
    return Home(first, tuple(switches))


def test_the_switch_is_at_its_days_midnight() -> None:
    """The day before is wholly the old one's, the day itself wholly the new one's, and so are all that follow."""
    home = Home("agr", (ProviderSwitch(on(3), "agr-2"),))
    assert [aggregator_on(home, on(k)) for k in (0, 2, 3, 4, 400)] == ["agr", "agr", "agr-2", "agr-2", "agr-2"]


def test_without_a_switch_one_has_it_for_ever() -> None:
    """As on all sites before there were switches."""
    home = Home("agr")
    assert {aggregator_on(home, day) for day in (date.min, FIRST, date.max)} == {"agr"}
    assert (days_with(home, "agr"), days_with(home, "agr-2")) == (ALWAYS, ())
    assert aggregators_of(home) == ("agr",)


def test_who_comes_back_has_two_spans_of_days() -> None:
    """Away and back: the days in between are nobody else's than the other's."""
    home = Home("agr", (ProviderSwitch(on(2), "agr-2"), ProviderSwitch(on(5), "agr")))
    assert days_with(home, "agr") == (ServedDays(None, on(1)), ServedDays(on(5), None))
    assert days_with(home, "agr-2") == (ServedDays(on(2), on(4)),)
    assert aggregators_of(home) == ("agr", "agr-2")


@given(homes(), st.integers(-5, 40))
def test_every_day_belongs_to_exactly_one(home: Home, days: int) -> None:
    """Of all aggregators' spans just one holds a day, and it is that of `aggregator_on`."""
    day = on(days)
    holders = [name for name in "abc" for span in days_with(home, name) if span.has(day)]
    assert holders == [aggregator_on(home, day)]


@given(homes(), st.integers(-5, 40), st.integers(0, 20))
def test_between_two_days_all_are_named_that_have_a_day_of_them(home: Home, days: int, length: int) -> None:
    """Each once, in the order in which they first have it."""
    asked = [aggregator_on(home, on(days + k)) for k in range(length + 1)]
    assert aggregators_between(home, on(days), on(days + length)) == tuple(dict.fromkeys(asked))


def test_spans_without_an_end_hold_all_days_on_that_side() -> None:
    """And an inclusive last day is the last."""
    assert ServedDays().has(date.min)
    assert ServedDays(on(1), None).has(on(1))
    assert not ServedDays(on(1), None).has(on(0))
    assert ServedDays(None, on(1)).has(on(1))
    assert not ServedDays(None, on(1)).has(on(2))


def test_switches_and_spans_come_back_from_the_wire() -> None:
    """They stand in configs that are journalled."""
    said = (ProviderSwitch(on(1), "agr-2"), ServedDays(on(1), None), ServedDays())
    assert decode(encode(said)) == said
