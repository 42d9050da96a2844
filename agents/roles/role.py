"""The skeleton of every role: dispatch by event and message type, deterministic identifiers, snapshot and restore."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

from agents.roles.effects import Effect, Publish
from agents.roles.events import Computed, Event, Fired, Received
from cim.codec.codec import decode, encode
from cim.model.errors import BadInput, ProgrammingFault
from market.ledger.records import Record
from market.ledger.signing import Signer
from market.rules import MarketRules
from market.uftp import Header, Result

S = TypeVar("S")
Handler = Callable[..., list[Effect]]

# Trading begins this long after what was said at an instant, so that all of it has been heard, in whatever order.
MOMENT = timedelta(microseconds=1)
_FORMAT = 3  # of a snapshot


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
