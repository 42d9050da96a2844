"""Changes of aggregator that are asked for while a site lives: which can be, and what becomes of switches and days."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.register.agreed_switches import (
    KnownDays,
    KnownSwitches,
    ServedConnection,
    days_with_agreed,
    switch_fault,
)
from market.register.providers import ALWAYS, ProviderSwitch, ServedDays, aggregator_on, days_with

FIRST = date(2016, 5, 20)
CONNECTION = ServedConnection("ean.farm", "farm", "east", (ProviderSwitch(FIRST, "west"),))


def on(days: int) -> date:
    """So many days after the first."""
    return FIRST + timedelta(days=days)


def fault(to: str = "east", days: int = 5, connection: ServedConnection = CONNECTION) -> str | None:
    """What is wrong with a change, between the second and the thirtieth day after the first."""
    return switch_fault(connection, to, on(days), aggregators=("east", "west", "north"), earliest=on(2), last=on(30))


def test_a_change_in_time_to_another_can_be() -> None:
    """From the first day for which there is still notice, to the last day that is operated."""
    assert [fault(days=days) for days in (2, 5, 30)] == [None, None, None]
    assert fault("north") is None


@pytest.mark.parametrize(
    ("to", "days", "words"),
    [
        ("dso", 5, "to: dso; expected another aggregator of this site: east, north"),
        ("west", 5, "to: west; it has the connection on 2016-05-25, expected another: east, north"),
        ("east", 1, "day: 2016-05-21; notice is given by 18:00 two days before, expected 2016-05-22 or later"),
        ("east", -3, "notice is given by 18:00 two days before"),
        ("east", 31, "day: 2016-06-20; expected 2016-06-19 or earlier, the last day that is operated"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(to: str, days: int, words: str) -> None:
    """With what was asked and what was expected."""
    assert words in (fault(to, days) or "")


def test_behind_a_change_that_is_agreed_there_is_none_before_it() -> None:
    """Neither planned nor agreed ones are overtaken: a later day, or none."""
    planned = ServedConnection("ean.farm", "farm", "east", (ProviderSwitch(on(10), "west"),))
    for days in (5, 10):
        assert "goes over to west on 2016-05-30, expected a later day" in (fault("north", days, planned) or "")
    assert fault("north", 11, planned) is None


def test_where_nobody_else_is_that_is_said() -> None:
    """A site of one aggregator, and one where nobody may change."""
    alone = ServedConnection("ean.farm", "farm", "east")
    for aggregators, words in ((("east",), "there is none"), ((), "there is none")):
        told = switch_fault(alone, "east", on(5), aggregators=aggregators, earliest=on(2), last=on(30))
        assert words in (told or "")


def test_a_connections_switches_are_those_known_when_it_is_asked() -> None:
    """What is agreed later is there at once, after what was planned; who asks `aggregator_on` needs to know of nothing."""
    agreed: dict[str, tuple[ProviderSwitch, ...]] = {}
    live = ServedConnection(
        "ean.farm", "farm", "east", KnownSwitches(CONNECTION.switches, "ean.farm", lambda at: agreed.get(at, ()))
    )
    assert [aggregator_on(live, on(days)) for days in (-1, 0, 5)] == ["east", "west", "west"]
    agreed["ean.other"] = (ProviderSwitch(on(3), "north"),)
    assert list(live.switches) == list(CONNECTION.switches)
    agreed["ean.farm"] = (ProviderSwitch(on(3), "north"),)
    assert [aggregator_on(live, on(days)) for days in (-1, 0, 3, 5)] == ["east", "west", "north", "north"]
    assert (len(live.switches), live.switches[1], live.switches[-1:]) == (
        2, ProviderSwitch(on(3), "north"), (ProviderSwitch(on(3), "north"),),
    )  # fmt: skip


def test_a_members_days_are_those_known_when_it_is_asked() -> None:
    """Cut by a change to another, begun by one to it; a member without days has none until one comes."""
    agreed: dict[str, tuple[ProviderSwitch, ...]] = {}

    def known(at: str) -> tuple[ProviderSwitch, ...]:
        return agreed.get(at, ())

    east, west = KnownDays(ALWAYS, "ean.farm", "east", known), KnownDays((), "ean.farm", "west", known)
    assert (list(east), list(west), bool(west)) == ([ServedDays()], [], False)
    agreed["ean.farm"] = (ProviderSwitch(on(3), "west"),)
    assert (list(east), list(west)) == ([ServedDays(None, on(2))], [ServedDays(on(3), None)])
    assert (len(west), west[0], west[0:1]) == (1, ServedDays(on(3)), (ServedDays(on(3)),))


@given(
    st.lists(st.tuples(st.integers(1, 60), st.sampled_from(["east", "west", "north"])), max_size=6), st.integers(0, 6)
)
def test_days_are_the_same_however_many_of_the_switches_were_planned(made: list[tuple[int, str]], planned: int) -> None:
    """Of one history of switches, any first part planned and the rest agreed later: the same days for each aggregator."""
    switches, holder = list[ProviderSwitch](), "east"
    for days, to in sorted(dict(made).items()):
        if to != holder:
            switches.append(ProviderSwitch(on(days), to))
            holder = to
    whole = ServedConnection("ean.farm", "farm", "east", tuple(switches))
    first = ServedConnection("ean.farm", "farm", "east", tuple(switches[:planned]))
    for name in ("east", "west", "north"):
        expected = days_with(whole, name)
        assert days_with_agreed(days_with(first, name), switches[planned:], name) == expected
        for day in (on(n) for n in range(62)):
            assert any(span.has(day) for span in expected) == (aggregator_on(whole, day) == name)
        assert all(
            one.last is not None and (two.first is None or one.last < two.first) for one, two in pairwise(expected)
        )
