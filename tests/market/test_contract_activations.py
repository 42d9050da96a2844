"""What a contract allows: hours and days of the week by the local clock, runtime, recovery, how often; over clock changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.intervals import LocalDay
from market.contracts.activations import Activation, Activations
from market.contracts.contract import CountedPer, FlexContract, FlexElement
from market.contracts.templates import TEMPLATES, from_template

ZONE = "Europe/Vienna"
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)  # both are Sundays
ELEMENTS = (FlexElement("bess", "battery", 250_000, -250_000), FlexElement("pv", "PV", 90_000, 0))


def contract(**changes: object) -> FlexContract:
    """A year's contract, always on and nearly without limits, but for these."""
    made = from_template(
        "plant-daily", contract_id="c-1", buyer="agr.example", seller="plant.example", start_date=date(2026, 1, 1),
        end_date=date(2026, 12, 31), timezone=ZONE, flex_elements=ELEMENTS, max_activations=99, max_runtime_isps=100,
    )  # fmt: skip
    found = replace(made, **changes)  # type: ignore[arg-type]
    assert found.faults == ()
    return found


def starts(day: date, first: int, count: int = 1, minutes: int = 15) -> list[datetime]:
    """The instants at which ISPs `first`, ... of a local day begin."""
    local = LocalDay(day, ZONE, minutes)
    return [local.isp_start(k) for k in range(first, first + count)]


@pytest.mark.parametrize(("day", "count", "covered"), [(SPRING, 92, 4), (AUTUMN, 100, 12), (date(2026, 5, 17), 96, 8)])
def test_hours_of_day_follow_the_clock_that_changes(day: date, count: int, covered: int) -> None:
    """01:00 to 03:00 has 4 quarter-hours in spring (02:00 to 03:00 is missing), 12 in autumn (it comes twice), else 8."""
    rules = Activations(contract(start_minute=60, end_minute=180))
    allowed = [isp for isp in range(1, count + 1) if rules.allowed((), starts(day, isp)) is None]
    assert allowed == list(range(5, 5 + covered))
    assert "hours of day: 00:45 is outside 01:00..03:00" in str(rules.allowed((), starts(day, 4)))
    assert "hours of day: 03:00 is outside 01:00..03:00" in str(rules.allowed((), starts(day, 5 + covered)))


@pytest.mark.parametrize(("day", "count"), [(SPRING, 92), (AUTUMN, 100), (date(2026, 5, 17), 96)])
def test_a_day_of_the_week_lasts_from_local_midnight_to_midnight(day: date, count: int) -> None:
    """Sundays only: all of its 92, 96 or 100 ISPs, neither the last of Saturday nor the first of Monday (UTC differs)."""
    rules = Activations(contract(days_of_week=(7,)))
    whole = starts(day, 1, count)
    assert rules.allowed((), whole) is None
    step = timedelta(minutes=15)
    saturday, monday = day - timedelta(days=1), day + timedelta(days=1)
    assert rules.allowed((), [whole[0] - step]) == f"day of week: Saturday {saturday} is not covered"
    assert rules.allowed((), [whole[-1] + step]) == f"day of week: Monday {monday} is not covered"


@pytest.mark.parametrize("number", range(1, 8))
def test_each_day_of_the_week_is_its_own_number(number: int) -> None:
    """ISO: 1 is Monday. Of a week exactly the day of that number is covered."""
    rules = Activations(contract(days_of_week=(number,)))
    monday = date(2026, 5, 18)
    covered = [k for k in range(7) if rules.allowed((), starts(monday + timedelta(days=k), 40)) is None]
    assert covered == [number - 1]


def test_the_first_and_the_last_day_belong_to_the_term() -> None:
    """Whole local days, both included: the ISP before the first and the one after the last are outside."""
    rules = Activations(contract(start_date=SPRING, end_date=SPRING))
    step = timedelta(minutes=15)
    assert rules.allowed((), starts(SPRING, 1, 92)) is None
    for outside in (starts(SPRING, 1)[0] - step, starts(SPRING, 92)[0] + step):
        assert "is outside 2026-03-29..2026-03-29" in str(rules.allowed((), [outside]))


def test_runtime_counts_elapsed_isps_not_the_clock() -> None:
    """From 01:00 to 04:00 are 8 quarter-hours in spring and 16 in autumn; the limit counts these."""
    rules = Activations(contract(max_runtime_isps=8))
    assert rules.allowed((), starts(SPRING, 5, 8)) is None
    assert rules.runs(starts(SPRING, 5, 8)) == (Activation(LocalDay(SPRING, ZONE).at(1), LocalDay(SPRING, ZONE).at(4)),)
    found = rules.allowed((), starts(AUTUMN, 5, 16))
    assert found == "runtime: 16 ISPs from 2026-10-25 01:00; at most 8"


@pytest.mark.parametrize(
    ("rest", "gap", "good"), [(4, 4, True), (4, 3, False), (0, 1, True), (1, 1, True), (2, 1, False)]
)
def test_recovery_is_kept_on_either_side(rest: int, gap: int, good: bool) -> None:
    """Over the missing hour of spring as elsewhere: `rest` ISPs before the next activation, whichever was first."""
    rules = Activations(contract(recovery_isps=rest))
    early, late = starts(SPRING, 7, 2), starts(SPRING, 9 + gap, 2)
    for history, asked in ((early, late), (late, early)):
        found = rules.allowed(rules.runs(history), asked)
        if good:
            assert found is None
        else:
            assert str(found).startswith(f"recovery: {gap} ISPs before 2026-03-29")
            assert str(found).endswith(f"at least {rest}")


