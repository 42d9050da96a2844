"""The wider safety analysis of each congestion point, on quantiles of the forecasts and after losses: both are published."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from agents.planning.grid_safety.cases import CaseFound
from agents.roles.dso.case_building import CaseBuilding
from agents.roles.dso.config import DsoConfig
from agents.roles.dso.trading_round import PointAnalysed
from agents.roles.effects import Compute, Effect
from agents.roles.events import JobFailed
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.publications import portfolio_band, safety_case_found
from cim.codec.codec import wire

EVERY = timedelta(hours=12)  # a day's cases are looked at the day before, and again with the day's own prognoses


@wire("dso.CasesOf")
@dataclass(frozen=True, slots=True)
class CasesOf:
    """The reference of the cases of a congestion point's day."""

    period: date
    point: str


@wire("dso.SafetyCases")
@dataclass(slots=True)
class SafetyCasesState:
    """By day and congestion point, when its cases were last looked at."""

    last: dict[date, dict[str, datetime]] = field(default_factory=dict)


class SafetyCases(Part[SafetyCasesState]):
    """Has the cases of a point analysed when its prognoses are, and publishes what each would do."""

    def __init__(self, me: AgentIdentity, config: DsoConfig, building: CaseBuilding) -> None:
        super().__init__(me, SafetyCasesState())
        self._config, self._building = config, building
        self._points = {point.identity: point for point in config.points}

    @on(PointAnalysed)
    def look(self, event: PointAnalysed, now: datetime) -> list[Effect]:
        """The point's round begins: look at its cases too, unless that was done not long ago."""
        last = self.state.last.setdefault(event.period, {})
        if event.point in last and now < last[event.point] + EVERY:
            return []
        last[event.point] = now
        point, config = self._points[event.point], self._config
        day = self.rules.day(event.period)
        nodes, cases = self._building.of(point, day)
        network, inverters = config.part_of(event.point), config.inverters_near(event.point)
        arguments = (network, config.limits, (point,), nodes, cases, inverters)
        bands, domains = self._building.portfolio_bands(event.point, day), self.rules.domains
        return [
            Compute(CasesOf(event.period, event.point), "safety-cases", arguments),
            *(portfolio_band(domains[seller], event.point, event.period, band, now) for seller, band in bands),
        ]

    @on(CasesOf)
    def analysed(self, reference: CasesOf, result: tuple[CaseFound, ...], now: datetime) -> list[Effect]:
        """Publish the table: nobody is asked for anything because of it."""
        return [safety_case_found(reference.period, case, now) for case in result]

    @on(JobFailed)
    def failed(self, event: JobFailed, now: datetime) -> list[Effect]:
        """A case that the grid cannot carry: say so."""
        if not isinstance(event.reference, CasesOf):
            return []
        about = f"{event.reference.point} {event.reference.period.isoformat()}"
        return [self.me.failed("safety analysis of losses", about, event.fault, now)]

    def prune(self, before: date) -> None:
        """Days that are closed."""
        for day in [day for day in self.state.last if day < before]:
            del self.state.last[day]

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """They are looked at again with the next prognoses."""
        return Recovery()
