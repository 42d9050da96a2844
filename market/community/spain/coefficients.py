"""Coefficients of sharing (beta): agreed before, one for all hours or one for each hour of a local year, in millionths.

All members sign the same agreement; each hour's coefficients sum to a million exactly; an agreement is changed no more often
than the law of the day says (every four months).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction

import numpy as np

from cim.model.arrays import Ints
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from market.community.exact import MILLION, in_millionths

_HOUR = timedelta(hours=1)


class CoefficientMode(StrEnum):
    """How coefficients come about."""

    FIXED = "fixed"
    HOURLY_EX_ANTE = "hourly_ex_ante"
    EX_POST = "ex_post"  # by what was used; not law yet


def check_mode(mode: CoefficientMode, day: date, ex_post_lawful_from: date | None) -> None:
    """Whether coefficients may come about so on a day.

    Raises:
        BadInput: after the fact, and no law known allows that on the day.
    """
    if mode is CoefficientMode.EX_POST and (ex_post_lawful_from is None or day < ex_post_lawful_from):
        since = "no law known allows it yet" if ex_post_lawful_from is None else f"lawful from {ex_post_lawful_from}"
        raise BadInput(f"coefficient_mode: ex_post on {day}; expected fixed or hourly_ex_ante ({since})")


def default_coefficients(contracted_w: Sequence[int]) -> tuple[int, ...]:
    """What holds when nothing else is agreed: each member's contracted power over the sum, in millionths."""
    if any(power <= 0 for power in contracted_w) or not contracted_w:
        raise BadInput(f"contracted_w: {list(contracted_w)}; expected each member's contracted power, above 0 W")
    return in_millionths([Fraction(power) for power in contracted_w])


@dataclass(frozen=True, eq=False)
class Agreement:
    """What all members have signed.

    Attributes:
        from_day: first local day.
        members: names, in the order of the coefficients.
        e6: [1, n] fixed, or [hours of the year, n]: the hours of the local year that holds `from_day`, from its first.
    """

    from_day: date
    members: tuple[str, ...]
    e6: Ints

    def __post_init__(self) -> None:
        rows = np.asarray(self.e6, dtype=np.int64)
        if rows.ndim != 2 or rows.shape[1] != len(self.members) or not len(rows) or not self.members:
            raise BadInput(
                f"coefficients: shape {rows.shape}; expected a column for each of {len(self.members)} members"
            )
        check_sums(rows)

    @property
    def hourly(self) -> bool:
        """Whether each hour of the year has its own."""
        return len(self.e6) > 1

    def of_hours(self, first: datetime, count: int, timezone: str) -> Ints:
        """[count, n] the coefficients of hours in a row from an instant on.

        Raises:
            BadInput: hourly coefficients, and an hour lies outside their year.
        """
        if not self.hourly:
            return np.broadcast_to(self.e6, (count, len(self.members)))
        index = hour_of_year(first, self.from_day.year, timezone)
        if index < 0 or index + count > len(self.e6):
            raise BadInput(
                f"coefficients: hours {index + 1} to {index + count} of {self.from_day.year}; expected 1 to {len(self.e6)}"
            )
        return self.e6[index : index + count]


def check_sums(e6: Ints) -> None:
    """Each row of coefficients is whole: none below 0, and a million together.

    Raises:
        BadInput: the first hour for which that does not hold.
    """
    sums = e6.sum(axis=1)
    wrong = np.flatnonzero((sums != MILLION) | (e6.min(axis=1) < 0))
    if wrong.size:
        hour = int(wrong[0])
        place = f"hour {hour + 1:04d}" if len(e6) > 1 else "all hours"
        raise BadInput(
            f"coefficients of {place}: sum {decimal(int(sums[hour]))}, smallest {decimal(int(e6[hour].min()))}; expected "
            "1,000000 and none below 0"
        )


def decimal(e6: int) -> str:
    """Millionths as distributors read them: a decimal comma and six decimals."""
    sign = "-" if e6 < 0 else ""
    return f"{sign}{abs(e6) // MILLION},{abs(e6) % MILLION:06d}"


def hours_of_year(year: int, timezone: str) -> int:
    """How many hours a local year has: both clock changes lie within it, so 8,760, or 8,784 in leap years."""
    return (LocalDay(date(year + 1, 1, 1), timezone).start - LocalDay(date(year, 1, 1), timezone).start) // _HOUR


def hour_of_year(instant: datetime, year: int, timezone: str) -> int:
    """Which hour of a local year (from 0) begins at an instant or holds it; hours that passed, not hours of the clock."""
    return (instant - LocalDay(date(year, 1, 1), timezone).start) // _HOUR


@dataclass(frozen=True, eq=False)
class Agreements:
    """All agreements of a community, oldest first."""

    all: tuple[Agreement, ...] = ()

    def with_agreement(self, agreement: Agreement, months_between: int) -> Agreements:
        """As it is once another is signed.

        Raises:
            BadInput: it comes sooner than the law allows after the one before.
        """
        if self.all:
            soonest = months_later(self.all[-1].from_day, months_between)
            if agreement.from_day < soonest:
                raise BadInput(
                    f"agreement from {agreement.from_day}: the one before is from {self.all[-1].from_day}; expected "
                    f"{soonest} or later (one change in {months_between} months)"
                )
        return Agreements((*self.all, agreement))

    def on(self, day: date) -> Agreement:
        """The agreement that holds on a local day.

        Raises:
            BadInput: none does.
        """
        held = [agreement for agreement in self.all if agreement.from_day <= day]
        if not held:
            raise BadInput(f"agreement on {day}: none; expected one signed before")
        return held[-1]


def months_later(day: date, months: int) -> date:
    """The same day some months later, or the last of a shorter month."""
    year, month = divmod(day.month - 1 + months, 12)
    first = date(day.year + year, month + 1, 1)
    after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return min(first.replace(day=1) + timedelta(days=day.day - 1), after - timedelta(days=1))
