"""What a run's audit of its dispatch comes down to, for its summary and for a study."""

from __future__ import annotations

from pydantic import Field

from agents.planning.dispatch.admm import Outcome
from experiments.run.columns.models import Figures
from experiments.run.dispatch.audit import DispatchAudit


class Dispatch(Figures):
    """The virtual power plants' ADMM."""

    sessions: int = Field(description="in which somebody took part and that found a split: converged and polished")
    converged: int
    polished: int = Field(
        description="did not converge in time and were brought within the band before they were offered"
    )
    failed: int = Field(description="found no split within the band; nothing was offered of them")
    rounds: int = Field(description="of the longest session")
    worst_gap: float = Field(
        description="largest gap of a split: cost above a lower bound (weak duality), over the largest of the bound, "
        "what the request is worth at its price, and 1 ct"
    )
    worst_gap_e4: int = Field(
        0,
        description="the same gap as money: the cost above the bound of that session, ten-thousandths of the currency unit",
    )
    largest_gap_e4: int = Field(
        0,
        description="largest cost of a session above its bound, ten-thousandths; mostly another session than `worst_gap`'s",
    )
    median_gap: float = Field(description="median of the splits' gaps")
    relative_gap: float = Field(description="the gap of all sessions together")
    total_gap_e4: int = Field(0, description="what all sessions together cost above their bounds, ten-thousandths")
    compared: int = Field(
        description="splits solved again centrally for the gap: all of them; what sellers did in common rounds is one"
    )
    system_gap: float = Field(
        description="what was ordered of all offers against the cheapest way in which all sellers' models together give as much"
    )
    choice_gap: float = Field(
        description="the part of it that is which members were called (by their contracts' prices, which are not their costs)"
    )
    requests_compared: int = Field(description="requests that led to an order, solved so")
    system_gap_e4: int = Field(
        0, description="`system_gap` as money, ten-thousandths: what the owners of what was ordered would save together"
    )
    ordered_cost_e4: int = Field(
        0, description="what all that was ordered costs its owners by their own models, ten-thousandths"
    )
    dso_pays_e4: int = Field(
        0,
        description="what the DSO pays for the same orders, wholly delivered: what is above `ordered_cost_e4` changes hands "
        "(members' surplus, aggregators' margin) and is part of no gap",
    )
    members_get_e4: int = Field(0, description="what the aggregators pay their members of it")
    coordinated: int = Field(0, description="requests that several sellers answered in price rounds of the DSO's")
    certified: int = Field(0, description="of those, the ones whose gap could be bounded by what was told alone")
    certified_gap: float | None = Field(
        None,
        description="the bound of their gaps over what they are worth at their prices; null where none was certified",
    )


def dispatch_figures(found: DispatchAudit) -> Dispatch:
    """The figures of all sessions of a run, and of its requests."""
    return Dispatch(
        sessions=found.ended(Outcome.CONVERGED) + found.ended(Outcome.POLISHED),
        converged=found.ended(Outcome.CONVERGED),
        polished=found.ended(Outcome.POLISHED),
        failed=found.ended(Outcome.FAILED),
        rounds=found.rounds,
        worst_gap=round(found.worst, 6),
        worst_gap_e4=found.worst_e4,
        largest_gap_e4=found.largest_e4,
        median_gap=round(found.median, 6),
        relative_gap=round(found.overall, 6),
        total_gap_e4=found.overall_e4,
        compared=len(found.splits),
        system_gap=round(found.system_gap, 6),
        choice_gap=round(found.choice_gap, 6),
        requests_compared=len(found.system),
        system_gap_e4=found.system_gap_e4,
        ordered_cost_e4=found.ordered_cost_e4,
        dso_pays_e4=sum(one.dso_pays_e4 for one in found.system),
        members_get_e4=sum(one.members_get_e4 for one in found.system),
        coordinated=len(found.coordinated),
        certified=len(found.certified),
        certified_gap=None if found.certified_gap is None else round(found.certified_gap, 6),
    )
