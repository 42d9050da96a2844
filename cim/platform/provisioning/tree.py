"""From a definition to an SQL tree over what the caller may see; every value is bound, every name from the dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from cim.platform.access.attributes import ROW_ATTRIBUTES, AttributeClass, Dataset
from cim.platform.access.policies import Decision
from cim.platform.access.secured import PROJECT, WITNESS, secured
from cim.platform.provisioning.definition import Aggregation, Definition, Value, called_parameter, instant

ROWS = "rows"  # the relation's name in every tree

_EVERY: Final = {"hour": "hour", "day": "day", "month": "month", "year": "year"}
_TESTS: Final = {"==": exp.EQ, "!=": exp.NEQ, "<": exp.LT, "<=": exp.LTE, ">": exp.GT, ">=": exp.GTE}
_FIGURES: Final = {"sum": exp.Sum, "mean": exp.Avg, "min": exp.Min, "max": exp.Max, "count": exp.Count}
_HOME = exp.column(WITNESS + "usage_point")


@dataclass(frozen=True, slots=True)
class Trees:
    """What is run for one request.

    Attributes:
        answer: the rows or groups; rows carry their witnesses.
        kinds: where the answer is groups: the kinds of row that went into them, for the check on the way out.
        named: names of homes and devices that were asked for, and the query that tells which of them may be seen.
        values: of all parameters.
    """

    answer: exp.Select
    kinds: exp.Select | None
    named: tuple[tuple[str, str, exp.Select], ...]
    values: dict[str, Value]


def trees(definition: Definition, given: dict[str, Value], decision: Decision, dataset: Dataset, project: str) -> Trees:
    """The queries of a request.

    Args:
        given: by parameter, its checked value.
        project: whose pseudonyms stand in for names, if the decision asks for them.
    """
    bound = _Bound({**decision.values, PROJECT: project})
    seen = secured(decision, dataset, ROWS)
    conditions = _conditions(definition, given, bound)
    chosen = exp.select("*").from_(seen.subquery("seen"))
    for one in conditions:
        chosen = chosen.where(one)
    named = []
    for test in definition.filters:
        if dataset.columns[test.column] in {AttributeClass.HOME, AttributeClass.DEVICE} and test.test in {"==", "in"}:
            named += _named(test.column, _resolved(test.value, given), seen, bound)
    least = decision.minimum_homes
    if definition.aggregation is None:
        answer, kinds = _rows(definition, dataset, chosen, least), None
    else:
        answer = _groups(definition.aggregation, chosen, least, bound)
        kinds = exp.select(*(WITNESS + name for name in ROW_ATTRIBUTES)).distinct().from_(chosen.subquery("chosen"))
    return Trees(answer, kinds, tuple(named), bound.values)


def used(tree: exp.Expression, values: dict[str, Value]) -> dict[str, Value]:
    """The values of those parameters that a tree has."""
    names = {str(one.this) for one in tree.find_all(exp.Placeholder)}
    return {name: value for name, value in values.items() if name in names}


class _Bound:
    def __init__(self, values: dict[str, Value]) -> None:
        self.values = values

    def bind(self, value: Value) -> exp.Expression:
        name = f"asked_{len(self.values)}"
        self.values[name] = value
        return exp.Placeholder(this=name)


def _rows(definition: Definition, dataset: Dataset, chosen: exp.Select, least: int) -> exp.Select:
    """The rows in an order of their own; with a least number of homes, only those that so many homes share a look with."""
    columns = [exp.column(name) for name in definition.attributes]
    witnesses = [exp.column(WITNESS + name) for name in ROW_ATTRIBUTES]
    answer = exp.select(*columns, *witnesses).from_(chosen.subquery("chosen"))
    if least > 1:
        look = [exp.column(name) for name in definition.attributes if name not in {*dataset.named, *dataset.free}]
        homes = exp.Count(this=exp.Distinct(expressions=[_HOME.copy()]))
        over = exp.Window(this=homes, partition_by=look)
        answer.set("qualify", exp.Qualify(this=exp.GTE(this=over, expression=exp.Literal.number(least))))
    return answer.order_by(*(column.copy() for column in columns))


def _groups(asked: Aggregation, chosen: exp.Select, least: int, bound: _Bound) -> exp.Select:
    by: list[tuple[str, exp.Expression]] = [(name, exp.column(name)) for name in asked.by]
    if asked.every is not None:
        by.insert(0, ("begin", _bucket(asked, bound)))
    figures = [exp.alias_(_FIGURES[one.function](this=exp.column(one.column)), one.name) for one in asked.measures]
    answer = exp.select(*(exp.alias_(value.copy(), name) for name, value in by), *figures)
    answer = answer.from_(chosen.subquery("chosen"))
    if by:
        # By number: `begin` names the column and its interval, and both the group and the order mean the interval.
        places = [exp.Literal.number(place) for place in range(1, len(by) + 1)]
        answer = answer.group_by(*places).order_by(*(place.copy() for place in places))
    homes = exp.Count(this=exp.Distinct(expressions=[_HOME.copy()]))
    # Without groups SQL has one group of nothing: nobody's rows are no answer.
    return answer.having(exp.GTE(this=homes, expression=exp.Literal.number(max(least, 1))))


def _bucket(asked: Aggregation, bound: _Bound) -> exp.Expression:
    """The begin of the interval, as an instant; intervals are those of the local time."""
    zone = bound.bind(asked.timezone)
    local = exp.Anonymous(this="timezone", expressions=[zone, exp.column("begin")])
    if asked.every == "quarter-hour":
        # Every zone's offset is whole quarters, and so the same in UTC; local time has two of some in October.
        width = exp.Interval(this=exp.Literal.string("15"), unit=exp.Var(this="MINUTES"))
        return exp.Anonymous(this="time_bucket", expressions=[width, exp.column("begin")])
    if asked.every == "hour":
        return exp.Anonymous(this="date_trunc", expressions=[exp.Literal.string("hour"), exp.column("begin")])
    part = exp.Literal.string(_EVERY[str(asked.every)])
    cut = exp.Anonymous(this="date_trunc", expressions=[part, local])
    return exp.Anonymous(this="timezone", expressions=[zone.copy(), cut])


def _conditions(definition: Definition, given: dict[str, Value], bound: _Bound) -> list[exp.Expression]:
    found: list[exp.Expression] = []
    for one in definition.filters:
        value = _resolved(one.value, given)
        column = exp.column(one.column)
        if one.test == "in":
            several = value if isinstance(value, tuple) else (value,)
            found.append(exp.In(this=column, expressions=[bound.bind(v) for v in several]) if several else exp.false())
        else:
            found.append(_TESTS[one.test](this=column, expression=bound.bind(value)))
    for edge, kind in ((definition.window.begin, exp.GTE), (definition.window.end, exp.LT)):
        if edge is not None:
            value = _resolved(edge, given)
            at = instant(value) if isinstance(value, str) else value
            found.append(kind(this=exp.column("begin"), expression=bound.bind(at)))
    return found


def _resolved(value: Value, given: dict[str, Value]) -> Value:
    name = called_parameter(value)
    return value if name is None else given[name]


def _named(column: str, value: Value, seen: exp.Select, bound: _Bound) -> list[tuple[str, str, exp.Select]]:
    """For each name that was asked for: whether anything of that name may be seen."""
    several = value if isinstance(value, tuple) else (value,)
    return [
        (
            column,
            str(name),
            exp.select(exp.Literal.number(1))
            .from_(seen.copy().subquery("seen"))
            .where(exp.EQ(this=exp.column(column), expression=bound.bind(name)))
            .limit(1),
        )
        for name in several
    ]
