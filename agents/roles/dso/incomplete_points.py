"""Where a day's meters were not complete, and where the whole site stood still: told before the day is forgotten."""

from __future__ import annotations

from datetime import date, datetime

from agents.roles.dso.config import DsoConfig
from agents.roles.effects import Effect, Publish, Send
from agents.roles.grid_messages import NobodyMetered
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.parts.filing import NoState
from agents.roles.parts.meter_data import MeterData
from agents.roles.parts.settlement_as_buyer import DaySettled
from cim.platform.publications.incidents import PointNotMetered, SiteNotMetered
from market.settlement.day import lost_isps
from market.settlement.portfolio import moved_isps

_STANDSTILL_PCT = 90  # assumed: of the connections; a meter whose counter did not move meanwhile counts as read


class IncompletePoints(Part[NoState]):
    """Looks through a settled day's meters, portfolio by portfolio. To be heard before the meters are taken out."""

    def __init__(self, me: AgentIdentity, config: DsoConfig, meters: MeterData) -> None:
        super().__init__(me, NoState())
        self._config, self._meters = config, meters

    @on(DaySettled)
    def day_settled(self, event: DaySettled, now: datetime) -> list[Effect]:
        """Tell of each portfolio that was not metered completely, and the members where hardly anybody was metered."""
        pairs = self._config.pairs(event.period)
        told = (self._checked(seller, point, event.period, now) for seller, point in pairs)
        return [*(Publish(one) for one in told if one is not None), *self._standstill(event.period, now)]

    def _standstill(self, period: date, now: datetime) -> list[Effect]:
        """Whose meters failed together failed by no fault of their own; one connection alone is never a site."""
        count = self.rules.day(period).count
        days = self._meters.connection_days([c.usage_point for c in self._config.connections], period)
        lost = [day.lost_isps(count) for day in days]
        isps = tuple(
            isp
            for isp in range(1, count + 1)
            if len(days) > 1 and sum(isp in one for one in lost) * 100 >= _STANDSTILL_PCT * len(days)
        )
        if not isps:
            return []
        owners = {self.rules.name_of(day.connection.header.sender_domain) for day in days if day.connection is not None}
        members = sorted(owner for owner in owners if owner is not None)
        sent = [Send(member, NobodyMetered(period, isps)) for member in members]
        return [Publish(SiteNotMetered(now, period, isps)), *sent]

    def _checked(self, seller: str, point: str, period: date, now: datetime) -> PointNotMetered | None:
        count = self.rules.day(period).count
        eans = [c.usage_point for c in self._config.of_seller(seller, point, period)]
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
