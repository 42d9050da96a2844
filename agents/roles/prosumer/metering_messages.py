"""A day's metering of the connection and its elements: told to aggregator and DSO, and recorded.

Where a meter-data company reads the meters, their gateway tells it all that they showed, and the DSO hears it from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import numpy as np

from agents.roles.dispute_messages import ArbitrationDecided, MeteringAsked, MeteringRepeated
from agents.roles.effects import Arm, Effect, Poll, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.meter_messages import CopiesCorrected, MeteringWanted
from agents.roles.part import DayClosed, Part, Recovery, on
from agents.roles.parts.filing import LedgerFiling
from agents.roles.parts.operated_days import DayNear
from agents.roles.parts.recovery import KEPT_DAYS, LedgerHistory
from agents.roles.parts.settlement import metering_of
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.element_profiles import ElementProfiles
from agents.roles.prosumer.energy_metering import EnergyMetering
from agents.roles.prosumer.grid_limits import GridLimits
from agents.roles.prosumer.held_back import held_back_of
from agents.roles.prosumer.measured_day import MeasuredDays
from agents.roles.prosumer.meter_checks import MeterChecks
from agents.roles.prosumer.reactive_metering import ReactiveMetering
from agents.roles.prosumer.told import DayMeteringTold
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from market.register.providers import aggregator_on
from market.settlement.day import REACTIVE, lost_isps
from market.settlement.portfolio import LIMITED, is_under_order
from market.uftp import Metering, MeteringProfile

METERING = timedelta(hours=1)  # after the day's end: it is metered and told


@wire("prosumer.timer.metering")
@dataclass(frozen=True, slots=True)
class TellMetering(Timer):
    """A day is over: meter it."""

    period: date


@wire("prosumer.MeteringMessages")
@dataclass(slots=True)
class MeteringMessagesState:
    """By day: the metering of each element and of the connection as it was told; until when it was put off."""

    metered: dict[date, dict[str, Metering]] = field(default_factory=dict)
    late: dict[date, datetime] = field(default_factory=dict)


class MeteringMessages(Part[MeteringMessagesState]):
    """Tells and records each day's metering once."""

    def __init__(
        self,
        me: AgentIdentity,
        config: ProsumerConfig,
        *,
        metering: EnergyMetering,
        reactive: ReactiveMetering,
        filing: LedgerFiling,
        profiles: ElementProfiles,
        checks: MeterChecks,
        days: MeasuredDays,
        limits: GridLimits,
    ) -> None:
        super().__init__(me, MeteringMessagesState())
        self._config, self._metering, self._reactive = config, metering, reactive
        self._filing, self._profiles, self._checks, self._days = filing, profiles, checks, days
        self._limits = limits

    def is_metered(self, period: date) -> bool:
        """Whether a day's metering was told."""
        return period in self.state.metered

    def of(self, element: str, period: date) -> Metering | None:
        """An element's metering of a day, as it was told."""
        return self.state.metered.get(period, {}).get(element)

    def copies(self, period: date) -> tuple[Metering, ...]:
        """The own copies of a day: what the own sums stand on."""
        return tuple(self.state.metered.get(period, {}).values())

    @on(DayNear)
    def day_near(self, event: DayNear, now: datetime) -> list[Effect]:
        """It is metered when it is over."""
        return [Arm(TellMetering(event.day.day), event.day.end + METERING)]

    @on(TellMetering)
    def tell(self, timer: TellMetering, now: datetime) -> list[Effect]:
        """After the day: what the meter and each element measured, signed, to DSO and aggregator."""
        day = self.rules.day(timer.period)
        if self._awaits_reading(day, now):
            self.state.late[day.day] = self.rules.patience(now)
            return [Poll(self._config.meter), Arm(timer, self.state.late[day.day])]
        meter, *elements = self._metering.sources
        told: dict[str, Metering] = {}
        effects: list[Effect] = []
        to, dso, reader = aggregator_on(self._config, day.day), self._config.dso, self._reader
        ean = self._config.usage_point
        known = {name: self._profiles.of(name, day) for name in elements}
        plain = {name: self._metered(to, name, name, day, now, more) for name, more in known.items()}
        rules = self._days.own_rules_w(self._metered(to, meter, ean, day, now), plain, day)
        for name in elements:
            more = self._profiles.of(name, day, rules[name]) if name in rules else known[name]
            told[name] = self._metered(to, name, name, day, now, more)
            effects.append(Send(to, told[name]))
            if self.rules.meter_company or is_under_order(
                told[name]
            ):  # who pays for what it changed must see that it did
                effects.append(Send(reader, self._metered(reader, name, name, day, now, more)))
        taken_w = self._limits.taken_w(day)
        limited = () if taken_w is None else (MeteringProfile(LIMITED, "W", taken_w),)
        beside = (*limited, *held_back_of(told.values()))
        for party in dict.fromkeys((to, reader, dso)):
            of_meter = self._metered(party, meter, ean, day, now, beside)
            told[ean] = _with_reactive(of_meter, self._reactive.mean_var(day))
            if party in (to, reader):
                effects.append(Send(party, told[ean]))
        self.state.metered[day.day] = told
        body = tuple(told[ean] for ean in sorted(told))
        record = self.me.record("metering", f"{day.key}/{self.me.domain}", body, now, salted=True)
        done = tuple(period for period in self.state.metered if period < day.day)
        self.state.late = {period: until for period, until in self.state.late.items() if period not in done}
        effects += self.emit(DayMeteringTold(day, done), now)
        effects += self.emit(DayClosed(day.next(-KEPT_DAYS).day), now)
        return [*effects, self._filing.file("metering", day.key, record)]

    @property
    def _reader(self) -> str:
        """Who hears from the gateway what the meters showed: the meter-data company, or else the DSO itself."""
        return self.rules.meter_company or self._config.dso

    @on(MeteringAsked)
    def asked(self, message: MeteringAsked, sender: str, now: datetime) -> list[Effect]:
        """The facilitator of a dispute asks again what was told: the same is repeated."""
        if sender != self._config.dso:
            return []
        told = tuple(m for ean in message.eans if (m := self.of(ean, message.period)) is not None)
        return [Send(sender, MeteringRepeated(message.period, told))]

    @on(ArbitrationDecided)
    def decided(self, message: ArbitrationDecided, sender: str, now: datetime) -> list[Effect]:
        """The facilitator found that the own copy of a meter is not what it told at the day's end: that counts again."""
        told = self.state.metered.get(message.period)
        if sender != self._config.dso or told is None or self.me.domain not in (message.buyer, message.seller):
            return []
        mine = [m for m in message.meterings if m.header.sender_domain == self.me.domain and m.ean in told]
        self.state.metered[message.period] = told | {metering.ean: metering for metering in mine}
        return []

    @on(MeteringWanted)
    def wanted(self, message: MeteringWanted, sender: str, now: datetime) -> list[Effect]:
        """The meter-data company has lost everything: what was told is told again, the connection last."""
        if sender != self.rules.meter_company:
            return []
        return [Send(sender, metering) for metering in self.copies(message.period)]

    @on(CopiesCorrected)
    def corrected(self, message: CopiesCorrected, sender: str, now: datetime) -> list[Effect]:
        """The meter-data company found that an own copy is not what the meter showed: that counts from now on."""
        told = self.state.metered.get(message.period)
        if sender != self.rules.meter_company or told is None:
            return []
        mine = [m for m in message.meterings if m.header.sender_domain == self.me.domain and m.ean in told]
        self.state.metered[message.period] = told | {metering.ean: metering for metering in mine}
        return []

    def _metered(
        self, to: str, source: str, ean: str, day: LocalDay, now: datetime, more: tuple[MeteringProfile, ...] = ()
    ) -> Metering:
        """What a source metered on a day, to one party."""
        lost, energy_wh = self._checks.lost_isps(source, day), self._metering.energy_wh(source, day)
        told = metering_of(self.me, to, day.day, ean, energy_wh, now, lost)
        return replace(told, profiles=(*told.profiles, *more))

    def _awaits_reading(self, day: LocalDay, now: datetime) -> bool:
        """After a standstill over the day's end: what meter and elements show now still tells what the day took."""
        stood_still = now - day.end > METERING + self.rules.interval
        return day.day not in self.state.late and (stood_still or not self._metering.has_read_at(day.end))

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        state = self.state
        state.metered = {period: told for period, told in state.metered.items() if period >= before}
        state.late = {period: until for period, until in state.late.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Days that were metered and told are; those not settled yet are told again, for who may not have heard."""
        effects: list[Effect] = []
        first = self.rules.day_of(now).next(-KEPT_DAYS).day
        settled = {period for period, _ in history.owed_to(self.me.domain)}
        for messages in _recorded(history, self.me, self._config.usage_point):
            of_connection = messages[self._config.usage_point]
            period = of_connection.period
            if period < first:
                continue
            self.state.metered[period] = dict(messages)
            if period.isoformat() not in settled:
                elements = [message for message in messages.values() if message is not of_connection]
                to = aggregator_on(self._config, period)
                effects += [Send(to, message) for message in (*elements, of_connection)]
                known = [m for m in elements if self.rules.meter_company or is_under_order(m)]
                effects += [Send(self._reader, message) for message in (*known, of_connection)]
        left = [day for day in history.open_days(now) if not self.is_metered(day.day)]
        effects += [effect for day in left for effect in self.day_near(DayNear(day), now)]
        lost = [(max(day.start, history.event.began), min(day.end, now)) for day in left if day.start < now]
        sentences = [
            f"metered energy of its connection and elements from {begin.isoformat()} to {end.isoformat()}, and until "
            "each is read again: told as not metered"
            for begin, end in lost
        ]
        return Recovery(effects, sentences)


def _with_reactive(message: Metering, mean_var: tuple[int, ...] | None) -> Metering:
    """The metering of a connection with what is known of its reactive power."""
    if mean_var is None:
        return message
    return replace(message, profiles=(*message.profiles, MeteringProfile(REACTIVE, "var", mean_var)))


def _recorded(history: LedgerHistory, me: AgentIdentity, usage_point: str) -> Iterator[Mapping[str, Metering]]:
    """The own meterings that are recorded, by element and connection, day after day."""
    for told in history.of("metering", tuple).values():
        messages = {message.ean: message for message in told if isinstance(message, Metering)}
        if usage_point in messages and all(message.header.sender_domain == me.domain for message in told):
            yield messages


def recorded_base_kw(history: LedgerHistory, me: AgentIdentity, usage_point: str) -> Iterator[Floats]:
    """[T] kW of the connection less its elements, of each recorded day that was metered through."""
    for messages in _recorded(history, me, usage_point):
        if lost_isps(tuple(messages.values())):
            continue
        rows = {ean: p.values for ean, m in messages.items() if (p := m.profile("Power")) is not None}
        meter = np.array(rows.pop(usage_point), dtype=np.float64)
        yield (meter - sum((np.array(row) for row in rows.values()), start=np.zeros(len(meter)))) / 1000
