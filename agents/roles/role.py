"""A role: parts that share one identity. It gives each event to the parts that declare it, and keeps their states.

A role is a plain object: it does no I/O, reads no clock and draws no random number.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import cached_property, partial
from typing import Any, TypeVar

from agents.roles.effects import Effect
from agents.roles.events import Computed, Event, Fired, JobFailed, Recalled, Received
from agents.roles.identity import AgentIdentity
from agents.roles.messages import Receipt
from agents.roles.part import DayClosed, Handler, Part
from agents.roles.parts.recovery import LedgerHistory, forgotten
from cim.codec.codec import decode, encode
from cim.model.errors import BadInput, ProgrammingFault

P = TypeVar("P", bound="Part[Any]")

_FORMAT = 4  # of a snapshot: the state of each part by the part's name


class Role:
    """An agent's decisions.

    Args:
        parts: in the order in which they hear what several of them declare.
    """

    def __init__(self, me: AgentIdentity, *parts: Part[Any]) -> None:
        self.me = me
        self.parts: Mapping[str, Part[Any]] = {type(part).__name__: part for part in parts}
        self.forgotten: tuple[str, ...] = ()
        if len(self.parts) < len(parts):
            raise ProgrammingFault(f"{type(self).__name__}: two parts of one name; expected each part once")
        found: dict[type, list[Handler]] = {}
        for part in parts:
            part.emit = self._emit
            for kind, name in part.handlers.items():
                found.setdefault(kind, []).append(getattr(part, name))
        self._handlers = {kind: tuple(handlers) for kind, handlers in found.items()}

    @cached_property
    def message_handlers(self) -> Mapping[type, Handler]:
        """What each type of message is given to, called with (message, sender, now): a way past `handle`, for speed."""
        found: dict[type, Handler] = {kind: partial(self._tell, kind) for kind in self._handlers}
        found |= {kind: handlers[0] for kind, handlers in self._handlers.items() if len(handlers) == 1}
        return found | {Receipt: self._receipt}

    @property
    def recovers(self) -> bool:
        """Whether it can begin from what the ledger knows (`Recalled`) instead of from nothing (`Started`)."""
        return any(type(part).recover is not Part.recover for part in self.parts.values())

    @property
    def name(self) -> str:
        """The agent's name."""
        return self.me.name

    def part(self, kind: type[P]) -> P:
        """This role's part of a class."""
        found = self.parts[kind.__name__]
        assert isinstance(found, kind)  # noqa: S101 - parts are kept under their classes' names
        return found

    def handle(self, event: Event, now: datetime) -> list[Effect]:
        """Everything this role wants because of `event`; events it has no handler for change nothing."""
        if isinstance(event, Received):
            handler = self.message_handlers.get(type(event.message))
            return [] if handler is None else handler(event.message, event.sender, now)
        if isinstance(event, Fired):
            return self._tell(type(event.timer), event.timer, now)
        if isinstance(event, Computed):
            if event.fault is not None:
                return self._tell(JobFailed, JobFailed(event.reference, event.fault), now)
            return self._tell(type(event.reference), event.reference, event.result, now)
        if isinstance(event, Recalled):
            return self._recover(event, now)
        return self._tell(type(event), event, now)

    def _receipt(self, receipt: Receipt, sender: str, now: datetime) -> list[Effect]:
        return self._tell(type(receipt.reference), receipt, sender, now)

    def _emit(self, event: object, now: datetime) -> list[Effect]:
        if isinstance(event, DayClosed):
            self.prune(event.before)
        return self._tell(type(event), event, now)

    def _tell(self, kind: type, *arguments: object) -> list[Effect]:
        handlers = self._handlers.get(kind, ())
        if len(handlers) == 1:
            return handlers[0](*arguments)
        return [effect for handler in handlers for effect in handler(*arguments)]

    def _recover(self, event: Recalled, now: datetime) -> list[Effect]:
        history = LedgerHistory(event, self.me.rules)
        found = [part.recover(history, now) for part in self.parts.values()]
        sentences = [sentence for recovery in found for sentence in recovery.forgotten]
        self.forgotten, told = forgotten(self.name, history, sentences, now)
        return [*(effect for recovery in found for effect in recovery.effects), told]

    def prune(self, before: date) -> None:
        """Drop what is about days before `before`, in every part."""
        for part in self.parts.values():
            part.prune(before)

    @property
    def waits(self) -> bool:
        """Whether it has a device that it has never met."""
        return any(part.waits for part in self.parts.values())

    def snapshot(self) -> bytes:
        """Everything that is needed to go on elsewhere."""
        return encode((_FORMAT, self.forgotten, {name: part.state for name, part in self.parts.items()}))

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot; a part that it does not have begins anew.

        Raises:
            BadInput: it is not one of this format.
        """
        kept = decode(data)
        if not isinstance(kept, tuple) or len(kept) != 3 or kept[0] != _FORMAT:
            raise BadInput(f"snapshot of {self.name}: expected format {_FORMAT} and the states of its parts")
        self.forgotten = kept[1]
        for name, state in kept[2].items():
            if name in self.parts:
                self.parts[name].state = state
                self.parts[name].restored()
