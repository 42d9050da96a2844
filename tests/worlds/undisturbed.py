"""Days of the miniature that tests disturb: what comes before the disturbance is played once in a process, and copied.

A copy goes on from the snapshots of its agents, as a host does that was restarted, on a ledger file of its own; so it ends
where the day ends that was never interrupted (`tests/roles/test_roles_undisturbed.py`).
"""

from __future__ import annotations

import copy
from bisect import bisect_right
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from market.ledger.store import LedgerStore
from tests.worlds.miniature import Miniature
from tests.worlds.players import DAY

M = TypeVar("M", bound=Miniature)

_STEP = timedelta(hours=3)
_pasts: dict[str, _Past] = {}


def undisturbed(until: datetime, path: Path, kind: type[M] = Miniature, **how: Any) -> M:
    """The miniature when all up to `until` is over, with a ledger of its own at `path`, to be gone on with.

    Args:
        kind: a class of the miniature that differs in nothing that happens before.
        how: as the miniature takes it; nothing that draws lots or keeps what it was called with.
    """
    return _past(how).at(until).copied(path, kind)


def before_event(number: int, path: Path, kind: type[M] = Miniature, **how: Any) -> M:
    """The miniature at some instant at which fewer than `number` events were handled, and most of those."""
    past = _past(how)
    at = DAY.next(-1).at(9)
    while past.at(at).world.handled < number:
        at += _STEP
    place = bisect_right([moment.world.handled for moment in past.moments], number - 1)
    return past.moments[place - 1].copied(path, kind)


def _past(how: Mapping[str, Any]) -> _Past:
    return _pasts.setdefault(repr(sorted(how.items())), _Past(dict(how)))


@dataclass(frozen=True, slots=True)
class _Moment:
    """A world between two instants; its ledger is closed, `image` is what it held."""

    at: datetime
    world: Miniature
    snapshots: dict[str, bytes]
    image: bytes

    @classmethod
    def of(cls, at: datetime, world: Miniature) -> _Moment:
        """Of a world whose ledger is open."""
        snapshots = {name: role.snapshot() for name, role in world.roles.items()}
        return cls(at, _parted(world, Miniature), snapshots, world.ledger.image())

    def copied(self, path: Path, kind: type[M]) -> M:
        """A world that goes on from here by itself."""
        world = _parted(self.world, kind)
        path.write_bytes(self.image)
        world.path, world.ledger, world.roles = path, LedgerStore(path), world._cast()
        for name, snapshot in self.snapshots.items():
            world.roles[name].restore(snapshot)
        return world


def _parted(world: Miniature, kind: type[M]) -> M:
    """Another of the same content but for roles and ledger; what is in its lists is never changed, so it is shared."""
    other = kind.__new__(kind)
    for name, value in vars(world).items():
        if name not in ("roles", "ledger"):
            setattr(other, name, value.copy() if isinstance(value, dict | list) else value)
    other.channels = {channel: deque(waiting) for channel, waiting in world.channels.items()}
    other.physics = copy.deepcopy(world.physics)
    return other


@dataclass(slots=True)
class _Past:
    """The moments of one day that somebody has asked for, in their order; how the world is made."""

    how: dict[str, Any]
    moments: list[_Moment] = field(default_factory=list)

    def at(self, until: datetime) -> _Moment:
        """The moment when all up to `until` is over, gone on to from the latest known one before."""
        place = bisect_right([moment.at for moment in self.moments], until)
        if place and self.moments[place - 1].at == until:
            return self.moments[place - 1]
        with TemporaryDirectory() as folder:
            path = Path(folder) / "ledger.db"
            if place:
                world = self.moments[place - 1].copied(path, Miniature)
            else:
                world = Miniature(path, **self.how)
                world.begin()
            world.go_on(until)
            moment = _Moment.of(until, world)
            world.ledger.close()
        self.moments.insert(place, moment)
        return moment
