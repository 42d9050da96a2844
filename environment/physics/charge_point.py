"""A charge point with one vehicle at a time, each wanting a certain energy before it leaves."""

from __future__ import annotations

import math
from dataclasses import dataclass

from environment.physics.shared_supply import SharedSupply
from environment.physics.unit import RESOLUTION_S, SECONDS_PER_HOUR, PhysicalUnit, UnitKind
from environment.profiles.sessions import Session


@dataclass(frozen=True, slots=True)
class PlugEvent:
    """A vehicle came (`plugged`) or left; `energy_wh` is what it wants, or what it got."""

    plugged: bool
    at_s: float
    energy_wh: float
    session: Session


class ChargePoint(PhysicalUnit):
    """Charges the plugged vehicle at once and as fast as the limit allows, until it has its energy or leaves.

    It may be asked for a power instead, also for one that the vehicle gives back (V2G): never more than it was given here.

    Args:
        sessions: in the order of time, not overlapping.
        rated_w: most power.
        discharge_w: most power that vehicles give back; 0: none can.
        least_w: with less than this a vehicle does not charge at all (IEC 61851-1: 6 A in each phase); 0: it takes any power.
        supply: what it draws from with others of its station; None: it has a connection of its own.

    Attributes:
        session: the vehicle that is plugged in now.
        delivered_wh: what it got so far.
        wanted_w: what it would draw by itself now.
        unserved_wh: energy that vehicles wanted but left without, so far.
        shortfalls: (instant, the same of one vehicle) for each that left without all it wanted.
    """

    kind = UnitKind.EV

    def __init__(
        self,
        name: str,
        now_s: float,
        *,
        sessions: tuple[Session, ...],
        rated_w: float,
        discharge_w: float = 0.0,
        least_w: float = 0.0,
        supply: SharedSupply | None = None,
    ) -> None:
        super().__init__(name, now_s)
        # A session that began before the world did is left out: nobody knows what it had got by then.
        self._waiting = [session for session in reversed(sessions) if session.start_s >= now_s]
        self.rated_w, self.discharge_w, self.least_w = rated_w, discharge_w, least_w
        self.session: Session | None = None
        self.delivered_wh = 0.0
        self.unserved_wh = 0.0
        self.shortfalls: list[tuple[float, float]] = []
        self._limit_w: float | None = None
        self._setpoint_w: float | None = None
        self._events: list[PlugEvent] = []
        self.wanted_w, self.supply = 0.0, supply
        if supply is not None:
            supply.join(self)
        self.settle(now_s)

    @property
    def limit_w(self) -> float | None:
        """The setpoint (>= 0): power stays <= it; None allows the rating."""
        return self._limit_w

    @limit_w.setter
    def limit_w(self, value: float | None) -> None:
        self._limit_w = None if value is None else max(value, 0.0)
        self.settle(self.now_s)

    @property
    def setpoint_w(self) -> float | None:
        """The power that it is asked for, within its ratings and the limit; None: as much as it may."""
        return self._setpoint_w

    @setpoint_w.setter
    def setpoint_w(self, value: float | None) -> None:
        self._setpoint_w = value
        self.settle(self.now_s)

    @property
    def came_s(self) -> float:
        """When its vehicle came; 0 where none is there."""
        return 0.0 if self.session is None else self.session.start_s

    @property
    def remaining_wh(self) -> float:
        """What the plugged vehicle still wants."""
        return 0.0 if self.session is None else max(self.session.energy_wh - self.delivered_wh, 0.0)

    def visits_until(self, end_s: float) -> list[tuple[Session, float]]:
        """The vehicle that is there and all that come before `end_s`, each with what it got so far."""
        there = [] if self.session is None else [(self.session, self.delivered_wh)]
        return there + [(coming, 0.0) for coming in reversed(self._waiting) if coming.start_s < end_s]

    def drain(self) -> tuple[PlugEvent, ...]:
        """Plug events since the last call, oldest first."""
        events, self._events = tuple(self._events), []
        return events

    def settle(self, now_s: float) -> None:
        """Let vehicles come and go, and decide the charging power."""
        if self.session is not None and now_s >= self.session.departure_s:
            self._events.append(PlugEvent(False, now_s, self.delivered_wh, self.session))
            if self.remaining_wh > 0:
                self.unserved_wh += self.remaining_wh
                self.shortfalls.append((self.session.departure_s, self.remaining_wh))
            self.session = None
        if self.session is None and self._waiting and self._waiting[-1].start_s <= now_s:
            self.session = self._waiting.pop()
            self.delivered_wh = 0.0
            self._events.append(PlugEvent(True, now_s, self.session.energy_wh, self.session))
        power_w = 0.0
        if self.session is not None:
            power_w = self.rated_w if self._limit_w is None else min(self._limit_w, self.rated_w)
            if self.remaining_wh * SECONDS_PER_HOUR <= power_w * RESOLUTION_S:
                power_w = 0.0
            if self._setpoint_w is not None:
                power_w = max(min(self._setpoint_w, power_w), -self.discharge_w)
            if 0 < power_w < self.least_w:
                power_w = 0.0
            if power_w < 0 and self.delivered_wh * SECONDS_PER_HOUR <= -power_w * RESOLUTION_S:
                power_w = 0.0
        self.power_w = self.wanted_w = power_w
        if self.supply is not None:
            self.supply.share_out()

    def until(self, now_s: float) -> float:
        """When the vehicle is full, has given what it was given, or leaves, or the next one comes."""
        if self.session is None:
            return self._waiting[-1].start_s if self._waiting else math.inf
        if self.power_w > 0:
            return min(self.session.departure_s, now_s + self.remaining_wh / self.power_w * SECONDS_PER_HOUR)
        if self.power_w < 0:
            return min(self.session.departure_s, now_s + self.delivered_wh / -self.power_w * SECONDS_PER_HOUR)
        return self.session.departure_s

    def _store(self, energy_wh: float, seconds: float) -> None:  # noqa: ARG002
        self.delivered_wh += energy_wh
