"""The skeleton of every role: dispatch by event and message type, deterministic identifiers, snapshot and restore."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Generic, TypeVar

from agents.roles.contract import Computed, Effect, Event, Fired, Publish, Received
from cim.model.codec import decode, encode, wire
from cim.model.errors import BadInput, ProgrammingFault
from cim.model.intervals import LocalDay, local_day_of
from market.ledger.records import Record
from market.ledger.signing import Signer
from market.uftp import Header, Result

S = TypeVar("S")
Handler = Callable[..., list[Effect]]

# Trading begins this long after what was said at an instant, so that all of it has been heard, in whatever order.
MOMENT = timedelta(microseconds=1)
_FORMAT = 3  # of a snapshot
_NEVER = datetime.min.replace(tzinfo=UTC)


@wire("role.MarketRules")
@dataclass(frozen=True)
class MarketRules:
    """What all parties of one market share.

    Attributes:
        timezone, isp_minutes, currency: market-wide (UFTP repeats them in each message).
        control_s: length of a control interval, seconds; divides the ISP.
        first_day, days: the local days that are operated.
        flexibility: False runs the same day without any request (the comparison run).
        domains: internet domain by agent name.
        keys: public Ed25519 key by domain.
        seed: identifiers derive from it; random and secret in a pilot.
        revision_hours: on its day a D-Prognosis is revised every so many hours.
    """

    timezone: str
    isp_minutes: int
    currency: str
    control_s: int
    first_day: date
    days: int
    flexibility: bool
    domains: dict[str, str]
    keys: dict[str, bytes]
    seed: str
    revision_hours: int = 1

    def name_of(self, domain: str) -> str | None:
        """The agent behind a domain, or None."""
        return self._names.get(domain)

    @cached_property
    def _names(self) -> dict[str, str]:
        return {domain: name for name, domain in reversed(self.domains.items())}

    def day(self, period: date) -> LocalDay:
        """The local day of a period."""
        return _day(period, self.timezone, self.isp_minutes)

    def day_of(self, instant: datetime) -> LocalDay:
        """The local day that contains an instant."""
        return _day_of(instant, self.timezone, self.isp_minutes)

    @cached_property
    def interval(self) -> timedelta:
        """A control interval."""
        return timedelta(seconds=self.control_s)

    def interval_start(self, instant: datetime) -> datetime:
        """The last control-interval boundary at or before `instant`; intervals count from the local day's start."""
        start = self.day_of(instant).start
        return start + (instant - start) // self.interval * self.interval

    def boundary(self, instant: datetime) -> datetime:
        """The next control-interval boundary strictly after `instant`: where a periodic timer is armed again.

        However late a timer fires, what follows is on the grid that all agents share, also when the clocks change.
        """
        known, last = self._boundary
        if known is not instant:  # all agents of a host ask at the same instants, and mean the same object
            last = min(self.interval_start(instant) + self.interval, self.day_of(instant).end)
            self._boundary[:] = instant, last
        return last

    @cached_property
    def _boundary(self) -> list[datetime]:
        """The last instant that was asked for, and what followed it."""
        return [_NEVER, _NEVER]

    def patience(self, now: datetime) -> datetime:
        """Until when to wait for others' answers: a boundary, half to one and a half control intervals from now."""
        return self.boundary(now + self.interval / 2)

    @cached_property
    def hours(self) -> float:
        """Length of an ISP in hours."""
        return self.isp_minutes / 60

    @cached_property
    def periods(self) -> tuple[LocalDay, ...]:
        """All days that are operated."""
        return tuple(self.day(self.first_day).next(k) for k in range(self.days))


@lru_cache(maxsize=64)
def _day(period: date, timezone: str, isp_minutes: int) -> LocalDay:
    return LocalDay(period, timezone, isp_minutes)


@lru_cache(maxsize=256)
def _day_of(instant: datetime, timezone: str, isp_minutes: int) -> LocalDay:
    return local_day_of(instant, timezone, isp_minutes)


def on(*kinds: type) -> Callable[[Handler], Handler]:
    """Mark a method as the handler of these event or message types."""

    def mark(method: Handler) -> Handler:
        method.handles = kinds  # type: ignore[attr-defined]
        return method

    return mark


