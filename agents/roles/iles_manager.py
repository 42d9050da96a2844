"""The ILES manager: the market's register (S01), the CRO, the weather service's voice, and the sum at the PCC.

It is the aggregators' own aggregator: it sees their prognoses, never their members' plans; it trades nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from agents.roles.desk_role import DeskRole
from agents.roles.effects import Arm, Effect, Poll, Publish, Send
from agents.roles.events import Connected, Measured, Recalled
from agents.roles.messages import AssetList, AssetQuery, AssetsPublished, WeatherBulletin
from agents.roles.part import on
from agents.roles.parts.head_cosigning import WitnessingDesk
from agents.roles.parts.recovery import LedgerHistory, forgotten
from agents.roles.publications import assets_registered, exchange_forecast
from cim.codec.codec import wire
from cim.model.devices import WeatherForecast
from cim.model.errors import BadInput
from cim.platform.publications import RuleBroken
from market.assets.publication import AssetPublication, AssetRegister
from market.ledger.records import BlockHead
from market.rules import MarketRules
from market.uftp import (
    AgrPortfolioQuery,
    AgrPortfolioQueryResponse,
    AgrPortfolioUpdate,
    AgrPortfolioUpdateResponse,
    Connection,
    DPrognosis,
    DsoPortfolioQuery,
    DsoPortfolioQueryResponse,
    DsoPortfolioUpdate,
    DsoPortfolioUpdateResponse,
)


@wire("iles.Config")
@dataclass(frozen=True, slots=True)
class IlesConfig:
    """The manager's own config: its weather feed, who hears its bulletins, the ledger."""

    weather: str
    prosumers: tuple[str, ...]
    ledger: str


@wire("iles.State")
@dataclass(slots=True)
class IlesState:
    """What the manager must remember."""

    assets: dict[str, AssetPublication] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)
    prognoses: dict[str, DPrognosis] = field(default_factory=dict)  # seller|point|period
    head: BlockHead | None = None
    forgotten: tuple[str, ...] = ()  # what a loss of everything left nothing of


