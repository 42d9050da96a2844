"""The ILES manager's role and most of its parts; the island's is beside it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from agents.roles.effects import Arm, Effect, Poll, Publish, Send, Timer
from agents.roles.events import Connected, Measured
from agents.roles.identity import AgentIdentity
from agents.roles.iles_manager.balancing_pool import PoolConfig
from agents.roles.iles_manager.community_sales import CommunitySales
from agents.roles.iles_manager.forecasting import ExchangeForecasting
from agents.roles.iles_manager.instance import InstanceAggregation
from agents.roles.iles_manager.islanding import IslandLeading, IslandUnits
from agents.roles.iles_manager.limit_keeping import LimitedHome, LimitKeeping
from agents.roles.iles_manager.service_selling import ServiceSale
from agents.roles.iles_manager.site_use import SiteUse
from agents.roles.iles_manager.switch_recording import SwitchRecording
from agents.roles.messages import WeatherBulletin
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.cosigning import HeadCosigning
from agents.roles.parts.exchange_bands import ExchangeBands, ExchangeConfig
from agents.roles.parts.filing import NoState
from agents.roles.parts.key_changes import KeyChanges
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.register_keeping import RegisterKeeping
from agents.roles.publications import assets_registered
from agents.roles.register_messages import AssetsPublished, AssetsWithdrawn
from agents.roles.role import Role
from cim.codec.codec import wire
from cim.model.devices import WeatherForecast
from cim.model.errors import BadInput
from cim.platform.publications.incidents import RuleBroken
from market.assets.publication import AssetPublication, AssetRegister
from market.register.agreed_switches import ServedConnection
from market.register.providers import aggregators_of
from market.rules import MarketRules
from market.uftp import (
    AgrPortfolioQuery,
    AgrPortfolioQueryResponse,
    AgrPortfolioUpdate,
    AgrPortfolioUpdateResponse,
    CongestionPoint,
    Connection,
    DsoPortfolio,
    DsoPortfolioQuery,
    DsoPortfolioQueryResponse,
    DsoPortfolioUpdate,
    DsoPortfolioUpdateResponse,
)


@wire("iles.Config")
@dataclass(frozen=True, slots=True)
class IlesConfig:
    """The manager's own config: its weather feed, who hears its bulletins, the ledger, the DSO, what it forecasts by.

    Attributes:
        island: what it leads when mains are lost; None: nothing.
        homes: connections whose devices a limit of the whole microgrid holds.
        service: the community as a service, as it is sold to the DSO; None: it is not.
        pool: how it bids balancing energy for all; None: nobody buys any.
        serves_site: whether it plans batteries so that they serve the whole site.
        connections, aggregators: of which owners may ask for which others while the site lives; none: nobody can.
    """

    weather: str
    prosumers: tuple[str, ...]
    ledger: str
    dso: str
    exchange: ExchangeConfig | None = None
    island: IslandUnits | None = None
    connections: tuple[ServedConnection, ...] = ()
    aggregators: tuple[str, ...] = ()
    homes: tuple[LimitedHome, ...] = ()
    pool: PoolConfig | None = None
    service: ServiceSale | None = None
    serves_site: bool = False

    def without(self, away: Collection[str]) -> IlesConfig:
        """The same where these aggregators cannot be changed to or from: they live elsewhere, where no such message comes."""
        here = tuple(one for one in self.connections if not set(aggregators_of(one)) & set(away))
        return replace(self, connections=here, aggregators=tuple(one for one in self.aggregators if one not in away))


@wire("iles.timer.weather")
@dataclass(frozen=True, slots=True)
class NextForecast(Timer):
    """Ask the weather service again."""


@wire("iles.AssetRegistration")
@dataclass(slots=True)
class AssetRegistrationState:
    """The market's register: assets by name."""

    assets: dict[str, AssetPublication] = field(default_factory=dict)


@wire("iles.ReferenceRegister")
@dataclass(slots=True)
class ReferenceRegisterState:
    """Connections and congestion points (these without their connections) by entity address."""

    connections: dict[str, Connection] = field(default_factory=dict)
    points: dict[str, CongestionPoint] = field(default_factory=dict)