class Role(Generic[S]):
    """A role: a plain object that turns events into effects.

    All mutable state is `self.state`, a registered dataclass of scalars, tuples, dicts and wire values (never lists or
    sets: they do not come back from a snapshot as they went in).
    """

    handlers: ClassVar[dict[type, str]] = {}

    def __init_subclass__(cls) -> None:
        cls.handlers = {
            kind: name
            for base in reversed(cls.__mro__)
            for name, method in vars(base).items()
            for kind in getattr(method, "handles", ())
        }
        for kind, name in cls.handlers.items():
            if kind not in getattr(getattr(cls, name), "handles", ()):
                raise ProgrammingFault(
                    f"{cls.__name__}.{name} hides the handler of {kind.__name__}; expected another name"
                )

    def __init__(self, name: str, rules: MarketRules, key: bytes, state: S) -> None:
        self.name = name
        self.rules = rules
        self.signer = Signer(key)
        self.state = state

    def handle(self, event: Event, now: datetime) -> list[Effect]:
        """Everything this role wants because of `event`; events it has no handler for change nothing."""
        if isinstance(event, Received):
            return self._call(self.handlers.get(type(event.message)), event.message, event.sender, now)
        if isinstance(event, Fired):
            kind, _, argument = event.timer.partition(" ")
            return self._call(f"timer_{kind}", argument, now)
        if isinstance(event, Computed):
            kind, _, argument = event.reference.partition(" ")
            return self._call(f"computed_{kind}", argument, event.result, now)
        return self._call(self.handlers.get(type(event)), event, now)

    def _call(self, handler: str | None, *arguments: Any) -> list[Effect]:
        effects: list[Effect] = [] if handler is None else getattr(self, handler)(*arguments)
        return effects

    @property
    def waits(self) -> bool:
        """Whether it has a device that it has never met."""
        return False

    def snapshot(self) -> bytes:
        """Everything that is needed to go on elsewhere."""
        return encode((_FORMAT, self.state))

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot. Raises `BadInput` when it is not one of this format."""
        kept = decode(data)
        if not isinstance(kept, tuple) or len(kept) != 2 or kept[0] != _FORMAT:
            raise BadInput(f"snapshot of {self.name}: expected format {_FORMAT} and a state")
        self.state = kept[1]

    def identifier(self, *about: str) -> str:
        """A UUID that depends on nothing but the run's seed, this role's name and what it is about.

        Nothing is counted, so the order in which an agent hears things changes no identifier. `about` must therefore
        tell everything apart that is to be told apart.
        """
        digest = bytearray(hashlib.sha256("\0".join((self.rules.seed, self.name, *about)).encode()).digest()[:16])
        digest[6], digest[8] = digest[6] & 0x0F | 0x40, digest[8] & 0x3F | 0x80  # RFC 9562: version 4, its variant
        text = digest.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def header(self, to: str, now: datetime, conversation: str | None, *about: str) -> Header:
        """A UFTP header from this agent to another, of the message that is `about` this, at this instant.

        `about` begins with the kind of message; a reply goes on with the id of the message it answers and with its
        result, an original message with its period, congestion point and revision (as far as it has them).
        """
        message_id = self.identifier(to, now.isoformat(), *about)
        domains = self.rules.domains
        return Header(domains[self.name], domains[to], now, message_id, conversation or message_id)

    def reply(self, to: str, now: datetime, message: Any, fault: str | None) -> tuple[Header, str, Result, str | None]:
        """What every UFTP response begins with: header, id of the `message` answered, result, reason of a refusal."""
        answered = message.header.message_id
        header = self.header(
            to, now, message.header.conversation_id, f"{type(message).__name__}Response", answered, fault or ""
        )
        return header, answered, Result.ACCEPTED if fault is None else Result.REJECTED, fault

    def lapse(self, what: str, about: str, peer: str, reason: str, now: datetime) -> Publish:
        """Tell that something came too early, too late or twice and leads to nothing: what, about what, whose, why."""
        told = {"what": what, "about": about, "peer": peer, "seen_by": self.name, "reason": reason, "at": now}
        return Publish("lapse", told)

    @property
    def domain(self) -> str:
        """This agent's own domain, its name in the market and in the ledger."""
        return self.rules.domains[self.name]

    def record(self, kind: str, key: str, body: Any, now: datetime) -> Record:
        """A ledger record of `body`, signed by this agent."""
        return Record(kind, key, now, self.domain, encode(body)).signed(self.domain, self.signer)


@wire("role.Filed")
@dataclass(frozen=True, slots=True)
class Filed:
    """To the ledger keeper: make these records durable and tell me under this reference."""

    reference: str
    records: tuple[Record, ...]


@wire("role.Receipt")
@dataclass(frozen=True, slots=True)
class Receipt:
    """From the ledger keeper: they are durable, or why not."""

    reference: str
    fault: str | None = None


@wire("role.FileAgain")
@dataclass(frozen=True, slots=True)
class FileAgain:
    """From the ledger keeper: I have forgotten what you filed; what you have no receipt of may not be recorded."""
