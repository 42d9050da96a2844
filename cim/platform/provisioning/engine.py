"""Runs trees on DuckDB: bound values, a time-out, no more rows than a page."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa  # here, for DuckDB reads the annotations of the function it is given
from sqlglot import exp

from cim.model.errors import BadInput, IlesError
from cim.platform.access.policies import Decision
from cim.platform.access.principals import Principal
from cim.platform.access.pseudonyms import Pseudonyms
from cim.platform.access.secured import PSEUDONYM
from cim.platform.provisioning.definition import Value
from cim.platform.provisioning.reach import homes_within_reach
from cim.platform.provisioning.relations import Opened, Relation
from cim.platform.provisioning.tree import ROWS, used

if TYPE_CHECKING:
    import duckdb


class TooLong(IlesError):
    """A query took longer than it may; it was stopped."""


class Engine:
    """One DuckDB for all requests; each has a cursor of its own.

    Args:
        key: of the site's pseudonyms.
        memory: that DuckDB may take.
        patience_s: how long a request's queries may run.
    """

    def __init__(self, key: bytes, patience_s: float = 10.0, memory: str = "1GB") -> None:
        import duckdb

        self._patience_s = patience_s
        self._connection = duckdb.connect()
        self._connection.execute("SET memory_limit = $memory", {"memory": memory})
        self._connection.execute("SET TimeZone = 'UTC'")
        # It answers NULL for NULL; DuckDB keeps nulls from it.
        self._connection.create_function(
            PSEUDONYM, _pseudonyms(key), ["VARCHAR", "VARCHAR"], "VARCHAR", type="arrow", null_handling="special"
        )

    @contextmanager
    def over(self, relation: Relation, decision: Decision, asking: Principal) -> Iterator[Run]:
        """Queries over one state of a relation; stopped together when they take too long.

        Args:
            decision, asking: homes that they do not reach are not read; that no other row leaves is the queries' own part.

        Raises:
            TooLong: they did.
        """
        import duckdb

        cursor = self._connection.cursor()
        done, late = threading.Event(), threading.Event()

        def watch() -> None:
            if done.wait(self._patience_s):
                return
            late.set()
            while not done.wait(0.02):
                cursor.interrupt()  # again and again: between two queries there is nothing to stop

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            homes = homes_within_reach(decision, asking, relation.points, cursor)
            with relation.opened(cursor, homes) as opened:
                yield Run(cursor, opened, late)
        except (duckdb.InterruptException, TooLong):
            raise TooLong(
                f"query: it ran for more than {self._patience_s:g} s; expected a shorter window or fewer groups"
            ) from None
        except duckdb.DataError as error:  # a text compared with a number, a sum beyond its type
            said = str(error).splitlines()[0]
            raise BadInput(f"query: {said}; expected values that go with their columns") from None
        finally:
            done.set()
            watcher.join()
            cursor.close()

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()


class Run:
    """Queries over one state of a relation."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, opened: Opened, late: threading.Event) -> None:
        self._cursor, self._opened, self._late = cursor, opened, late

    def table(self, tree: exp.Select, values: dict[str, Value]) -> pa.Table:
        """What a tree finds.

        Raises:
            TooLong: the time was over before.
        """
        if self._late.is_set():
            raise TooLong("query: its time was over; expected a shorter window or fewer groups")
        # Constant words around a tree whose values are all bound.
        text = "WITH " + ROWS + " AS (" + self._opened.text + ") SELECT * FROM (" + tree.sql(dialect="duckdb") + ")"  # noqa: S608 - above
        bound = dict(self._opened.values) | {
            name: list(value) if isinstance(value, tuple) else value for name, value in used(tree, values).items()
        }
        return self._cursor.sql(text, params=bound).to_arrow_table()


def _pseudonyms(key: bytes) -> Callable[[pa.Array, pa.Array], pa.Array]:
    def stand_ins(projects: pa.Array, names: pa.Array) -> pa.Array:
        """The pseudonym of each name in its project; worked out once a name."""
        of = {project: Pseudonyms(key, project or "") for project in projects.unique().to_pylist()}
        known: dict[tuple[str, str], str] = {}
        found: list[str | None] = []
        for project, name in zip(projects.to_pylist(), names.to_pylist(), strict=True):
            if name is None:
                found.append(None)
                continue
            if (project, name) not in known:
                known[project, name] = of[project].of(name)
            found.append(known[project, name])
        return pa.array(found, pa.string())

    return stand_ins
