"""One request from its caller's name to the rows that leave: the order of checks that nothing goes around."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from cim.model.errors import BadInput, ProgrammingFault
from cim.platform.access.attributes import Dataset
from cim.platform.access.control import AccessControl
from cim.platform.access.policies import Decision
from cim.platform.access.principals import Principal
from cim.platform.access.secured import WITNESS, recheck, visible
from cim.platform.provisioning.definition import Definition, Value
from cim.platform.provisioning.engine import Engine, Run
from cim.platform.provisioning.rate import RateLimit
from cim.platform.provisioning.relations import Relation
from cim.platform.provisioning.tree import Trees, trees

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS = 10_000  # of a page


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of an answer: so many rows from the one of this number (0 is the first)."""

    rows: int = 1000
    start: int = 0

    def __post_init__(self) -> None:
        if not (1 <= self.rows <= MOST_ROWS and 0 <= self.start <= 10**9):
            raise BadInput(f"page: {self.rows} rows from {self.start}; expected 1 to {MOST_ROWS} rows from 0 or more")


@dataclass(frozen=True, slots=True)
class Answer:
    """What leaves.

    Attributes:
        table: its rows.
        next_start: where the next page begins; None where there is none.
        policies: by which it was allowed.
    """

    table: pa.Table
    next_start: int | None
    policies: tuple[str, ...]


class Provision:
    """Answers queries of principals over datasets.

    Args:
        relations: by dataset name, where its rows are.
    """

    def __init__(
        self, access: AccessControl, relations: Mapping[str, Relation], engine: Engine, rate: RateLimit
    ) -> None:
        self.access = access
        self._relations, self._engine, self._rate = dict(relations), engine, rate

    def dataset(self, name: str) -> Dataset:
        """What is known of a dataset.

        Raises:
            BadInput: there is none of this name.
        """
        if name not in self._relations:
            raise BadInput(f"dataset: {name!r}; expected one of {', '.join(sorted(self._relations))}")
        return self._relations[name].dataset

    def check(self, definition: Definition) -> None:
        """Whether a definition speaks of columns that are there.

        Raises:
            BadInput: it does not.
        """
        dataset = self.dataset(definition.dataset)
        if unknown := [name for name in definition.columns() if name not in dataset.columns]:
            raise BadInput(
                f"query {definition.name}: {dataset.name} has no column {unknown[0]!r}; "
                f"expected some of {', '.join(dataset.columns)}"
            )

    def ask(
        self, name: str, definition: Definition, given: dict[str, Value], page: Page, purpose: str | None = None
    ) -> Answer:
        """Answer a request; the audit log has it before the answer leaves.

        Raises:
            Denied: the caller may not, or asked for names or columns that are not its own.
            BadInput: the parameters do not fit, or the definition.
            TooOften, TooLong: the limits.
        """
        principal = self.access.who(name, "read", definition.name)
        self._rate.take(name)
        self.check(definition)
        values = definition.values(given)
        why = purpose or definition.purpose.value
        asked = (f"dataset {definition.dataset}", f"purpose {why}", *sorted(definition.columns()))
        if principal.role not in definition.roles:
            raise self.access.deny(principal, "read", definition.name, asked, "the query is not for this role")
        dataset = self._relations[definition.dataset].dataset
        asking, decision = self.access.decide(principal, dataset, why)
        definition = _as_seen(definition, decision, dataset)
        if reason := _hindrance(definition, decision, dataset):
            raise self.access.deny(principal, "read", definition.name, asked, reason)
        project = asking.project or f"principal {asking.name}"
        plan = trees(definition, values, decision, dataset, project)
        with self._engine.over(self._relations[definition.dataset], decision, asking) as run:
            if not all(run.table(tree, plan.values).num_rows for _, _, tree in plan.named):
                raise self.access.deny(
                    principal, "read", definition.name, asked, "a home or device that is not its own"
                )
            table = self._run(asking, dataset, why, plan, run, page, asked, definition.name)
        more = table.num_rows > page.rows
        table = table.slice(0, page.rows)
        self.access.allow(asking, "read", definition.name, asked, decision.rules, table.num_rows)
        return Answer(table, page.start + page.rows if more else None, decision.rules)

    def _run(
        self,
        asking: Principal,
        dataset: Dataset,
        purpose: str,
        plan: Trees,
        run: Run,
        page: Page,
        asked: tuple[str, ...],
        what: str,
    ) -> pa.Table:
        tree = plan.answer.limit(exp.Literal.number(page.rows + 1)).offset(exp.Literal.number(page.start))
        found = run.table(tree, plan.values)
        try:
            kinds = found if plan.kinds is None else run.table(plan.kinds, plan.values)
            recheck(self.access.policies, asking, dataset, purpose, kinds)
        except ProgrammingFault as fault:
            self.access.deny(asking, "read", what, asked, str(fault))
            raise
        return found.select([name for name in found.column_names if not name.startswith(WITNESS)])


def _as_seen(definition: Definition, decision: Decision, dataset: Dataset) -> Definition:
    """A query without the attributes that a caller may not see, where it asks for that; with all, where none is left."""
    if definition.hidden == "refuse" or decision.denied:
        return definition
    seen = visible(decision, dataset)
    left = tuple(name for name in definition.attributes if name in seen)
    return definition.model_copy(update={"attributes": left}) if left else definition


def _hindrance(definition: Definition, decision: Decision, dataset: Dataset) -> str:
    """Why a decision does not carry a request; empty where it does."""
    if decision.denied:
        return decision.denied
    seen = visible(decision, dataset)
    if any(name not in seen for name in definition.columns()):
        return "an attribute that is not shown to it"
    extremes = {"min", "max"} if definition.aggregation is not None and decision.minimum_homes > 1 else set()
    measures = definition.aggregation.measures if definition.aggregation is not None else ()
    if any(one.function in extremes for one in measures):
        return "an extreme shows one home's value"
    return ""
