"""Heavy work by name: what a role may ask for with `Compute(job, arguments)`. Imports happen inside the job.

A job is a pure function of wire values; any process may run it, and running it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cim.model.errors import ProgrammingFault


def _safety(*arguments: Any) -> Any:
    from agents.planning.grid_safety.assessment import assess

    return assess(*arguments)


def _selection(*arguments: Any) -> Any:
    from agents.planning.grid_safety.offer_selection import select

    return select(*arguments)


def _priced_selection(*arguments: Any) -> Any:
    from agents.planning.grid_safety.offer_pricing import choose_and_price

    return choose_and_price(*arguments)


JOBS: dict[str, Callable[..., Any]] = {
    "safety": _safety,
    "selection": _selection,
    "priced-selection": _priced_selection,
}


def run(job: str, arguments: tuple[Any, ...]) -> Any:
    """The job's result.

    Raises:
        ProgrammingFault: no such job.
    """
    if job not in JOBS:
        raise ProgrammingFault(f"job {job!r} is unknown; expected one of {', '.join(JOBS)}")
    return JOBS[job](*arguments)
