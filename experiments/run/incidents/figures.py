"""Incidents in numbers, as a summary holds them."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from experiments.run.columns.models import Figures
from experiments.run.incidents.incident import Incident, IncidentKind


class IncidentFigures(Figures):
    """All incidents of a kind."""

    times: int = Field(description="how often; `feed-in limited`: (connection, ISP)")
    neither_wh: int = Field(description="ordered by the DSO where nobody metered: neither paid nor fined")
    paid: int = Field(description="by the DSO because of it, ten-thousandths of the currency unit")


def incident_figures(incidents: Iterable[Incident]) -> dict[IncidentKind, IncidentFigures]:
    """Kind -> figures, of the kinds that there were."""
    rows = list(incidents)
    found: dict[IncidentKind, IncidentFigures] = {}
    for kind in IncidentKind:
        mine = [one for one in rows if one.kind is kind]
        if mine:
            found[kind] = IncidentFigures(
                times=sum(one.times for one in mine),
                neither_wh=sum(one.neither_wh for one in mine),
                paid=sum(one.paid_e4 for one in mine),
            )
    return found
