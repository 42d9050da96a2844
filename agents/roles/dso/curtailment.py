"""The DSO's own right: to limit the feed-in below a congestion point in real time, where an ISP would exceed its limit.

The only means where there is no market, and the last one where there is: then it waits until the running ISP could not
be mended later. A limit holds for the rest of its ISP and ends by itself. The mathematics: `grid_safety.feed_in`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from agents.planning.grid_safety.feed_in import PlantFeedIn, PointIsp, feed_in_shares
from agents.roles.dso.config import DsoConfig, FeedInControl, MeteredPoint, PlantConnection
from agents.roles.dso.outside_requests import EmergencyChanged, OutsideRequests
from agents.roles.dso.planned_works import PlannedWorks
from agents.roles.dso.point_meters import PointMetered, PointMeters
from agents.roles.effects import Arm, Effect, Publish, Send, Timer
from agents.roles.grid_messages import FeedInLimit, PlantStateAsked, PlantStateTold
from agents.roles.identity import AgentIdentity
from agents.roles.messages import Filed
from agents.roles.part import MOMENT, Part, Recovery, on
from agents.roles.parts.filing import Filing
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.model.intervals import LocalDay
from cim.platform.publications.grid import FeedInLimited
from market.rules import Control


@wire("dso.timer.limit")
@dataclass(frozen=True, slots=True)
class LimitFeedIn(Timer):
    """All that was asked at an instant is heard: decide on limits."""


@wire("dso.Curtailment")
@dataclass(slots=True)
class CurtailmentState:
    """What is known of plants, and what is limited.

    Attributes:
        told: by usage point, what a connection told last of its plants.
        could_w: by usage point, what its plants could give when they were last free or said it, <= 0.
        limits: by day and usage point, ISP -> the last limit in it, watts; kept when it is lifted within the ISP.
        in_force: by usage point, the limit of the running ISP and its end.
    """

    told: dict[str, PlantStateTold] = field(default_factory=dict)
    could_w: dict[str, int] = field(default_factory=dict)
    limits: dict[date, dict[str, dict[int, int]]] = field(default_factory=dict)
    in_force: dict[str, tuple[int, datetime]] = field(default_factory=dict)


class Curtailment(Part[CurtailmentState]):
    """Asks plants near a loaded congestion point for their state, and limits them by their rating where it must."""

    def __init__(
        self, me: AgentIdentity, config: DsoConfig, meters: PointMeters, by_hand: OutsideRequests, works: PlannedWorks
    ) -> None:
        super().__init__(me, CurtailmentState())
        self._ledger, self._meters, self._by_hand, self._works = config.ledger, meters, by_hand, works
        self._control: FeedInControl | None = config.curtailing
        self._acts = self.rules.control in (Control.CURTAILMENT, Control.MARKET)

    def limited_isps(self, usage_point: str, period: date) -> dict[int, int]:
        """ISP -> watts, of the ISPs of a day in which a connection was limited for some time."""
        return self.state.limits.get(period, {}).get(usage_point, {})

    @on(PointMetered)
    def point_metered(self, event: PointMetered, now: datetime) -> list[Effect]:
        """Where the running ISP comes near the limit, or something is limited: ask the plants below, then decide."""
        control = self._control
        if control is None or not self._acts or not self.rules.periods[0].start <= now < self.rules.periods[-1].end:
            return []
        point = next(meter for meter in control.meters if meter.point == event.point)
        isp = self._point_isp(point, control, now)
        below = [plant for plant in control.plants if point.point in plant.points]
        limited = any(plant.usage_point in self.state.in_force for plant in below)
        if any(self._by_hand.feed_in_share(plant.points, now) is not None for plant in below):
            return self._ask(below, now)
        if isp is None or (isp.mean_va < isp.allowed_va * control.watch_pct / 100 and not limited):
            return []
        return self._ask(below, now)

    @on(EmergencyChanged)
    def emergency_changed(self, event: EmergencyChanged, now: datetime) -> list[Effect]:
        """Somebody limits a point by hand, or lifts that: ask its plants, then decide."""
        return self._ask([plant for plant in self._plants() if event.point in plant.points], now)

    def _ask(self, below: Sequence[PlantConnection], now: datetime) -> list[Effect]:
        at = self.rules.interval_start(now)
        asked: list[Effect] = [Send(plant.owner, PlantStateAsked(plant.usage_point, at)) for plant in below]
        return [*asked, Arm(LimitFeedIn(), now + MOMENT)]

    @on(PlantStateTold)
    def told(self, message: PlantStateTold, sender: str, now: datetime) -> list[Effect]:
        """What a connection's plants give and could give; while they are free, what they give is what they could."""
        plant = next((p for p in self._plants() if p.usage_point == message.usage_point), None)
        if plant is None or plant.owner != sender:
            return []
        self.state.told[message.usage_point] = message
        known, limited = message.available_w, message.usage_point in self.state.in_force
        if known is None and message.plants_w is not None:
            before = self.state.could_w.get(message.usage_point, 0) if limited else 0
            known = min(message.plants_w, before)
        if known is not None:
            self.state.could_w[message.usage_point] = max(min(known, 0), -plant.rated_w)
        return []

    def _plants(self) -> tuple[PlantConnection, ...]:
        return () if self._control is None else self._control.plants

    def _point_isp(self, point: MeteredPoint, control: FeedInControl, now: datetime) -> PointIsp | None:
        """A congestion point in the running ISP; None if it was not read just now."""
        at = self.rules.interval_start(now)
        reading, day = self._meters.read_at(point.point, at), self.rules.day_of(at)
        if reading is None:
            return None
        return PointIsp(
            allowed_va=point.allowed_va * (1 - control.reserve_pct / 100) * self._works.share_now(point.point, now),
            power_w=reading.power_w,
            reactive_var=reading.reactive_var,
            mean_w=self._meters.mean_w(point.point),
            elapsed=(at - day.isp_start(day.isp_of(at))) / day.isp,
            step=self.rules.interval / day.isp,
            plants=tuple(plant.usage_point for plant in control.plants if point.point in plant.points),
        )

    # ---- limits ----------------------------------------------------------------------------------------------------------

    @on(LimitFeedIn)
    def decide(self, timer: LimitFeedIn, now: datetime) -> list[Effect]:
        """All plants that are there have told: limit, tighten, relax or lift for the rest of the running ISP."""
        control, day = self._control, self.rules.day_of(now)
        if control is None:
            return []
        isp, at = day.isp_of(now), self.rules.interval_start(now)
        found = [self._point_isp(point, control, now) for point in control.meters]
        points = [point for point in found if point is not None]
        told = {p.usage_point: t for p in control.plants if (t := self.state.told.get(p.usage_point)) and t.at == at}
        plants = {p.usage_point: self._feed_in(p, told[p.usage_point]) for p in control.plants if p.usage_point in told}
        shares = feed_in_shares(points, plants, waits=self.rules.control is Control.MARKET)
        self.state.in_force = {name: held for name, held in self.state.in_force.items() if held[1] > now}
        effects: list[Effect] = []
        for plant in control.plants:
            by_hand = self._by_hand.feed_in_share(plant.points, now)
            if plant.usage_point in plants:
                share = shares[plant.usage_point]
                least = by_hand if share is None or by_hand is None else min(share, by_hand)
                limit = self._limit_w(plant, plants[plant.usage_point], share if least is None else least)
                effects += self._set(plant, day, isp, limit, now)
            elif by_hand is not None:  # who does not say how it is, is limited in an emergency all the same
                limit = -round(max(by_hand * plant.rated_w, plant.terms.least_export_w))
                effects += self._set(plant, day, isp, limit, now)
        return effects

    def _feed_in(self, plant: PlantConnection, told: PlantStateTold) -> PlantFeedIn:
        """What a connection feeds in, and could: its plants' power less what it uses itself."""
        plants_w = told.plants_w or 0
        connection_w = plants_w if told.connection_w is None else told.connection_w
        # What an order holds back it could give only if the order ended: only a limit of ours may be lifted.
        could_w = self.state.could_w.get(plant.usage_point, 0) if plant.usage_point in self.state.in_force else plants_w
        soon_w = -connection_w - could_w + plants_w + told.filling_w
        return PlantFeedIn(plant.rated_w, -connection_w, max(soon_w, 0.0), plant.terms.least_export_w)

    def _limit_w(self, plant: PlantConnection, state: PlantFeedIn, share: float | None) -> int | None:
        """The limit of the plants: what the connection may feed in, and what it uses itself (None: no limit).

        Below 0 is what a store feeds in beside them.
        """
        if share is None:
            return None
        told = self.state.told[plant.usage_point]
        own_use_w = -(told.plants_w or 0) - state.now_w - told.filling_w
        return -round(min(max(share * plant.rated_w + own_use_w, plant.terms.least_export_w, 0.0), plant.rated_w))

    def _set(self, plant: PlantConnection, day: LocalDay, isp: int, limit_w: int | None, now: datetime) -> list[Effect]:
        """Tell, publish and record a limit that is another than the one in force; a little room relaxes nothing."""
        held = self.state.in_force.get(plant.usage_point)
        control = self._control
        if control is None or (held is None and limit_w is None):
            return []
        if held is not None:
            grain = control.relax_pct / 100 * plant.rated_w
            looser = plant.rated_w if limit_w is None else held[0] - limit_w
            if abs(looser) < 1 or 0 < looser < grain:
                return []
        until = day.isp_start(isp + 1)
        if limit_w is None:
            self.state.in_force.pop(plant.usage_point, None)
        else:
            self.state.in_force[plant.usage_point] = (limit_w, until)
            of_day = self.state.limits.setdefault(day.day, {})
            of_day[plant.usage_point] = {**of_day.get(plant.usage_point, {}), isp: limit_w}
        message = FeedInLimit(plant.usage_point, day.day, isp, limit_w, until, plant.points[0])
        key = f"{plant.usage_point}/{now.isoformat()}"
        record = self.me.record("feed-in-limit", key, message, now, salted=True)
        told = FeedInLimited(now, plant.usage_point, plant.points[0], day.day, isp, limit_w, until)
        return [
            Send(plant.owner, message),
            Send(self._ledger, Filed(Filing("feed-in-limit", key), (record,))),
            Publish(told),
        ]

    # ---- forgetting ------------------------------------------------------------------------------------------------------

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.limits = {period: of_day for period, of_day in self.state.limits.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Recorded limits are owed for; those in force end by themselves."""
        first = history.open_days(now)
        for message in history.of("feed-in-limit", FeedInLimit).values():
            if first and message.period >= first[0].day and message.limit_w is not None:
                of_day = self.state.limits.setdefault(message.period, {})
                of_day[message.usage_point] = {**of_day.get(message.usage_point, {}), message.isp: message.limit_w}
        return Recovery()