def test_a_gap_that_is_filled_joins_two_activations_to_one() -> None:
    """Filling the pause is allowed where recovery would forbid a third, and then all count as one, with its runtime."""
    rules = Activations(contract(recovery_isps=2, max_activations=2, max_runtime_isps=6))
    history = rules.runs([*starts(SPRING, 10, 2), *starts(SPRING, 14, 2)])
    assert len(history) == 2
    assert rules.allowed(history, starts(SPRING, 12, 2)) is None
    assert rules.allowed(history, starts(SPRING, 12)) is not None  # one is left between: too short a pause
    joined = rules.runs([*starts(SPRING, 10, 6)])
    assert rules.allowed(joined, starts(SPRING, 20)) is None  # the second of two
    assert "runtime: 7" in str(rules.allowed(joined, starts(SPRING, 16)))


def test_activations_are_counted_by_the_local_day_they_begin_on() -> None:
    """One over midnight counts for the evening; per day two in autumn's 25 hours, and two more on the day after."""
    rules = Activations(contract(max_activations=2))
    over_midnight = [*starts(AUTUMN, 100), *starts(AUTUMN + timedelta(days=1), 1)]
    history = rules.runs([*starts(AUTUMN, 20), *over_midnight])
    assert len(history) == 2
    assert rules.allowed(history, starts(AUTUMN, 40)) == f"activations: 3 on {AUTUMN}; at most 2"
    monday = AUTUMN + timedelta(days=1)
    assert rules.allowed(history, starts(monday, 3)) is None  # 00:30 of Monday, although still Sunday in UTC
    assert rules.allowed(history, [*starts(monday, 20), *starts(monday, 40)]) is None
    assert "3 on 2026-10-26" in str(rules.allowed(history, [x for k in (20, 40, 60) for x in starts(monday, k)]))


@pytest.mark.parametrize("most", [1, 2, 5])
def test_the_term_counts_all_its_days(most: int) -> None:
    """Counted per term, one a day: as many days as allowed, then none, however far apart."""
    rules = Activations(contract(max_activations=most, counted_per=CountedPer.TERM))
    days = [date(2026, 2, 1) + timedelta(days=50 * k) for k in range(most + 1)]
    history = rules.runs([start for day in days[:most] for start in starts(day, 30)])
    assert rules.allowed(history[:-1], starts(days[most - 1], 30)) is None
    assert rules.allowed(history, starts(days[most], 30)) == f"activations: {most + 1} in the term; at most {most}"


@pytest.mark.parametrize(("second", "microsecond"), [(1, 0), (0, 1), (0, 999_999)])
def test_an_isp_begins_on_the_grid(second: int, microsecond: int) -> None:
    """Neither a second nor a microsecond late."""
    late = datetime(2026, 5, 20, 8, 0, second, microsecond, tzinfo=UTC)
    assert "is not the start of an ISP of 15 minutes" in str(Activations(contract()).allowed((), [late]))


@given(isps=st.lists(st.integers(1, 100), max_size=30))
def test_runs_are_the_isps_in_as_few_pieces_as_can_be(isps: list[int]) -> None:
    """In any order and with repetitions: cut up again they give each ISP once, and no two pieces touch."""
    rules, grid = Activations(contract()), starts(AUTUMN, 1, 100)
    runs = rules.runs([grid[isp - 1] for isp in isps])
    step = timedelta(minutes=15)
    cut = [run.start + k * step for run in runs for k in range((run.end - run.start) // step)]
    assert cut == [grid[isp - 1] for isp in sorted(set(isps))]
    assert all(before.end < after.start for before, after in pairwise(runs))


ISP_LENGTHS = [minutes for minutes in range(1, 61) if 60 % minutes == 0]


@pytest.mark.parametrize("minutes", ISP_LENGTHS)
@pytest.mark.parametrize("name", list(TEMPLATES))
def test_every_template_makes_a_sound_contract_at_every_isp_length(name: str, minutes: int) -> None:
    """All 12 lengths that divide an hour: no faults, all the elements can give, the template's prices, its whole day open."""
    made = from_template(
        name, contract_id="c", buyer="a", seller="b", start_date=SPRING, end_date=AUTUMN, timezone=ZONE,
        flex_elements=ELEMENTS, isp_minutes=minutes,
    )  # fmt: skip
    template = TEMPLATES[name]
    assert made.faults == ()
    assert (made.amount_up_w, made.amount_down_w) == (340_000, -250_000)
    assert made.isp == timedelta(minutes=minutes)
    for field in (
        "penalty_e4_per_kwh",
        "capacity_price_e4_per_kw_day",
        "volume_price_e4_per_kwh",
        "activation_price",
        "max_activations",
        "recovery_isps",
    ):
        assert getattr(made, field) == getattr(template, field)
    for day in (SPRING, AUTUMN, date(2026, 5, 20)):
        local = LocalDay(day, ZONE, minutes)
        for isp in (1, local.count // 2, local.count):
            assert Activations(made).allowed((), [local.isp_start(isp)]) is None
