"""What a run is judged by: a scenario's score of flexible operation beside no control, local rules and perfect foresight.

A scenario says which figure counts; the others stand beside it, of every column by the same code. `congestion` changes
nothing of the day. In the others flexible elements are operated for it in the column `market`
(`experiments.run.judging.operation`), and perfect foresight aims at it; local rules and no control stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from pydantic import Field

from cim.model.intervals import LocalDay
from environment.sites.schema import Site
from experiments.run.columns.column import Column, ColumnName
from experiments.run.columns.models import ColumnFigures, Figures
from experiments.run.columns.sold_balancing import balancing_figures, known_before
from experiments.run.judging.own_use import own_use_pct
from experiments.run.settings import RunSettings, ScenarioName

Beyond = Callable[[ColumnName, Column], Mapping[str, float]]

_GENERATORS = ("pv", "wind", "chp")
_LEAST_GAP = 0.01  # of the local column's score: a smaller gap says nothing


class KpiFigures(Figures):
    """One way to run the days, judged."""

    score: float = Field(
        description="what the scenario counts, more is better: `self-consumption`: `own_use_pct`; `congestion`: "
        "-`over_limit_kwh`; `islanding`: -`promised_not_served_kwh`; `market`: -`energy_eur`"
    )
    used_here_pct: float = Field(
        description="share of all generation that some connection of the site used in the same ISP: 1 - what the site as a "
        "whole exported over what was made"
    )
    own_use_pct: float = Field(
        description="share of what could be generated that served the site's own need: what loads, vehicles and heat pumps "
        "took (these two at most what they take without control) less what the site as a whole imported and what batteries "
        "gave of what they held at the beginning, over what is generated without control"
    )
    over_limit_kwh: float = Field(
        description="apparent energy beyond the loading limit at the congestion points' branches, kVAh"
    )
    violations: int = Field(description="(bus or branch, ISP) outside the site's limits, voltages included")
    not_used_kwh: float = Field(description="sun and wind that were there and not used")
    co2_kg: float | None = Field(description="of what connections took; null where the site has no factor")
    bills_eur: float = Field(description="all members' bills, in the site's currency unit")
    dso_cost_eur: float = Field(description="what the DSO pays less what it is paid, in the site's currency unit")
    not_served_kwh: float | None = Field(
        None,
        description="`islanding`: what an outage leaves unserved of all loads until they are back on mains, the mean of "
        "outages drawn within the days, the same for all columns; loads as the column drew them",
    )
    promised_not_served_kwh: float | None = Field(None, description="the same of the loads that the site promises")
    served_pct: float | None = Field(
        None, description="outages whose promised loads were served, of those that could be at all, percent"
    )
    energy_eur: float | None = Field(
        None,
        description="`market`: what the site as one balance group pays day-ahead, intraday, for imbalance and balancing energy, "
        "and wear of batteries, less what batteries and rooms keep at the end; without taxes, grid fees and flexibility payments",
    )
    day_ahead_eur: float | None = Field(None, description="for what was expected by the day-ahead gate")
    intraday_eur: float | None = Field(None, description="for what was expected otherwise later, spread included")
    imbalance_eur: float | None = Field(None, description="for what came otherwise than last expected, with penalty")
    balancing_eur: float | None = Field(
        None,
        description="for balancing energy that was delivered: the energy at the day-ahead price, less premiums, and penalties",
    )
    wear_eur: float | None = Field(None, description="of batteries")
    kept_eur: float | None = Field(None, description="worth of what batteries hold and rooms save more at the end")
    balancing_earned_eur: float | None = Field(
        None, description="of balancing energy: premiums; null where nobody buys any"
    )
    balancing_fined_eur: float | None = Field(None, description="penalties for what was called and did not come")
    balancing_offered_kwh: float | None = Field(None, description="that was bid in the direction the system needed")
    balancing_called_kwh: float | None = Field(None, description="of that")
    balancing_delivered_kwh: float | None = Field(
        None, description="of that, by the site's meter against its nomination"
    )
    balancing_calls: float | None = Field(None, description="quarter-hours of calls that were settled")
    balancing_failed: float | None = Field(None, description="of those, in how many less than half came")


class Kpi(Figures):
    """A scenario's scores.

    `perfect_foresight` is the operation with least bills within the limits, not the one with most of the score; in `market` that
    with the least cost of energy at day-ahead prices, credited with all premiums of the balancing energy that `flexible` was
    called for, as though it delivered wholly and at no cost (it moves nothing for it); in `self-consumption` that with the least
    import of the site as a whole; in `islanding` one that also holds what
    the days' outages will need.
    """

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
    efficiency: float,
    beyond: Beyond | None = None,
) -> Kpi:
    """The scores of a scenario.

    Args:
        columns, figures: of the four columns that are compared.
        hours: length of an ISP.
        efficiency: of batteries, one way.
        beyond: (name, column) -> the figures that the scenario alone has; `judged_beyond`.
    """
    columns = _knowing_the_calls(columns)
    judged = {
        name: _judged(
            scenario,
            columns[name],
            figures[name],
            hours,
            {"own_use_pct": own_use_pct(columns[name], columns[ColumnName.IDLE], hours, efficiency)}
            | ({} if beyond is None else dict(beyond(name, columns[name]))),
        )
        for name in COMPARED
    }
    local, flexible, best = (judged[name].score for name in (ColumnName.LOCAL, ColumnName.MARKET, ColumnName.FORESIGHT))
    return Kpi(
        scenario=scenario,
        flexible=judged[ColumnName.MARKET],
        local_control=judged[ColumnName.LOCAL],
        no_control=judged[ColumnName.IDLE],
        perfect_foresight=judged[ColumnName.FORESIGHT],
        gap_closed=gap_closed(local, flexible, best),
    )


def _knowing_the_calls(columns: Mapping[ColumnName, Column]) -> dict[ColumnName, Column]:
    """Perfect foresight is credited with the premiums of the calls that the market was given, or it would be no bound."""
    sold = columns[ColumnName.MARKET].balancing
    if sold is None:
        return dict(columns)
    return {**columns, ColumnName.FORESIGHT: replace(columns[ColumnName.FORESIGHT], balancing=known_before(sold))}


def gap_closed(local: float, flexible: float, best: float) -> float | None:
    """The share of the gap from local rules' score to perfect foresight's that flexible operation closes.

    None where foresight is not above local by more than a hundredth of local's score.
    """
    gap = best - local
    return round((flexible - local) / gap, 4) if gap > _LEAST_GAP * abs(local) else None


COMPARED = (ColumnName.MARKET, ColumnName.LOCAL, ColumnName.IDLE, ColumnName.FORESIGHT)


def used_here_pct(column: Column, hours: float) -> float:
    """The share of all generation that the site as a whole did not export, percent; 0 where nothing was made."""
    net_w = np.sum([active for active, _ in column.truth.values()], axis=0, dtype=np.float64)
    exported_wh = float(np.maximum(-net_w, 0).sum()) * hours
    made_wh = -sum(float(column.by_kind[kind].sum()) for kind in _GENERATORS if kind in column.by_kind) * hours
    return round(100 * max(1 - exported_wh / made_wh, 0.0), 2) if made_wh > 0 else 0.0


def judged_beyond(scenario: ScenarioName, settings: RunSettings, site: Site, days: tuple[LocalDay, ...]) -> Beyond:
    """What gives the figures that only this scenario has, of one column after the other.

    Raises:
        BadInput: the site has no `islanding` or no `wholesale`, or outages cannot be run on a day.
    """
    if scenario is ScenarioName.ISLANDING:
        from experiments.island.model import island_site
        from experiments.run.judging.outages import not_served, outages_of

        model = island_site(settings.site)
        outages = outages_of(model, days, settings.seed)

        def island(_: ColumnName, column: Column) -> dict[str, float]:
            lost = not_served(model, column, days, outages)
            return {
                "not_served_kwh": round(lost.all_kwh, 3),
                "promised_not_served_kwh": round(lost.promised_kwh, 3),
                "served_pct": round(lost.served_pct, 2),
            }

        return island
    if scenario is ScenarioName.MARKET:
        from experiments.run.judging.trading import traded

        def market(name: ColumnName, column: Column) -> dict[str, float]:
            sums = traded(site, name, column, days)
            parts = {f"{part}_eur": round(value, 4) for part, value in sums._asdict().items()}
            sold = column.balancing
            figures = {} if sold is None else balancing_figures(sold, site.isp_minutes / 60)._asdict()
            return parts | {"energy_eur": round(sums.cost, 4)} | figures

        return market
    return lambda _name, _column: {}


def _judged(
    scenario: ScenarioName, column: Column, figures: ColumnFigures, hours: float, beyond: Mapping[str, float]
) -> KpiFigures:
    used, over_kwh = used_here_pct(column, hours), round(figures.over_limit_wh / 1000, 3)
    counted = {
        ScenarioName.SELF_CONSUMPTION: -beyond["own_use_pct"],
        ScenarioName.CONGESTION: over_kwh,
        ScenarioName.ISLANDING: beyond.get("promised_not_served_kwh", 0.0),
        ScenarioName.MARKET: beyond.get("energy_eur", 0.0),
    }[scenario]
    return KpiFigures(
        score=0.0 - counted,  # no minus zero
        used_here_pct=used,
        over_limit_kwh=over_kwh,
        violations=figures.violations,
        not_used_kwh=round(figures.generation_lost_wh / 1000, 3),
        co2_kg=figures.co2_kg,
        bills_eur=round(figures.bills_sum / 1e4, 4),
        dso_cost_eur=round(figures.dso_cost / 1e4, 4),
        **beyond,
    )
