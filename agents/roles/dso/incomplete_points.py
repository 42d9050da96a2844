"""Where a day's meters were not complete: told before the day is forgotten."""

from __future__ import annotations

from datetime import date, datetime

from agents.roles.dso.config import DsoConfig
from agents.roles.effects import Effect, Publish
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.parts.filing import NoState
from agents.roles.parts.meter_data import MeterData
from agents.roles.parts.settlement_as_buyer import DaySettled
from cim.platform.publications.incidents import PointNotMetered
from market.settlement.day import lost_isps
from market.settlement.portfolio import moved_isps


class IncompletePoints(Part[NoState]):
    """Looks through a settled day's meters, portfolio by portfolio. To be heard before the meters are taken out."""

    def __init__(self, me: AgentIdentity, config: DsoConfig, meters: MeterData) -> None:
        super().__init__(me, NoState())
        self._config, self._meters = config, meters

    @on(DaySettled)
    def day_settled(self, event: DaySettled, now: datetime) -> list[Effect]:
        """Tell of each portfolio that was not metered completely."""
        told = (self._checked(seller, point, event.period, now) for seller, point in self._config.pairs)
        return [Publish(incident) for incident in told if incident is not None]

    def _checked(self, seller: str, point: str, period: date, now: datetime) -> PointNotMetered | None:
        count = self.rules.day(period).count
        eans = [c.usage_point for c in self._config.of_seller(seller, point)]
        days = self._meters.connection_days(eans, period)
        connections = {ean: day.lost_isps(count) for ean, day in zip(eans, days, strict=True)}
        elements = {
            metering.ean: lost_isps([metering]) & moved_isps(metering) for day in days for metering in day.elements
        }
        isps = frozenset[int]().union(*connections.values(), *elements.values())
        if not isps:
            return None
        return PointNotMetered(
            now,
            seller=self.rules.domains[seller],
            congestion_point=point,
            period=period,
            connections=tuple(sorted(ean for ean, lost in connections.items() if lost)),
            elements=tuple(sorted(name for name, lost in elements.items() if lost)),
            isps=tuple(sorted(isps)),
        )
