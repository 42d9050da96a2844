"""A tiny market of two farms, one aggregator and one DSO, and a pump that carries their messages."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from agents.planning.elements.element import ElementConfig
from agents.planning.grid_safety.assessment import Assessment, PointGrid
from agents.roles.aggregator import AggregatorRole, Member
from agents.roles.aggregator.vpp_session import InstantHeard
from agents.roles.dso import DsoRole
from agents.roles.dso.config import GridConnection
from agents.roles.effects import Arm, Effect, Send, Timer, timer_order
from agents.roles.events import Fired, Received
from agents.roles.messages import DeviceJoined, DeviceReport, WeatherBulletin
from agents.roles.parts.contracts import Contracts
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.prognoses import ForecastDay
from agents.roles.register_messages import AssetList, AssetsPublished
from agents.roles.role import Role
from cim.model.devices import DeviceKind, Nameplate, WeatherForecast
from cim.model.readings import Kind, Quality, Reading
from environment.feeder import Limits, Line, Network, Node
from market.assets.publication import AssetPublication
from market.contracts.contract import FlexContract, FlexElement
from market.contracts.templates import from_template
from market.ledger.signing import key_from_seed, simulation_seed
from market.register.lifecycle import UnitState
from market.register.units import RegisteredUnit
from market.rules import Control, MarketRules
from market.uftp import Disposition, FlexRequest, RequestIsp
from tests.worlds import terms

FIRST = date(2016, 6, 15)
POINT, UPPER = "ea1.2016-01.at.test:lv", "ea1.2016-01.at.test:mv"
FARMS = ("farm-a", "farm-b")
NAMES = (*FARMS, "agr", "agr-2", "dso", "iles", "ledger", *(f"{farm}.pv" for farm in FARMS))


def rules(control: Control = Control.MARKET, days: int = 1) -> MarketRules:
    """The market's rules, with a domain and a key for everybody."""
    domains = {name: f"{name}.example" for name in NAMES}
    keys = {domain: key_from_seed(1, domain).public for domain in sorted(domains.values())}
    return MarketRules(
        "Europe/Vienna", 15, "EUR", 300, FIRST, days, control, domains, keys, "test/1", witnesses=("dso", "agr")
    )


RULES = rules()
DAY = RULES.day(FIRST)
AHEAD = DAY.next(-1).at(12)  # the day before, at noon
NOON = DAY.at(12)

NETWORK = Network(
    (Node("n0", 400.0), Node("n1", 400.0), Node("n2", 400.0)),
    (Line("line-2", "n0", "n2", 0.01, 0.004, 0.0, 200.0), Line("line-1", "n2", "n1", 0.02, 0.008, 0.0, 20.0)),
    (), "n0", 1.0,
)  # fmt: skip


def key(name: str) -> bytes:
    """An agent's private seed."""
    return simulation_seed(1, f"{name}.example")


def nameplate(kind: DeviceKind, generation_w: int, consumption_w: int) -> Nameplate:
    """What a device says of itself."""
    return Nameplate(kind, "Maker", "Model", "1", generation_w, consumption_w)


def farm(name: str, rated_w: int = 10_000, market: MarketRules = RULES, carries_w: int = 0) -> ProsumerRole:
    """A farm with nothing but PV."""
    elements = (ElementConfig(f"{name}.pv", DeviceKind.PV, rated_w),)
    config = terms.prosumer_config(name, POINT, "agr", elements, (np.zeros(96),), carries_w)
    return ProsumerRole(name, market, key(name), config)


def aggregator(market: MarketRules = RULES, carries_w: int = 0) -> AggregatorRole:
    """Both farms' aggregator."""
    members = tuple(Member(name, f"ean.{name}", POINT, carries_w) for name in FARMS)
    return AggregatorRole("agr", market, key("agr"), terms.aggregator_config(members))


def dso(market: MarketRules = RULES, carries_w: int = 0) -> DsoRole:
    """A DSO with two congestion points; three (aggregator, point) pairs owe it prognoses."""
    flat = (np.zeros(96),)
    connections = (
        GridConnection("ean.farm-a", "n1", POINT, "agr", 10_000, flat, carries_w=carries_w, owner="farm-a"),
        GridConnection("ean.farm-b", "n1", POINT, "agr-2", 30_000, flat, carries_w=carries_w, owner="farm-b"),
        GridConnection("ean.park", "n2", UPPER, "agr", 20_000, flat, carries_w=carries_w, owner="park"),
    )
    points = (
        PointGrid(POINT, "line-1", ("n1",), ("n1",), ("line-1",)),
        PointGrid(UPPER, "line-2", ("n1", "n2"), ("n2",), ("line-2",)),
    )
    config = terms.dso_config(NETWORK, Limits(), points, connections, ("agr", "agr-2"))
    return DsoRole("dso", market, key("dso"), config)


def agreement(seller: str, first: date = FIRST, last: date = FIRST, contract_id: str = "c-1") -> FlexContract:
    """A contract of the aggregator with a farm."""
    return from_template(
        "household-daily", contract_id=contract_id, buyer="agr.example", seller=f"{seller}.example", start_date=first,
        end_date=last, timezone="Europe/Vienna", flex_elements=(FlexElement(f"{seller}.pv", "pv", 9000, 0),),
    )  # fmt: skip


