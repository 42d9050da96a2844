"""Heavy work by name: what a role may ask for with `Compute(job, arguments)`. Imports happen inside the job.

A job is a pure function of wire values; any process may run it, and running it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cim.model.errors import ProgrammingFault

if TYPE_CHECKING:
    from agents.planning.forecast.bands.history import KnownDays
    from agents.planning.grid_safety.assessment import PointGrid
    from agents.planning.grid_safety.cases import CaseFound, SafetyCase
    from agents.planning.instance.bands import BothWays
    from agents.planning.instance.split import InstanceSplit
    from agents.planning.microgrid.problem import Microgrid, MicrogridPlan
    from cim.model.arrays import Floats
    from environment.feeder import Limits, Network, QvInverter


def _safety(*arguments: Any) -> Any:
    from agents.planning.grid_safety.assessment import assess

    return assess(*arguments)


def _safety_cases(
    network: Network,
    limits: Limits,
    points: tuple[PointGrid, ...],
    nodes: tuple[str, ...],
    cases: tuple[SafetyCase, ...],
    inverters: tuple[QvInverter, ...] = (),
) -> tuple[CaseFound, ...]:
    from agents.planning.grid_safety.cases import analyse_cases

    return analyse_cases(network, limits, points, nodes, cases, inverters)


def _order_check(
    network: Network,
    limits: Limits,
    nodes: tuple[str, ...],
    p_w: tuple[Floats, ...],
    q_var: tuple[Floats, ...],
    orders: tuple[tuple[Floats, ...], ...],
    inverters: tuple[QvInverter, ...] = (),
) -> tuple[str, ...]:
    from agents.planning.grid_safety.order_check import check_orders

    return check_orders(network, limits, nodes, p_w, q_var, orders, inverters)


def _selection(*arguments: Any) -> Any:
    from agents.planning.grid_safety.offer_selection import select

    return select(*arguments)


def _priced_selection(*arguments: Any) -> Any:
    from agents.planning.grid_safety.offer_pricing import choose_and_price

    return choose_and_price(*arguments)


def _exchange_band(known: KnownDays, issue_slot: int) -> tuple[Floats, ...]:
    from agents.planning.forecast.bands.day_ahead import day_ahead

    return day_ahead(known, issue_slot)


def _microgrid_plan(grid: Microgrid) -> MicrogridPlan:
    from agents.planning.microgrid.plan import plan

    return plan(grid)


def _microgrid_replan(
    grid: Microgrid, before: MicrogridPlan, since: int, energy_kwh: tuple[float, ...]
) -> MicrogridPlan:
    from agents.planning.microgrid.rolling import replan

    return replan(grid, before, since=since, energy_kwh=energy_kwh)


def _instance_split(members: dict[str, BothWays], asked_w: dict[int, int], hours: float) -> InstanceSplit:
    from agents.planning.instance.split import split

    return split(members, asked_w, hours)


JOBS: dict[str, Callable[..., Any]] = {
    "safety": _safety,
    "safety-cases": _safety_cases,
    "order-check": _order_check,
    "selection": _selection,
    "priced-selection": _priced_selection,
    "exchange-band": _exchange_band,
    "microgrid-plan": _microgrid_plan,
    "microgrid-replan": _microgrid_replan,
    "instance-split": _instance_split,
}


def run(job: str, arguments: tuple[Any, ...]) -> Any:
    """The job's result.

    Raises:
        ProgrammingFault: no such job.
    """
    if job not in JOBS:
        raise ProgrammingFault(f"job {job!r} is unknown; expected one of {', '.join(JOBS)}")
    return JOBS[job](*arguments)
