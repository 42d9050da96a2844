"""Days by scenario: which gaps count and how much of them is closed, by hand; what is finished is not run again."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from cim.model.errors import BadInput
from experiments.run.scenarios import Kpi, KpiFigures, gap_closed
from experiments.run.settings import RunSettings, ScenarioName
from experiments.scenarios.command import ScenarioSettings, execute, finished_days
from experiments.scenarios.models import JudgedDay
from experiments.scenarios.page import render, rows
from experiments.scenarios.verdict import days_of_year, gap_of, spread, study_of, verdict_of

CONGESTION = ScenarioName.CONGESTION


def scored(score: float) -> KpiFigures:
    """A column with that score."""
    return KpiFigures(
        score=score, used_here_pct=0, own_use_pct=0, over_limit_kwh=0, violations=0, not_used_kwh=0, co2_kg=None, bills_eur=0,
        dso_cost_eur=0,
    )  # fmt: skip


def kpi(local: float, flexible: float, foresight: float) -> Kpi:
    """Scores of a day; no control is as local."""
    return Kpi(
        scenario=CONGESTION, flexible=scored(flexible), local_control=scored(local), no_control=scored(local),
        perfect_foresight=scored(foresight), gap_closed=gap_closed(local, flexible, foresight),
    )  # fmt: skip


def day(number: int, local: float, flexible: float, foresight: float) -> JudgedDay:
    """A judged day of May."""
    scores = {CONGESTION: kpi(local, flexible, foresight)}
    return JudgedDay(program="p", day=date(2016, 5, number), seed=1, kpis=scores, cpu_s=1.5)


def test_shares_are_of_sums_and_small_gaps_are_left_out() -> None:
    """Gaps of 40 and 10, 30 and 2 closed: 64 %; a gap of half a hundredth of local counts for nothing, however bad the day."""
    found = verdict_of(CONGESTION, [day(2, -10, -8, 0), day(1, -40, -10, 0), day(3, -100, -150, -99.5)])
    assert [one.day.day for one in found.days] == [1, 2, 3]
    assert (found.counted, found.gap, found.closed, found.closes_half) == (2, 50, 0.64, True)
    assert (found.worst_day, found.worst_closed, found.days_below) == (date(2016, 5, 2), 0.2, ())
    assert found.days[2].closed is None


def test_a_day_worse_than_local_by_more_than_a_tenth_of_its_gap_is_named() -> None:
    """One by exactly a tenth is not, one by more is; together less than half is closed."""
    found = verdict_of(CONGESTION, [day(1, -10, -11, 0), day(2, -10, -11.5, 0), day(3, -10, -1, 0)])
    assert found.days_below == (date(2016, 5, 2),)
    assert (found.closes_half, found.worst_closed) == (False, -0.15)


def test_a_day_counts_as_its_run_judged_it() -> None:
    """Table and verdict say the same: which gaps count is decided once, by who scores the run."""
    scores = kpi(-10, -5, 0)
    assert (gap_of(date(2016, 5, 1), scores).counted, gap_of(date(2016, 5, 1), scores).closed) == (True, 0.5)
    unsaid = gap_of(date(2016, 5, 1), scores.model_copy(update={"gap_closed": None}))
    assert (unsaid.counted, unsaid.closed) == (False, None)


def test_without_a_gap_nothing_is_said() -> None:
    """Where foresight is never above local, neither a share nor a verdict."""
    found = verdict_of(CONGESTION, [day(1, 0, 0, 0), day(2, -5, -4, -6)])
    assert (found.counted, found.closed, found.closes_half, found.worst_day) == (0, None, None, None)
    assert gap_of(date(2016, 5, 1), kpi(0, -1, 1)).closed == -1


def test_every_26th_day_from_5_january_is_fourteen() -> None:
    """The last is in December; of them five lie spread over the year."""
    found = days_of_year(2019, (1, 5), 26)
    assert (len(found), found[0], found[1], found[-1]) == (14, date(2019, 1, 5), date(2019, 1, 31), date(2019, 12, 9))
    assert spread(found, 5) == tuple(found[k] for k in (0, 2, 5, 8, 11))
    assert spread(found, 20) == found


def test_what_is_finished_is_not_run_again(tmp_path: Path) -> None:
    """Stopped at the second of three days and begun again, each is run once; a damaged file is run anew; the page has all."""
    ran: list[date] = []

    def judge(settings: RunSettings, scenarios: tuple[ScenarioName, ...], program: str) -> JudgedDay:
        assert settings.day is not None
        assert scenarios == (CONGESTION,)
        if len(ran) == 1 and settings.day.day == 21:
            ran.append(settings.day)
            raise KeyboardInterrupt
        ran.append(settings.day)
        return day(settings.day.day, -10, -4, 0).model_copy(update={"program": program})

    days = tuple(date(2016, 5, number) for number in (20, 21, 22))
    settings = ScenarioSettings("strem", days, (CONGESTION,), 1, tmp_path, 1)
    with pytest.raises(KeyboardInterrupt):
        execute(settings, lambda _: None, judge)
    assert finished_days(settings) == 1
    told: list[date] = []
    study = execute(settings, lambda one: told.append(one.day), judge)
    assert ran == [days[0], days[1], days[1], days[2]]
    assert told == [days[1], days[2]]
    assert study.scenarios[CONGESTION].closed == 0.6
    (tmp_path / "days" / "2016-05-22-seed1.json").write_text("{", encoding="utf-8")
    execute(settings, lambda _: None, judge)
    assert ran[-1] == days[2]
    page = (tmp_path / "scenarios.html").read_text(encoding="utf-8")
    assert all(one.isoformat() in page for one in days)


def test_a_day_outside_the_year_is_refused_before_anything_runs(tmp_path: Path) -> None:
    """The sentence names the date; nothing is made."""
    settings = ScenarioSettings("strem", (date(2015, 5, 20),), (CONGESTION,), 1, tmp_path / "out", 1)
    with pytest.raises(BadInput, match="2015"):
        execute(settings, lambda _: None, lambda *_: pytest.fail("ran"))
    assert not (tmp_path / "out").exists()


def test_only_scenarios_that_every_day_has_are_told() -> None:
    """Its row says so, and its section stands in the page."""
    study = study_of("strem", 1, [day(1, -10, -4, 0), day(2, -10, -9, 0)])
    assert list(study.scenarios) == [CONGESTION]
    assert rows(study) == [("congestion", 2, 2, 20, "35", "NO", "2016-05-02", "10", 0)]
    assert 'id="fig-congestion-closed"' in render(study)
