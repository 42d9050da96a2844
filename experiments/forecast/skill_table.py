"""The skill table: made of what was judged, and as rows for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from experiments.forecast.models import SkillTable
from experiments.forecast.site_series import SiteSeries
from experiments.forecast.study import Judged

HEAD = (
    "series", "kind", "days", "MAE, W", "day before", "week before", "better by, %", "pinball, W", "naive's", "in the band, %",
    "below", "above",
)  # fmt: skip


def skill_table(
    site: str,
    series: SiteSeries,
    found: Mapping[str, Judged],
    *,
    seed: int,
    weather: bool,
    issue_hour: int,
    retrain_days: int,
    days: int,
) -> SkillTable:
    """The table of all judged series; `days` were judged, the last of the year."""
    last = series.first + timedelta(days=len(series.weather) - 1)
    skills = {name: judged.skill for name, judged in found.items() if judged.skill is not None}
    return SkillTable(
        site=site,
        seed=seed,
        weather=weather,
        issue_hour=issue_hour,
        retrain_days=retrain_days,
        first=last - timedelta(days=days - 1),
        last=last,
        better_on_all=all(skill.skill_pct > 0 for skill in skills.values()),
        series=skills,
        flat={name: judged.flat for name, judged in found.items() if judged.flat},
    )


def rows(table: SkillTable) -> list[tuple[object, ...]]:
    """A row a series, by `HEAD`."""
    return [
        (
            name, skill.kind, skill.days, round(skill.mae_w, 1), round(skill.naive_1_day_mae_w, 1),
            round(skill.naive_7_days_mae_w, 1), round(skill.skill_pct, 1), round(skill.pinball_w, 1),
            round(skill.naive_pinball_w, 1), round(100 * skill.coverage, 1), round(100 * skill.below_10, 1),
            round(100 * skill.above_90, 1),
        )
        for name, skill in table.series.items()
    ]  # fmt: skip


def flat_sentences(table: SkillTable) -> list[str]:
    """What stands still, one sentence a standstill."""
    return [
        f"{name} stands still from {one.first} to {one.last}: "
        + (
            "it never moves, so there is nothing to forecast"
            if name not in table.series
            else "not learned from, not judged"
        )
        for name, spans in table.flat.items()
        for one in spans
    ]
