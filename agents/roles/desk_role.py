"""Roles that still are one class with one state; they become parts (`agents.roles.part`), then this goes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

from agents.roles.effects import Effect, Publish
from agents.roles.events import Computed, Event, Fired, Recalled, Received
from agents.roles.identity import AgentIdentity
from agents.roles.part import Handler
from agents.roles.role import Role
from cim.codec.codec import decode, encode
from cim.model.errors import BadInput, ProgrammingFault
from cim.platform.publications import MessageLapsed
from market.ledger.records import Record
from market.rules import MarketRules
from market.uftp import Header, Result

S = TypeVar("S")

# Trading begins this long after what was said at an instant, so that all of it has been heard, in whatever order.
MOMENT = timedelta(microseconds=1)
_FORMAT = 3


class DeskRole(Role, Generic[S]):
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
        super().__init__(AgentIdentity(name, rules, key))
        self.rules, self.signer = rules, self.me.signer
        self.state = state

    @cached_property
    def message_handlers(self) -> Mapping[type, Handler]:
        """As for every role."""
        return {kind: getattr(self, method) for kind, method in self.handlers.items()}

    @property
    def recovers(self) -> bool:
        """As for every role."""
        return Recalled in self.handlers

    def handle(self, event: Event, now: datetime) -> list[Effect]:
        """Everything this role wants because of `event`; events it has no handler for change nothing."""
        if isinstance(event, Received):
            return self._call(self.handlers.get(type(event.message)), event.message, event.sender, now)
        if isinstance(event, Fired):
            kind, _, argument = str(event.timer).partition(" ")
            return self._call(f"timer_{kind}", argument, now)
        if isinstance(event, Computed):
            kind, _, argument = str(event.reference).partition(" ")
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

    @property
    def forgotten(self) -> tuple[str, ...]:
        """As for every role."""
        return getattr(self.state, "forgotten", ())

    @forgotten.setter
    def forgotten(self, _: tuple[str, ...]) -> None:
        """As for every role."""

    def identifier(self, *about: str) -> str:
        """As for every role."""
        return self.me.identifier(*about)

    def header(self, to: str, now: datetime, conversation: str | None, *about: str) -> Header:
        """As for every role."""
        return self.me.header(to, now, conversation, *about)

    def reply(self, to: str, now: datetime, message: Any, fault: str | None) -> tuple[Header, str, Result, str | None]:
        """As for every role."""
        return self.me.reply(to, now, message, fault)

    def lapse(self, what: str, about: str, peer: str, reason: str, now: datetime) -> Publish:
        """Tell that something came too early, too late or twice and leads to nothing: what, about what, whose, why."""
        return Publish(MessageLapsed(now, what, about, peer, self.name, reason))

    @property
    def domain(self) -> str:
        """This agent's own domain, its name in the market and in the ledger."""
        return self.rules.domains[self.name]

    def record(self, kind: str, key: str, body: Any, now: datetime) -> Record:
        """As for every role."""
        return self.me.record(kind, key, body, now)
