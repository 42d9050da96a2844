"""The owner takes its units to another provider in the flexibility register, on the day before the connection goes over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from agents.roles.effects import Arm, Effect, Send, Timer
from agents.roles.events import Started
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.filing import NoState
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.register_keeping import moves_of
from agents.roles.parts.switches_known import SwitchKnown
from agents.roles.prosumer.asset_publishing import AssetPublishing
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.told import UnitTakenOver
from agents.roles.register_messages import RegisterEntry
from cim.codec.codec import wire
from cim.model.errors import BadInput
from market.register.lifecycle import UnitEvent
from market.register.providers import SWITCH_HOUR, aggregator_on
from market.register.units import CONGESTION_MANAGEMENT, RECORD_KIND, UnitMove, UnitProduct

_ANSWER_IN = timedelta(
    days=1
)  # to what is asked only after the connection has gone over: a unit was not to be had before


@wire("prosumer.timer.switch")
@dataclass(frozen=True, slots=True)
class AskSwitch(Timer):
    """Units are to go to the aggregator of a day."""

    day: date


class ProviderSwitching(Part[NoState]):
    """Asks unit by unit, and again each day for those that another provider still has; the new one answers."""

    def __init__(self, me: AgentIdentity, config: ProsumerConfig, publishing: AssetPublishing) -> None:
        super().__init__(me, NoState())
        self._config, self._publishing = config, publishing

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """Wait for the day before each switch; what a connection begins with, its units are applied with."""
        if not self.rules.flexibility:
            return []
        last = self.rules.periods[-1].day
        days = (switch.day for switch in self._config.switches if self.rules.first_day < switch.day <= last)
        return [Arm(AskSwitch(day), max(self._asked_at(day), now)) for day in days if self.rules.day(day).end > now]

    @on(SwitchKnown)
    def known(self, event: SwitchKnown, now: datetime) -> list[Effect]:
        """Another was agreed while the site lives."""
        if not self.rules.flexibility:
            return []
        return [Arm(AskSwitch(event.switch.day), max(self._asked_at(event.switch.day), now))]

    def _asked_at(self, day: date) -> datetime:
        return self.rules.day(day).next(-1).at(SWITCH_HOUR)

    @on(AskSwitch)
    def ask(self, timer: AskSwitch, now: datetime) -> list[Effect]:
        """Each unit that is on the market and with another provider: one record each, as each is answered for itself."""
        day, provider = self.rules.day(timer.day), self.rules.domains[aggregator_on(self._config, timer.day)]
        if aggregator_on(self._config, self.rules.day_of(now).next().day) != aggregator_on(self._config, day.day):
            return []  # another switch has followed
        until = day.start if now < day.start else now + _ANSWER_IN
        published = self._publishing.state
        effects: list[Effect] = []
        for name in (n for n in published.published if published.providers.get(n) != provider):
            unit = UnitProduct(name, CONGESTION_MANAGEMENT)
            move = UnitMove(unit, UnitEvent.SWITCH, now, provider=provider, until=until)
            record = self.me.record(
                RECORD_KIND, f"{self.me.domain}/{move.event}/{name}/{now.isoformat()}", (move,), now
            )
            effects.append(Send(self._config.market, RegisterEntry(record)))
        again = self.rules.day_of(now).next()
        return [*effects, Arm(timer, again.at(SWITCH_HOUR))] if effects else []

    @on(RegisterEntry)
    def answered(self, message: RegisterEntry, sender: str, now: datetime) -> list[Effect]:
        """The new provider has taken a unit over, or says why not."""
        if sender != self._config.market:
            return []
        effects: list[Effect] = []
        try:
            moves = moves_of(message.record)
        except BadInput:
            return []  # said by `UnitRestrictions`
        for move in moves:
            if move.event is UnitEvent.TAKE_OVER:
                effects += self.emit(UnitTakenOver(move.key.unit, message.record.author), now)
            elif move.event is UnitEvent.TAKE_OVER_REFUSED:
                effects.append(self.me.lapse("switch", move.key.unit, message.record.author, move.reason, now))
        return effects

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What it asked for is recorded; who took it over, is not told to owners: it is taken for done.

        Where it is not, the unit is applied with anew for that provider.
        """
        effects: list[Effect] = []
        for record in history.records(RECORD_KIND):
            for move in moves_of(record) if record.author == self.me.domain else ():
                if move.event is UnitEvent.SWITCH:
                    effects += self.emit(UnitTakenOver(move.key.unit, move.provider), now)
        return Recovery([*effects, *self.started(Started(), now)])
