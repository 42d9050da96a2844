"""The skeleton of every role: dispatch by event and message type, deterministic identifiers, snapshot and restore."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar, Generic, TypeVar

from agents.roles.contract import Computed, Effect, Event, Fired, Received
from cim.model.codec import decode, encode, wire
from cim.model.errors import ProgrammingFault
from cim.model.intervals import LocalDay, local_day_of
from market.ledger.records import Record
from market.ledger.signing import Signer
from market.uftp import Header

S = TypeVar("S")
Handler = Callable[..., list[Effect]]


@wire("role.MarketRules")
@dataclass(frozen=True, slots=True)
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

    def name_of(self, domain: str) -> str | None:
        """The agent behind a domain, or None."""
        return next((name for name, known in self.domains.items() if known == domain), None)

    def day(self, period: date) -> LocalDay:
        """The local day of a period."""
        return LocalDay(period, self.timezone, self.isp_minutes)

    def day_of(self, instant: datetime) -> LocalDay:
        """The local day that contains an instant."""
        return local_day_of(instant, self.timezone, self.isp_minutes)

    @property
    def hours(self) -> float:
        """Length of an ISP in hours."""
        return self.isp_minutes / 60

    @property
    def periods(self) -> tuple[LocalDay, ...]:
        """All days that are operated."""
        return tuple(self.day(self.first_day).next(k) for k in range(self.days))


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
        self.made = 0  # identifiers drawn so far; part of the snapshot

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

    def snapshot(self) -> bytes:
        """Everything that is needed to go on elsewhere."""
        return encode((self.made, self.state))

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot."""
        self.made, self.state = decode(data)

    def identifier(self) -> str:
        """A UUID that depends on nothing but the run's seed, this role's name and how many it has drawn."""
        self.made += 1
        digest = hashlib.sha256(f"{self.rules.seed}\0{self.name}\0{self.made}".encode()).digest()
        return str(uuid.UUID(bytes=digest[:16], version=4))

    def header(self, to: str, now: datetime, conversation: str | None = None) -> Header:
        """A UFTP header from this agent to another."""
        message_id = self.identifier()
        domains = self.rules.domains
        return Header(domains[self.name], domains[to], now, message_id, conversation or message_id)

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
