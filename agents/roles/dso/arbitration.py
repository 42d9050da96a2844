"""The DSO as facilitator: it decides by which meter data two parties settle. The rule: `market.settlement.arbitration`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

from agents.roles.dispute_messages import ArbitrationDecided, DisputeRaised, MeteringAsked, MeteringRepeated
from agents.roles.effects import Arm, Effect, Publish, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.filing import LedgerFiling
from agents.roles.parts.meter_data import MeterData
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.platform.mailbox.requests import MAILBOX, DisputeAnswerWanted, RequestAnswered
from cim.platform.publications.settlement import DisputeDecided
from market.settlement.arbitration import Meter, copies, differing, mistaken, right_copy
from market.uftp import Metering

DECISION = "arbitration"  # the kind of its record
DEADLINE = timedelta(hours=1)  # after the first party is heard: it decides with what it has


@wire("dso.Dispute")
class Dispute(NamedTuple):
    """Between whom, about which day; domains."""

    period: date
    buyer: str
    seller: str


@wire("dso.timer.decide")
@dataclass(frozen=True, slots=True)
class DecideDispute(Timer):
    """The deadline of a dispute."""

    dispute: Dispute


@wire("dso.Arbitration")
@dataclass(slots=True)
class ArbitrationState:
    """Open disputes, and those that are decided.

    Attributes:
        heard: by dispute and party (domain), what it told.
        asked: by dispute, the meters whose readers were asked and have not answered.
        repeated: by dispute, what they repeated.
        decided: disputes that are over.
        for_people: of those, what both told of disputes in which a meter was left open, until people have answered.
        settled_meters: of those disputes, the meters that are decided.
    """

    heard: dict[Dispute, dict[str, DisputeRaised]] = field(default_factory=dict)
    asked: dict[Dispute, tuple[Meter, ...]] = field(default_factory=dict)
    repeated: dict[Dispute, tuple[Metering, ...]] = field(default_factory=dict)
    decided: tuple[Dispute, ...] = ()
    for_people: dict[Dispute, dict[str, DisputeRaised]] = field(default_factory=dict)
    settled_meters: dict[Dispute, tuple[Meter, ...]] = field(default_factory=dict)


class Arbitration(Part[ArbitrationState]):
    """Hears both parties, asks the meters' readers where copies differ, and decides by two of three.

    Where a meter's reader is a party (a member against its aggregator), or where a meter-data company reads them, the third is
    what the meter told the DSO.
    """

    def __init__(self, me: AgentIdentity, filing: LedgerFiling, meters: MeterData) -> None:
        super().__init__(me, ArbitrationState())
        self._filing, self._meters = filing, meters

    @on(DisputeRaised)
    def raised(self, message: DisputeRaised, sender: str, now: datetime) -> list[Effect]:
        """A party is heard; when both are, the meters are asked."""
        key, party = Dispute(message.period, message.buyer, message.seller), self.rules.domains.get(sender, "")
        fault = None
        if party not in (message.buyer, message.seller):
            fault = f"{sender} is not a party; expected {message.buyer} or {message.seller}"
        elif key in self.state.decided:
            fault = "it is decided"
        elif party in self.state.heard.get(key, {}):
            fault = "it was heard"
        if fault is not None:
            return [self.me.lapse("DisputeRaised", str(message.period), sender, fault, now)]
        heard = self.state.heard.setdefault(key, {})
        heard[party] = message
        if len(heard) < 2:
            return [Arm(DecideDispute(key), now + DEADLINE)]
        return self._ask(key, now)

    def _ask(self, key: Dispute, now: datetime) -> list[Effect]:
        meters = differing(*(copies(told.meterings) for told in self.state.heard[key].values()))
        own = {meter for meter in meters if meter[0] in (key.buyer, key.seller)}
        if self.rules.meter_company:  # what it handed over is what the meters showed: nobody need be asked again
            own |= {meter for meter in meters if self._told(meter, key.period) is not None}
        known = (self._told(meter, key.period) for meter in meters if meter in own)
        self.state.repeated[key] = tuple(metering for metering in known if metering is not None)
        readers = {meter: self.rules.name_of(meter[0]) for meter in meters if meter not in own}
        self.state.asked[key] = tuple(meter for meter, reader in readers.items() if reader is not None)
        if not self.state.asked[key]:
            return self._decide(key, now)
        by_reader: dict[str, list[str]] = {}
        for meter, reader in readers.items():
            if reader is not None:
                by_reader.setdefault(reader, []).append(meter[1])
        return [Send(reader, MeteringAsked(key.period, tuple(eans))) for reader, eans in sorted(by_reader.items())]

    def _told(self, meter: Meter, period: date) -> Metering | None:
        """What a meter (a connection's, or an element's under order) told the DSO itself of a day."""
        reader, name = meter
        return self._meters.of(name, period) or self._meters.of_element(name, reader, period)

    @on(MeteringRepeated)
    def repeated(self, message: MeteringRepeated, sender: str, now: datetime) -> list[Effect]:
        """A meter's reader answers; with the last one the dispute is decided."""
        effects: list[Effect] = []
        told = copies(message.meterings)
        for key in [key for key in self.state.asked if key.period == message.period]:
            mine = [meter for meter in self.state.asked[key] if self.rules.name_of(meter[0]) == sender]
            if not mine:
                continue
            self.state.repeated[key] = (
                *self.state.repeated.get(key, ()),
                *(told[meter] for meter in mine if meter in told),
            )
            self.state.asked[key] = tuple(meter for meter in self.state.asked[key] if meter not in mine)
            if not self.state.asked[key]:
                effects += self._decide(key, now)
        return effects

    @on(DecideDispute)
    def deadline(self, timer: DecideDispute, now: datetime) -> list[Effect]:
        """Decide with what there is."""
        return [] if timer.dispute in self.state.decided else self._decide(timer.dispute, now)

    def _decide(self, key: Dispute, now: datetime) -> list[Effect]:
        heard = self.state.heard.pop(key, {})
        repeated, left = self.state.repeated.pop(key, ()), self.state.asked.pop(key, ())
        self.state.decided = (*self.state.decided, key)
        if not heard:
            return []
        held = {party: copies(told.meterings) for party, told in heard.items()}
        right, unknown = list[Metering](), [name for _, name in left]
        for metering in repeated:
            meter = (metering.header.sender_domain, metering.ean)
            copy = right_copy(metering, (of_party[meter] for of_party in held.values() if meter in of_party))
            if copy is None:
                unknown.append(metering.ean)
            else:
                right.append(copy)
        if unknown or not right:
            self.state.for_people[key] = heard
            self.state.settled_meters[key] = tuple((m.header.sender_domain, m.ean) for m in right)
        name = f"{key.period}/{key.buyer}/{key.seller}"
        return self._told_both(key, heard, right, _reason(len(heard), right, unknown), name, now)

    @on(DisputeAnswerWanted)
    def answered(self, message: DisputeAnswerWanted, sender: str, now: datetime) -> list[Effect]:
        """People say whose copies count of the meters that the meters' readers did not decide; both settle anew by them."""
        if sender != MAILBOX:
            return []
        key = Dispute(message.period, message.buyer, message.seller)
        heard, fault = self.state.for_people.get(key), None
        if heard is None:
            fault = "it is decided already" if key in self.state.decided else "no such dispute waits for people"
        elif message.counts not in heard:
            fault = f"counts: {message.counts}; expected {' or '.join(sorted(heard))}, who were heard"
        if heard is None or fault is not None:
            return [Send(MAILBOX, RequestAnswered(message.number, False, fault or ""))]
        decided = self.state.settled_meters.get(key, ())
        theirs, others = heard[message.counts], [told for party, told in heard.items() if party != message.counts]
        held = {meter: one for told in others for meter, one in copies(told.meterings).items()}
        right = [
            one
            for meter, one in copies(theirs.meterings).items()
            if (meter not in held or held[meter].profiles != one.profiles) and meter not in decided
        ]
        if not right:
            fault = f"counts: {message.counts}; no copy of it differs from the other party's, so the sums differ for another reason"
            return [Send(MAILBOX, RequestAnswered(message.number, False, fault))]
        self.state.for_people.pop(key)
        self.state.settled_meters.pop(key, None)
        reason = f"people decided that the copies of {message.counts} count: {message.words}"
        words = f"{len(right)} meters are settled by the copies of {message.counts}"
        name = f"{key.period}/{key.buyer}/{key.seller}/people"
        told_all = self._told_both(key, heard, right, reason, name, now)
        return [Send(MAILBOX, RequestAnswered(message.number, True, words)), *told_all]

    def _told_both(
        self,
        key: Dispute,
        heard: Mapping[str, DisputeRaised],
        right: list[Metering],
        reason: str,
        name: str,
        now: datetime,
    ) -> list[Effect]:
        """A decision: recorded, told to both parties, published."""
        held = {party: copies(told.meterings) for party, told in heard.items()}
        orders = tuple(sorted({reference for told in heard.values() for reference in told.orders}))
        message = ArbitrationDecided(key.period, key.buyer, key.seller, orders, tuple(right), reason)
        record = self.me.record(DECISION, name, message, now, salted=True)
        parties = [agent for domain in (key.buyer, key.seller) if (agent := self.rules.name_of(domain)) is not None]
        eans = tuple(metering.ean for metering in right)
        wrong = mistaken(right, held)
        left = key in self.state.for_people
        told_all = Publish(DisputeDecided(now, key.period, key.buyer, key.seller, orders, eans, reason, wrong, left))
        return [self._filing.file(DECISION, name, record), *(Send(agent, message) for agent in parties), told_all]

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        state = self.state
        state.heard = {key: told for key, told in state.heard.items() if key.period >= before}
        state.asked = {key: meters for key, meters in state.asked.items() if key.period >= before}
        state.repeated = {key: told for key, told in state.repeated.items() if key.period >= before}
        state.for_people = {key: told for key, told in state.for_people.items() if key.period >= before}
        state.settled_meters = {key: meters for key, meters in state.settled_meters.items() if key.period >= before}
        state.decided = tuple(key for key in state.decided if key.period >= before)

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Recorded decisions stand; they are told again, for who may not have heard. Parties raise again what is open."""
        effects: list[Effect] = []
        for message in history.of(DECISION, ArbitrationDecided).values():
            self.state.decided = (*self.state.decided, Dispute(message.period, message.buyer, message.seller))
            parties = (self.rules.name_of(domain) for domain in (message.buyer, message.seller))
            effects += [Send(agent, message) for agent in parties if agent is not None]
        return Recovery(effects)


def _reason(heard: int, right: list[Metering], unknown: list[str]) -> str:
    """One sentence."""
    if unknown:
        names = ", ".join(sorted(unknown))
        return f"nobody repeats either copy of {names}; people decide about it, and {len(right)} other meters are settled by"
    if heard < 2:
        return "only one party was heard by the deadline; people decide"
    if not right:
        return "both hold the same meter data; the sums differ for another reason, and people decide"
    names = ", ".join(sorted(metering.ean for metering in right))
    return f"the copies of {names} differed; what the meter's reader repeats is what one party holds, and counts"
