"""What else than prices is negotiated: any parameter of a contract, from what a side wants most to the worst it will take."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date
from math import floor
from typing import Any

from cim.codec.codec import wire
from cim.model.errors import BadInput
from market.contracts.contract import ActivationPriceKind, CountedPer, FlexContract

Value = int | date | tuple[int, ...] | tuple[str, ...] | ActivationPriceKind | CountedPer

# Who the contract is between and what its prices are is negotiated elsewhere, or not at all.
_NOT = {"contract_id", "buyer", "seller", "timezone", "isp_minutes", "currency", "reserved", "version", "template",
        "template_version", "volume_price_e4_per_kwh", "capacity_price_e4_per_kw_day"}  # fmt: skip
_ELEMENTS = "flex_elements"
NEGOTIABLE = frozenset(field.name for field in fields(FlexContract)) - _NOT


@wire("market.Issue")
@dataclass(frozen=True, slots=True)
class Issue:
    """One side's wish about one parameter of a contract.

    Attributes:
        parameter: a field of `FlexContract`; of `flex_elements` the values are names, and what was left out stays out.
        values: what it would take, best first; the last is the worst that it takes.
        worth_e4: what the first is worth more to it than the last, ten-thousandths per kW and day.
        step: above 0, `values` are two numbers, and those between them in such steps count as well.
    """

    parameter: str
    values: tuple[Value, ...]
    worth_e4: float
    step: int = 0

    def __post_init__(self) -> None:
        if self.parameter not in NEGOTIABLE:
            raise BadInput(
                f"issue: {self.parameter} is not negotiable; expected one of {', '.join(sorted(NEGOTIABLE))}"
            )
        if not self.values or self.worth_e4 < 0 or self.step < 0:
            raise BadInput(f"issue {self.parameter}: expected a value at least, a worth and a step of 0 or more")
        if self.step and not (len(self.values) == 2 and all(isinstance(value, int) for value in self.values)):
            raise BadInput(f"issue {self.parameter}: values {self.values}; expected two numbers where there is a step")

    def at(self, share: float) -> Value:
        """What is asked for when this share (0..1) of the way to the worst is given up; rounded to one's own advantage."""
        first, last = self.values[0], self.values[-1]
        if self.step and isinstance(first, int) and isinstance(last, int):
            steps = floor(share * abs(last - first) / self.step)
            return last if share >= 1 else first + (1 if last > first else -1) * steps * self.step
        return self.values[floor(share * (len(self.values) - 1))]

    def loss(self, value: Value) -> float | None:
        """How far on the way from best (0) to worst (1) a value lies; None where it is beyond, and not taken."""
        first, last = self.values[0], self.values[-1]
        if self.step and isinstance(first, int) and isinstance(last, int) and isinstance(value, int):
            way = 0.0 if last == first else (value - first) / (last - first)
            if last == first:
                return 0.0 if value == first else None
            return None if way > 1 else max(way, 0.0)
        if value not in self.values:
            return None
        return self.values.index(value) / max(len(self.values) - 1, 1)


def of_contract(contract: FlexContract, issue: Issue) -> Value:
    """A contract's value of an issue."""
    if issue.parameter == _ELEMENTS:
        return tuple(element.name for element in contract.flex_elements)
    value: Value = getattr(contract, issue.parameter)
    return value


def with_value(contract: FlexContract, issue: Issue, value: Value) -> FlexContract:
    """The contract with another value of an issue; with fewer elements, no more than they can move."""
    if issue.parameter == _ELEMENTS and isinstance(value, tuple):
        kept = tuple(element for element in contract.flex_elements if element.name in value)
        return replace(contract, flex_elements=kept or contract.flex_elements).within_elements()
    changes: dict[str, Any] = {issue.parameter: value}
    return replace(contract, **changes)
