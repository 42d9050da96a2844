"""What people ask of agents through the portal: written down, put into the mailbox, and answered by the agent that decides."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cim.platform.access.audit import Access, AuditLog
from cim.platform.mailbox.mailbox import Letter, LetterState, Mailbox
from cim.platform.mailbox.requests import (
    KIND_OF,
    AggregatorWanted,
    ConsumptionLimitWanted,
    DisputeAnswerWanted,
    ElementKeptWanted,
    FlexibilityWanted,
    KeyRotationWanted,
    MicrogridLimitWanted,
    MicrogridSetpointWanted,
    OfferOrderWanted,
    PointLimitWanted,
    SettlementWanted,
    Wanted,
    WorksEndWanted,
    WorksWanted,
)
from portal.asking import (
    AnswerDispute,
    AskFlexibility,
    Asking,
    ChangeAggregator,
    DeclareWorks,
    EndWorks,
    KeepElement,
    LimitConsumption,
    LimitMicrogrid,
    LimitPoint,
    OrderOffer,
    RotateKey,
    SetMicrogrid,
    SettleDay,
)
from portal.auth.caller import Caller
from portal.models.base import Instant, Shown
from portal.shift_log import ShiftLog


class ActionTold(Shown):
    """A request and what became of it.

    Attributes:
        kind: flexibility, order, point-limit, consumption-limit, microgrid-setpoint, microgrid-limit, settlement, dispute, works,
            works-end, keep-element, aggregator, rotate-key.
        at, answered_at: on the site's clock.
        request: its fields.
        state: waiting (for the site's next round), handed (to its agent), accepted, refused.
        reason: what follows, or why not.
    """

    number: str
    kind: str
    at: Instant
    by: str
    request: dict[str, str | bool | int | None]
    state: LetterState
    reason: str
    answered_at: Instant | None


@dataclass(frozen=True)
class ActionSite:
    """A living site that can be asked.

    Attributes:
        dso: domain of its DSO.
        now: the site's clock.
        audit: where it is written down who asked for what.
        shift: what its engineers note.
    """

    mailbox: Mailbox
    dso: str
    now: Callable[[], datetime]
    audit: AuditLog
    shift: ShiftLog

    def ask_flexibility(self, caller: Caller, asked: AskFlexibility) -> ActionTold:
        """Ask the DSO's agent for flexibility.

        Raises:
            MailboxFull, AskedBefore: see `Mailbox.put`.
        """
        wanted = FlexibilityWanted(
            _number(asked), caller.name, asked.point, asked.period, asked.first_isp, asked.last_isp, asked.power_w,
            self._after(asked, asked.choose_minutes, "choose_until"),
        )  # fmt: skip
        return self._put(caller, self.dso, wanted)

    def order(self, caller: Caller, asked: OrderOffer) -> ActionTold:
        """Ask the DSO's agent to order what is offered.

        Raises:
            MailboxFull, AskedBefore: see `Mailbox.put`.
        """
        wanted = OfferOrderWanted(_number(asked), caller.name, asked.offer, asked.option, asked.factor_pct)
        return self._put(caller, self.dso, wanted)

    def answer_dispute(self, caller: Caller, asked: AnswerDispute) -> ActionTold:
        """Tell the DSO's agent, as facilitator, whose copies count.

        Raises:
            MailboxFull, AskedBefore: see `Mailbox.put`.
        """
        wanted = DisputeAnswerWanted(
            _number(asked), caller.name, asked.period, asked.buyer, asked.seller, asked.counts, asked.words
        )
        return self._put(caller, self.dso, wanted)

    def declare_works(self, caller: Caller, asked: DeclareWorks) -> ActionTold:
        """Tell the DSO's agent of works, or of a fault.

        Raises:
            MailboxFull, AskedBefore: see `Mailbox.put`.
        """
        wanted = WorksWanted(
            _number(asked), caller.name, asked.point, asked.begin, asked.end, asked.carries_pct, asked.planned, asked.words
        )  # fmt: skip
        return self._put(caller, self.dso, wanted)

    def end_works(self, caller: Caller, asked: EndWorks) -> ActionTold:
        """Tell the DSO's agent that works are over, or called off.

        Raises:
            MailboxFull, AskedBefore: see `Mailbox.put`.
        """
        return self._put(caller, self.dso, WorksEndWanted(_number(asked), caller.name, asked.works))

    def limit_point(self, caller: Caller, asked: LimitPoint) -> ActionTold:
        """Ask the DSO's agent to limit feed-in below a point.

        Raises:
            MailboxFull, AskedBefore: see `Mailbox.put`.
        """
        until = self._after(asked, asked.minutes, "until")
        assert until is not None  # noqa: S101 - minutes were given
        wanted = PointLimitWanted(_number(asked), caller.name, asked.point, asked.feed_in_pct, until)
        return self._put(caller, self.dso, wanted)

    def limit_consumption(self, caller: Caller, asked: LimitConsumption) -> ActionTold:
        """Ask the DSO's agent to limit consumption below a point.

        Raises:
            MailboxFull, AskedBefore: see `Mailbox.put`.
        """
        until = self._after(asked, asked.minutes, "until")
        assert until is not None  # noqa: S101 - minutes were given
        wanted = ConsumptionLimitWanted(_number(asked), caller.name, asked.point, asked.consumption_pct, until)
        return self._put(caller, self.dso, wanted)

    def set_microgrid(self, caller: Caller, asked: SetMicrogrid) -> ActionTold:
        """Ask the DSO's agent to have the whole microgrid at a net power.

        Raises:
            MailboxFull, AskedBefore: see `Mailbox.put`.
        """
        wanted = MicrogridSetpointWanted(
            _number(asked), caller.name, asked.period, asked.first_isp, asked.last_isp, asked.power_w
        )
        return self._put(caller, self.dso, wanted)

    def limit_microgrid(self, caller: Caller, asked: LimitMicrogrid) -> ActionTold:
        """Ask the DSO's agent to limit the import of the whole microgrid.

        Raises:
            MailboxFull, AskedBefore: see `Mailbox.put`.
        """
        until = self._after(asked, asked.minutes, "until")
        assert until is not None  # noqa: S101 - minutes were given
        wanted = MicrogridLimitWanted(_number(asked), caller.name, asked.import_w, asked.failsafe_w, until)
        return self._put(caller, self.dso, wanted)

    def settle(self, caller: Caller, asked: SettleDay) -> ActionTold:
        """Ask the DSO's agent to settle a day.

        Raises:
            MailboxFull, AskedBefore: see `Mailbox.put`.
        """
        return self._put(caller, self.dso, SettlementWanted(_number(asked), caller.name, asked.period))

    def keep(self, caller: Caller, asked: KeepElement) -> ActionTold:
        """Ask the caller's own agent to leave an element alone.

        Raises:
            MailboxFull, AskedBefore: see `Mailbox.put`.
        """
        until = self._after(asked, asked.minutes, "until")
        return self._put(
            caller, caller.party or "", ElementKeptWanted(_number(asked), caller.name, asked.element, until)
        )

    def change_aggregator(self, caller: Caller, asked: ChangeAggregator) -> ActionTold:
        """Ask the caller's own agent to take its connection to another aggregator.

        Raises:
            MailboxFull, AskedBefore: see `Mailbox.put`.
        """
        return self._put(caller, caller.party or "", AggregatorWanted(_number(asked), caller.name, asked.to, asked.day))

    def rotate_key(self, caller: Caller, asked: RotateKey) -> ActionTold:
        """Ask the caller's own agent to sign with another key.

        Raises:
            MailboxFull, AskedBefore: see `Mailbox.put`.
        """
        return self._put(caller, caller.party or "", KeyRotationWanted(_number(asked), caller.name))

    def _after(self, asked: Asking, minutes: int | None, field: str) -> datetime | None:
        """So many minutes from now; what is asked again a moment later is the same request, with the instant it had."""
        if minutes is None:
            return None
        if asked.number is not None and (before := self.mailbox.get(asked.number)) is not None:
            known = getattr(before.request, field, None)
            if isinstance(known, datetime):
                return known
        return self.now() + timedelta(minutes=minutes)

    def of(self, recipient: str, last: int) -> list[ActionTold]:
        """The newest requests to somebody's agent, newest first."""
        return [told(letter) for letter in self.mailbox.newest(last, recipient)]

    def of_dso(self, last: int) -> list[ActionTold]:
        """The newest requests to the DSO's agent, newest first."""
        return [told(letter) for letter in self.mailbox.newest(last, self.dso)]

    def one(self, number: str, recipient: str) -> ActionTold | None:
        """A request to somebody's agent."""
        letter = self.mailbox.get(number)
        return None if letter is None or letter.recipient != recipient else told(letter)

    def _put(self, caller: Caller, recipient: str, wanted: Wanted) -> ActionTold:
        role = "" if caller.role is None else caller.role.value
        what = f"{KIND_OF[type(wanted)]} {wanted.number}"
        # It is written down before it is done.
        self.audit.add(Access(self.now(), caller.name, role, "act", what, _words(wanted), allowed=True))
        return told(self.mailbox.put(recipient, wanted, self.now()))


def told(letter: Letter) -> ActionTold:
    """A letter as it is shown."""
    return ActionTold(
        number=letter.number,
        kind=KIND_OF[type(letter.request)],
        at=letter.at,
        by=letter.by,
        request=_fields(letter.request),
        state=letter.state,
        reason=letter.reason,
        answered_at=letter.answered_at,
    )


def _number(asked: Asking) -> str:
    return asked.number or secrets.token_urlsafe(12)


def _fields(wanted: Wanted) -> dict[str, str | bool | int | None]:
    values = {name: getattr(wanted, name) for name in type(wanted).__slots__ if name not in ("number", "by")}
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}


def _words(wanted: Wanted) -> tuple[str, ...]:
    return tuple(f"{name}={value}" for name, value in _fields(wanted).items())
