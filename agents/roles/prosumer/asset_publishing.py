"""The prosumer's assets on the market (S01): published, applied with in the flexibility register, revised, withdrawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from agents.roles.effects import Arm, Effect, Send, Timer
from agents.roles.events import Started
from agents.roles.identity import AgentIdentity
from agents.roles.messages import DeviceJoined
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.operated_days import DayNear
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.told import AssetsChanged, DeviceBeganAnew, ElementJudged, UnitTakenOver
from agents.roles.register_messages import AssetsPublished, AssetsWithdrawn, PublishAgain, RegisterEntry
from cim.codec.codec import wire
from cim.model.devices import Nameplate
from cim.model.intervals import LocalDay
from market.assets.publication import AssetPublication
from market.contracts.commitments import oversold_element
from market.contracts.contract import FlexContract
from market.contracts.envelope import ElementCall, beyond_envelope
from market.register.lifecycle import UnitEvent
from market.register.providers import aggregator_on
from market.register.units import CONGESTION_MANAGEMENT, RECORD_KIND, UnitMove, UnitProduct

PATIENCE = timedelta(minutes=2)  # how long to wait at the start for elements that do not answer


@wire("prosumer.timer.publish")
@dataclass(frozen=True, slots=True)
class PublishAssets(Timer):
    """No element is waited for any longer."""


@wire("prosumer.AssetPublishing")
@dataclass(slots=True)
class AssetPublishingState:
    """The elements.

    Attributes:
        joined: as they are published.
        published, suspended: which of them are on the market, and which are not for now.
        providers: by element, the domain of who may market it, as the register was told last.
    """

    joined: dict[str, AssetPublication] = field(default_factory=dict)
    published: tuple[str, ...] = ()
    suspended: tuple[str, ...] = ()
    providers: dict[str, str] = field(default_factory=dict)


class AssetPublishing(Part[AssetPublishingState]):
    """Brings the elements to the market when all have joined, or those that have after a while; and takes them off it."""

    def __init__(self, me: AgentIdentity, config: ProsumerConfig, contracts: Contracts) -> None:
        super().__init__(me, AssetPublishingState())
        self._config, self._kinds, self._known = config, config.kinds(), config.by_name()
        self._contracts = contracts

    def sold_twice(self, contract: FlexContract) -> str | None:
        """Why an element has not what a contract reserves of it beside those there are, in words, or None."""
        return oversold_element((*self._contracts.all(), contract), self.state.joined.values())

    def beyond_envelope(self, element: str, calls: Iterable[ElementCall], day: LocalDay) -> str | None:
        """Why an element cannot be moved so, in words, or None; one that has not joined is not known to have less."""
        asset = self.state.joined.get(element)
        return None if asset is None else beyond_envelope(asset, calls, day)

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """Wait for the elements."""
        return [Arm(PublishAssets(), now + PATIENCE)]

    @on(DeviceJoined)
    def joined(self, message: DeviceJoined, sender: str, now: datetime) -> list[Effect]:
        """An element is connected; when all are, they go to the market."""
        if sender not in self._kinds:
            return []
        known, asset = self.state.joined.get(sender), self._asset(sender, message.nameplate)
        if known is not None:
            anew = self.emit(DeviceBeganAnew(sender), now)
            return anew if asset.rating == known.rating else [*anew, *self._rated(sender, asset, now)]
        self.state.joined[sender] = asset
        return self._publish(now) if len(self.state.joined) == len(self._kinds) else []

    def _rated(self, element: str, asset: AssetPublication, now: datetime) -> list[Effect]:
        """An element came back with other ratings: it is applied with anew, and what it is contracted for is amended."""
        self.state.joined[element] = replace(asset, cost_e4_per_kwh=self.state.joined[element].cost_e4_per_kwh)
        tomorrow = self.rules.day_of(now).next().day
        published = self._publish(now) if element in self.state.published else []
        return [*published, *self.emit(AssetsChanged((element,), tomorrow), now)]

    def _asset(self, sender: str, plate: Nameplate) -> AssetPublication:
        kind = self._kinds[sender]
        return AssetPublication(
            sender,
            str(plate.kind),
            self.me.domain,
            self._config.usage_point,
            self._config.congestion_point,
            plate.max_consumption_w,
            -plate.max_generation_w,
            can_increase=kind.can_increase,
            can_decrease=kind.can_decrease,
            baseline=kind.baseline,
            cost_e4_per_kwh=self._config.own_costs_e4_per_kwh(self.rules.first_day)[sender],
            place=self._config.place,
            capacity_wh=plate.capacity_wh,
            ramp_w_per_min=self._known[sender].ramp_w_per_min,
        )

    @on(PublishAssets)
    def time_is_up(self, timer: PublishAssets, now: datetime) -> list[Effect]:
        """An element is missing: go to the market with the others."""
        return self._publish(now) if 0 < len(self.state.joined) < len(self._kinds) else []

    @on(PublishAgain)
    def again(self, message: PublishAgain, sender: str, now: datetime) -> list[Effect]:
        """The register has forgotten what it did not record."""
        return self._publish(now) if sender == self._config.market and self.state.published else []

    @on(ElementJudged)
    def judged(self, event: ElementJudged, now: datetime) -> list[Effect]:
        """What is not metered often enough is withdrawn, and applied with again when it is."""
        others = {name for name in self.state.suspended if name != event.element}
        self.state.suspended = tuple(sorted(others | {event.element} if event.suspended else others))
        if not event.suspended:
            return self._publish(now)
        if event.element not in self.state.published:
            return []
        self.state.published = tuple(name for name in self.state.published if name != event.element)
        withdrawn = self._entry(UnitEvent.WITHDRAWAL, (event.element,), now)
        return [Send(self._config.market, AssetsWithdrawn((event.element,))), *withdrawn]

    @on(DayNear)
    def day_near(self, event: DayNear, now: datetime) -> list[Effect]:
        """What moving an element costs may change with the tariff: tell the market what contracts are to pay from then on."""
        costs = self._config.own_costs_e4_per_kwh(event.day.day)
        names = [n for n in self.state.published if self.state.joined[n].cost_e4_per_kwh != costs[n]]
        for name in names:
            self.state.joined[name] = replace(self.state.joined[name], cost_e4_per_kwh=costs[name])
        if not names:
            return []
        revised = AssetsPublished(tuple(self.state.joined[name] for name in names))
        told = [Send(self._config.market, revised), *self._entry(UnitEvent.REVISION, names, now)]
        return told + self.emit(AssetsChanged(tuple(names), event.day.day), now)

    def _publish(self, now: datetime) -> list[Effect]:
        """All that have joined and are not suspended; what the register knows already changes nothing there."""
        names = [name for name in sorted(self.state.joined) if name not in self.state.suspended]
        self.state.published = tuple(names)
        assets = tuple(self.state.joined[name] for name in names)
        return [Send(self._config.market, AssetsPublished(assets)), *self._entry(UnitEvent.APPLICATION, names, now)]

    def _provider(self, element: str, now: datetime) -> str:
        """Who shall market an element that is applied with: who has it in the register, or else today's aggregator."""
        today = max(self.rules.day_of(now).day, self.rules.first_day)
        return self.state.providers.setdefault(element, self.rules.domains[aggregator_on(self._config, today)])

    @on(UnitTakenOver)
    def taken_over(self, event: UnitTakenOver, now: datetime) -> list[Effect]:
        """From now on it is applied with for its new provider."""
        self.state.providers = {**self.state.providers, event.element: event.provider}
        return []

    def _entry(self, event: UnitEvent, names: Iterable[str], now: datetime) -> list[Effect]:
        """Signed moves of these elements for the register; none where flexibility is not traded."""
        named, applied = tuple(names), event is UnitEvent.APPLICATION
        if not self.rules.flexibility or not named:
            return []
        moves = tuple(
            UnitMove(
                UnitProduct(name, CONGESTION_MANAGEMENT),
                event,
                now,
                None if event is UnitEvent.WITHDRAWAL else self.state.joined[name],
                self._provider(name, now) if applied else "",
            )
            for name in named
        )
        record = self.me.record(RECORD_KIND, f"{self.me.domain}/{event}/{named[0]}/{now.isoformat()}", moves, now)
        return [Send(self._config.market, RegisterEntry(record))]

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """As at the start: the devices' agents join again."""
        return Recovery(self.started(Started(), now))
