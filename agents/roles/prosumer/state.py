"""What a prosumer is told at the start and what it remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from agents.planning.dispatch.flexibility import Flexibility
from agents.planning.elements.element import ElementConfig, ElementCosts
from agents.planning.elements.registry import element_kind
from agents.roles.effects import Effect, Send
from agents.roles.messages import DeviceReport, DeviceSchedule
from agents.roles.parts.contract_negotiation import ContractingDesk
from agents.roles.parts.days import DailyDesk
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.devices import Setpoint, ThermalDescription, ThermalUsage, VehiclePlugged, WeatherForecast
from cim.model.intervals import LocalDay
from market.assets.publication import AssetPublication
from market.contracts.contract import FlexContract
from market.negotiation.concession import NegotiationPreferences
from market.negotiation.conversation import Negotiation
from market.rules import MarketRules
from market.uftp import FlexOrder, Metering


@wire("prosumer.Config")
@dataclass(frozen=True, slots=True)
class ProsumerConfig:
    """A prosumer's own config.

    Attributes:
        meter: name of its smart meter.
        usage_point: EAN-like address of its connection.
        congestion_point: where it hangs.
        aggregator, dso, market, ledger: agents it deals with (market = the ILES manager).
        elements: what it can steer.
        base_history_kw: metered days before the first, without the elements, each [quarter-hours].
        selling: its prices for its flexibility.
        preferences: what moving power costs it.
    """

    meter: str
    usage_point: str
    congestion_point: str
    aggregator: str
    dso: str
    market: str
    ledger: str
    elements: tuple[ElementConfig, ...]
    base_history_kw: tuple[Floats, ...]
    selling: NegotiationPreferences
    preferences: ElementCosts


@wire("prosumer.DayPlan")
@dataclass(slots=True)
class DayPlan:
    """One day: what is expected without orders, and where orders hold an element to a power.

    `forecast` and `held` are [T] kW by element; NaN in `held` means free. `base` is the rest of the connection.
    """

    base: Floats
    forecast: dict[str, Floats]
    held: dict[str, Floats]


@wire("prosumer.Session")
@dataclass(frozen=True, slots=True)
class MemberSession:
    """A virtual power plant's session from the member's side: its private models and its last deviations."""

    period: str
    first_isp: int
    last_isp: int
    first_share: float
    models: tuple[Flexibility, ...]
    baselines_kw: tuple[Floats, ...]
    deviations_kw: tuple[Floats, ...]


@wire("prosumer.ElementOrder")
@dataclass(frozen=True, slots=True)
class ElementOrder:
    """One element's part of an order: (ISP, baseline when the session opened, ordered), watts."""

    order_reference: str
    period: str
    element: str
    isps: tuple[tuple[int, int, int], ...]


@wire("prosumer.State")
@dataclass(slots=True)
class ProsumerState:
    """What a prosumer must remember."""

    joined: dict[str, AssetPublication] = field(default_factory=dict)
    reports: dict[str, DeviceReport] = field(default_factory=dict)
    vehicles: dict[str, VehiclePlugged] = field(default_factory=dict)
    plugged_wh: dict[str, float] = field(default_factory=dict)
    rooms: dict[str, ThermalDescription] = field(default_factory=dict)
    usages: dict[str, ThermalUsage] = field(default_factory=dict)
    weather: WeatherForecast | None = None
    plans: dict[str, DayPlan] = field(default_factory=dict)
    told: dict[str, dict[str, DeviceSchedule]] = field(default_factory=dict)  # element -> period -> schedule
    energy_wh: dict[str, dict[str, Floats]] = field(default_factory=dict)  # period -> element or meter -> [T]
    counter_wh: float | None = None
    counter_at: datetime | None = None
    read_at: dict[str, datetime] = field(default_factory=dict)  # element -> last good reading of its power
    registers_wh: dict[str, float] = field(
        default_factory=dict
    )  # element -> its energy register then, where it has one
    base_history_kw: tuple[Floats, ...] = ()
    revisions: dict[str, int] = field(default_factory=dict)  # period -> of the last prognosis
    sessions: dict[str, MemberSession] = field(default_factory=dict)
    past_sessions: dict[str, MemberSession] = field(default_factory=dict)
    contracts: dict[str, tuple[FlexContract, ...]] = field(default_factory=dict)  # aggregator -> contracts
    orders: tuple[ElementOrder, ...] = ()
    received: dict[str, FlexOrder] = field(default_factory=dict)  # order reference -> order
    metered: dict[str, dict[str, Metering]] = field(default_factory=dict)  # period -> element -> as told
    late: dict[str, datetime] = field(default_factory=dict)  # period -> until when its metering was put off
    answered: dict[str, str] = field(default_factory=dict)  # period -> the settlement answered, message id
    talks: dict[str, Negotiation] = field(default_factory=dict)
    recalled: datetime | None = None  # when everything was lost; what was metered before is not known
    read_since: dict[str, datetime] = field(default_factory=dict)  # element or meter -> its first reading after that
    forgotten: tuple[str, ...] = ()  # what the loss left nothing of


