"""What is taken off the grid's energy charge for energy from a community, by dated tables.

The reductions are set by ordinance for some years at a time. On a day for which no table is known nothing is assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cim.model.errors import BadInput


class CommunityKind(StrEnum):
    """What a community is by law; its area where that decides."""

    LOCAL = "eeg-local"  # renewable energy community below one transformer (grid levels 6 and 7)
    REGIONAL = "eeg-regional"  # below one substation (levels 4 to 7)
    CITIZENS = "citizens"  # citizens' energy community: no reduction
    PEERS = "peer-to-peer"  # by contract between active customers: no reduction

    @property
    def renewable(self) -> bool:
        """Whether electricity tax and the support of renewables fall away for its energy."""
        return self in (CommunityKind.LOCAL, CommunityKind.REGIONAL)


class GridLevels(StrEnum):
    """Where a member is connected."""

    LOW = "6-7"
    MEDIUM = "4-5"


@dataclass(frozen=True, slots=True)
class ReductionTable:
    """Reductions that hold from a day to another, both included, percent of the energy charge.

    Attributes:
        pct: (kind, levels) -> reduction; a pair that is not there has none in law.
    """

    from_day: date
    to_day: date
    pct: dict[tuple[CommunityKind, GridLevels], int]
    source: str


def reduction_pct(tables: Sequence[ReductionTable], day: date, kind: CommunityKind, levels: GridLevels) -> int:
    """The reduction on a local day.

    Raises:
        BadInput: no table holds on the day, or a member's level does not fit its community's area.
    """
    if not kind.renewable:
        return 0
    for table in tables:
        if table.from_day <= day <= table.to_day:
            if (kind, levels) not in table.pct:
                raise BadInput(f"grid levels {levels} in a community {kind}; expected {_levels(table, kind)}")
            return table.pct[kind, levels]
    spans = ", ".join(f"{table.from_day} to {table.to_day}" for table in tables) or "none"
    raise BadInput(
        f"grid-fee reduction on {day}: no table holds; expected a day within {spans} (what holds later is set by an "
        "ordinance that is not known here)"
    )


def _levels(table: ReductionTable, kind: CommunityKind) -> str:
    return ", ".join(levels for known, levels in table.pct if known is kind) or "another kind of community"
