"""Which operation mode each actuator of a resource manager runs in, which one is its own rule, and when it can be changed."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from s2python.common import Timer, Transition

from devices.s2.transitions import ALWAYS, free_at, started

Key = uuid.UUID | None  # an actuator (FRBC); None: the one device of OMBC


class Setting(NamedTuple):
    """A mode and a factor for one actuator."""

    actuator: Key
    mode: uuid.UUID
    factor: float


class Ways(NamedTuple):
    """The transitions of one actuator, and its timers with their lengths."""

    transitions: Sequence[Transition]
    lengths: Sequence[Timer]


@dataclass
class Operation:
    """What was told of it; own rules and timers are kept over sessions.

    Attributes:
        own_rules: by actuator, the mode and factor of its own rule: the mode that is labelled so, else the one that ran last
            while nothing of ours held it.
        active: by actuator, the mode that it told in this session.
        held_until: until when instructions of ours hold it.
    """

    own_rules: dict[Key, tuple[uuid.UUID, float]] = field(default_factory=dict)
    active: dict[Key, uuid.UUID] = field(default_factory=dict)
    held_until: datetime = ALWAYS
    _ways: dict[Key, Ways] = field(default_factory=dict)
    _timers: dict[Key, dict[uuid.UUID, datetime]] = field(default_factory=dict)  # when each is over
    _labelled: frozenset[Key] = frozenset()
    _commanded: dict[Key, uuid.UUID] = field(default_factory=dict)  # the mode that we asked for last

    @property
    def own_modes(self) -> frozenset[uuid.UUID]:
        """The modes of the own rules."""
        return frozenset(mode for mode, _ in self.own_rules.values())

    def forget(self) -> None:
        """Nothing is described any more."""
        self.active.clear()
        self._ways.clear()

    def described(self, ways: dict[Key, Ways], labelled: dict[Key, uuid.UUID]) -> None:
        """A description: the transitions of each actuator, and the modes that are labelled as own rule."""
        self.forget()
        self._ways.update(ways)
        self._labelled = frozenset(labelled)
        self.own_rules.update({key: (mode, 0.0) for key, mode in labelled.items()})
        for key in list(self._timers):
            known = {timer.id for timer in ways[key].lengths} if key in ways else set()
            self._timers[key] = {timer: over for timer, over in self._timers[key].items() if timer in known}

    def runs(self, told: Setting, modes: Collection[uuid.UUID], now: datetime) -> None:
        """An actuator tells the mode that it runs in, one of `modes`; a change starts the timers of its transition."""
        key, mode, factor = told
        before, self.active[key] = self.active.get(key), mode
        if before not in (None, mode) and key in self._ways:
            ways, timers = self._ways[key], self._timers.get(key, {})
            self._timers[key] = started(*ways, before, mode, timers, now)
        known = self.own_rules.get(key)
        by_itself = now >= self.held_until and mode != self._commanded.get(key) and key not in self._labelled
        if known is None or known[0] not in modes or by_itself:
            self.own_rules[key] = (mode, factor)

    def timer(self, key: Key, timer: uuid.UUID, over_at: datetime) -> None:
        """An actuator tells when a timer is over."""
        self._timers.setdefault(key, {})[timer] = over_at

    def timers(self, key: Key = None) -> Mapping[uuid.UUID, datetime]:
        """By id, when each timer of an actuator is over."""
        return self._timers.get(key, {})

    def hold(self, settings: Iterable[Setting], until: datetime) -> None:
        """These are asked for, until then."""
        self._commanded.update({one.actuator: one.mode for one in settings})
        self.held_until = until

    def there_and_back(self, key: Key, mode: uuid.UUID, now: datetime, until: datetime, strict: bool) -> bool:
        """Whether a mode can be reached at `now` and left for the own rule at `until`: no timer may block either way.

        Args:
            strict: whether a way that is not described is none (OMBC); many actuators describe none at all (FRBC).
        """
        active, own = self.active.get(key), self.own_rules.get(key)
        if active is None or own is None or key not in self._ways:
            return not strict
        transitions, lengths = self._ways[key]
        timers = self.timers(key)
        there = free_at(transitions, active, mode, timers)
        back = free_at(transitions, mode, own[0], started(transitions, lengths, active, mode, timers, now))
        unknown = None if strict else ALWAYS
        there, back = there or unknown, back or unknown
        return there is not None and back is not None and there <= now and back <= until

    def back_at(self, key: Key, now: datetime) -> datetime | None:
        """From `now` on, when it can go back to its own rule; None where no transition leads there."""
        active, own = self.active.get(key), self.own_rules.get(key)
        if active is None or own is None or key not in self._ways:
            return now
        free = free_at(self._ways[key].transitions, active, own[0], self.timers(key))
        if free is None and key is not None:
            return now  # see `there_and_back`
        return None if free is None else max(now, free)
