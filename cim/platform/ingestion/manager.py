"""The Data Ingestion Manager: asks the sources that are due and has what they give taken; every step survives a stop."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import RLock

from cim.mapping.engine.formats import frames
from cim.mapping.engine.mapper import Mapped, Mapper, State
from cim.model.errors import BadInput, IlesError
from cim.platform.handler.handler import DataHandler, Taken
from cim.platform.ingestion.fetched import Window, fetched
from cim.platform.ingestion.register import ACTIVE, PAUSED, REMOVED, SourceRegister, SourceState
from cim.platform.ingestion.schedule import next_due, retry_at
from cim.platform.ingestion.source import ConfiguredSource, DeviceStream, Files, Http, Push

Told = Callable[[str, Taken], None]


@dataclass(frozen=True, slots=True)
class Run:
    """What came of asking a source: what was taken, and why not all, or empty."""

    source: str
    taken: Taken
    error: str = ""


class IngestionManager:
    """Runs the sources of a data folder.

    Args:
        register: the sources and their state.
        handler: takes what they give.
        told: called with a source's name and what of a delivery was taken so far, after each block.
    """

    def __init__(self, register: SourceRegister, handler: DataHandler, told: Told = lambda _name, _taken: None) -> None:
        self.register, self.handler, self._told = register, handler, told
        self._lock = RLock()

    def add(self, source: ConfiguredSource, now: datetime, *, again: bool = False) -> None:
        """Add a source, or mend one; `again`: and ask for all of it again."""
        self.register.put(source, now, again=again)

    def pause(self, name: str) -> None:
        """Ask a source no more until it is resumed; what it gave is still taken."""
        self.register.move(name, PAUSED)

    def resume(self, name: str) -> None:
        """Ask a paused source again, from where it was."""
        self.register.move(name, ACTIVE)

    def remove(self, name: str) -> None:
        """Ask a source no more; what it gave is still taken, and its readings stay."""
        self.register.move(name, REMOVED)

    def tick(self, now: datetime) -> list[Run]:
        """Ask each source that is due at `now`, on the run's own clock, and take what waits.

        Of times that were missed only one is made up for.
        """
        return [self.run(state.name, now) for state in self.register.states(removed=True) if self._is_due(state, now)]

    def run(self, name: str, now: datetime) -> Run:
        """Ask a source now, and take what it gives.

        Failures are noted in its state, with when it is tried again; they are not raised.

        Raises:
            BadInput: there is no such source.
        """
        with self._lock:
            state, source, sum_ = self.register.state(name), self.register.source(name), Taken()
            try:
                sum_ += self._take_waiting(name)
                if state.state == ACTIVE:
                    self.register.began(name, now)
                    for _ in self._receive(source, state, now):
                        sum_ += self._take_waiting(name)
                        if self.register.state(name).state != ACTIVE:
                            break
                    finished = (
                        source.source.retrieval in {"once", "backfill"} and self.register.state(name).state == ACTIVE
                    )
                    self.register.succeeded(name, now, refused=bool(sum_.refused), done=finished)
            except (IlesError, OSError, sqlite3.Error) as error:
                failures = state.failures + 1
                told = str(error) if isinstance(error, IlesError) else f"{type(error).__name__}: {error}"
                self.register.failed(name, told, failures, retry_at(failures, now))
                return Run(name, sum_, told)
            return Run(name, sum_, sum_.refused)

    def push(self, name: str, data: bytes, now: datetime) -> Run:
        """Take a delivery that was handed in; when this returns it is durable, whatever becomes of its records.

        Raises:
            BadInput: there is no such source, it is paused, takes no deliveries, or this one is too large.
        """
        with self._lock:
            source, state = self.register.source(name), self.register.state(name)
            origin = source.source.origin
            if not isinstance(origin, Push | DeviceStream):
                raise BadInput(f"source {name}: it is asked ({source.source.retrieval}); nothing can be handed in")
            if state.state != ACTIVE:
                raise BadInput(f"source {name}: it is {state.state}; expected an active one")
            if len(data) > origin.max_mb * 1e6:
                raise BadInput(f"source {name}: {len(data)} bytes; expected at most {origin.max_mb:g} MB")
            part = self.register.inbox / f"{name}.part"
            part.write_bytes(data)
            self.register.began(name, now)
            self.register.receive(source, part, now)
            return self.run(name, now)

    def replay(self, name: str, now: datetime) -> Taken:
        """Try what is in quarantine of a source again by its mapping as it is now.

        Raises:
            BadInput: there is no such source.
        """
        with self._lock:
            source, quarantine = self.register.source(name), self.handler.quarantine
            sum_ = self.handler.replay(name, source.mapping, now)
            self.register.replayed(name, Taken(sum_.readings, sum_.known))
            for whole in quarantine.wholes(name):
                kept = quarantine.whole_path(name, whole.delivery)
                if not kept.exists():  # handed in again before an interruption
                    quarantine.whole_taken(name, whole.delivery)
                    continue
                copy = self.register.inbox / f"{name}.part"
                copy.write_bytes(kept.read_bytes())
                mark = f"replay of {whole.delivery} by {source.mapping.version}"
                self.register.receive(source, copy, datetime.fromisoformat(whole.recorded), marks=(mark,))
                sum_ += self._take_waiting(name)
                quarantine.whole_taken(name, whole.delivery)
            return sum_

    def _take_waiting(self, name: str) -> Taken:
        sum_ = Taken()
        for delivery, mapping in self.register.waiting(name):
            taken = self.handler.take(delivery, mapping, lambda so_far: self._told(name, so_far))
            self.register.taken(delivery, taken)
            sum_ += taken
        return sum_

    def _receive(self, source: ConfiguredSource, state: SourceState, now: datetime) -> Iterator[None]:
        name = source.source.name
        for window in _windows(source, state, now):
            for found in fetched(source, window, self.register.inbox, lambda mark: self.register.is_seen(name, mark)):
                self.register.receive(
                    source,
                    found.data,
                    now,
                    marks=found.marks,
                    not_before=found.not_before,
                    cursor=None if window is None else window.end,
                )
                yield

    def _is_due(self, state: SourceState, now: datetime) -> bool:
        if state.retry_at is not None:
            # A clock that was put back by more than the longest pause does not hold a source up.
            return state.retry_at <= now or state.retry_at - now > timedelta(hours=2)
        if state.waiting:
            return True
        if state.state != ACTIVE:
            return False
        source = self.register.source(state.name).source
        if source.schedule is None:
            return source.retrieval != "push"
        last = state.last_run or state.created
        if last > now:  # the clock was put back: it counts from where it is now
            self.register.began(state.name, now)
            return False
        return next_due(source.schedule, source.zone, last) <= now


def _windows(source: ConfiguredSource, state: SourceState, now: datetime) -> Iterator[Window | None]:
    """What is asked for: since the last time (with the overlap), or the steps of a back-fill that are left."""
    origin, fill = source.source.origin, source.source.backfill
    if isinstance(origin, Files):
        yield None
    elif isinstance(origin, Http) and fill is not None:
        begin, end = fill.begin.astimezone(UTC), fill.end.astimezone(UTC)
        begin = begin if state.cursor is None else max(begin, state.cursor)
        while begin < end:
            step = min(begin + timedelta(hours=fill.step_h), end)
            yield Window(begin, step)
            begin = step
    elif isinstance(origin, Http):
        since = now - timedelta(hours=origin.look_back_h)
        if state.cursor is not None and state.cursor <= now:
            since = state.cursor - timedelta(hours=origin.overlap_h)
        yield Window(since, now)


def try_out(source: ConfiguredSource, now: datetime, rows: int = 10) -> tuple[Mapped, int]:
    """A dry run: ask a source once, map its first block, keep nothing.

    Args:
        rows: of the first readings that are given.

    Returns:
        The first block's first readings, with its rejects; and how many records the block has.

    Raises:
        FetchFailed, BadInput, OSError: it is not to be had, or cannot be read.
    """
    if isinstance(source.source.origin, Push | DeviceStream):
        raise BadInput(
            f"source {source.source.name}: it is handed in, so there is nothing to try; try its mapping on a file"
        )
    state = SourceState(source.source.name, ACTIVE, now, None, None, None, 0, None, "", 0, 0, 0, 0)
    with TemporaryDirectory() as folder:
        for window in islice(_windows(source, state, now), 1):
            for found in fetched(source, window, Path(folder), lambda _: False):
                return first_mapped(source, found.data, rows)
    raise BadInput(f"source {source.source.name}: there is nothing to be read now")


def first_mapped(source: ConfiguredSource, data: Path, rows: int) -> tuple[Mapped, int]:
    """The first block of a file by a source's mapping; see `try_out`."""
    mapping = source.mapping.mapping
    with data.open("rb") as file:
        for frame in frames(mapping, file):
            mapped = Mapper(mapping).apply(frame, State())
            records = len(frame) + len(frame.rejects)
            return Mapped(mapped.readings.slice(0, rows), mapped.rejects, mapped.passed_over), records
    raise BadInput(f"source {source.source.name}: there are no records")
