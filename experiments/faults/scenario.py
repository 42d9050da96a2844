"""What is drawn from a seed: the agents of the small market, the sun, and the capacity of the line."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache

import numpy as np

from agents.assembly.market_terms import aggregator_config, dso_config, element_costs, prosumer_selling
from agents.assembly.roles import agent_spec
from agents.planning.elements.element import ElementConfig
from agents.planning.grid_safety.assessment import PointGrid
from agents.roles.aggregator import Member
from agents.roles.dso.config import GridConnection
from agents.roles.iles_manager import IlesConfig
from agents.roles.prosumer import ProsumerConfig
from agents.runtime.agent_spec import AgentSpec
from cim.model.devices import DeviceKind, Nameplate
from environment.feeder import Limits, Line, Network, Node
from environment.sites import Site, load_site
from experiments.faults.world.devices import PlainBattery, PlainDevice, PlainProfile
from experiments.faults.world.world import PlainMeter, PlainWeather, PlainWorld
from market.billing.tariff import E4_PER_MWH_OF_CT_PER_KWH, Tariff, TariffRow
from market.ledger.signing import Signer, simulation_seed
from market.negotiation.concession import NegotiationPreferences
from market.rules import Control, MarketRules

POINT = "ea1.2016-01.at.local-cluster:lv"
ISP_MINUTES, CONTROL_S = 60, 3600
FIRST = date(2016, 6, 15)
OPENING_HOUR = 10  # local, the day before: contracts first, then tomorrow's forecast at eleven
HOURS = 46  # until the block of the operated day is closed and co-signed
FARMS, HOUSES = ("farm-a", "farm-b"), ("house-a", "house-b")
HOMES = (*FARMS, *HOUSES)  # a farm has a PV plant, a house nothing that can be steered
_HOUSE_W = 4_000
# Shares of the seeds with what makes a simulation long: the sellers compete, a home has a battery, forecasts are renewed often.
TWO_SELLERS, STORING = 0.015, 0.015
REVISION_HOURS, OFTEN = (1, 3, 6, 12, 24), (0.01, 0.02, 0.07, 0.3, 0.6)
_LINE_V = 400.0
# A home moves few kilowatts: with these the dispatch needs the fewest rounds.
_PENALTY_CT_PER_KW2, _WEIGHT_CT_PER_KW2 = 5.0, 3.0
_MOST_E4_PER_KWH = 1500  # that an aggregator gives a home on top of its elements' cost; above any home's least


@dataclass(frozen=True)
class Scenario:
    """A market of the size of a village street, drawn from one seed.

    Attributes:
        specs: everybody's config.
        start, end: the span to run, UTC.
        ports: device name -> port of `world`, freshly made.
    """

    seed: int
    rules: MarketRules
    specs: tuple[AgentSpec, ...]
    start: datetime
    end: datetime
    world: PlainWorld
    ports: dict[str, PlainDevice | PlainWeather]

    @property
    def host_of(self) -> dict[str, str]:
        """The host of each agent: the homes with their devices, the sellers, the DSO with the ILES manager, and the ledger."""
        shared = {"dso": "grid", "iles": "grid", "ledger": "ledger"}
        shared |= {s.name: "sellers" for s in self.specs if s.kind == "aggregator"}
        return {spec.name: shared.get(spec.name, "homes") for spec in self.specs}

    @property
    def witnesses(self) -> tuple[str, ...]:
        """Who co-signs the ledger's heads."""
        return next(tuple(spec.config) for spec in self.specs if spec.kind == "ledger-keeper")


@cache
def _strem() -> Site:
    return load_site("strem")  # whose prices and contract limits count here too, where none are drawn


def _tariff(injector: random.Random) -> Tariff:
    """A tariff whose feed-in is any of 5 to 9 ct/kWh."""
    rate = E4_PER_MWH_OF_CT_PER_KWH
    return Tariff((TariffRow(date(2000, 1, 1), 5 * rate, 6 * rate, 4 * rate, round(injector.uniform(5, 9) * rate)),))


def _selling(injector: random.Random) -> NegotiationPreferences:
    """What a home wants on top of its elements' cost."""
    reservation_e4, aspiration_e4 = injector.randrange(500, 800), injector.randrange(800, 1200)
    usual = prosumer_selling(_strem().market)
    return replace(
        usual,
        aspiration=replace(usual.aspiration, volume_price_e4_per_kwh=aspiration_e4),
        reservation=replace(usual.reservation, volume_price_e4_per_kwh=reservation_e4),
    )


