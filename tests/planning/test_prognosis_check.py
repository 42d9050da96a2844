"""Whether a seller's prognoses overstate feed-in: found when they clearly do, and nobody suspected for the weather."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agents.planning.forecast.prognosis_check import JUDGED_DAYS, JudgedDay, overstates

HONEST = JudgedDay(1_000.0, 1_000.0, 1_500.0)
INFLATED = JudgedDay(1_300.0, 1_000.0, 1_500.0)


def test_thirty_percent_more_on_two_days_is_found() -> None:
    """One day proves nothing; two do."""
    assert not overstates([INFLATED], [HONEST])
    assert overstates([INFLATED, INFLATED], [HONEST, HONEST])


def test_the_weather_service_errs_for_all() -> None:
    """20 % too much sun for everybody on both days: nobody is suspected; but no error of others excuses 30 %."""
    sunny = JudgedDay(1_200.0, 1_000.0, 1_500.0)
    assert not overstates([sunny, sunny], [sunny, sunny])
    assert overstates([sunny, sunny], [HONEST, HONEST])
    assert overstates([INFLATED, INFLATED], [INFLATED, INFLATED])


def test_a_dull_day_makes_nobody_suspect() -> None:
    """Twice what came, but a fiftieth of what usually comes; and where nothing is usual, nothing is judged."""
    dull = JudgedDay(60.0, 30.0, 1_500.0)
    assert not overstates([dull, dull], [])
    assert not overstates([JudgedDay(9.0, 1.0, 0.0)] * 3, [])


def test_who_tells_the_truth_again_is_cleared() -> None:
    """After three honest days the inflated ones do not count any more."""
    assert not overstates([INFLATED, INFLATED, *[HONEST] * JUDGED_DAYS], [HONEST] * JUDGED_DAYS)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0.85, 1.10)), min_size=1, max_size=5))
def test_an_honest_error_of_ten_percent_is_never_suspected(rows: list[tuple[float, float]]) -> None:
    """Whatever the days and the others."""
    own = [JudgedDay(metered * error, metered, metered + 1.0) for metered, error in rows]
    assert not overstates(own, [])


@given(st.lists(st.tuples(st.floats(300, 1e6), st.floats(0.95, 1.05)), min_size=3, max_size=5))
def test_thirty_percent_on_top_of_a_usual_error_is_found_within_three_days(rows: list[tuple[float, float]]) -> None:
    """Where at least a third of what is usual came."""
    own = [JudgedDay(metered * error * 1.3, metered, metered * 3) for metered, error in rows]
    assert overstates(own, [HONEST] * 3)
