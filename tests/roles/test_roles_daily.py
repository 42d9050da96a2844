"""The timers of operated days are set shortly before each of them, so the length of a site's life weighs nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from agents.roles.effects import Arm, timer_order
from agents.roles.events import Fired, Started
from agents.roles.ledger_keeper import CLOSING, KeeperRole
from agents.roles.parts.operated_days import LookAhead
from agents.roles.parts.recovery import KEPT_DAYS
from agents.roles.parts.settlement import LATEST
from agents.roles.prosumer.metering_messages import METERING
from agents.roles.prosumer.prognoses import ReviseDay
from agents.roles.role import Role
from market.rules import MarketRules
from tests.worlds import players
from tests.worlds.players import AHEAD, FIRST

Build = Callable[[MarketRules], Role]

ROLES: dict[str, Build] = {
    "prosumer": lambda rules: players.farm("farm-a", market=rules),
    "aggregator": players.aggregator,
    "dso": players.dso,
    "keeper": lambda rules: KeeperRole("ledger", rules, players.key("ledger"), ()),
}
# Kind of timer -> when the last of a day is due, after the day's end.
LAST = {
    "prosumer": ("metering", METERING),
    "aggregator": ("settle", LATEST),
    "dso": ("settle", LATEST),
    "keeper": ("close", CLOSING),
}


def armed(role: Role, event: Any, now: datetime) -> dict[str, datetime]:
    """The timers that an event sets."""
    return {" ".join(timer_order(e.timer)): e.at for e in role.handle(event, now) if isinstance(e, Arm)}


def lived(role: Role, start: datetime) -> dict[str, datetime]:
    """All timers of days that are set in the whole life of a role, each when it is first set."""
    found: dict[str, datetime] = {}
    waiting = armed(role, Started(), start)
    while waiting:
        for timer, at in waiting.items():
            assert timer not in found, "set twice"
            found[timer] = at
        again = [(timer, at) for timer, at in waiting.items() if timer.startswith("day ")]
        waiting = {}
        for timer, at in again:
            assert start < at
            period = date.fromisoformat(timer.partition(" ")[2])
            waiting = armed(role, Fired(LookAhead(period)), at)
    return found


@pytest.mark.parametrize("name", ROLES)
def test_ten_years_weigh_no_more_than_three_days(name: str) -> None:
    """What is set at the start does not grow with the days to come."""
    few, many = (armed(ROLES[name](players.rules(days=days)), Started(), AHEAD) for days in (3, 3650))
    assert len(many) <= len(few) + 1
    assert len(many) < 12


@pytest.mark.parametrize("name", ROLES)
def test_every_operated_day_gets_its_timers_once_and_in_time(name: str) -> None:
    """Over forty days with a change of the clocks: all of them, at the right instants, set before they are due."""
    rules = replace(players.rules(days=40), first_day=date(2016, 10, 10))
    role = ROLES[name](rules)
    kind, after = LAST[name]
    begin = rules.day(rules.first_day).next(-1).at(12)
    found = lived(role, begin)
    days = [rules.day(rules.first_day).next(k) for k in range(40)]
    keys = [f"{kind} {k}" for k in range(2, 42)] if name == "keeper" else [f"{kind} {day.key}" for day in days]
    assert {key: found[key] for key in keys} == {key: day.end + after for key, day in zip(keys, days, strict=True)}
    assert {key for key in found if key.startswith(f"{kind} ")} - {"close 1"} == set(keys)
    if name == "prosumer":
        told = [found[f"forecast {day.key}"] for day in days]
        assert told == [begin, *(day.next(-1).at(11) for day in days[1:])]


@pytest.mark.parametrize("name", ["prosumer", "aggregator", "dso"])
def test_who_begins_late_sets_nothing_for_days_closed_for_good(name: str) -> None:
    """A party that starts (or starts again) in the middle of a site's life begins with the days that are still open."""
    rules = players.rules(days=400)
    now = rules.day(FIRST).next(200).at(15)
    kind, _ = LAST[name]
    keys = sorted(key for key in armed(ROLES[name](rules), Started(), now) if key.startswith(f"{kind} "))
    assert keys[0] == f"{kind} {(FIRST + timedelta(days=200 - KEPT_DAYS)).isoformat()}"
    assert len(keys) == KEPT_DAYS + 3


@pytest.mark.parametrize("hours", [1, 3, 24])
def test_a_prognosis_is_revised_every_so_many_hours(hours: int) -> None:
    """As the site says (`revision_hours`), on the day and not beyond it; who is late falls back into step."""
    role = ROLES["prosumer"](replace(players.rules(), revision_hours=hours))
    day, timer = role.me.rules.day(FIRST), f"revise {FIRST}"
    first = armed(role, Started(), AHEAD)[timer]
    at: datetime | None = first
    step, revised = timedelta(hours=hours), list[datetime]()
    while at is not None:
        revised.append(at)
        late = at + timedelta(minutes=20)
        at = armed(role, Fired(ReviseDay(FIRST)), late).get(timer)
    assert revised == [first + k * step for k in range(24 // hours)]
    assert first == day.start + timedelta(minutes=5)