class IlesRole(WitnessingDesk[IlesState], DeskRole[IlesState]):
    """One per site."""

    def __init__(self, name: str, rules: MarketRules, key: bytes, config: IlesConfig) -> None:
        super().__init__(name, rules, key, IlesState())
        self.config = config
        self.ledger = config.ledger

    @on(Recalled)
    def recalled(self, event: Recalled, now: datetime) -> list[Effect]:
        """Only the heads it has signed are in the ledger; the registers fill again as parties bring their entries."""
        past = LedgerHistory(event, self.rules)
        self.state.head = past.head(self.domain)
        sentences = (
            "the market's register: assets stand in it again once they are connected again",
            "the CRO's register: connections stand in it again once their aggregators and DSO bring them again",
            "prognoses at the point of common coupling, until their next revisions",
        )
        self.state.forgotten, told = forgotten(self.name, past, sentences, now)
        return [told]

    # ---- weather -----------------------------------------------------------------------------------------------------

    @on(Connected)
    def connected(self, event: Connected, now: datetime) -> list[Effect]:
        """Ask the weather service at once and then each full hour."""
        return [Poll(self.config.weather), Arm("weather", _next_hour(now))]

    def timer_weather(self, _: str, now: datetime) -> list[Effect]:
        """The hourly forecast."""
        following = _next_hour(now)
        more: list[Effect] = [Arm("weather", following)] if following < self.rules.periods[-1].end else []
        return [Poll(self.config.weather), *more]

    @on(Measured)
    def forecast(self, event: Measured, now: datetime) -> list[Effect]:
        """Pass a forecast on; without one the prosumers keep the last."""
        bulletins = [WeatherBulletin(news) for news in event.news if isinstance(news, WeatherForecast)]
        return [Send(name, bulletin) for bulletin in bulletins for name in self.config.prosumers]

    # ---- the market's register (S01) -----------------------------------------------------------------------------------

    @on(AssetsPublished)
    def published(self, message: AssetsPublished, sender: str, now: datetime) -> list[Effect]:
        """A prosumer brings its assets."""
        if any(asset.owner != self.rules.domains.get(sender) for asset in message.assets):
            return [Publish(RuleBroken(now, sender, self.name, "assets of others"))]
        try:
            self.state.assets = dict(AssetRegister(self.state.assets).published(message.assets).assets)
        except BadInput as error:
            return [Publish(RuleBroken(now, sender, self.name, str(error)))]
        return [assets_registered(message.assets, now)]

    @on(AssetQuery)
    def queried(self, message: AssetQuery, sender: str, now: datetime) -> list[Effect]:
        """What the asker's portfolio has published."""
        found = tuple(asset for _, asset in sorted(self.state.assets.items()) if asset.owner in message.owners)
        return [Send(sender, AssetList(found))]

    # ---- common reference operator -------------------------------------------------------------------------------------

    @on(AgrPortfolioUpdate)
    def agr_updated(self, message: AgrPortfolioUpdate, sender: str, now: datetime) -> list[Effect]:
        """Who serves a connection; one that another aggregator serves is not taken over."""
        domain = self.rules.domains[sender]
        for connection in message.connections:
            known = self.state.connections.get(connection.entity_address)
            if known is not None and known.agr_domain not in (None, domain):
                fault = f"Connection: {connection.entity_address} is served by {known.agr_domain}"
                return [self._agr_answer(message, sender, now, fault)]
        for connection in message.connections:
            known = self.state.connections.get(connection.entity_address, connection)
            self.state.connections[connection.entity_address] = replace(known, agr_domain=domain)
        return [self._agr_answer(message, sender, now, None)]

    def _agr_answer(self, message: AgrPortfolioUpdate, to: str, now: datetime, fault: str | None) -> Effect:
        return Send(to, AgrPortfolioUpdateResponse(*self.reply(to, now, message, fault)))

    @on(DsoPortfolioUpdate)
    def dso_updated(self, message: DsoPortfolioUpdate, sender: str, now: datetime) -> list[Effect]:
        """Which connections hang at a congestion point."""
        for connection in message.connections:
            known = self.state.connections.get(connection.entity_address, connection)
            moved = replace(known, congestion_point=message.congestion_point)
            self.state.connections[connection.entity_address] = moved
        return [Send(sender, DsoPortfolioUpdateResponse(*self.reply(sender, now, message, None)))]

    @on(DsoPortfolioQuery)
    def dso_queried(self, message: DsoPortfolioQuery, sender: str, now: datetime) -> list[Effect]:
        """Who is active at a congestion point."""
        point = message.congestion_point
        found = tuple(c for _, c in sorted(self.state.connections.items()) if c.congestion_point == point)
        header, answered, *_ = self.reply(sender, now, message, None)
        return [Send(sender, DsoPortfolioQueryResponse(header, answered, message.period, point, found))]

    @on(AgrPortfolioQuery)
    def agr_queried(self, message: AgrPortfolioQuery, sender: str, now: datetime) -> list[Effect]:
        """Where an aggregator's connections hang."""
        domain = self.rules.domains[sender]
        found = tuple(c for _, c in sorted(self.state.connections.items()) if c.agr_domain == domain)
        header, answered, *_ = self.reply(sender, now, message, None)
        return [Send(sender, AgrPortfolioQueryResponse(header, answered, message.period, found))]

    # ---- the point of common coupling ----------------------------------------------------------------------------------

    @on(DPrognosis)
    def prognosed(self, message: DPrognosis, sender: str, now: datetime) -> list[Effect]:
        """An aggregator's prognosis; the sum over all of them is what the site will draw at its PCC."""
        period = message.period.isoformat()
        key = f"{sender}|{message.congestion_point}|{period}"
        known = self.state.prognoses.get(key)
        if known is not None and known.revision >= message.revision:
            return [self.lapse("DPrognosis", message.header.message_id, sender, "a newer revision is known", now)]
        self.state.prognoses[key] = message
        yesterday = self.rules.day_of(now).next(-1).key
        for old in [k for k in self.state.prognoses if k.rpartition("|")[2] < yesterday]:
            del self.state.prognoses[old]
        rows = [m.power_w for key, m in sorted(self.state.prognoses.items()) if key.endswith(period)]
        if len({len(row) for row in rows}) > 1:
            return []
        total = np.sum(np.array(rows, dtype=np.int64), axis=0)
        return [exchange_forecast(message.period, total.tolist(), now)]


def _next_hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
