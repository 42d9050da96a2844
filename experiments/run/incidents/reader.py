"""Reads all incidents of a run from what was published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

from cim.platform.publications.grid import FeedInAccounted, FeedInLimited, PrognosisReplaced, SellerJudged
from cim.platform.publications.incidents import (
    ElementOverridden,
    ElementSuspended,
    MetersDisagree,
    PointNotMetered,
    SiteNotMetered,
)
from cim.platform.publications.measured import DeviceBack, DeviceLost
from cim.platform.publications.settlement import CopiesDiffer, DisputeDecided
from cim.platform.store import Store, values
from experiments.run.incidents.as_told import told_as_they_are
from experiments.run.incidents.incident import Incident, IncidentKind, spans
from experiments.run.incidents.settled_isps import SettledIsps, kwh
from market.rules import MarketRules


def incidents_of(store: Store, rules: MarketRules, dso: str) -> list[Incident]:
    """Every incident in order of time; `dso` is its domain."""
    reader = _Reader(store, rules, dso)
    parts = (
        reader.lost(), reader.not_metered(), reader.standstills(), reader.disagreeing(), reader.suspended(),
        reader.kept(), reader.doubted(), reader.disputes(), reader.copies(), reader.limited(), told_as_they_are(store, rules),
    )  # fmt: skip
    return sorted((one for part in parts for one in part), key=lambda one: (one.at, one.kind, one.who, one.what))


@dataclass(frozen=True)
class _Reader:
    store: Store
    rules: MarketRules
    dso: str

    @cached_property
    def _settled(self) -> SettledIsps:
        return SettledIsps(self.store, self.rules, self.dso)

    def lost(self) -> Iterator[Incident]:
        """Devices and meters, each from its loss to its return, and what of their elements was settled in between."""
        back, zone = values(self.store, DeviceBack), ZoneInfo(self.rules.timezone)
        for told in self.store.told(DeviceLost):
            loss = told.publication
            until = min((one.at for one in back if one.device == loss.device and one.at > loss.at), default=None)
            elements = self._settled.elements_behind(loss.device, told.agent)
            booked = self._settled.between(elements, loss.at, until or self.rules.periods[-1].end)
            span = "to the end" if until is None else f"to {until.astimezone(zone):%Y-%m-%d %H:%M}"
            money = booked.of_members() if elements else "it has no elements"
            yield Incident(loss.at, IncidentKind.DEVICE_LOST, loss.device, f"{span}: {loss.reason}", money)

    def not_metered(self) -> Iterator[Incident]:
        """Portfolios that were not metered completely, and what became of what the DSO had ordered there."""
        for told in values(self.store, PointNotMetered):
            sources = ", ".join((*told.connections, *told.elements))
            what = f"{told.congestion_point} on {told.period}, ISPs {spans(told.isps)}: {sources}"
            booked = self._settled.of_point(told.seller, told.congestion_point, told.period, told.isps)
            yield Incident(told.at, IncidentKind.NOT_METERED, self._name(told.seller), what, booked.of_dso(),
                           neither_wh=booked.neither_wh)  # fmt: skip

    def standstills(self) -> Iterator[Incident]:
        """Where hardly anybody was metered."""
        for told in values(self.store, SiteNotMetered):
            what = f"on {told.period}, ISPs {spans(told.isps)}"
            yield Incident(told.at, IncidentKind.SITE_NOT_METERED, self._name(self.dso), what, "suspends nobody")

    def disagreeing(self) -> Iterator[Incident]:
        """Meters of which one must lie, and what of their elements was settled there."""
        for told in self.store.told(MetersDisagree):
            found = told.publication
            what = f"on {found.period}, ISPs {spans(found.isps)}: {found.reason}"
            booked = self._settled.of_elements(self._settled.elements_of(told.agent), found.period, found.isps)
            yield Incident(found.at, IncidentKind.METERS_DISAGREE, found.usage_point, what, booked.of_members())

    def suspended(self) -> Iterator[Incident]:
        """Elements that offer nothing any more, or do again."""
        for told in values(self.store, ElementSuspended):
            what = f"not metered in {told.unmetered_isps} ISPs of 30 days; {told.allowed_isps} are allowed"
            money = "offers nothing, earns nothing" if told.suspended else "offers again"
            yield Incident(told.at, IncidentKind.SUSPENDED, told.element, what, money)

    def kept(self) -> Iterator[Incident]:
        """Elements that their owners keep for themselves, or give back."""
        zone = ZoneInfo(self.rules.timezone)
        for told in values(self.store, ElementOverridden):
            what, money = "given back", "offers again"
            if told.until is not None:
                what = f"until {told.until.astimezone(zone):%Y-%m-%d %H:%M}; {told.promised_wh / 1000:.2f} kWh of it were promised"
                money = "its aggregator has to make good what is missing of that"
            yield Incident(told.at, IncidentKind.OVERRIDDEN, told.element, what, money)

    def doubted(self) -> Iterator[Incident]:
        """Sellers whose prognoses the DSO replaces by its own, or believes again."""
        replaced = values(self.store, PrognosisReplaced)
        for told in values(self.store, SellerJudged):
            what = f"up to {told.period}: {kwh(told.foretold_wh)} of feed-in foretold, {kwh(told.metered_wh)} metered"
            count = sum(one.seller == told.seller and one.at >= told.at for one in replaced)
            money = (
                f"orders stand on the DSO's own prognosis: {count} replaced" if told.overstates else "believed again"
            )
            yield Incident(told.at, IncidentKind.DOUBTED, self._name(told.seller), what, money)

    def disputes(self) -> Iterator[Incident]:
        """What buyer and seller did not agree on, and how it was decided."""
        for told in values(self.store, DisputeDecided):
            what = f"with {self._name(told.buyer)} on {told.period} about {len(told.orders)} orders: {told.reason}"
            meters = ", ".join(told.meters)
            money = f"settled by the right data of {meters}" if meters else "as the buyer settled it; people decide"
            if told.mistaken:
                what += f"; {', '.join(map(self._name, told.mistaken))} held other values than the meter told"
            yield Incident(told.at, IncidentKind.DISPUTED, self._name(told.seller), what, money)

    def copies(self) -> Iterator[Incident]:
        """Who summed up by other values than the meters showed, or was told others."""
        for told in values(self.store, CopiesDiffer):
            owners = ", ".join(map(self._name, told.owners))
            what = f"on {told.period} by other values than the meters of {owners} showed: {', '.join(told.meters)}"
            yield Incident(told.at, IncidentKind.COPIES, self._name(told.party), what, "settled by what they showed")

    def limited(self) -> Iterator[Incident]:
        """A row a day: how many connections the DSO limited in how many ISPs, and what it paid for that."""
        limits = [one for one in values(self.store, FeedInLimited) if one.limit_w is not None]
        accounts = values(self.store, FeedInAccounted)
        for period in sorted({one.period for one in limits}):
            today = [one for one in limits if one.period == period]
            owed = [one for one in accounts if one.period == period]
            places, paid = {one.usage_point for one in today}, sum(one.compensation_e4 for one in owed)
            blind = len(places - {one.usage_point for one in owed})
            what = f"on {period}: {len(places)} connections in {len({one.isp for one in today})} ISPs"
            money = f"{kwh(sum(one.curtailed_wh for one in owed))} held back, {paid / 10_000:.4f} {self.rules.currency} paid"
            if blind:
                money += f"; nothing for {blind} that did not account for it"
            yield Incident(min(one.at for one in today), IncidentKind.LIMITED, self._name(self.dso), what, money,
                           times=len({(one.usage_point, one.isp) for one in today}), paid_e4=paid)  # fmt: skip

    def _name(self, domain: str) -> str:
        return self.rules.name_of(domain) or domain
