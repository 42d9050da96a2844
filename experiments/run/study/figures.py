"""The figures of one run that a study looks at over all runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from experiments.run.columns.column import ColumnName
from experiments.run.columns.models import ColumnFigures
from experiments.run.columns.relief import beside_curtailment
from experiments.run.study.models import Check, Quantiles, Study, StudyRun

LEAST_OVER_WH = 20_000  # where local rules are less above the limits, a ratio to it says nothing


def _market(run: StudyRun) -> ColumnFigures:
    return run.columns[ColumnName.MARKET]


def _local(run: StudyRun) -> ColumnFigures:
    return run.columns[ColumnName.LOCAL]


def _bought_per_need(run: StudyRun) -> float | None:
    """What the DSO ordered and curtailed over what the column local is above its limits; None where that is little."""
    need = _local(run).over_limit_wh
    return (run.ordered_wh + _market(run).curtailed_wh) / need if need >= LEAST_OVER_WH else None


def _delivered_share(run: StudyRun) -> float | None:
    return run.delivered_wh / run.ordered_wh if run.ordered_wh else None


def _settled_per_true(run: StudyRun) -> float | None:
    true = sum(kind.true_wh for kind in run.settled_vs_true.values())
    return sum(kind.settled_wh for kind in run.settled_vs_true.values()) / true if true else None


def _settled_per_more(run: StudyRun) -> float | None:
    """The same over the change towards consumption alone: what is moved counts there once, and is paid once."""
    more = sum(kind.more_wh for kind in run.settled_vs_true.values())
    return sum(kind.settled_wh for kind in run.settled_vs_true.values()) / more if more else None


def _ct_per_relieved_kwh(run: StudyRun) -> float | None:
    """What the DSO paid for each kWh less above the limits than in the column local, hundredths of the currency unit."""
    relieved = _local(run).over_limit_wh - _market(run).over_limit_wh
    return _market(run).dso_cost / 100 / (relieved / 1000) if relieved >= LEAST_OVER_WH else None


def _worst_bill(run: StudyRun) -> float | None:
    """By how much the member that the market serves worst pays more than under local rules; negative where all gain."""
    return max((float(bill.market - bill.local) for bill in run.bills.values()), default=None)


def _of_dispatch(name: str) -> Callable[[StudyRun], float | None]:
    """A figure of the dispatch's audit; None where a run has none."""
    return lambda run: None if run.dispatch is None else float(getattr(run.dispatch, name))


@dataclass(frozen=True)
class StudyFigure:
    """A figure of a run.

    Attributes:
        words: what it is, in the unit that is shown.
        of: the run's value as `study.json` holds it; None where it says nothing.
        unit: what a value is divided by to be shown.
    """

    words: str
    of: Callable[[StudyRun], float | None]
    unit: float = 1.0


FIGURES = {
    "violations": StudyFigure("limits broken", lambda run: _market(run).violations),
    "over_limit_wh": StudyFigure("above limits, kVAh", lambda run: _market(run).over_limit_wh, 1000),
    "local_over_limit_wh": StudyFigure("… local rules, kVAh", lambda run: _local(run).over_limit_wh, 1000),
    "max_loading_pct": StudyFigure("highest loading, %", lambda run: _market(run).max_loading_pct),
    "ordered_wh": StudyFigure("ordered, kWh", lambda run: run.ordered_wh, 1000),
    "curtailed_wh": StudyFigure("curtailed by DSO, kWh", lambda run: _market(run).curtailed_wh, 1000),
    "bought_per_need": StudyFigure("(ordered+curt.)/need", _bought_per_need),
    "delivered_share": StudyFigure("delivered/ordered", _delivered_share),
    "settled_per_true": StudyFigure("settled/true change", _settled_per_true),
    "settled_per_more": StudyFigure("settled/change to more", _settled_per_more),
    "dso_cost": StudyFigure("DSO's cost", lambda run: _market(run).dso_cost, 10_000),
    "ct_per_relieved_kwh": StudyFigure("DSO's ct/kWh relieved", _ct_per_relieved_kwh),
    "times_curtailment": StudyFigure("… over curtailment's", lambda run: run.relief.times_curtailment),
    "worst_bill": StudyFigure("worst member's loss", _worst_bill, 10_000),
    "made_whole_pct": StudyFigure("made whole, % of payments", lambda run: 100 * run.made_whole.share_of_payments),
    "system_gap": StudyFigure("gap of all sellers, %", _of_dispatch("system_gap"), 0.01),
    "relative_gap": StudyFigure("gap of all splits, %", _of_dispatch("relative_gap"), 0.01),
    "worst_gap": StudyFigure("gap of the worst split, %", _of_dispatch("worst_gap"), 0.01),
    "worst_gap_e4": StudyFigure("… as money, ct", _of_dispatch("worst_gap_e4"), 100),
    "generation_lost_wh": StudyFigure("sun, wind lost, kWh", lambda run: _market(run).generation_lost_wh, 1000),
    "unserved_ev_wh": StudyFigure("vehicles short, kWh", lambda run: _market(run).unserved_ev_wh, 1000),
}


def quantiles_of(values: Iterable[float | None]) -> Quantiles | None:
    """Of the values that are there; None of none."""
    there = np.array([value for value in values if value is not None], dtype=np.float64)
    if not there.size:
        return None
    low, p5, p25, median, p75, p95, high = np.quantile(there, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]).round(4).tolist()
    return Quantiles(
        lowest=low, p5=p5, p25=p25, median=median, p75=p75, p95=p95, highest=high, mean=round(float(there.mean()), 4)
    )


def beside_their_day(runs: Sequence[StudyRun]) -> list[StudyRun]:
    """The runs, each with its cost of relief over that of its day's column `curtailment`, which one run of the day has."""
    of_day = {run.day: run.relief.curtailment_ct_per_kwh for run in runs if ColumnName.CURTAILMENT in run.columns}
    return [run.model_copy(update={"relief": beside_curtailment(run.relief, of_day.get(run.day))}) for run in runs]


def _distributions(runs: Sequence[StudyRun]) -> dict[str, Quantiles]:
    found = {name: quantiles_of(figure.of(run) for run in runs) for name, figure in FIGURES.items()}
    return {name: quantiles for name, quantiles in found.items() if quantiles is not None}


def without_violations(runs: Sequence[StudyRun]) -> float:
    """Share of the runs in which the market leaves no limit broken."""
    return sum(not _market(run).violations for run in runs) / len(runs)


def study_of(site: str, runs: Sequence[StudyRun], checks: list[Check]) -> Study:
    """What runs come down to; there is at least one."""
    by_day: dict[date, list[StudyRun]] = {}
    for run in runs:
        by_day.setdefault(run.day, []).append(run)
    fullest = {day: max(of_day, key=lambda run: (len(run.columns), -run.seed)) for day, of_day in by_day.items()}
    return Study(
        schema="iles.study/1",
        site=site,
        days=list(by_day),
        seeds=sorted({run.seed for run in runs}),
        runs=len(runs),
        without_violations=round(without_violations(runs), 4),
        checks=checks,
        figures=_distributions(runs),
        by_day={day: _distributions(of_day) for day, of_day in by_day.items()},
        columns={day: run.columns for day, run in fullest.items()},
        cpu_s=round(sum(run.cpu_s for run in runs), 1),
    )
