"""How sources, first rows and the quarantine look on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.table import Table

from cim.mapping.engine.mapper import Mapped
from cim.model.reading_type import parse_reading_type
from cim.platform.handler.handler import Taken
from cim.platform.handler.quarantine import Held, HeldWhole
from cim.platform.ingestion.register import SourceState
from experiments.data.tables import plain, screen

if TYPE_CHECKING:
    import pyarrow as pa

_REASONS = 10


def show_sources(states: Sequence[SourceState]) -> None:
    """One row a source: state, last run, what was taken, the last error."""
    if not states:
        print("no source yet; `iles data add DIR SOURCE` adds one")
        return
    table = Table("source", "state", "last run", "readings", "known", "rejects", "waiting", "last error")
    for state in states:
        counts = (state.readings, state.known, state.rejects, state.waiting)
        table.add_row(state.name, state.state, _at(state.last_run), *map(str, counts), _error(state))
    screen().print(table)


def show_first(mapped: Mapped, records: int) -> None:
    """The first readings of a dry run, and what would be held."""
    screen().print(_readings(mapped.readings))
    words = f"{records} records looked at, {len(mapped.rejects)} of them would be held in quarantine"
    if mapped.passed_over:
        words += f", {mapped.passed_over} are asked for by no value"
    print(words)
    for reject in mapped.rejects[:_REASONS]:
        print(f"  line {reject.line}: {plain(reject.reason)}")
    if len(mapped.rejects) > _REASONS:
        print(f"  and {len(mapped.rejects) - _REASONS} more")


def show_quarantine(records: Sequence[Held], wholes: Sequence[HeldWhole], counts: dict[str, tuple[int, int]]) -> None:
    """What is held, with its reason and record."""
    if not counts:
        print("the quarantine is empty")
        return
    table = Table("source", "delivery", "line", "reason", "record")
    for whole in wholes:
        table.add_row(whole.source, str(whole.delivery), "all", plain(whole.reason), "")
    for held in records:
        told = plain(held.reason), plain(held.raw[:120])
        table.add_row(held.source, str(held.delivery), str(held.line), *told)
    screen().print(table)
    for source, (lines, files) in counts.items():
        print(f"{source}: {lines} records and {files} whole deliveries are held")


def line_of(source: str, taken: Taken, error: str) -> str:
    """What came of asking a source."""
    words = f"{source}: {taken.readings} new readings, {taken.known} known, {taken.rejects} records held in quarantine"
    return f"{words}; {error}" if error else words


def _readings(rows: pa.Table) -> Table:
    table = Table("line", "usage point", "meter", "what", "begin (UTC)", "seconds", "value", "quality")
    for row in rows.to_pylist():
        kind = parse_reading_type(row["reading_type"])
        value = f"{row['value']:g} {kind.unit_word}"
        names = (str(row["line"]), row["usage_point"], row["meter"], kind.words, f"{row['begin']:%Y-%m-%d %H:%M}")
        table.add_row(*names, str(row["duration_s"]), value, row["quality"])
    return table


def _at(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def _error(state: SourceState) -> str:
    again = f"; tried again at {_at(state.retry_at)}" if state.retry_at else ""
    return state.last_error + again
