"""Members that come and go on a planned day: contracts end with notice, units are taken over, the CRO hears who serves whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from agents.roles.aggregator.config import AggregatorConfig, Member
from agents.roles.aggregator.portfolio_registration import CONTRACTING
from agents.roles.effects import Arm, Effect, Publish, Send, Timer
from agents.roles.events import Started
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contract_ending import ContractEnding
from agents.roles.parts.contracts import Contracts, SeekContracts
from agents.roles.parts.filing import NoState
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.register_keeping import moves_of
from agents.roles.parts.switches_known import SwitchKnown
from agents.roles.register_messages import RegisterEntry
from cim.codec.codec import wire
from cim.model.errors import BadInput
from cim.platform.publications.incidents import RuleBroken
from market.contracts.changes import terms_on
from market.register.lifecycle import UnitEvent
from market.register.providers import NOTICE_HOUR
from market.register.units import RECORD_KIND, UnitMove
from market.uftp import AgrPortfolioUpdate, Connection


@wire("aggregator.timer.leaving")
@dataclass(frozen=True, slots=True)
class MembersLeave(Timer):
    """Some members' last day comes near: give notice."""

    last: date


@wire("aggregator.timer.joining")
@dataclass(frozen=True, slots=True)
class MembersJoin(Timer):
    """Some members' first day begins."""

    first: date


class MemberChanges(Part[NoState]):
    """Lets members go and takes others over, as their connections' switches say."""

    def __init__(
        self, me: AgentIdentity, config: AggregatorConfig, contracts: Contracts, ending: ContractEnding
    ) -> None:
        super().__init__(me, NoState())
        self._config, self._contracts, self._ending, self._members = config, contracts, ending, config.by_name()

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """What is to come: each last day's notice, each first day's begin."""
        spans = [days for member in self._config.members for days in member.days]
        lasts = sorted({days.last for days in spans if days.last is not None})
        firsts = sorted({days.first for days in spans if days.first is not None})
        leaving = [
            Arm(MembersLeave(last), max(self.rules.day(last).next(-1).at(NOTICE_HOUR), now))
            for last in lasts
            if now < self.rules.day(last).end and last >= self.rules.first_day
        ]
        joining = [
            Arm(MembersJoin(first), self.rules.day(first).start)
            for first in firsts
            if now < self.rules.day(first).start and first > self.rules.first_day
        ]
        return [*leaving, *joining]

    @on(SwitchKnown)
    def known(self, event: SwitchKnown, now: datetime) -> list[Effect]:
        """Another was agreed while the site lives: a member leaves, or one comes."""
        day = self.rules.day(event.switch.day)
        if event.switch.to == self.me.name:
            return [Arm(MembersJoin(day.day), max(day.start, now))]
        return [Arm(MembersLeave(day.next(-1).day), max(day.next(-2).at(NOTICE_HOUR), now))]

    @on(MembersLeave)
    def leave(self, timer: MembersLeave, now: datetime) -> list[Effect]:
        """End what is agreed with members beyond their last day, by notice or, where it is too late for that, by consent."""
        last, effects = timer.last, list[Effect]()
        gone = tuple(m for m in self._config.members if any(days.last == last for days in m.days))
        for member in gone:
            effects += self._end_contracts(member, last, now)
        # Whose notice is given keeps its place in the CRO's register to its last day.
        served = (Connection(m.usage_point, self.rules.first_day, last, None, self.me.domain) for m in gone)
        return [*effects, self._told_cro(tuple(served), f"leaving {last}", now)]

    def _end_contracts(self, member: Member, last: date, now: datetime) -> list[Effect]:
        effects: list[Effect] = []
        for contract in terms_on(self._contracts.with_peer(member.name), last):
            if contract.end_date > last:
                earliest = self.rules.day_of(now).day + timedelta(days=contract.notice_days)
                notice, why = contract.notice_days > 0 and earliest <= last, "it goes over to another aggregator"
                effects += self._ending.give(contract, last, now, why, notice=notice)
        return effects

    @on(MembersJoin)
    def join(self, timer: MembersJoin, now: datetime) -> list[Effect]:
        """From now on they are served: the CRO is told, whom their former aggregator has told of their last day."""
        first = timer.first
        come = (m for m in self._config.members if any(days.first == first for days in m.days))
        served = tuple(Connection(m.usage_point, first, None, None, self.me.domain) for m in come)
        return [self._told_cro(served, f"coming {first}", now)]

    def _told_cro(self, connections: tuple[Connection, ...], about: str, now: datetime) -> Effect:
        market = self._config.market
        header = self.me.header(market, now, None, "AGRPortfolioUpdate", about)
        return Send(market, AgrPortfolioUpdate(header, connections, self.rules.timezone))

    @on(RegisterEntry)
    def asked(self, message: RegisterEntry, sender: str, now: datetime) -> list[Effect]:
        """Owners take their units here: take those of members to come over, and look for contracts with them."""
        record, answers = message.record, list[UnitMove]()
        if sender != self._config.market:
            return [Publish(RuleBroken(now, sender, self.me.name, "it does not keep the register"))]
        try:
            moves = moves_of(record)
        except BadInput as error:
            return [Publish(RuleBroken(now, sender, self.me.name, str(error)))]
        for move in moves:
            if move.event is UnitEvent.SWITCH and move.provider == self.me.domain:
                fault = self._fault(record.author, move)
                event = UnitEvent.TAKE_OVER if fault is None else UnitEvent.TAKE_OVER_REFUSED
                answers.append(UnitMove(move.key, event, now, reason=fault or ""))
        if not answers:
            return []
        key = f"{record.key}/take-over/{now.isoformat()}"
        answer = Send(sender, RegisterEntry(self.me.record(RECORD_KIND, key, tuple(answers), now)))
        return [answer, Arm(SeekContracts(), now + CONTRACTING)]

    def _fault(self, owner: str, move: UnitMove) -> str | None:
        """Why a unit is not taken over, or None."""
        member = self._members.get(self.rules.name_of(owner) or "")
        if member is None:
            return f"owner: {owner} is to be no member of {self.me.domain}"
        due = None if move.until is None else self.rules.day_of(move.until).day
        if due is None or not member.is_on(due):
            return f"until: {move.until}; {owner} is no member of {self.me.domain} then"
        return None

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """As at the start; a notice that is recorded is given."""
        return Recovery(self.started(Started(), now))
