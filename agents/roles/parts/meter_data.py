"""What meters told of the days that are not settled yet, connection by connection; a buyer and a seller need the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import NamedTuple

from agents.roles.dispute_messages import ArbitrationDecided
from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.meter_messages import CopiesCorrected, MeteringHandedOver
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import KEPT_DAYS, LedgerHistory
from cim.codec.codec import wire
from cim.model.plausibility import beyond
from market.settlement.day import POWER
from market.settlement.portfolio import ConnectionDay
from market.uftp import Metering, MeteringResponse


@wire("part.MeterDay")
class MeterDay(NamedTuple):
    """A connection (its EAN) or a flex element (its name, and the domain of whose it is) on a day."""

    ean: str
    period: date
    owner: str = ""


@dataclass(frozen=True, slots=True)
class DayMetered:
    """Told inside a role: the meters of all its connections have told a day."""

    period: date


@dataclass(frozen=True, slots=True)
class DayCorrected:
    """Told inside a role: meter data of a day came or changed after it was settled."""

    period: date


@wire("part.MeterData")
@dataclass(slots=True)
class MeterDataState:
    """Meterings of days that are not closed for good, and the days for which none is taken any more."""

    metering: dict[MeterDay, Metering] = field(default_factory=dict)
    closed: tuple[date, ...] = ()


def _always(_ean: str, _period: date) -> bool:
    return True


class MeterData(Part[MeterDataState]):
    """Keeps meterings until their day is closed.

    Args:
        connections: EAN of each connection -> the agent whose meter it is, None where that is not known: then any
            agent that signs for itself. What a known agent tells of other EANs (of its flex elements) is kept as well,
            if `elements`.
        carries_w: by EAN, the most that a connection can carry: no metering beyond that is taken.
        facilitator: the agent whose decisions about copies count.
        by_company: where a meter-data company reads the meters, none is taken but from it.
        served: whether a connection (its EAN) is the party's on a day; not said: always.
    """

    def __init__(
        self,
        me: AgentIdentity,
        connections: Mapping[str, str | None],
        *,
        elements: bool,
        carries_w: Mapping[str, int] = MappingProxyType({}),
        facilitator: str,
        by_company: bool = False,
        served: Callable[[str, date], bool] = _always,
    ) -> None:
        super().__init__(me, MeterDataState())
        self._carries_w, self.facilitator = carries_w, facilitator
        self._company = me.rules.meter_company if by_company else ""
        self._connections, self._elements = dict(connections), elements
        self._served, self._by_owner = served, dict[str | None, list[str]]()
        self._of_elements: dict[
            date, dict[str, tuple[Metering, ...]]
        ] = {}  # found once, until something of the day comes
        self._eans, self._waits_for = (
            tuple(connections),
            dict[date, int](),
        )  # of a day, the place before which all have told
        for ean, owner in connections.items():  # None among the owners: anybody who signs for itself
            self._by_owner.setdefault(owner, []).append(ean)

    @on(Metering)
    def metered(self, message: Metering, sender: str, now: datetime) -> list[Effect]:
        """Keep it; with the last connection's the day is metered."""
        if self.rules.domains.get(sender) != message.header.sender_domain or not self._takes(message, sender):
            return []
        if self._company:
            return self._refused(message, sender, f"meter data are taken from {self._company} alone", now)
        return self._take(message, sender, now)

    @on(MeteringHandedOver)
    def handed_over(self, message: MeteringHandedOver, sender: str, now: datetime) -> list[Effect]:
        """The same from the meter-data company: of whose meter it is, its message tells."""
        owner = self.rules.name_of(message.metering.header.sender_domain)
        if not self._company or sender != self._company or owner is None or not self._takes(message.metering, owner):
            return []
        return self._take(message.metering, sender, now)

    def _take(self, message: Metering, sender: str, now: datetime) -> list[Effect]:
        period, known = message.period, self.state.metering.get(self._key(message))
        settled = period in self.state.closed
        closed_for_good = period < self.rules.day_of(now).next(-KEPT_DAYS).day
        if closed_for_good or (settled and known is not None and known.revision >= message.revision):
            return self._refused(message, sender, f"{period.isoformat()} is settled", now)
        fault = self._fault(message)
        if fault is not None:
            return self._refused(message, sender, fault, now)
        self._put(message)
        answer = self._answer(message, sender, None, now)
        if settled:
            return [answer, *self.emit(DayCorrected(period), now)]
        complete = message.ean in self._connections and self.complete(period)
        return [answer, *(self.emit(DayMetered(period), now) if complete else [])]

    def _answer(self, message: Metering, to: str, fault: str | None, now: datetime) -> Effect:
        return Send(to, MeteringResponse(*self.me.reply(to, now, message, fault)))

    def _refused(self, message: Metering, sender: str, fault: str, now: datetime) -> list[Effect]:
        told = self.me.lapse("Metering", message.header.message_id, sender, fault, now)
        return [self._answer(message, sender, fault, now), told]

    @on(ArbitrationDecided)
    def decided(self, message: ArbitrationDecided, sender: str, now: datetime) -> list[Effect]:
        """The facilitator found which copies are right: take them, and settle anew what stands on them."""
        if sender != self.facilitator or self.me.domain not in (message.buyer, message.seller):
            return []
        return self._corrected(message.period, message.meterings, now)

    @on(CopiesCorrected)
    def put_right(self, message: CopiesCorrected, sender: str, now: datetime) -> list[Effect]:
        """The meter-data company found that these copies are not what the meters showed; they may have been told so."""
        return self._corrected(message.period, message.meterings, now) if sender == self.rules.meter_company else []

    def _corrected(self, period: date, meterings: Sequence[Metering], now: datetime) -> list[Effect]:
        wrong = [
            metering
            for metering in meterings
            if (mine := self.state.metering.get(self._key(metering))) is None or mine.profiles != metering.profiles
        ]
        for metering in wrong:
            self._put(metering)
        return self.emit(DayCorrected(period), now) if wrong else []

    def complete(self, period: date) -> bool:
        """Whether the meters of all connections of a day have told it."""
        # Asked with each metering: to look at all connections each time would cost the square of their number.
        for place in range(self._waits_for.get(period, 0), len(self._eans)):
            if self._lacks(self._eans[place], period):
                self._waits_for[period] = place
                return False
        return not any(self._lacks(ean, period) for ean in self._eans)

    def _lacks(self, ean: str, period: date) -> bool:
        return self._served(ean, period) and self.of(ean, period) is None

    def of(self, ean: str, period: date) -> Metering | None:
        """What a connection's meter told of a day, or None."""
        return self.state.metering.get(MeterDay(ean, period))

    def of_element(self, element: str, owner: str, period: date) -> Metering | None:
        """What an element's meter told of a day, by whose it is (a domain); or None."""
        return self.state.metering.get(MeterDay(element, period, owner))

    def of_all(self, eans: Iterable[str], period: date) -> list[Metering]:
        """What the meters of these connections told of a day, as far as they did."""
        return [message for ean in eans if (message := self.of(ean, period)) is not None]

    def copies(self, eans: Iterable[str], period: date) -> tuple[Metering, ...]:
        """All that was told of these connections and their elements on a day."""
        days = self.connection_days(eans, period)
        return tuple(m for day in days for m in (day.connection, *day.elements) if m is not None)

    def connection_days(self, eans: Iterable[str], period: date) -> tuple[ConnectionDay, ...]:
        """What was told of these connections on a day, each with its elements."""
        elements, days = self._elements_told(period), []
        for ean in eans:
            connection = self.of(ean, period)
            owner = "" if connection is None else connection.header.sender_domain
            days.append(ConnectionDay(connection, elements.get(owner, ())))
        return tuple(days)

    def _elements_told(self, period: date) -> dict[str, tuple[Metering, ...]]:
        """What was told of a day's elements by whose they are: a settlement asks for it connection by connection."""
        known = self._of_elements.get(period)
        if known is None:
            found: dict[str, list[Metering]] = {}
            for key in sorted(key for key in self.state.metering if key.period == period and key.owner):
                found.setdefault(key.owner, []).append(self.state.metering[key])
            known = self._of_elements[period] = {owner: tuple(told) for owner, told in found.items()}
        return known

    def _put(self, message: Metering) -> None:
        self.state.metering[self._key(message)] = message
        self._of_elements.pop(message.period, None)

    def restored(self) -> None:
        """What was found of the state before is not of this one."""
        self._of_elements, self._waits_for = {}, {}

    def close(self, period: date) -> None:
        """A day is settled: nothing is taken for it any more."""
        self.state.closed = (*self.state.closed, period)[-2 * KEPT_DAYS :]

    def is_closed(self, period: date) -> bool:
        """Whether a day is settled."""
        return period in self.state.closed

    def on_day(self, period: date) -> list[Metering]:
        """All that was told of a day."""
        return [metering for key, metering in self.state.metering.items() if key.period == period]

    def prune(self, before: date) -> None:
        """Meterings of days that are closed for good."""
        for key in [key for key in self.state.metering if key[1] < before]:
            del self.state.metering[key]
        self.restored()

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Meterings as they are recorded, signed by who told them."""
        for told in history.of("metering", tuple).values():
            for message in told:
                if isinstance(message, Metering) and self._is_known(message) and self._fault(message) is None:
                    self._put(message)
        return Recovery()

    def _is_known(self, message: Metering) -> bool:
        sender = self.rules.name_of(message.header.sender_domain)
        return sender is not None and self._takes(message, sender)

    def _takes(self, message: Metering, sender: str) -> bool:
        ean, period = message.ean, message.period
        if ean in self._connections:
            return self._connections[ean] in (sender, None) and self._served(ean, period)
        if not self._elements:
            return False
        mine = (known for owner in (sender, None) for known in self._by_owner.get(owner, ()))
        return any(self._served(known, period) for known in mine)

    def _fault(self, message: Metering) -> str | None:
        """Why a metering is not taken, or None: a profile has another number of ISPs than its day, or an absurd power."""
        power, count = message.profile(POWER), self.rules.day(message.period).count
        if power is None:
            return f"Power: 0 values; expected {count}"
        for profile in message.profiles:
            if len(profile.values) != count:
                return f"{profile.profile_type}: {len(profile.values)} values; expected {count}"
        rated_w = self._carries_w.get(message.ean, 0)
        absurd = beyond(power.values, rated_w)
        return None if absurd is None else f"{absurd} W; its connection carries at most {rated_w} W"

    def _key(self, message: Metering) -> MeterDay:
        owner = "" if message.ean in self._connections else message.header.sender_domain
        return MeterDay(message.ean, message.period, owner)
