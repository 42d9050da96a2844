"""What a run is judged by: a scenario's score of flexible operation beside no control, local rules and perfect foresight.

A scenario changes nothing of the day. It says which figure counts; the others stand beside it, of every column by the same code.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pydantic import Field

from experiments.run.columns.column import Column, ColumnName
from experiments.run.columns.models import ColumnFigures, Figures
from experiments.run.settings import ScenarioName

_GENERATORS = ("pv", "wind", "chp")
_LEAST_GAP = 0.01  # of the local column's score: a smaller gap says nothing


class KpiFigures(Figures):
    """One way to run the days, judged."""

    score: float = Field(
        description="what the scenario counts, more is better: `self-consumption`: `used_here_pct`; `congestion`: "
        "-`over_limit_kwh`"
    )
    used_here_pct: float = Field(
        description="share of all generation that some connection of the site used in the same ISP: 1 - what the site as a "
        "whole exported over what was made"
    )
    over_limit_kwh: float = Field(
        description="apparent energy beyond the loading limit at the congestion points' branches, kVAh"
    )
    violations: int = Field(description="(bus or branch, ISP) outside the site's limits, voltages included")
    not_used_kwh: float = Field(description="sun and wind that were there and not used")
    co2_kg: float | None = Field(description="of what connections took; null where the site has no factor")
    bills_eur: float = Field(description="all members' bills, in the site's currency unit")
    dso_cost_eur: float = Field(description="what the DSO pays less what it is paid, in the site's currency unit")


class Kpi(Figures):
    """A scenario's scores; `perfect_foresight` is the cheapest operation within the limits, not the one with most of the score."""

    scenario: ScenarioName
    flexible: KpiFigures = Field(description="the column `market`")
    local_control: KpiFigures = Field(description="the column `local`")
    no_control: KpiFigures = Field(description="the column `idle`")
    perfect_foresight: KpiFigures = Field(description="the column `foresight`")
    gap_closed: float | None = Field(
        description="(flexible - local) / (foresight - local) by score; null where foresight is not above local by more "
        "than a hundredth of local's score"
    )


def kpi_of(
    scenario: ScenarioName,
    columns: Mapping[ColumnName, Column],
    figures: Mapping[ColumnName, ColumnFigures],
    hours: float,
) -> Kpi:
    """The scores of a scenario.

    Args:
        columns, figures: of the four columns that are compared.
        hours: length of an ISP.
    """
    judged = {name: _judged(scenario, columns[name], figures[name], hours) for name in _COMPARED}
    local, best = judged[ColumnName.LOCAL].score, judged[ColumnName.FORESIGHT].score
    gap = best - local
    closed = (judged[ColumnName.MARKET].score - local) / gap if gap > _LEAST_GAP * abs(local) else None
    return Kpi(
        scenario=scenario,
        flexible=judged[ColumnName.MARKET],
        local_control=judged[ColumnName.LOCAL],
        no_control=judged[ColumnName.IDLE],
        perfect_foresight=judged[ColumnName.FORESIGHT],
        gap_closed=None if closed is None else round(closed, 4),
    )


_COMPARED = (ColumnName.MARKET, ColumnName.LOCAL, ColumnName.IDLE, ColumnName.FORESIGHT)


def used_here_pct(column: Column, hours: float) -> float:
    """The share of all generation that the site as a whole did not export, percent; 0 where nothing was made."""
    net_w = np.sum([active for active, _ in column.truth.values()], axis=0, dtype=np.float64)
    exported_wh = float(np.maximum(-net_w, 0).sum()) * hours
    made_wh = -sum(float(column.by_kind[kind].sum()) for kind in _GENERATORS if kind in column.by_kind) * hours
    return round(100 * max(1 - exported_wh / made_wh, 0.0), 2) if made_wh > 0 else 0.0


def _judged(scenario: ScenarioName, column: Column, figures: ColumnFigures, hours: float) -> KpiFigures:
    used, over_kwh = used_here_pct(column, hours), round(figures.over_limit_wh / 1000, 3)
    return KpiFigures(
        score=used if scenario is ScenarioName.SELF_CONSUMPTION else 0.0 - over_kwh,  # no minus zero
        used_here_pct=used,
        over_limit_kwh=over_kwh,
        violations=figures.violations,
        not_used_kwh=round(figures.generation_lost_wh / 1000, 3),
        co2_kg=figures.co2_kg,
        bills_eur=round(figures.bills_sum / 1e4, 4),
        dso_cost_eur=round(figures.dso_cost / 1e4, 4),
    )