def assessment(need_w: dict[int, float], room_w: float = 50_000.0) -> Assessment:
    """What a safety analysis may have found."""
    need = np.zeros(96)
    for isp, power in need_w.items():
        need[isp - 1] = power
    return Assessment(POINT, need, np.full(96, -room_w), np.full(96, room_w), np.full(96, 80.0))


def good(source: str, power_w: float, at: datetime) -> tuple[Reading, ...]:
    """A sound reading of power."""
    return (Reading(source, Kind.POWER, power_w, at),)


def absent(source: str, at: datetime) -> tuple[Reading, ...]:
    """A reading that is not there."""
    return (Reading(source, Kind.POWER, 0.0, at, Quality.ABSENT),)


class Pump:
    """Carries messages between roles in the order they were sent; what is for nobody here is kept in `outside`."""

    def __init__(self, *roles: Role, deaf: tuple[str, ...] = ()) -> None:
        self.roles = {role.name: role for role in roles}
        self.deaf = deaf
        self.ignores: dict[str, type] = {}  # by agent: messages of this type do not reach it
        self.changes: dict[tuple[str, type], Callable[[Any], Any]] = {}  # by sender and type: said otherwise
        self.queue: deque[tuple[str, str, Any]] = deque()
        self.log: list[tuple[str, str, Any]] = []
        self.effects: list[tuple[str, Effect]] = []
        self.sequence = 0
        self.work: dict[tuple[str, InstantHeard], datetime] = {}  # by agent: waits until all of an instant is heard

    def post(self, sender: str, effects: list[Effect], now: datetime) -> None:
        """Take up a role's effects and carry on until everybody is quiet."""
        self._take(sender, effects)
        while self.queue or self.work:
            if not self.queue:
                name, timer = min(self.work, key=lambda key: (self.work[key], key[0], timer_order(key[1])))
                now = self.work[name, timer]
                del self.work[name, timer]
                self._take(name, self.roles[name].handle(Fired(timer), now))
                continue
            origin, to, message = self.queue.popleft()
            message = self.changes.get((origin, type(message)), lambda said: said)(message)
            self.log.append((origin, to, message))
            if to in self.roles and to not in self.deaf and not isinstance(message, self.ignores.get(to, ())):
                self.sequence += 1
                self._take(to, self.roles[to].handle(Received(origin, self.sequence, message), now))

    def _take(self, sender: str, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self.queue.append((sender, effect.to, effect.message))
            elif isinstance(effect, Arm) and isinstance(effect.timer, InstantHeard):
                self.work[sender, effect.timer] = effect.at
            else:
                self.effects.append((sender, effect))

    def tell(self, to: str, sender: str, message: Any, now: datetime) -> None:
        """A message from outside."""
        self.sequence += 1
        self.post(to, self.roles[to].handle(Received(sender, self.sequence, message), now), now)

    def fire(self, to: str, timer: Timer, now: datetime) -> None:
        """A timer is due."""
        self.post(to, self.roles[to].handle(Fired(timer), now), now)

    def said(self, kind: type, to: str | None = None, sender: str | None = None) -> list[Any]:
        """All messages of a type so far, in order."""
        return [m for s, t, m in self.log if isinstance(m, kind) and to in (None, t) and sender in (None, s)]


def prequalified(asset: AssetPublication, provider: str) -> RegisteredUnit:
    """An asset as the flexibility register holds it once the DSO has prequalified it."""
    return RegisteredUnit(asset, provider, UnitState.PREQUALIFIED, asset.congestion_point)


def market_of_farms(deaf: tuple[str, ...] = ()) -> Pump:
    """The farms contracted by the aggregator and tomorrow forecast, all by their own messages; then some go deaf."""
    pump = Pump(aggregator(), *(farm(name) for name in FARMS))
    start = AHEAD - timedelta(hours=2)
    sun = tuple(float(x) for x in np.full(96, 0.8))
    for name in FARMS:
        pump.tell(name, f"{name}.pv", DeviceJoined(f"{name}.pv", nameplate(DeviceKind.PV, 10_000, 0)), start)
        pump.tell(name, "iles", WeatherBulletin(WeatherForecast(start, DAY.start, 900, sun)), start)
        pump.tell(name, f"{name}.pv", DeviceReport(f"{name}.pv", start, good(f"{name}.pv", -100.0, start), ()), start)
    published = tuple(asset for m in pump.said(AssetsPublished) for asset in m.assets)
    pump.tell("agr", "iles", AssetList(tuple(prequalified(asset, "agr.example") for asset in published)), start)
    for name in FARMS:
        pump.fire(name, ForecastDay(FIRST), AHEAD - timedelta(hours=1))
    pump.deaf = deaf
    return pump


def request(low_w: int = 6000, high_w: int = 7000, first: int = 45, last: int = 48) -> FlexRequest:
    """The DSO asks for less export over some ISPs and leaves no room beside them."""
    role = dso()
    rows = tuple(RequestIsp(isp, Disposition.REQUESTED, low_w, high_w) for isp in range(first, last + 1))
    expires = AHEAD + timedelta(minutes=10)
    return FlexRequest(
        role.me.header("agr", AHEAD, None, "FlexRequest", str(low_w), str(high_w), str(first)),
        FIRST,
        POINT,
        1,
        expires,
        rows,
        RULES.timezone,
    )


def contracts(role: Role, peer: str) -> tuple[FlexContract, ...]:
    """The contracts that a role holds with a peer."""
    return role.part(Contracts).with_peer(peer)
