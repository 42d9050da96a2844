"""Conversations as tables: who may say what in which state, and to which state it leads.

Two rules hold for every table (the style is h11's):
1. What is said is looked up under the present state, the party that says it and the event. If it is not there, that
   party has broken the protocol: `LocalProtocolError` for us, `RemoteProtocolError` for the peer; the state stays.
2. The parties see one conversation, each from its own end of a channel that keeps the order. So what was on its way
   when the other side, or time, had moved on is no breach: it has rows of its own (`crossing`), which allow to hear it
   but not to say it.

A table says what follows what. Whether a message is well made (prices, powers, deadlines, signatures) is checked by
whoever takes it, before the state moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from market.errors import LocalProtocolError, RemoteProtocolError

S = TypeVar("S", bound=StrEnum)
P = TypeVar("P", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True)
class ConversationTable(Generic[S, P, E]):
    """The states of one kind of conversation and what leads from one to another.

    Attributes:
        title: its name in messages and in the documentation.
        about: one or two sentences for the documentation.
        start: the state before anything is said.
        rows: for every state what may be said in it: (party, event) -> next state.
        crossing: what else may arrive in a state, because the peer said it before it knew of that state.
        acknowledgements: what may be said in any state but the first, and moves none.
    """

    title: str
    about: str
    start: S
    rows: Mapping[S, Mapping[tuple[P, E], S]]
    crossing: Mapping[S, Mapping[tuple[P, E], S]] = field(default_factory=dict)
    acknowledgements: frozenset[tuple[P, E]] = frozenset()

    def allowed(self, state: S, by: P, event: E, *, ours: bool) -> S | None:
        """The state that `event` leads to when `by` says it in `state`; None when it may not (see `next_state`)."""
        if (by, event) in self.acknowledgements:
            return None if state is self.start else state
        target = self.rows[state].get((by, event))
        return target if target is not None or ours else self.crossing.get(state, {}).get((by, event))

    def next_state(self, state: S, by: P, event: E, *, ours: bool) -> S:
        """The state that `event` leads to when `by` says it in `state`.

        Args:
            ours: whether `by` is us (or our clock), and so a breach our own fault.

        Raises:
            LocalProtocolError: it is ours and may not be said now; do not say it.
            RemoteProtocolError: the peer may not say it now.
        """
        target = self.allowed(state, by, event, ours=ours)
        if target is None:
            error = LocalProtocolError if ours else RemoteProtocolError
            raise error(f"{self.title}: {event} is not allowed while {state} ({by})")
        return target

    def mermaid(self) -> str:
        """The table as a Mermaid state diagram, for the documentation; what changes no state is left out."""
        lines = ["stateDiagram-v2", f"    [*] --> {_node(self.start)}"]
        for state, row in self.rows.items():
            moves = {**row, **self.crossing.get(state, {})}
            lines += [
                f"    {_node(state)} --> {_node(target)}: {event} ({by})"
                for (by, event), target in moves.items()
                if target is not state
            ]
            if all(target is state for target in row.values()):
                lines.append(f"    {_node(state)} --> [*]")
        return "\n".join(lines) + "\n"


def _node(state: StrEnum) -> str:
    return state.name.lower()
