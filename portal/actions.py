"""What people ask of agents through the portal: written down, put into the mailbox, and answered by the agent that decides."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

from cim.platform.access.audit import Access, AuditLog
from cim.platform.mailbox.mailbox import Letter, LetterState, Mailbox
from cim.platform.mailbox.requests import (
    KIND_OF,
    DisputeAnswerWanted,
    ElementKeptWanted,
    FlexibilityWanted,
    KeyRotationWanted,
    OfferOrderWanted,
    PointLimitWanted,
    SettlementWanted,
    Wanted,
    WorksEndWanted,
    WorksWanted,
)
from portal.auth.caller import Caller
from portal.models.base import Instant, IspNumber, Shown

Number = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
Text = Annotated[str, Field(min_length=1, max_length=200)]
MOST_W = 1_000_000_000


def _utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("beyond the years that there are; expected an instant near now") from None


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]


class Asking(Shown):
    """What every request has.

    Attributes:
        number: chosen by who asks, so that a request that is sent again is the same one; else the portal makes one.
    """

    number: Number | None = None


class AskFlexibility(Asking):
    """Flexibility wanted at a congestion point, in ISPs `first_isp` to `last_isp` (from 1, both included) of a local day.

    Attributes:
        power_w: > 0: more consumption or less feed-in; < 0: less consumption.
        choose_minutes: of the site's time; so long the offers stand, for the caller to order. null: the agent chooses at once.
            While an offer stands its members are held for it.
    """

    point: Text
    period: date
    first_isp: IspNumber
    last_isp: IspNumber
    power_w: Annotated[int, Field(ge=-MOST_W, le=MOST_W)]
    choose_minutes: Annotated[int, Field(ge=5, le=240)] | None = None


class OrderOffer(Asking):
    """An offer that stands is accepted: one of its options is ordered, wholly or in part.

    Attributes:
        offer, option: references, as `/dso/state` has them; `option` may be left out where the offer has one alone.
        factor_pct: of the option's power and price.
    """

    offer: Text
    option: Annotated[str, Field(max_length=200)] = ""
    factor_pct: Annotated[int, Field(ge=1, le=100)] = 100


class AnswerDispute(Asking):
    """A dispute that no meter decides is answered: whose copies of the meter data count.

    Attributes:
        buyer, seller, counts: domains; `counts` is one of the two.
        words: why; both parties are told.
    """

    period: date
    buyer: Text
    seller: Text
    counts: Text
    words: Text


class DeclareWorks(Asking):
    """Works at a congestion point, or an interruption of its supply: planned, or a fault that is reported.

    Attributes:
        begin, end: instants with their offset; `end` null: nobody knows yet, of a fault.
        carries_pct: what the point carries meanwhile, of what it may carry otherwise; 0: the connections below have no supply.
    """

    point: Text
    begin: Moment
    end: Moment | None = None
    carries_pct: Annotated[int, Field(ge=0, le=99)]
    planned: bool = True
    words: Text


class EndWorks(Asking):
    """Works are over, or called off; `works` is the number under which they were declared."""

    works: Number


class LimitPoint(Asking):
    """An emergency: feed-in of all plants below a congestion point is limited at once, for some minutes of the site's time.

    Attributes:
        feed_in_pct: of each plant's rating; null lifts the limit.
    """

    point: Text
    feed_in_pct: Annotated[int, Field(ge=0, le=100)] | None
    minutes: Annotated[int, Field(ge=1, le=1440)] = 15


class SettleDay(Asking):
    """A day that is over is settled now, with the meter data that came."""

    period: date


class KeepElement(Asking):
    """One of the caller's own elements is kept from the market, for some minutes of the site's time; null gives it back."""

    element: Text
    minutes: Annotated[int, Field(ge=1, le=7 * 1440)] | None


class RotateKey(Asking):
    """The caller's own agent goes over to the next key that was prepared for it."""


class ActionTold(Shown):
    """A request and what became of it.

    Attributes:
        kind: flexibility, order, point-limit, settlement, dispute, works, works-end, keep-element, rotate-key.
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
    """

    mailbox: Mailbox
    dso: str
    now: Callable[[], datetime]
    audit: AuditLog

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