class WeatherBulletins(Part[NoState]):
    """Asks the weather service each hour and passes its forecast on to the prosumers."""

    def __init__(self, me: AgentIdentity, service: str, prosumers: tuple[str, ...]) -> None:
        super().__init__(me, NoState())
        self._service, self._prosumers = service, prosumers

    @on(Connected)
    def connected(self, event: Connected, now: datetime) -> list[Effect]:
        """Ask the weather service at once and then each full hour."""
        return [Poll(self._service), Arm(NextForecast(), _next_hour(now))]

    @on(NextForecast)
    def ask_again(self, timer: NextForecast, now: datetime) -> list[Effect]:
        """The hourly forecast."""
        following = _next_hour(now)
        more: list[Effect] = [Arm(NextForecast(), following)] if following < self.rules.periods[-1].end else []
        return [Poll(self._service), *more]

    @on(Measured)
    def forecast(self, event: Measured, now: datetime) -> list[Effect]:
        """Pass a forecast on; without one the prosumers keep the last."""
        bulletins = [WeatherBulletin(news) for news in event.news if isinstance(news, WeatherForecast)]
        return [Send(name, bulletin) for bulletin in bulletins for name in self._prosumers]


class AssetRegistration(Part[AssetRegistrationState]):
    """The market's register of assets (S01)."""

    def __init__(self, me: AgentIdentity) -> None:
        super().__init__(me, AssetRegistrationState())

    @on(AssetsPublished)
    def published(self, message: AssetsPublished, sender: str, now: datetime) -> list[Effect]:
        """A prosumer brings its assets."""
        if any(asset.owner != self.rules.domains.get(sender) for asset in message.assets):
            return [Publish(RuleBroken(now, sender, self.me.name, "assets of others"))]
        try:
            self.state.assets = dict(AssetRegister(self.state.assets).published(message.assets).assets)
        except BadInput as error:
            return [Publish(RuleBroken(now, sender, self.me.name, str(error)))]
        return [assets_registered(message.assets, now)]

    @on(AssetsWithdrawn)
    def withdrawn(self, message: AssetsWithdrawn, sender: str, now: datetime) -> list[Effect]:
        """A prosumer takes assets off the market."""
        owner = self.rules.domains.get(sender, sender)
        try:
            self.state.assets = dict(AssetRegister(self.state.assets).withdrawn(message.names, owner).assets)
        except BadInput as error:
            return [Publish(RuleBroken(now, sender, self.me.name, str(error)))]
        return []

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The ledger knows what was applied with; for the rest the prosumers are asked again, see `RegisterKeeping`."""
        return Recovery(forgotten=("what assets were published and not applied for: asked for again",))


class ReferenceRegister(Part[ReferenceRegisterState]):
    """The common reference operator (CRO): who serves which connection, and where it hangs."""

    def __init__(self, me: AgentIdentity) -> None:
        super().__init__(me, ReferenceRegisterState())

    @on(AgrPortfolioUpdate)
    def agr_updated(self, message: AgrPortfolioUpdate, sender: str, now: datetime) -> list[Effect]:
        """Who serves a connection, and to when; one that another serves is taken over only once its last day is over."""
        domain = self.rules.domains[sender]
        for connection in message.connections:
            known = self.state.connections.get(connection.entity_address)
            if known is not None and known.agr_domain not in (None, domain) and not _follows(connection, known):
                fault = f"Connection: {connection.entity_address} is served by {known.agr_domain}"
                return [self._agr_answer(message, sender, now, fault)]
        for connection in message.connections:
            known = self.state.connections.get(connection.entity_address, connection)
            taken = replace(known, agr_domain=domain, end_period=connection.end_period)
            self.state.connections[connection.entity_address] = taken
        return [self._agr_answer(message, sender, now, None)]

    def _agr_answer(self, message: AgrPortfolioUpdate, to: str, now: datetime, fault: str | None) -> Effect:
        return Send(to, AgrPortfolioUpdateResponse(*self.me.reply(to, now, message, fault)))

    @on(DsoPortfolioUpdate)
    def dso_updated(self, message: DsoPortfolioUpdate, sender: str, now: datetime) -> list[Effect]:
        """Which connections hang at a congestion point."""
        domain, state = self.rules.domains[sender], self.state
        for point in message.congestion_points:
            state.points[point.entity_address] = replace(point, connections=())
            for connection in point.connections:
                known = state.connections.get(connection.entity_address, connection)
                moved = replace(known, congestion_point=point.entity_address, dso_domain=domain)
                state.connections[connection.entity_address] = moved
        return [Send(sender, DsoPortfolioUpdateResponse(*self.me.reply(sender, now, message, None)))]

    @on(DsoPortfolioQuery)
    def dso_queried(self, message: DsoPortfolioQuery, sender: str, now: datetime) -> list[Effect]:
        """Who is active at a congestion point."""
        point = message.congestion_point
        found = tuple(c for _, c in sorted(self.state.connections.items()) if c.congestion_point == point)
        header, answered, *_ = self.me.reply(sender, now, message, None)
        answer = DsoPortfolioQueryResponse(header, answered, message.period, point, found, self.rules.timezone)
        return [Send(sender, answer)]

    @on(AgrPortfolioQuery)
    def agr_queried(self, message: AgrPortfolioQuery, sender: str, now: datetime) -> list[Effect]:
        """Where an aggregator's connections hang."""
        domain = self.rules.domains[sender]
        served = [c for _, c in sorted(self.state.connections.items()) if c.agr_domain == domain]
        by_place: dict[str, dict[str, list[Connection]]] = {}
        for one in served:
            if one.congestion_point is not None and one.dso_domain is not None:
                by_place.setdefault(one.dso_domain, {}).setdefault(one.congestion_point, []).append(one)
        portfolios = tuple(
            DsoPortfolio(dso, tuple(replace(self.state.points[p], connections=tuple(cs)) for p, cs in places.items()))
            for dso, places in by_place.items()
        )
        loose = tuple(c for c in served if c.congestion_point is None)
        header, answered, *_ = self.me.reply(sender, now, message, None)
        zone = self.rules.timezone
        return [Send(sender, AgrPortfolioQueryResponse(header, answered, message.period, portfolios, loose, zone))]

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The ledger knows no register."""
        lost = "the CRO's register: connections stand in it again once their aggregators and DSO bring them again"
        return Recovery(forgotten=(lost,))


class IlesRole(Role):
    """One per site: register, CRO, weather bulletins and the forecast of the PCC."""

    def __init__(self, name: str, rules: MarketRules, key: bytes, config: IlesConfig) -> None:
        me = AgentIdentity(name, rules, key)
        forecasting = ExchangeForecasting(me)
        instance = InstanceAggregation(me, config.dso, forecasting)
        limits = LimitKeeping(me, config.dso, config.homes, instance)
        sales = CommunitySales(
            me,
            ledger=config.ledger,
            dso=config.dso,
            pool=config.pool,
            service=config.service,
            instance=instance,
            limits=limits,
        )
        super().__init__(
            me,
            WeatherBulletins(me, config.weather, config.prosumers),
            AssetRegistration(me),
            RegisterKeeping(me, config.ledger, config.dso, config.prosumers),
            ReferenceRegister(me),
            SwitchRecording(
                me,
                ledger=config.ledger,
                dso=config.dso,
                connections=config.connections,
                aggregators=config.aggregators,
            ),
            forecasting,
            instance,
            limits,
            ExchangeBands(me, config.exchange),
            HeadCosigning(me, config.ledger),
            KeyChanges(me, config.ledger, lambda: sales.is_quiet),
            *((SiteUse(me, "" if config.exchange is None else config.exchange.meter),) if config.serves_site else ()),
            *(() if config.island is None else (IslandLeading(me, config.island),)),
            *sales.parts,
        )


def _follows(new: Connection, known: Connection) -> bool:
    """Whether a connection's next term begins after the last day that its aggregator has told."""
    return new.start_period is not None and known.end_period is not None and known.end_period < new.start_period


def _next_hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
