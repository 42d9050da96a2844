"""The Data Handler's work: a delivery through its mapping into the readings table, the rest into quarantine; replays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cim.mapping.engine.formats import frames
from cim.mapping.engine.frame import Reject, frame_of_records
from cim.mapping.engine.local_clock import Passes
from cim.mapping.engine.mapper import Mapped, Mapper, State
from cim.mapping.engine.mapping_file import MappingFile, read_mapping
from cim.model.errors import BadInput
from cim.platform.handler.held_frames import frames_of
from cim.platform.handler.message_block import TOPIC, Block, by_message, rows_of
from cim.platform.handler.new_readings import Known, not_yet_good, unknown, without_repeats
from cim.platform.handler.quarantine import Quarantine, Replay
from cim.platform.readings.batch import ReadingBatch
from cim.platform.readings.columns import batch_schema
from cim.platform.readings.table import Appended

if TYPE_CHECKING:
    from typing import Protocol

    import pyarrow as pa
    from pydantic import JsonValue

    class Readings(Protocol):
        """The table's writer."""

        def append(self, batch: ReadingBatch, stream: str, sequence: int) -> Appended:
            """Add a batch once."""
            ...


REPLAYED = 20_000  # records at once
_BLOCKS = 20  # bits of a sequence number that count a delivery's blocks


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a source gave at once.

    Attributes:
        number: of the source's deliveries, from 1, each once: it makes the table take it once.
        data: the file that holds its bytes.
        recorded: when it came, on the run's own clock.
        not_before: the begin of what was asked for; tells the two passes of a doubled hour apart. None: not known.
    """

    source: str
    number: int
    data: Path
    recorded: datetime
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of records.

    Attributes:
        readings: new in the table.
        known: readings that said what is known already.
        rejects: records in quarantine.
        passed_over: records that no value of the mapping asks for.
        refused: why the whole delivery (its rest) is in quarantine, or empty.
    """

    readings: int = 0
    known: int = 0
    rejects: int = 0
    passed_over: int = 0
    refused: str = ""

    def __add__(self, other: Taken) -> Taken:
        return Taken(
            self.readings + other.readings,
            self.known + other.known,
            self.rejects + other.rejects,
            self.passed_over + other.passed_over,
            self.refused or other.refused,
        )


class RecordMapper:
    """A mapping at work on a stream of records, which it is handed in their order."""

    def __init__(self, file: MappingFile) -> None:
        self.file, self._mapper, self._state = file, Mapper(file.mapping), State()

    def apply(self, records: Sequence[Mapping[str, JsonValue]]) -> Mapped:
        """Map some records; what a value follows upon is remembered."""
        return self._mapper.apply(frame_of_records(records, self.file.mapping.columns), self._state)


class _Place(NamedTuple):
    """Where rejects came from."""

    source: str
    delivery: int
    recorded: datetime
    mapping: str


