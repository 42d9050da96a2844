"""The grid over a chosen span: voltages and loadings, in quantiles, at their worst, who causes them, and what a change would do.

Arrays over a day have one value for each of its ISPs; null: nothing is known of it. Voltages are per unit of the nominal one,
loadings percent of a branch's rating, both from a power flow of what was metered or foretold.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from portal.models.base import Count, Instant, IspNumber, Shown

Row = tuple[float | None, ...]


class Known(StrEnum):
    """How an ISP is known: by the connections' meters, by the sellers' newest prognoses, or not at all."""

    MEASURED = "measured"
    EXPECTED = "expected"
    NOT_KNOWN = "not known"


class Quantiles(Shown):
    """What comes is below `low` with a chance of 10 %, below `median` with one of 50 %, below `high` with one of 90 %."""

    low: Row
    median: Row
    high: Row


class AtForecasts(Shown):
    """A loading with all forecasts of power at their 10, 50 and 90 %; either end may load a branch more."""

    at_10_pct: Row
    at_50_pct: Row
    at_90_pct: Row


class PointCourse(Shown):
    """The loading of the branch that limits a congestion point; `limit_pct`: what the DSO plans with."""

    point: str
    branch: str
    limit_pct: float
    loading_pct: Row
    at_forecasts: AtForecasts | None


class BranchCourse(Shown):
    """The loading of a branch."""

    branch: str
    loading_pct: Row
    at_forecasts: AtForecasts | None


class NodeCourse(Shown):
    """The voltage of a node."""

    node: str
    voltage_pu: Row
    quantiles: Quantiles | None


class GridDayShown(Shown):
    """A local day of the grid.

    Attributes:
        start: when it begins.
        known: how each ISP is known; unseen_meters: how many connections' meters were not seen in it (they count as 0 W).
        exchange_w, losses_w: from the grid above (+ = import), and what of it becomes heat.
        highest_loading_pct: of any branch; lowest_voltage_pu, highest_voltage_pu: of any node.
        bands_told_at: when the DSO told the bands of power that quantiles go by; null, with no quantiles: it has not.
        points: all that the DSO watches; nodes, branches: those that were asked for.
    """

    period: date
    start: Instant
    isp_minutes: Count
    known: tuple[Known, ...]
    unseen_meters: tuple[Count, ...]
    exchange_w: Row
    losses_w: Row
    highest_loading_pct: Row
    lowest_voltage_pu: Row
    highest_voltage_pu: Row
    bands_told_at: Instant | None
    lowest_voltage_quantiles: Quantiles | None
    highest_voltage_quantiles: Quantiles | None
    points: tuple[PointCourse, ...]
    nodes: tuple[NodeCourse, ...]
    branches: tuple[BranchCourse, ...]


class GridForecast(Shown):
    """The grid day by day, as it was measured and is expected, with the site's limits."""

    now: Instant
    min_voltage_pu: float
    max_voltage_pu: float
    max_loading_pct: float
    days: tuple[GridDayShown, ...]


class Extreme(Shown):
    """The worst of a span: at which branch or node, when (`isp` of the local day `period`), how it is known, and whether it is
    within the site's limit.
    """

    where: str
    value: float
    period: date
    isp: IspNumber
    start: Instant
    known: Known
    within: bool


class WorstState(Shown):
    """The worst of a span of local days, both included.

    Attributes:
        loading_pct, highest_voltage_pu, lowest_voltage_pu: null where nothing is known of the span.
        loading_at_forecasts_pct: the highest of ISPs to come, with all forecasts at 10 or at 90 %; null where no band was told.
        highest_voltage_90_pu, lowest_voltage_10_pu: of ISPs to come, with a chance of 10 % to be beyond; likewise.
        isps_over: ISPs in which some branch was, or is expected to be, above its limit.
    """

    now: Instant
    first: date
    last: date
    loading_pct: Extreme | None
    highest_voltage_pu: Extreme | None
    lowest_voltage_pu: Extreme | None
    loading_at_forecasts_pct: Extreme | None
    highest_voltage_90_pu: Extreme | None
    lowest_voltage_10_pu: Extreme | None
    isps_over: Count


class Contributor(Shown):
    """What a connection does to the branch.

    Attributes:
        power_w: its net power then.
        sensitivity_pct_per_kw: what one kilowatt more of consumption there changes of the loading, by two power flows.
        contribution_pct: power times sensitivity; what relieves the branch is negative.
    """

    connection: str
    title: str
    power_w: int
    sensitivity_pct_per_kw: float
    contribution_pct: float


class WhyRed(Shown):
    """Who loads the branch of a congestion point in an ISP, those first that load it most.

    Attributes:
        contributors: at most 200, those with most power; connections: how many hang below the point.
    """

    point: str
    branch: str
    limit_pct: float
    period: date
    isp: IspNumber
    start: Instant
    known: Known
    loading_pct: float
    connections: Count
    contributors: tuple[Contributor, ...]


class Outcome(Shown):
    """A day of the grid in short; null where nothing is known of it."""

    isps_over: Count
    highest_loading_pct: Extreme | None
    highest_voltage_pu: Extreme | None
    lowest_voltage_pu: Extreme | None
    loading_pct: Row
    node_voltage_pu: Row


class WhatIf(Shown):
    """A day of the grid as it is, and with so much more consumption (below 0: feed-in) at a node all day.

    Attributes:
        before, after: `loading_pct` there is the highest of any branch, `node_voltage_pu` the node's own.
    """

    node: str
    power_w: int
    period: date
    known: tuple[Known, ...]
    before: Outcome
    after: Outcome