def draw(seed: int) -> Scenario:
    """The scenario of a seed: the same for the same seed, wherever it is drawn."""
    injector = random.Random(seed)  # noqa: S311 - a scenario, not a secret
    sellers = ("agr", "agr-2") if injector.random() < TWO_SELLERS else ("agr",)
    rated = {farm: injector.randrange(8_000, 20_001, 500) for farm in FARMS}
    seller_of = {home: sellers[k % len(sellers)] for k, home in enumerate(HOMES)}
    battery_wh = injector.randrange(5_000, 15_001, 1_000) if injector.random() < STORING else 0
    devices = [f"{farm}.pv" for farm in FARMS] + ["farm-a.battery"] * bool(battery_wh)
    (revision_hours,) = injector.choices(REVISION_HOURS, OFTEN)
    rules = _rules(seed, (*HOMES, *devices, *sellers, "dso", "iles", "ledger"), sellers, revision_hours)
    start = rules.day(FIRST).next(-1).at(OPENING_HOUR)
    sun, told = _sky(injector)
    loads = {home: [injector.uniform(200, 900) for _ in range(24)] for home in HOMES}
    world, ports = _world(start, rated, battery_wh, sun, told, loads, injector)
    by_day = {home: np.array(loads[home]) / 1000 for home in HOMES}
    own = _Configs(rules, seller_of)
    agents = own.households(rated, battery_wh, by_day, injector)
    agents += own.sellers(sellers, injector)
    peak = max(_export(hour, rated, told[0], by_day) for hour in range(24))
    agents += own.grid(sellers, rated, by_day, peak * injector.uniform(0.6, 0.8))
    return Scenario(seed, rules, tuple(agents), start, start + timedelta(hours=HOURS), world, ports)


def _rules(seed: int, names: tuple[str, ...], sellers: tuple[str, ...], revision_hours: int) -> MarketRules:
    domains = {name: f"{name}.local-cluster.example" for name in names}
    keys = {domain: _public(domain) for domain in sorted(domains.values())}
    return MarketRules(
        "Europe/Vienna", ISP_MINUTES, "EUR", CONTROL_S, FIRST, 1, Control.MARKET, domains, keys,
        f"local-cluster/{seed}", revision_hours, ("dso", "iles", *sellers),
    )  # fmt: skip


@cache
def _secret(domain: str) -> bytes:
    """Of a party's key: nobody's secret, and the same in all simulations."""
    return simulation_seed(0, domain)


@cache
def _public(domain: str) -> bytes:
    return Signer(_secret(domain)).public


def _sky(injector: random.Random) -> tuple[list[float], list[list[float]]]:
    """(the sun per unit of each hour of a local day as it is, as forecast the day before and as forecast on the day)."""
    top = injector.uniform(0.7, 0.95)
    true = [
        max(0.0, math.cos((hour + 0.5 - 13) / 15 * math.pi)) * top * injector.uniform(0.97, 1.03) for hour in range(24)
    ]
    # The day before the service hopes for a little more sun than there will be, but for the hours it misses.
    ahead = [value * injector.uniform(1.0, 1.03) for value in true]
    if injector.random() < 0.3:
        ahead[injector.randrange(8, 18)] *= injector.uniform(0.8, 0.95)
    return true, [ahead, true]


def _world(
    start: datetime,
    rated: dict[str, int],
    battery_wh: int,
    sun: list[float],
    told: list[list[float]],
    loads: dict[str, list[float]],
    injector: random.Random,
) -> tuple[PlainWorld, dict[str, PlainDevice | PlainWeather]]:
    ahead = OPENING_HOUR  # profiles of the world begin with its first hour, not with midnight

    def turned(values: list[float]) -> list[float]:
        return [*values[ahead:], *values[:ahead]]

    ports: dict[str, PlainDevice | PlainWeather] = {}
    meters: list[PlainMeter] = []
    for home in HOMES:
        behind: list[PlainDevice] = []
        if home in FARMS:
            plate = Nameplate(DeviceKind.PV, "ILES", "plain", f"{home}.pv", rated[home])
            behind.append(PlainProfile(plate, [-value * rated[home] for value in turned(sun)]))
        if home == FARMS[0] and battery_wh:
            power = battery_wh // 2
            plate = Nameplate(DeviceKind.BATTERY, "ILES", "plain", f"{home}.battery", power, power, battery_wh)
            behind.append(PlainBattery(plate, 0.95, battery_wh * injector.uniform(0.1, 0.5)))
        ports |= {device.name: device for device in behind}
        # The load is nobody's device: only the meter knows of it.
        load = PlainProfile(Nameplate(DeviceKind.METER, "ILES", "plain", f"{home}.load"), loads[home])
        meter = PlainMeter(Nameplate(DeviceKind.METER, "ILES", "plain", f"{home}.meter"), [*behind, load])
        meters.append(meter)
        ports[meter.name] = meter
    hour = timedelta(hours=1)
    first = start - timedelta(hours=ahead)
    ports["weather"] = PlainWeather("weather", first, 3600, [issue * 3 for issue in told], timedelta(hours=24))
    return PlainWorld(start, hour, hour, HOURS + 2, meters), ports


