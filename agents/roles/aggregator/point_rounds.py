"""A seller's side of price rounds that the DSO leads over all sellers at a congestion point: sums out, signals in.

Its members hear the same messages as in rounds of its own; after the last one they are asked once how far their answers are
above their best ones, of which the sum is told. Where the DSO falls silent the session fails, and nothing is offered of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime

import numpy as np

from agents.planning.dispatch.admm import Outcome
from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.aggregator.vpp_session import PointPriced, RoundAnswered
from agents.roles.coordination_messages import PointChecked, PointProfile, PointRound, PriceCheck, PriceChecked
from agents.roles.effects import Arm, Disarm, Effect, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.model.arrays import Floats


@wire("aggregator.timer.point")
@dataclass(frozen=True, slots=True)
class PointSilent(Timer):
    """The DSO has not gone on with a session's rounds by now."""

    session: str


@wire("aggregator.timer.check")
@dataclass(frozen=True, slots=True)
class ChecksDue(Timer):
    """Members that have not answered a session's check by now do not."""

    session: str


@wire("aggregator.PointAnswer")
@dataclass(frozen=True, slots=True)
class PointAnswer:
    """A session in the DSO's rounds: its request, the last round that it told or is to tell, and whose answers count."""

    session: str
    period: date
    request: str
    round: int
    members: tuple[str, ...]


@wire("aggregator.PointCheck")
@dataclass(frozen=True, slots=True)
class PointCheck:
    """The check after a session's last round.

    Attributes:
        waiting: members whose answer is still out.
        above_ct: by member; None of one that does not tell.
    """

    period: date
    request: str
    waiting: tuple[str, ...]
    above_ct: dict[str, float | None]


@wire("aggregator.PointRounds")
@dataclass(slots=True)
class PointRoundsState:
    """What is under way.

    Attributes:
        answers: by request.
        checks: by session.
    """

    answers: dict[str, PointAnswer] = field(default_factory=dict)
    checks: dict[str, PointCheck] = field(default_factory=dict)


class PointRounds(Part[PointRoundsState]):
    """Tells the DSO its members' sums, and its sessions what the DSO says."""

    def __init__(self, me: AgentIdentity, config: AggregatorConfig) -> None:
        super().__init__(me, PointRoundsState())
        self._dso = config.dso

    @on(RoundAnswered)
    def answered(self, event: RoundAnswered, now: datetime) -> list[Effect]:
        """A round's answers are in, or the invitation's: the DSO hears their sum."""
        session = event.session
        asked = self.state.answers.get(session.reference)
        number = 0 if asked is None else asked.round
        answer = PointAnswer(session.identity, session.period, session.reference, number, session.taking_part)
        self.state.answers[session.reference] = answer
        profile = PointProfile(
            session.reference, number, session.total_kw, session.moving, len(session.losing) if number else 0
        )
        # Longer than the DSO waits for another seller: then it goes on at the same instant.
        return [
            Send(self._dso, profile),
            Arm(PointSilent(session.identity), self.rules.patience(now) + self.rules.interval),
        ]

    @on(PointRound)
    def priced(self, message: PointRound, sender: str, now: datetime) -> list[Effect]:
        """What the DSO says goes on to the session that waits for it."""
        answer = self.state.answers.get(message.request)
        if sender != self._dso:
            return []
        last = message.alone or message.outcome is not None
        # Numbers of rounds in which others alone were told something are passed over.
        if answer is None or message.round < answer.round + (not last):
            return [self.me.lapse("PointRound", message.request, sender, "no session waits for it", now)]
        effects: list[Effect] = [Disarm(PointSilent(answer.session))]
        if last:
            del self.state.answers[message.request]
        else:
            self.state.answers[message.request] = replace(answer, round=message.round)
        if message.outcome is not None and message.price_ct_per_kwh is not None:
            effects += self._check(answer, message.price_ct_per_kwh, now)
        return effects + self.emit(PointPriced(answer.session, message), now)

    def _check(self, answer: PointAnswer, price_ct_per_kwh: Floats, now: datetime) -> list[Effect]:
        """Ask the members how far their answers are above their best ones, while they still know the session."""
        self.state.checks[answer.session] = PointCheck(answer.period, answer.request, answer.members, {})
        question = PriceCheck(answer.session, price_ct_per_kwh)
        asked: list[Effect] = [Send(name, question) for name in answer.members]
        return [*asked, Arm(ChecksDue(answer.session), self.rules.patience(now))]

    @on(PointSilent)
    def silent(self, timer: PointSilent, now: datetime) -> list[Effect]:
        """Nobody leads the rounds any more: nothing is offered of the session."""
        answer = next((one for one in self.state.answers.values() if one.session == timer.session), None)
        if answer is None:
            return []
        del self.state.answers[answer.request]
        told = self.me.lapse("PointRound", answer.request, self._dso, "the DSO has fallen silent", now)
        failed = PointRound(answer.request, answer.round, 0.0, np.zeros(0), outcome=Outcome.FAILED)
        return [told, *self.emit(PointPriced(answer.session, failed), now)]

    @on(PriceChecked)
    def checked(self, message: PriceChecked, sender: str, now: datetime) -> list[Effect]:
        """A member's answer; with the last one the DSO hears the sum."""
        check = self.state.checks.get(message.session)
        if check is None or sender not in check.waiting:
            return [self.me.lapse("PriceChecked", message.session, sender, "nobody waits for this answer", now)]
        waiting = tuple(name for name in check.waiting if name != sender)
        check = replace(check, waiting=waiting, above_ct={**check.above_ct, sender: message.above_best_ct})
        self.state.checks[message.session] = check
        return [] if waiting else self._told(message.session, check)

    @on(ChecksDue)
    def checks_due(self, timer: ChecksDue, now: datetime) -> list[Effect]:
        """Time is up: without all members' answers nothing can be certified."""
        check = self.state.checks.get(timer.session)
        return [] if check is None else self._told(timer.session, check)

    def _told(self, session: str, check: PointCheck) -> list[Effect]:
        del self.state.checks[session]
        above = [check.above_ct[name] for name in sorted(check.above_ct)]
        known = [one for one in above if one is not None]
        whole = not check.waiting and len(known) == len(above)
        told = PointChecked(check.request, sum(known) if whole else None)
        return [Disarm(ChecksDue(session)), Send(self._dso, told)]

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.answers = {key: one for key, one in self.state.answers.items() if one.period >= before}
        self.state.checks = {key: one for key, one in self.state.checks.items() if one.period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The sessions behind them are forgotten too, and said to be so by `VppSessions`."""
        return Recovery()
