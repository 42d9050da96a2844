"""The prosumer's assets in the market's register (S01)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agents.roles.effects import Arm, Effect, Send, Timer
from agents.roles.events import Started
from agents.roles.identity import AgentIdentity
from agents.roles.messages import AssetsPublished, DeviceJoined
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.told import DeviceBeganAnew
from cim.codec.codec import wire
from market.assets.publication import AssetPublication

PATIENCE = timedelta(minutes=2)  # how long to wait at the start for elements that do not answer


@wire("prosumer.timer.publish")
@dataclass(frozen=True, slots=True)
class PublishAssets(Timer):
    """No element is waited for any longer."""


@wire("prosumer.AssetPublishing")
@dataclass(slots=True)
class AssetPublishingState:
    """The elements that have joined, as they are published."""

    joined: dict[str, AssetPublication] = field(default_factory=dict)


class AssetPublishing(Part[AssetPublishingState]):
    """Brings the elements to the market when all have joined, or those that have after a while."""

    def __init__(self, me: AgentIdentity, config: ProsumerConfig) -> None:
        super().__init__(me, AssetPublishingState())
        self._config, self._kinds = config, config.kinds()

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """Wait for the elements."""
        return [Arm(PublishAssets(), now + PATIENCE)]

    @on(DeviceJoined)
    def joined(self, message: DeviceJoined, sender: str, now: datetime) -> list[Effect]:
        """An element is connected; when all are, they go to the market."""
        if sender not in self._kinds:
            return []
        if sender in self.state.joined:
            return self.emit(DeviceBeganAnew(sender), now)
        plate, kind = message.nameplate, self._kinds[sender]
        self.state.joined[sender] = AssetPublication(
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
        )
        return self._publish() if len(self.state.joined) == len(self._kinds) else []

    @on(PublishAssets)
    def time_is_up(self, timer: PublishAssets, now: datetime) -> list[Effect]:
        """An element is missing: go to the market with the others."""
        return self._publish() if 0 < len(self.state.joined) < len(self._kinds) else []

    def _publish(self) -> list[Effect]:
        assets = tuple(self.state.joined[name] for name in sorted(self.state.joined))
        return [Send(self._config.market, AssetsPublished(assets))]

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """As at the start: the devices' agents join again."""
        return Recovery(self.started(Started(), now))