class DataHandler:
    """Takes deliveries; a delivery that was interrupted is handed in again and goes on where it was.

    Args:
        table: the readings table's writer.
        known: queries over the same table.
    """

    def __init__(self, table: Readings, known: Known, quarantine: Quarantine) -> None:
        self._table, self.known, self.quarantine = table, known, quarantine

    def take(self, delivery: Delivery, mapping: MappingFile, told: Callable[[Taken], None] = lambda _: None) -> Taken:
        """Map a delivery. When it returns, each of its records is in the table, known there, or in quarantine.

        Args:
            told: called after each block with what was taken so far.

        Raises:
            NotStored, OSError, sqlite3.Error: a disk or the store does not take it; hand it in again.
        """
        import pyarrow as pa

        self.quarantine.keep_mapping(mapping.version, mapping.text)
        mapper, state, sum_ = Mapper(mapping.mapping), _state(delivery), Taken()
        try:
            with delivery.data.open("rb") as file:
                for block, frame in enumerate(frames(mapping.mapping, file)):
                    sequence = (delivery.number << _BLOCKS) | block
                    place = _Place(delivery.source, delivery.number, delivery.recorded, mapping.version)
                    sum_ += self._take_block(mapper.apply(frame, state), place, "source", sequence)
                    told(sum_)
        except (BadInput, pa.ArrowException) as error:  # what Arrow cannot take must not hold up what comes next
            reason = str(error).split("\n", 1)[0] or type(error).__name__
            self.quarantine.hold_whole(
                delivery.source, delivery.number, delivery.data, reason, mapping.version, delivery.recorded
            )
            return sum_ + Taken(refused=reason)
        return sum_

    def take_records(
        self,
        source: str,
        number: int,
        records: Sequence[Mapping[str, JsonValue]],
        mapping: RecordMapper,
        recorded: datetime,
    ) -> Taken:
        """Map records of a device stream as they come, a few or thousands at once; see `take`.

        Args:
            number: of the stream's batches, from 1, each once: the same again is not taken again.
            mapping: of this stream alone, since it remembers what came before.
        """
        self.quarantine.keep_mapping(mapping.file.version, mapping.file.text)
        place = _Place(source, number, recorded, mapping.file.version)
        return self._take_block(mapping.apply(records), place, "records", number)

    def _take_block(self, mapped: Mapped, place: _Place, stream: str, sequence: int) -> Taken:
        self.quarantine.hold(place.source, place.delivery, mapped.rejects, place.mapping, place.recorded)
        new = self._unknown(mapped.readings)
        self._append(new, place.source, stream, sequence, place.recorded)
        return Taken(new.num_rows, mapped.readings.num_rows - new.num_rows, len(mapped.rejects), mapped.passed_over)

    def take_messages(self, block: Block, mapping: MappingFile) -> Taken:
        """Map messages of a stream; each of their records is in the table, known there, or in quarantine when it returns.

        The table takes what is up to a sequence once: messages must be handed in by their order, in whatever blocks.

        Raises:
            NotStored, OSError, sqlite3.Error: a disk or the store does not take it; hand it in again before what follows.
        """
        mapped = Mapper(mapping.mapping).apply(block.frame, State())
        for message, rejects in by_message(mapped.rejects, block.places).items():
            self.quarantine.keep_mapping(mapping.version, mapping.text)
            recorded = block.recorded[rejects[0][0]].as_py()
            self.quarantine.hold(block.source, message, [one for _, one in rejects], mapping.version, recorded)
        new = self._unknown(mapped.readings)
        if new.num_rows:
            stamps = block.recorded.take(rows_of(new))
            self._append(new, block.source, TOPIC, block.sequence, stamps)
        return Taken(new.num_rows, mapped.readings.num_rows - new.num_rows, len(mapped.rejects), mapped.passed_over)

    def hold(self, source: str, number: int, reject: Reject, mapping: MappingFile, recorded: datetime) -> None:
        """Put a record (or message) that is none into quarantine."""
        self.quarantine.keep_mapping(mapping.version, mapping.text)
        self.quarantine.hold(source, number, [reject], mapping.version, recorded)

    def replay(self, source: str, mapping: MappingFile, recorded: datetime) -> Taken:
        """Try a source's held records again by its mended mapping; what is refused again stays, with the new reason.

        A record never goes over a good reading that came since.
        """
        self.quarantine.keep_mapping(mapping.version, mapping.text)
        sum_ = self.finish_replays()
        first = 0
        while replay := self.quarantine.begin_replay(source, mapping.version, recorded, first, REPLAYED):
            first = self.quarantine.records_of(replay)[-1].id + 1
            sum_ += self._replayed(replay, mapping)
        return sum_

    def finish_replays(self) -> Taken:
        """End replays that an interruption left open."""
        sum_ = Taken()
        for replay in self.quarantine.unfinished_replays():
            sum_ += self._replayed(replay, read_mapping(self.quarantine.mapping_text(replay.mapping)))
        return sum_

    def _replayed(self, replay: Replay, mapping: MappingFile) -> Taken:
        held = self.quarantine.records_of(replay)
        mapper, refused, parts = Mapper(mapping.mapping), dict[int, str](), []
        for frame in frames_of(held, mapping.mapping, refused):
            mapped = mapper.apply(frame, State())
            refused |= {reject.line: reject.reason for reject in mapped.rejects}
            parts.append(mapped.readings)
        recorded = datetime.fromisoformat(replay.recorded)
        new = known = 0
        if parts:
            import pyarrow as pa

            readings = without_repeats(pa.concat_tables(parts))
            fresh = not_yet_good(readings, self.known) if readings.num_rows else readings
            self._append(fresh, replay.source, "replay", replay.id, recorded)
            new, known = fresh.num_rows, readings.num_rows - fresh.num_rows
        self.quarantine.end_replay(replay, sorted(refused.items()))
        return Taken(new, known, len(refused))

    def _unknown(self, readings: pa.Table) -> pa.Table:
        once = without_repeats(readings)
        return unknown(once, self.known) if once.num_rows else once

    def _append(
        self, readings: pa.Table, source: str, stream: str, sequence: int, recorded: datetime | pa.Array
    ) -> None:
        import pyarrow as pa

        if not readings.num_rows:
            return
        schema = batch_schema()
        kind = schema.field("recorded").type
        each = recorded if isinstance(recorded, pa.Array) else pa.repeat(pa.scalar(recorded, kind), readings.num_rows)
        table = readings.drop_columns(["line"])
        table = table.append_column("recorded", each.cast(kind))
        table = table.append_column("source", pa.repeat(source, readings.num_rows))
        self._table.append(ReadingBatch(table), f"{stream}/{source}", sequence)


def _state(delivery: Delivery) -> State:
    before = delivery.not_before
    us = None if before is None else int(before.timestamp() * 1e6)
    return State(Passes(not_before_us=us, not_after_us=int(delivery.recorded.timestamp() * 1e6)))