class ProsumerBase(ContractingDesk[ProsumerState], DailyDesk[ProsumerState]):
    """What all the prosumer's desks share."""

    def __init__(self, name: str, rules: MarketRules, key: bytes, config: ProsumerConfig) -> None:
        super().__init__(name, rules, key, ProsumerState(base_history_kw=config.base_history_kw))
        self.config = config
        self.ledger = config.ledger
        self.elements = {element.element: element for element in config.elements}
        self.kinds = {element.element: element_kind(element.kind) for element in config.elements}

    def plan(self, day: LocalDay) -> DayPlan:
        """The plan of a day, empty when it is new."""
        key = day.key
        if key not in self.state.plans:
            free = np.full(day.count, np.nan)
            self.state.plans[key] = DayPlan(
                np.zeros(day.count),
                {name: np.zeros(day.count) for name in self.elements},
                dict.fromkeys(self.elements, free),
            )
        return self.state.plans[key]

    def add_energy(self, source: str, start: datetime, end: datetime, energy_wh: float) -> None:
        """Spread a measured energy over the ISPs between two instants."""
        if end <= start:
            return
        rest = start
        while rest < end:
            day = self.rules.day_of(rest)
            isp = day.isp_of(rest)
            until = min(day.isp_start(isp + 1), end)
            share = energy_wh * ((until - rest) / (end - start))
            days = self.state.energy_wh.setdefault(day.key, {})
            known = days.get(source)
            values = np.zeros(day.count) if known is None else known.copy()  # arrays in the state are never changed
            values[isp - 1] += share
            days[source] = values
            rest = until

    def lost_isps(self, source: str, day: LocalDay) -> tuple[int, ...]:
        """The ISPs of a day that an element or the meter was not read through, as everything was lost meanwhile."""
        if self.state.recalled is None:
            return ()
        since = self.state.read_since.get(source, day.end)
        return tuple(isp for isp in range(1, day.count + 1) if day.isp_start(isp) < since)

    def first_read(self, source: str, at: datetime) -> bool:
        """Note a reading; whether it is the first after a loss of everything."""
        if self.state.recalled is None or source in self.state.read_since:
            return False
        self.state.read_since[source] = at
        return True

    def measured_kw(self, source: str, day: LocalDay) -> Floats:
        """[T] mean power of an element or the meter on a day, as measured so far."""
        values = self.state.energy_wh.get(day.key, {}).get(source)
        return np.zeros(day.count) if values is None else values / self.rules.hours / 1000

    def metered_kw(self, source: str, day: LocalDay, isp: int) -> float:
        """The mean power of an element or the meter in one ISP, as measured so far."""
        values = self.state.energy_wh.get(day.key, {}).get(source)
        return 0.0 if values is None else float(values[isp - 1]) / self.rules.hours / 1000

    def expected(self, plan: DayPlan, name: str) -> Floats:
        """[T] kW of an element as things stand: held where an order holds it, the forecast elsewhere."""
        return self.kinds[name].expected(plan.forecast[name], plan.held[name])

    def schedules(self, day: LocalDay) -> list[Effect]:
        """Tell each asset its setpoints of the day, where they changed since it was last told."""
        plan = self.plan(day)
        key = day.key
        effects: list[Effect] = []
        for name, kind in self.kinds.items():
            power = self.expected(plan, name) if kind.runs_by_plan else plan.held[name]
            told = self.state.told.get(name, {})
            if key not in told and np.isnan(power).all():
                continue
            # NaN, the only number that differs from itself, means free.
            setpoints = tuple(None if x != x else Setpoint(kind.mode, round(x * 1000)) for x in power.tolist())  # noqa: PLR0124
            schedule = DeviceSchedule(name, day.day, setpoints)
            if told.get(key) == schedule or (key not in told and not any(setpoints)):
                continue
            self.state.told[name] = {**{k: v for k, v in told.items() if k >= key}, key: schedule}
            effects.append(Send(name, schedule))
        return effects
