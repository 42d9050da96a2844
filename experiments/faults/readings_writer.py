"""A process that appends to a readings table as fast as it can, to be killed: `python -m experiments.faults.readings_writer`.

Arguments: the table's folder, and the number of the first batch that it is not sure of. It prints the number of each batch
that the table has taken, and never ends by itself. In between it compacts and cleans up.
"""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime, timedelta
from itertools import count

from cim.platform.readings.batch import ReadingBatch, ReadingRow
from cim.platform.readings.table import ReadingsTable

ROWS = 40  # of a batch
STREAM = "load"
_COMPACTED_EVERY = 7
_BEGIN = datetime(2026, 5, 20, tzinfo=UTC)
_ENERGY = "0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0"


def rows_of(sequence: int) -> list[ReadingRow]:
    """The rows of a batch, the same each time; many correct earlier ones. No two rows of all batches have one value."""
    draw = random.Random(sequence)  # noqa: S311 - repeatable, not secret
    recorded = _BEGIN + timedelta(seconds=sequence)
    return [
        ReadingRow(
            "home",
            f"home.meter-{draw.randrange(5)}",
            _ENERGY,
            _BEGIN + timedelta(minutes=15 * draw.randrange(4_000)),
            900,
            float(sequence * ROWS + k),
            "GOOD",
            recorded,
            STREAM,
        )
        for k in range(ROWS)
    ]


def main() -> None:
    """Append until somebody ends it."""
    with ReadingsTable(sys.argv[1]) as table:
        for sequence in count(int(sys.argv[2])):
            table.append(ReadingBatch.of_rows(rows_of(sequence)), STREAM, sequence)
            print(sequence, flush=True)
            if sequence % _COMPACTED_EVERY == 0:
                table.compact()
                table.clean_up()


if __name__ == "__main__":
    main()
