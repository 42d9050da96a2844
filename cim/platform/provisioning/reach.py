"""How far a decision reaches: of which homes it can show anything, so that the rest of a big table is never read.

Only a help: the decision's condition is in the query all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from cim.platform.access.policies import Decision
from cim.platform.access.principals import Principal, UsagePoint

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_OF_A_POINT = {"usage_point", "aggregator", "congestion_point", "kind", "place", "level"}
_MOST = 20_000  # homes; beyond, a list costs more than it saves


def homes_within_reach(
    decision: Decision, asking: Principal, points: Sequence[UsagePoint], cursor: duckdb.DuckDBPyConnection
) -> list[str] | None:
    """Homes of which some row may be seen; None: it is not known, of none, or of too many."""
    tested = {str(column.this.this) for column in decision.rows.find_all(exp.Column)}
    if not tested or not tested <= _OF_A_POINT:
        return None
    cursor.register("reach", _table(points, {*asking.homes, *(h for some in asking.consented.values() for h in some)}))
    tree = exp.select("usage_point").distinct().from_("reach").where(decision.rows).limit(_MOST + 1)
    names = {str(one.this) for one in tree.find_all(exp.Placeholder)}
    values = {name: value for name, value in decision.values.items() if name in names}
    found = [home for (home,) in cursor.execute(tree.sql(dialect="duckdb"), values).fetchall()]
    cursor.unregister("reach")
    return found if 0 < len(found) <= _MOST else None


def _table(points: Sequence[UsagePoint], others: Iterable[str]) -> pa.Table:
    """Each home at both levels, with each aggregator that ever marketed it; homes that no usage point describes by name alone."""
    import pyarrow as pa

    known = {point.usage_point for point in points}
    every = [*points, *(UsagePoint(name, "") for name in others if name not in known)]
    held = [(one, marketed.aggregator) for one in every for marketed in one.marketed()]
    names = ("usage_point", "congestion_point", "kind", "place")
    columns = {name: pa.array([getattr(one, name) or None for one, _ in held] * 2, pa.string()) for name in names}
    columns["aggregator"] = pa.array([aggregator or None for _, aggregator in held] * 2, pa.string())
    levels = ["connection"] * len(held) + ["device"] * len(held)
    return pa.table(columns | {"level": pa.array(levels, pa.string())})
