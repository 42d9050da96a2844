"""The meter-data company (USEF's MDC): it holds what the meters showed, hands it to the DSO, and finds who holds something else.

What it is told comes from the meters' gateways before anybody sums up by it; no party of a settlement passes it on to another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from agents.roles.effects import Effect, Publish, Send
from agents.roles.identity import AgentIdentity
from agents.roles.meter_messages import CopiesCorrected, CopiesHeld, MeteringHandedOver, MeteringWanted
from agents.roles.part import DayClosed, Part, Recovery, on
from agents.roles.parts.filing import LedgerFiling
from agents.roles.parts.key_changes import KeyChanges
from agents.roles.parts.meter_data import MeterDay
from agents.roles.parts.recovery import KEPT_DAYS, LedgerHistory
from agents.roles.role import Role
from cim.codec.codec import wire
from cim.platform.publications.settlement import CopiesDiffer
from market.rules import MarketRules
from market.settlement.meter_copies import wrong_copies_of
from market.settlement.portfolio import is_under_order
from market.uftp import Metering, MeteringResponse, Result

CORRECTION = "meter-copies"  # the kind of its record


@wire("meter.Config")
@dataclass(frozen=True, slots=True)
class MeterCompanyConfig:
    """Whom it deals with, and whose meters it reads: (EAN, agent) of each connection."""

    dso: str
    ledger: str
    connections: tuple[tuple[str, str], ...]


@wire("meter.MeterReading")
@dataclass(slots=True)
class MeterReadingState:
    """What the meters showed, and whose copies of a day were looked at (agents)."""

    read: dict[MeterDay, Metering] = field(default_factory=dict)
    looked_at: dict[date, tuple[str, ...]] = field(default_factory=dict)


class MeterReading(Part[MeterReadingState]):
    """Keeps the meters' values until their day is closed for good."""

    def __init__(self, me: AgentIdentity, config: MeterCompanyConfig, filing: LedgerFiling) -> None:
        super().__init__(me, MeterReadingState())
        self._config, self._filing = config, filing
        self._connections, self._owners = dict(config.connections), {owner for _, owner in config.connections}

    @on(Metering)
    def metered(self, message: Metering, sender: str, now: datetime) -> list[Effect]:
        """Keep what a meter showed; to the DSO goes what it settles by: connections, and elements under order."""
        fault = self._fault(message, sender, now)
        answer = Send(sender, MeteringResponse(*self.me.reply(sender, now, message, fault)))
        if fault is not None:
            return [answer, self.me.lapse("Metering", message.header.message_id, sender, fault, now)]
        key, before = self._key(message), self.state.read.get(self._key(message))
        if before is not None and before.revision >= message.revision and before.profiles != message.profiles:
            why = f"Revision: {message.revision}; {before.revision} of {message.ean} showed other values"
            return [answer, self.me.lapse("Metering", message.header.message_id, sender, why, now)]
        self.state.read[key] = message
        due = message.ean in self._connections or is_under_order(message)
        return [answer, *([Send(self._config.dso, MeteringHandedOver(message))] if due else [])]

    def _fault(self, message: Metering, sender: str, now: datetime) -> str | None:
        """Why a metering is not taken, or None: nobody tells of another's meter, and a closed day stays closed."""
        if self.rules.domains.get(sender) != message.header.sender_domain or sender not in self._owners:
            return f"SenderDomain: {message.header.sender_domain}; expected an owner of a meter that is read"
        if self._connections.get(message.ean, sender) != sender:
            return f"EAN: {message.ean} is not {sender}'s"
        if message.period < self.rules.day_of(now).next(-KEPT_DAYS).day:
            return f"Period: {message.period.isoformat()} is closed for good"
        return None

    def _key(self, message: Metering) -> MeterDay:
        return MeterDay(message.ean, message.period, message.header.sender_domain)

    @on(MeteringResponse)
    def answered(self, message: MeteringResponse, sender: str, now: datetime) -> list[Effect]:
        """What the DSO does not take is told."""
        if message.result is Result.ACCEPTED:
            return []
        reason = message.rejection_reason or "refused"
        return [self.me.lapse("Metering", message.metering_message_id, sender, reason, now)]

    @on(CopiesHeld)
    def held(self, message: CopiesHeld, sender: str, now: datetime) -> list[Effect]:
        """A party's digests: where it holds something else than the meters showed that is recorded, told, and put right."""
        looked_at, domain = self.state.looked_at.get(message.period, ()), self.rules.domains.get(sender, "")
        if sender in looked_at:
            return [self.me.lapse("CopiesHeld", message.period.isoformat(), sender, "it was told already", now)]
        self.state.looked_at[message.period] = (*looked_at, sender)
        effects = self.emit(DayClosed(self.rules.day_of(now).next(-KEPT_DAYS).day), now)
        read = [metering for key, metering in self.state.read.items() if key.period == message.period]
        if not read:
            why = "no meter was read on that day"
            return [*effects, self.me.lapse("CopiesHeld", message.period.isoformat(), sender, why, now)]
        wrong = wrong_copies_of(message.copies, read)
        if not wrong:
            return effects
        name = f"{message.period}/{domain}"
        record = self.me.record(CORRECTION, name, wrong, now, salted=True)
        owners = tuple(sorted({metering.header.sender_domain for metering in wrong}))
        meters = tuple(metering.ean for metering in wrong)
        return [
            *effects,
            self._filing.file(CORRECTION, name, record),
            Send(sender, CopiesCorrected(message.period, wrong)),
            Publish(CopiesDiffer(now, message.period, domain, owners, meters)),
        ]

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.read = {key: metering for key, metering in self.state.read.items() if key.period >= before}
        self.state.looked_at = {day: known for day, known in self.state.looked_at.items() if day >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What was read of open days is asked for again: it may not have reached the DSO."""
        over = [day.day for day in history.open_days(now) if day.end <= now]
        again = [Send(owner, MeteringWanted(period)) for period in over for owner in sorted(self._owners)]
        return Recovery(again, ("what the meters showed on open days, until their gateways tell it again",))


class MeterDataCompanyRole(Role):
    """At most one per site: who reads the meters."""

    def __init__(self, name: str, rules: MarketRules, key: bytes, config: MeterCompanyConfig) -> None:
        me = AgentIdentity(name, rules, key)
        filing = LedgerFiling(me, config.ledger)
        super().__init__(me, filing, MeterReading(me, config, filing), KeyChanges(me, config.ledger))
