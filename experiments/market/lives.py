"""The lives of units that were to change their provider, move by move, as the register's records have them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from experiments.market.rows import UnitMoveRow
from market.ledger.records import Record
from market.register.lifecycle import UnitEvent
from market.register.register import FlexibilityRegister
from market.register.units import RECORD_KIND, UnitMove
from market.settlement.billed_records import bodies


def switched_lives(records: Sequence[Record], operator: str) -> Iterator[UnitMoveRow]:
    """Every move of each unit for which a switch was asked, unit by unit in their order.

    Args:
        operator: domain of the system operator.
    """
    moves: list[tuple[Record, tuple[UnitMove, ...]]] = list(bodies(records, RECORD_KIND, tuple))
    switched = {move.key for _, body in moves for move in body if move.event is UnitEvent.SWITCH}
    register, rows = FlexibilityRegister(operator), list[UnitMoveRow]()
    for record, body in moves:
        register = register.at(record.at).after(body, record.author)
        for move in (move for move in body if move.key in switched):
            unit = register.units[move.key]
            rows.append(
                UnitMoveRow(
                    unit=move.key.unit,
                    at=move.at.isoformat(),
                    move=str(move.event),
                    by=record.author,
                    state=str(unit.state),
                    provider=unit.provider,
                    next_provider=unit.next_provider,
                    reason=move.reason,
                )
            )
    yield from sorted(rows, key=lambda row: (row.unit, row.at))
