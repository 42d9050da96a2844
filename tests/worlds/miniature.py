"""A whole market in miniature: four homes, two aggregators, one DSO, a clock, simple physics and a real ledger.

Messages of one instant are delivered in the order in which they were sent, or in any order that a seed decides (between
one sender and one receiver they always stay in order).
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from agents.assembly.tariffs_of_site import hourly_prices
from agents.planning.balancing.offers import BalancingTerms
from agents.planning.elements.element import ElementConfig
from agents.planning.grid_safety.assessment import PointGrid
from agents.planning.jobs import run
from agents.roles.aggregator import AggregatorRole, Member
from agents.roles.device_agent import DeviceAgent, MeterAgent
from agents.roles.dso import DsoRole
from agents.roles.dso.config import BuyingRules, GridConnection
from agents.roles.dso.service_terms import ServiceTerms
from agents.roles.effects import (
    Append,
    Arm,
    CloseBlock,
    Command,
    Compute,
    Cosign,
    Disarm,
    Effect,
    Poll,
    Publish,
    Release,
    Send,
    Timer,
)
from agents.roles.events import (
    BlockClosed,
    Commanded,
    Computed,
    Connected,
    Event,
    Fired,
    Measured,
    Received,
    Recorded,
    Started,
)
from agents.roles.iles_manager import IlesConfig, IlesRole, LimitedHome, PoolConfig, ServiceSale
from agents.roles.ledger_keeper import KeeperRole
from agents.roles.prosumer import ProsumerRole
from agents.roles.role import Role
from agents.roles.tso import TsoConfig, TsoRole
from cim.model.devices import DeviceKind, Nameplate, WeatherForecast
from cim.model.errors import BadInput
from cim.platform.publications.base import Publication
from environment.feeder import Limits, Line, Network, Node
from market.balancing.clearing import LadderStep
from market.balancing.pool import PoolPlace
from market.ledger.errors import LedgerConflict
from market.ledger.party_keys import KEEPER
from market.ledger.records import Party
from market.ledger.signing import Signer, key_from_seed, simulation_seed
from market.ledger.store import LedgerStore
from market.negotiation.concession import NegotiationPreferences, Side, Terms
from market.register.agreed_switches import ServedConnection
from market.register.providers import NOTICE_DAYS, ProviderSwitch, days_with
from market.rules import Control, MarketRules, PlannedKeyChange
from tests.worlds import players, terms
from tests.worlds.physics import BASE_W, BATTERY_W, FEEDER, HOMES, RATED_W, Physics, sunshine

SELLER = {"home-a": "agr", "home-b": "agr", "home-c": "agr-2", "home-d": "agr-2"}
NAMES = (*HOMES, *(f"{h}.pv" for h in HOMES), *(f"{h}.bat" for h in HOMES), "agr", "agr-2", "dso", "iles", "ledger")
NETWORK = Network(
    (Node("n0", 400.0), Node("n1", 400.0)), (Line("line-1", "n0", "n1", 0.01, 0.004, 0.0, 55.0),), (), "n0", 1.0
)
WITNESSES = ("dso", "agr", "agr-2")


def rules(days: int = 1) -> MarketRules:
    """The market's rules for the miniature's agents."""
    domains = {name: f"{name}.example" for name in NAMES}
    keys = {domain: key_from_seed(1, domain).public for domain in sorted(domains.values())}
    return MarketRules(
        "Europe/Vienna",
        15,
        "EUR",
        300,
        players.FIRST,
        days,
        Control.MARKET,
        domains,
        keys,
        "mini/1",
        witnesses=WITNESSES,
        keeper="ledger.example",
    )


# A TSO that buys for as long as it is offered anything below a euro a kWh; others offer a kilowatt at 90 ct.
GATE_MIN, ACTIVATION_S, SMALLEST_W, DEAREST_E4 = 25, 750, 500, 10_000
BIDDING = BalancingTerms(hourly_prices(terms.SITE.tariffs.day_ahead), 0.2, 0.95, 10, GATE_MIN, DEAREST_E4)
TSO = TsoConfig(
    "iles", "ledger", FEEDER, players.POINT, 60_000, GATE_MIN, ACTIVATION_S, 2000, DEAREST_E4, 365, {},
    (LadderStep(1000, 9000),),
)  # fmt: skip


# Two kilowatts less from six to ten in the evening, told half an hour before; nine tenths of it ready, or it costs thrice.
SERVICE = ServiceTerms(
    -2000, 18 * 60, 22 * 60, 30, 90, 3, NegotiationPreferences(Side.BUYER, Terms(0, 300), Terms(0, 900), 6)
)
SALE = ServiceSale(NegotiationPreferences(Side.SELLER, Terms(0, 1200), Terms(0, 500), 6), 30, 90, 3)


def with_parties(market: MarketRules, *names: str) -> MarketRules:
    """The same with further parties, each with a domain and a key."""
    domains = {name: f"{name}.example" for name in names}
    keys = {domain: key_from_seed(1, domain).public for domain in domains.values()}
    return replace(market, domains=market.domains | domains, keys=market.keys | keys)


def second_key(name: str) -> Signer:
    """What a party goes over to."""
    return Signer(simulation_seed(2, f"{name}.example"))


class Miniature:
    """The whole of it.

    Args:
        path: of the ledger's file.
        seed: decides the order of deliveries; None for the order of sending.
        refuse: which filed references the ledger refuses.
        term_days: of the contracts that are proposed.
        silence: (from, to): nothing at all happens in between; then everything that was due happens at once.
        spoil: (sender, receiver, message) -> what arrives in its place; None: nothing does.
        key_changes: what is planned; each party has the key `second_key` of it.
        keeping_share: what sellers assume that keeping a promise costs, of what members ask; None: the site's.
        switches: by home, to which other aggregator it goes over, and when.
        coordinated: the DSO brings both sellers to one price before they offer.
        free_to_change: homes may ask for the other aggregator while the market lives.
        service: the DSO buys the microgrid as a service in the evening.
        needed_w: [T] what a TSO buys of balancing energy on the first day; without it there is none.
    """

    def __init__(
        self,
        path: Path,
        seed: int | None = None,
        refuse: Callable[[str], bool] = lambda _: False,
        silence: tuple[datetime, datetime] | None = None,
        days: int = 1,
        term_days: int = 365,
        spoil: Callable[[str, str, Any], Any] = lambda _sender, _to, message: message,
        key_changes: tuple[PlannedKeyChange, ...] = (),
        mechanism: str = "pay-as-bid",
        keeping_share: float | None = None,
        switches: Mapping[str, tuple[ProviderSwitch, ...]] = MappingProxyType({}),
        coordinated: bool = False,
        free_to_change: bool = False,
        needed_w: tuple[int, ...] = (),
        service: bool = False,
    ) -> None:
        self.needed_w, self.service = needed_w, service
        self.free_to_change = free_to_change
        self.keeping_share, self.switches, self.coordinated = keeping_share, switches, coordinated
        self.rules = replace(rules(days), key_changes=key_changes, mechanism=mechanism)
        if needed_w:
            self.rules = with_parties(self.rules, "tso", FEEDER)
        self.term_days = term_days
        self.start = players.DAY.next(-1).at(9)
        self.physics = Physics(self.start)
        self.random = None if seed is None else random.Random(seed)
        self.refuse, self.silence, self.spoil = refuse, silence, spoil
        self.path = path
        self.ledger = LedgerStore(path)
        meta = {"site": "miniature", KEEPER: self.rules.keeper}
        self.ledger.create((Party(d, k) for d, k in sorted(self.rules.keys.items())), meta)
        self.roles: dict[str, Role] = self._cast()
        self.heap: list[tuple[datetime, int, str, Timer]] = []
        self.armed: dict[tuple[str, Timer], datetime] = {}
        self.channels: dict[tuple[str, str], deque[Any]] = {}
        self.sequence: dict[tuple[str, str], int] = {}
        self.sent: list[tuple[str, str, Any]] = []
        self.published: list[tuple[str, Publication]] = []
        self.commands: list[tuple[datetime, Command]] = []
        self.handled = self.count = 0

    def _cast(self) -> dict[str, Role]:
        market, changed = self.rules, {change.party for change in self.rules.key_changes}

        def key(name: str) -> bytes:
            domain = market.domains[name]
            return players.key(name) + (simulation_seed(2, domain) if domain in changed else b"")

        cast: dict[str, Role] = {}
        for home in HOMES:
            elements = (
                ElementConfig(f"{home}.pv", DeviceKind.PV, RATED_W),
                ElementConfig(f"{home}.bat", DeviceKind.BATTERY, BATTERY_W, BATTERY_W, 8000),
            )
            carries_w = RATED_W + BATTERY_W + BASE_W
            config = terms.prosumer_config(home, players.POINT, SELLER[home], elements, (np.full(96, 0.45),), carries_w)
            config = replace(config, switches=self.switches.get(home, ()))
            cast[home] = ProsumerRole(home, market, key(home), config)
            cast[f"{home}.pv"] = DeviceAgent(f"{home}.pv", market, key(f"{home}.pv"), home)
            cast[f"{home}.bat"] = DeviceAgent(f"{home}.bat", market, key(f"{home}.bat"), home)
        flat = (np.zeros(96),)
        connections = tuple(
            GridConnection(f"ean.{h}", "n1", players.POINT, SELLER[h], RATED_W, flat, switches=self.switches.get(h, ()))
            for h in HOMES
        )
        for seller in ("agr", "agr-2"):
            served = ((h, days_with(connection, seller)) for h, connection in zip(HOMES, connections, strict=True))
            members = tuple(
                Member(h, f"ean.{h}", players.POINT, days=days) for h, days in served if days or self.free_to_change
            )
            changes: dict[str, Any] = {} if self.keeping_share is None else {"keeping_share": self.keeping_share}
            changes |= {"coordinated": self.coordinated}
            changes |= {"notice_days": NOTICE_DAYS} if self.switches else {}
            changes |= {"balancing": BIDDING} if self.needed_w else {}
            config = terms.aggregator_config(members, term_days=self.term_days, **changes)
            cast[seller] = AggregatorRole(seller, market, key(seller), config)
        point = PointGrid(players.POINT, "line-1", ("n1",), ("n1",), ("line-1",))
        limits = Limits(0.5, 1.5)
        # All that is expected to be needed is asked for, however sure: so that there is much to lose and to go on with.
        rules = BuyingRules(sure_pct=50, last_pct=50, assumed_error_pct=(0, 0, 0, 0), minimum_w=0, minimum_wh=0)
        dso_config = terms.dso_config(
            NETWORK, limits, (point,), connections, ("agr", "agr-2"), term_days=self.term_days, margin_pct=3,
            buying_rules=rules, coordinates=self.coordinated, balancing=bool(self.needed_w),
            service=SERVICE if self.service else None,
        )  # fmt: skip
        cast["dso"] = DsoRole("dso", market, key("dso"), dso_config)
        free: dict[str, Any] = {"homes": tuple(LimitedHome(home, f"ean.{home}", BATTERY_W) for home in HOMES)}
        if self.free_to_change:
            known = (ServedConnection(f"ean.{h}", h, SELLER[h], self.switches.get(h, ())) for h in HOMES)
            free |= {"connections": tuple(known), "aggregators": ("agr", "agr-2")}
        free |= {"service": SALE} if self.service else {}
        if self.needed_w:
            places = (PoolPlace("agr", players.POINT), PoolPlace("agr-2", players.POINT))
            free |= {"pool": PoolConfig("tso", FEEDER, places, GATE_MIN, ACTIVATION_S, SMALLEST_W)}
            cast[FEEDER] = MeterAgent(FEEDER, market, key(FEEDER), ("iles", "tso"))
            needed_w = {market.first_day: self.needed_w}
            cast["tso"] = TsoRole("tso", market, key("tso"), replace(TSO, needed_w=needed_w))
        cast["iles"] = IlesRole("iles", market, key("iles"), IlesConfig("weather", HOMES, "ledger", "dso", **free))
        cast["ledger"] = KeeperRole("ledger", market, key("ledger"), WITNESSES)
        return cast

    # ---- the clock -----------------------------------------------------------------------------------------------------

    def play(self, until: datetime) -> None:
        """From the start to `until`."""
        self.begin()
        self.go_on(until)

    def begin(self) -> None:
        """Everybody starts, and the devices are there."""
        now = self.start
        for name in sorted(self.roles):
            self._tell(name, Started(), now)
        for home in HOMES:
            self._tell(home, Connected(f"{home}.meter", Nameplate(DeviceKind.METER, "M", "M", "1")), now)
            self._tell(f"{home}.pv", Connected(f"{home}.pv", Nameplate(DeviceKind.PV, "M", "M", "1", RATED_W)), now)
            plate = Nameplate(DeviceKind.BATTERY, "M", "M", "1", 3000, 3000, 8000)
            self._tell(f"{home}.bat", Connected(f"{home}.bat", plate), now)
        if FEEDER in self.roles:
            self._tell(FEEDER, Connected(FEEDER, Nameplate(DeviceKind.METER, "M", "M", "1")), now)
        self._tell("iles", Connected("weather", Nameplate(DeviceKind.WEATHER, "M", "M", "1")), now)
        self._settle(now)

    def go_on(self, until: datetime) -> None:
        """From where it is to `until`."""
        while self.heap and self.heap[0][0] <= until:
            now = self.heap[0][0]
            if self.silence is not None and self.silence[0] <= now < self.silence[1]:
                now = self.silence[1]
            self.physics.advance(now)
            while self.heap and self.heap[0][0] <= now:
                at, _, name, timer = heapq.heappop(self.heap)
                if self.armed.get((name, timer)) == at:
                    del self.armed[name, timer]
                    self._tell(name, Fired(timer), now)
            self._settle(now)

    def hear(self, sender: str, to: str, number: int, message: Any, now: datetime) -> None:
        """A message arrives that was kept back."""
        self.channels.setdefault((sender, to), deque()).append(Received(sender, number, message))
        self._settle(now)

    def _settle(self, now: datetime) -> None:
        """Deliver until everybody is quiet."""
        while self.channels:
            names = list(self.channels)
            key = names[0] if self.random is None else self.random.choice(names)
            waiting = self.channels[key]
            event = waiting.popleft()
            if not waiting:
                del self.channels[key]
            if isinstance(event, Effect):
                self._do(key[1], event, now)
            else:
                self._tell(key[1], event, now)

    def _tell(self, name: str, event: Event, now: datetime) -> None:
        if name not in self.roles:
            return  # people, who are answered
        self.handled += 1
        for effect in self.roles[name].handle(event, now):
            self._take(name, effect, now)

    def _take(self, name: str, effect: Effect, now: datetime) -> None:
        if isinstance(effect, Send):
            key = (name, effect.to)
            self.sequence[key] = self.sequence.get(key, 0) + 1
            self.sent.append((name, effect.to, effect.message))
            arrives = self.spoil(name, effect.to, effect.message)
            if arrives is not None:
                self.channels.setdefault(key, deque()).append(Received(name, self.sequence[key], arrives))
        elif isinstance(effect, Arm):
            self.count += 1
            self.armed[name, effect.timer] = effect.at
            heapq.heappush(self.heap, (effect.at, self.count, name, effect.timer))
        elif isinstance(effect, Disarm):
            self.armed.pop((name, effect.timer), None)
        elif isinstance(effect, Publish):
            self.published.append((name, effect.publication))
        elif isinstance(effect, Append | CloseBlock | Cosign):
            self.channels.setdefault(("ledger_effects", name), deque()).append(effect)
        elif isinstance(effect, Compute):
            self.channels.setdefault((f"job {effect.reference}", name), deque()).append(effect)
        else:
            self.channels.setdefault((f"device {effect.device}", name), deque()).append(effect)

    def _do(self, name: str, effect: Effect, now: datetime) -> None:
        outcome: Event | None = None
        if isinstance(effect, Poll):
            if effect.device == "weather":
                sun = tuple(sunshine(now + timedelta(minutes=15 * k + 7)) for k in range(192))
                outcome = Measured("weather", (), (WeatherForecast(now, now, 900, sun),))
            else:
                outcome = Measured(effect.device, self.physics.readings(effect.device), ())
        elif isinstance(effect, Command):
            self.physics.setpoints[effect.device] = (effect.setpoint, effect.valid_until)
            self.commands.append((now, effect))
            outcome = Commanded(effect.device, effect.setpoint)
        elif isinstance(effect, Release):
            self.physics.setpoints.pop(effect.device, None)
            outcome = Commanded(effect.device, None)
        elif isinstance(effect, Compute):
            outcome = Computed(effect.reference, run(effect.job, effect.arguments))
        elif isinstance(effect, Append):
            outcome = self._append(effect)
        elif isinstance(effect, CloseBlock):
            head = self.ledger.close_block(effect.number, effect.period_start, effect.period_end, now)
            outcome = BlockClosed(head, self.ledger.leaves_of(head))
        elif isinstance(effect, Cosign):
            self.ledger.cosign(effect.number, effect.party, effect.signature)
        if outcome is not None:
            self._tell(name, outcome, now)

    def _append(self, effect: Append) -> Event:
        if self.refuse(effect.reference):
            return Recorded(effect.reference, "the ledger is out of paper")
        try:
            self.ledger.append(effect.records)
        except (LedgerConflict, BadInput) as error:
            return Recorded(effect.reference, str(error))
        return Recorded(effect.reference)

    # ---- what came of it -----------------------------------------------------------------------------------------------

    def said(self, kind: type) -> list[Any]:
        """All messages of a type, in the order in which they were sent."""
        return [message for _, _, message in self.sent if isinstance(message, kind)]

    def told(self, *families: type[Publication]) -> list[Any]:
        """Everything published of some families."""
        return [publication for _, publication in self.published if isinstance(publication, families)]
