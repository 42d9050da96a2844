"""History on the days when the clocks change, by hand; unknown names; days that no profile reaches."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from environment.profiles.history import History
from environment.profiles.library import Profiles, load
from environment.sites import load_site

SITE = load_site("strem")
PACK = load(SITE.profiles)
SPRING, AUTUMN = date(2016, 3, 27), date(2016, 10, 30)
OWNER = next(p for p in SITE.prosumers if p.base_load is not None)


def day(of: date) -> LocalDay:
    """A local day of the site."""
    return LocalDay(of, SITE.timezone)


def loads_of(of: date, quarters: list[float]) -> np.ndarray:
    """The history row of `of` of a base load that draws these shares of its peak in the day's quarter-hours, in order."""
    assert OWNER.base_load is not None
    values = dict(PACK.values)
    year = np.zeros(PACK.count)
    first = PACK.index(day(of).start)
    year[first : first + len(quarters)] = quarters
    values[OWNER.base_load.column] = year
    history = History(SITE, Profiles("made", PACK.first, values))
    (row,) = history.days(f"{OWNER.name}.load", 1, day(of).next())
    return row / OWNER.base_load.peak_w.value


def test_the_hour_that_is_missing_repeats_the_quarter_hour_before_it() -> None:
    """On 27 March 01:45 is followed by 03:00: slots 02:00 to 02:45 show what 01:45 did, 03:00 the ninth quarter-hour."""
    row = loads_of(SPRING, [k / 100 for k in range(1, 93)])
    np.testing.assert_allclose(row[:8], [k / 100 for k in range(1, 9)])
    np.testing.assert_allclose(row[8:12], 0.08)
    np.testing.assert_allclose(row[12:], [k / 100 for k in range(9, 93)])


def test_the_hour_that_comes_twice_is_averaged() -> None:
    """On 30 October 02:00 to 02:45 come twice: quarter-hours 9 to 12 and 13 to 16, each slot the mean of its two."""
    row = loads_of(AUTUMN, [k / 100 for k in range(1, 101)])
    np.testing.assert_allclose(row[:8], [k / 100 for k in range(1, 9)])
    np.testing.assert_allclose(row[8:12], [0.11, 0.12, 0.13, 0.14])
    np.testing.assert_allclose(row[12:], [k / 100 for k in range(17, 101)])


@pytest.mark.parametrize("of", [SPRING, AUTUMN])
def test_days_come_oldest_first_and_end_before_the_day_that_is_asked_for(of: date) -> None:
    """Three days before the change, across it and after it: rows are those of the single days, in their order."""
    history, name = History(SITE, PACK), f"{OWNER.name}.load"
    last = day(of).next(2)
    rows = history.days(name, 3, last)
    for back in (3, 2, 1):
        np.testing.assert_array_equal(rows[3 - back], history.days(name, 1, last.next(1 - back))[0])
    assert (rows[1] != rows[2]).any()
    assert history.days(name, 0, last).shape == (0, 96)


@pytest.mark.parametrize("name", ["nobody", "nobody.meter", "", f"{OWNER.name}.toaster", f"{OWNER.name}.Load"])
def test_a_name_nobody_has_is_refused(name: str) -> None:
    """An unknown prosumer, or a part that it does not have: told with the names that it has."""
    with pytest.raises(BadInput, match=f"history: '{name}' is unknown; expected") as caught:
        History(SITE, PACK).days(name, 1, day(date(2016, 5, 20)))
    if "." in name and not name.startswith("nobody"):
        for part in ("load", "meter", *(device.name for device in OWNER.devices)):
            assert part in str(caught.value)


@pytest.mark.parametrize(("before", "days"), [(date(2016, 1, 1), 1), (date(2016, 1, 5), 5), (date(2017, 1, 2), 1)])
def test_days_outside_the_profile_year_are_refused(before: date, days: int) -> None:
    """The year's first day has no day before it, and the day after its last one is none of it."""
    history = History(SITE, PACK)
    with pytest.raises(BadInput):
        history.days(f"{OWNER.name}.load", days, day(before))
    assert history.days(f"{OWNER.name}.load", 4, day(date(2016, 1, 5))).shape == (4, 96)
    assert history.days(f"{OWNER.name}.load", 1, day(date(2017, 1, 1))).shape == (1, 96)
