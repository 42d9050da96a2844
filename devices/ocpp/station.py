"""What one charging station has told: of itself, and at which of its EVSEs something is that it tells of.

Who is meant is looked at: what says its EVSE is there, what says none is where its transaction runs. What contradicts itself
is not taken, so that one vehicle's energy is never another's.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

from devices.ocpp.foreign import ForeignLimit
from devices.ocpp.state import EvseState, StationWide

_NAMED = 16  # EVSEs that are not ours, and transactions there; as many doubts are in the log
_LIMITS = 256  # of somebody else for the whole station, as many as are remembered
_log = logging.getLogger("iles.devices.ocpp")


class Station:
    """The station `name` and those of its EVSEs that are ours.

    Args:
        sources: in whose name readings are, by EVSE (OCPP 1.6: connector), from 1 on.
        now: market time.

    Attributes:
        wide: what holds for all of it.
        evses: by their numbers.
        asked: the EVSE whose transaction has been asked for, while the answer is not there; None: of none.
        foreign: limits of somebody else for the whole of it.
    """

    def __init__(self, name: str, interval_s: int, now: datetime, sources: Mapping[int, str]) -> None:
        self.name, self._interval_s, self._sources = name, interval_s, dict(sources)
        self.wide = StationWide(now)
        self.evses = {
            number: EvseState(source, interval_s, self.wide, number) for number, source in self._sources.items()
        }
        self.asked: int | None = None
        self.foreign: list[ForeignLimit] = []
        self._others: set[int] = set()  # EVSEs that are not ours, as far as they were named
        self._elsewhere: list[str] = []  # transactions there
        self._doubts = 0

    @property
    def others(self) -> tuple[int, ...]:
        """EVSEs that it has named and that are not ours."""
        return tuple(sorted(self._others))

    def add(self, number: int, source: str) -> None:
        """An EVSE is ours from now on; what it told before is to be asked for."""
        self._sources[number] = source
        self.evses[number] = EvseState(source, self._interval_s, self.wide, number)
        self.evses[number].running = True
        self._others.discard(number)

    def begin_anew(self, number: int) -> EvseState:
        """A driver of an EVSE begins after another one: nothing is known of that, and its station runs."""
        state = EvseState(self._sources[number], self._interval_s, self.wide, number)
        state.running, state.max_power_w = True, self.evses[number].max_power_w
        self.evses[number] = state
        return state

    def run(self) -> None:
        """It was running before it was first met."""
        for state in self.evses.values():
            state.running = True

    def holds(self, limits: list[ForeignLimit]) -> None:
        """It holds these limits of somebody else for the whole of it; of a great many the smallest are kept."""
        self.foreign = sorted({*self.foreign, *limits})[:_LIMITS]

    def foreign_w(self, until: datetime) -> float | None:
        """The smallest of them (W) that holds at some time from now to `until`; None where none does."""
        held = (one.limit_w for one in self.foreign if one.begin < until and self.wide.now < one.end)
        return min(held, default=None)

    def the_only(self) -> EvseState | None:
        """Its EVSE, where only one is ours: what is said of none is meant for it."""
        return next(iter(self.evses.values())) if len(self.evses) == 1 else None

    def evse(self, number: int) -> EvseState | None:
        """An EVSE; None where it is not ours, which is said once of each, of the first ones."""
        state = self.evses.get(number)
        if (
            state is None and number not in self._others and len(self._others) < _NAMED
        ):  # numbers may be made up for good
            self._others.add(number)
            ours = ", ".join(map(str, self.evses)) + (" is" if len(self.evses) == 1 else " are")
            _log.warning(
                "charging station %s: EVSE %d is not steered and not read; only EVSE %s", self.name, number, ours
            )
        return state

    def at(self, number: str, evse: int | None, *, begins: bool, asked: bool = False) -> EvseState | None:
        """The EVSE at which a transaction is, of which something is told; None: it is not ours, or cannot be told.

        Args:
            number: its identity.
            evse: where it is, if that is said.
            begins: whether it begins now: some stations count transactions at each EVSE by itself.
            asked: whether this is told because it was asked for.
        """
        if evse is not None:
            state = self.evse(evse)
            if state is None:
                self._elsewhere = [*self._elsewhere[1 - _NAMED :], number]
            elif begins:
                self._elsewhere = [known for known in self._elsewhere if known != number]
            elif number in self._elsewhere:
                return None
            elif not state.is_known(number) and any(other.runs(number) for other in self.evses.values()):
                self._doubt("says that transaction %.40s is at EVSE %d, and it runs at another", number, evse)
                return None
            return state
        if number in self._elsewhere:
            return None
        known = [state for state in self.evses.values() if state.is_known(number)]
        if len(known) > 1:
            known = [state for state in known if state.runs(number)]
        if len(known) == 1:
            return known[0]
        if (only := self.the_only()) is not None:
            return only
        if asked and self.asked is not None and not known:
            return self.evses[self.asked]
        self._doubt("does not say at which EVSE transaction %.40s is; it is not taken", number)
        return None

    def is_known(self, number: str) -> bool:
        """Whether a transaction of this identity runs, is over, or is at an EVSE that is not ours, as far as that is remembered."""
        return number in self._elsewhere or any(state.is_known(number) for state in self.evses.values())

    def is_over(self, number: str) -> bool:
        """Whether a transaction of this identity is over, as far as that is remembered."""
        return any(state.is_over(number) for state in self.evses.values())

    def _doubt(self, sentence: str, *what: object) -> None:
        self._doubts += 1
        if self._doubts <= _NAMED:
            _log.warning("charging station %s " + sentence, self.name, *what)
