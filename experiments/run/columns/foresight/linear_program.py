"""A linear program that is built block by block: rows of variables over time, and rows of constraints among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from cim.model.arrays import Floats, Ints
from cim.model.errors import IlesError

Term = tuple[Ints, Floats | float]  # variables, one for each constraint of a block, and their coefficients


class NoOptimum(IlesError):
    """The program has no solution."""


@dataclass
class _Rows:
    """Constraints as triplets."""

    rows: list[Ints] = field(default_factory=list)
    columns: list[Ints] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)
    right: list[Floats] = field(default_factory=list)
    count: int = 0

    def add(self, terms: Iterable[Term], right: Floats | float, count: int) -> None:
        rows = np.arange(self.count, self.count + count)
        for variables, coefficient in terms:
            self.rows.append(rows)
            self.columns.append(np.asarray(variables))
            self.values.append(np.broadcast_to(np.asarray(coefficient, dtype=np.float64), (count,)))
        self.right.append(np.broadcast_to(np.asarray(right, dtype=np.float64), (count,)))
        self.count += count

    def matrix(self, variables: int) -> csr_array | None:
        if not self.count:
            return None
        places = (np.concatenate(self.rows), np.concatenate(self.columns))
        return csr_array((np.concatenate(self.values), places), shape=(self.count, variables))

    def bounds(self) -> Floats | None:
        return np.concatenate(self.right) if self.count else None


class LinearProgram:
    """Least cost over blocks of variables under linear constraints; solved by HiGHS."""

    def __init__(self) -> None:
        self._low: list[Floats] = []
        self._high: list[Floats] = []
        self._cost: list[Floats] = []
        self._count = 0
        self._equal, self._at_most = _Rows(), _Rows()

    def variables(self, low: Floats | float, high: Floats | float, cost: Floats | float, count: int) -> Ints:
        """A block of `count` variables within bounds; returns their places."""
        for kept, value in ((self._low, low), (self._high, high), (self._cost, cost)):
            kept.append(np.broadcast_to(np.asarray(value, dtype=np.float64), (count,)))
        places = np.arange(self._count, self._count + count)
        self._count += count
        return places

    def equal(self, terms: Sequence[Term], right: Floats | float) -> None:
        """For each place of the terms' variables: the sum of coefficient times variable is `right`."""
        self._equal.add(terms, right, len(terms[0][0]))

    def at_most(self, terms: Sequence[Term], right: Floats | float) -> None:
        """For each place of the terms' variables: the sum of coefficient times variable is at most `right`."""
        self._at_most.add(terms, right, len(terms[0][0]))

    def row_at_most(self, variables: Ints, coefficients: Floats, right: float) -> None:
        """One constraint over many variables."""
        self._row(self._at_most, variables, coefficients, right)

    def row_equal(self, variables: Ints, coefficients: Floats, right: float) -> None:
        """One equation over many variables."""
        self._row(self._equal, variables, coefficients, right)

    @staticmethod
    def _row(rows: _Rows, variables: Ints, coefficients: Floats, right: float) -> None:
        rows.rows.append(np.full(len(variables), rows.count))
        rows.columns.append(np.asarray(variables))
        rows.values.append(np.asarray(coefficients, dtype=np.float64))
        rows.right.append(np.array([right]))
        rows.count += 1

    def solve(self) -> Floats:
        """The value of every variable at least cost.

        Raises:
            NoOptimum: the constraints contradict each other, or the cost has no bound.
        """
        found = linprog(
            np.concatenate(self._cost),
            A_ub=self._at_most.matrix(self._count),
            b_ub=self._at_most.bounds(),
            A_eq=self._equal.matrix(self._count),
            b_eq=self._equal.bounds(),
            bounds=np.column_stack([np.concatenate(self._low), np.concatenate(self._high)]),
            method="highs",
        )
        if found.x is None:
            raise NoOptimum(f"foresight: {found.message}")
        return np.asarray(found.x, dtype=np.float64)
