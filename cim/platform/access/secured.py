"""What a principal may see of a table, as a table: rows filtered, columns left out, emptied or replaced by pseudonyms.

Every query runs over it and over nothing else, so that neither a filter nor a sum can reach what is not shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from cim.model.errors import IlesError, ProgrammingFault
from cim.platform.access.attributes import ROW_ATTRIBUTES, Dataset
from cim.platform.access.policies import Decision, Policies, Row
from cim.platform.access.principals import Principal

if TYPE_CHECKING:
    import pyarrow as pa

PSEUDONYM = "pseudonym"  # the SQL function, of a project and a name, that whoever runs the query provides
PROJECT = "project"  # the parameter that says whose pseudonyms
WITNESS = "row_"  # before a row attribute's name: what the row is, for the check on the way out; never leaves


class Denied(IlesError):
    """Somebody asked for what is not theirs; says neither what is there nor how much."""


def visible(decision: Decision, dataset: Dataset) -> tuple[str, ...]:
    """The columns of which a principal sees something."""
    shown = {kind for grant in decision.grants for kind in grant.rule.shows}
    return tuple(name for name, kind in dataset.columns.items() if kind in shown)


def secured(decision: Decision, dataset: Dataset, table: str) -> exp.Select:
    """The table as a principal may see it; beside the visible columns the witnesses of each row.

    Args:
        table: the relation's name; it has the dataset's columns and all of `ROW_ATTRIBUTES`.
    """
    columns: list[exp.Expression] = []
    for name in visible(decision, dataset):
        value: exp.Expression = exp.column(name)
        if decision.pseudonyms and name in dataset.named:
            value = exp.Anonymous(this=PSEUDONYM, expressions=[exp.Placeholder(this=PROJECT), value])
        kind = dataset.columns[name]
        if not all(kind in grant.rule.shows for grant in decision.grants):
            value = exp.Case().when(decision.shown(kind), value)
        columns.append(exp.alias_(value, name))
    witnesses = [exp.alias_(exp.column(name), WITNESS + name) for name in ROW_ATTRIBUTES]
    return exp.select(*columns, *witnesses).from_(exp.to_table(table)).where(decision.rows)


def recheck(policies: Policies, principal: Principal, dataset: Dataset, purpose: str, found: pa.Table) -> None:
    """Judge every kind of row that is about to leave again, in full and by itself; all or nothing leaves.

    Args:
        found: rows with all witnesses; other columns of the dataset's names are held to what the row's policies show.

    Raises:
        ProgrammingFault: a row or a value was found that no policy shows; nothing may leave.
    """
    names = [WITNESS + name for name in ROW_ATTRIBUTES]
    kinds = found.select(names).group_by(names).aggregate([])
    rows: list[Row] = [{name: row[WITNESS + name] for name in ROW_ATTRIBUTES} for row in kinds.to_pylist()]
    judged = policies.judge(principal, dataset, purpose, rows)
    if not all(judged):
        raise ProgrammingFault("access: the check on the way out found a row that no policy permits; nothing left")
    for row, rules in zip(rows, judged, strict=True):
        shown = {kind for rule in rules for kind in rule.shows}
        hidden = [name for name in found.column_names if name in dataset.columns and dataset.columns[name] not in shown]
        if hidden and _any_value(found, row, hidden):
            raise ProgrammingFault("access: the check on the way out found a value that no policy shows; nothing left")


def _any_value(found: pa.Table, row: Row, hidden: Sequence[str]) -> bool:
    """Whether rows of a kind have a value in a column that is not shown of them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    mask = pa.array([True] * found.num_rows)
    for name, value in row.items():
        column = found[WITNESS + name]
        mask = pc.and_(mask, pc.is_null(column) if value is None else pc.fill_null(pc.equal(column, value), False))
    rows = found.filter(mask)
    return any(rows[name].null_count < rows.num_rows for name in hidden)
