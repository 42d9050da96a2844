"""A part of a role: one share of its work, with a state of its own and handlers of its own.

Parts of one role are given to each other when the role is made, for questions ("which contract is in force?"); what one
of them has done, it tells the others by small events (`emit`). No part changes another's state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import ClassVar, Generic, TypeVar

from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.parts.recovery import LedgerHistory
from cim.model.errors import ProgrammingFault

S = TypeVar("S")
Handler = Callable[..., list[Effect]]
Emit = Callable[[object, datetime], list[Effect]]

# Trading begins this long after what was said at an instant, so that all of it has been heard, in whatever order.
MOMENT = timedelta(microseconds=1)


def on(*kinds: type) -> Callable[[Handler], Handler]:
    """Mark a method of a part as a handler; what it is called with depends on what `kinds` are.

    * a message's type: (message, sender, now)
    * a timer's type: (timer, now)
    * the type of a job's reference: (reference, result, now)
    * the type of a filing's reference: (receipt, sender, now)
    * the type of any other event, also of one that another part emitted: (event, now)
    """

    def mark(method: Handler) -> Handler:
        method.handles = kinds  # type: ignore[attr-defined]
        return method

    return mark


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a part does after everything was lost but the ledger, and what it cannot know any more, in sentences."""

    effects: Sequence[Effect] = ()
    forgotten: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class DayClosed:
    """Told inside a role: days before `before` are closed for good; every part drops what is about them (`prune`)."""

    before: date


class Part(Generic[S]):
    """One share of a role's work.

    All that it must remember is `self.state`, a registered dataclass of scalars, tuples, dicts and wire values (never
    lists or sets: they do not come back from a snapshot as they went in).
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

    def __init__(self, me: AgentIdentity, state: S) -> None:
        self.me = me
        self.rules = me.rules
        self.state = state
        self.emit: Emit = _nobody_listens

    @property
    def waits(self) -> bool:
        """Whether it has a device that it has never met."""
        return False

    def restored(self) -> None:
        """Its state was taken from a snapshot; by default nothing else follows from the state."""

    def prune(self, before: date) -> None:
        """Drop what is about days before `before`: they are closed for good."""

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Go on after everything was lost but the ledger; by default there is nothing to remember."""
        return Recovery()


def _nobody_listens(_event: object, _now: datetime) -> list[Effect]:
    return []