def _export(hour: int, rated: dict[str, int], sun: list[float], loads_kw: dict[str, np.ndarray]) -> float:
    return sum(rated[farm] * sun[hour] for farm in FARMS) - 1000 * sum(float(load[hour]) for load in loads_kw.values())


class _Configs:
    """Writes everybody's config."""

    def __init__(self, rules: MarketRules, seller_of: dict[str, str]) -> None:
        self.rules, self.seller_of = rules, seller_of

    def key(self, name: str) -> bytes:
        return _secret(self.rules.domains[name])

    def households(
        self, rated: dict[str, int], battery_wh: int, loads_kw: dict[str, np.ndarray], injector: random.Random
    ) -> list[AgentSpec]:
        found: list[AgentSpec] = []
        for home in HOMES:
            elements: list[ElementConfig] = []
            roles: dict[str, str] = {}
            if home in FARMS:
                elements.append(ElementConfig(f"{home}.pv", DeviceKind.PV, rated[home]))
                roles[f"{home}.pv"] = "generator"
            if home == FARMS[0] and battery_wh:
                power = battery_wh // 2
                elements.append(ElementConfig(f"{home}.battery", DeviceKind.BATTERY, power, power, battery_wh))
                roles[f"{home}.battery"] = "battery"
            config = ProsumerConfig(
                f"{home}.meter", f"ean.{home}", POINT, self.seller_of[home], "dso", "iles", "ledger", tuple(elements),
                (loads_kw[home],), _selling(injector),
                replace(element_costs(_strem().flexibility_costs), weight_ct_per_kw2=_WEIGHT_CT_PER_KW2),
                _tariff(injector),
            )  # fmt: skip
            meter = f"{home}.meter"
            found.append(agent_spec(home, "prosumer", self.key(home), config, meter))
            found += [agent_spec(n, role, self.key(n), home, n) for n, role in roles.items()]
        return found

    def sellers(self, names: tuple[str, ...], injector: random.Random) -> list[AgentSpec]:
        found = []
        for name in names:
            members = tuple(Member(home, f"ean.{home}", POINT) for home in HOMES if self.seller_of[home] == name)
            config = aggregator_config(_strem(), dso="dso", market="iles", ledger="ledger", members=members)
            most = replace(config.buying.reservation, volume_price_e4_per_kwh=_MOST_E4_PER_KWH)
            buying, margin_pct = replace(config.buying, reservation=most), injector.randrange(5, 20)
            config = replace(config, buying=buying, margin_pct=margin_pct, penalty_ct_per_kw2=_PENALTY_CT_PER_KW2)
            found.append(agent_spec(name, "aggregator", self.key(name), config))
        return found

    def grid(
        self, sellers: tuple[str, ...], rated: dict[str, int], loads_kw: dict[str, np.ndarray], allowed_w: float
    ) -> list[AgentSpec]:
        amperes = allowed_w / (math.sqrt(3) * _LINE_V)
        network = Network(
            (Node("n0", _LINE_V), Node("n1", _LINE_V)),
            (Line("line", "n0", "n1", 0.02, 0.008, 0.0, amperes),), (), "n0", 1.0,
        )  # fmt: skip
        point = PointGrid(POINT, "line", ("n1",), ("n1",), ("line",))
        connections = tuple(
            GridConnection(
                f"ean.{home}", "n1", POINT, self.seller_of[home], rated.get(home, _HOUSE_W), (loads_kw[home],)
            )
            for home in HOMES
        )
        limits = Limits(0.5, 1.5)
        dso = dso_config(
            _strem(),
            market="iles",
            ledger="ledger",
            network=network,
            limits=limits,
            points=(point,),
            connections=connections,
            aggregators=sellers,
        )
        iles = IlesConfig("weather", HOMES, "ledger", "dso")
        return [
            agent_spec("dso", "dso", self.key("dso"), dso),
            agent_spec("iles", "iles", self.key("iles"), iles, "weather"),
            agent_spec("ledger", "ledger-keeper", self.key("ledger"), ("dso", "iles", *sellers)),
        ]
