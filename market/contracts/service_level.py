"""Microgrid as a service: what is promised beyond a contract's kilowatts and hours, and what it costs not to have it ready.

The contract itself is a `FlexContract` of the template `microgrid-service`: kW, hours, a price for standing by. The level is a
record of its own beside it, signed by both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from cim.codec.codec import wire
from cim.model.errors import BadInput
from market.contracts.contract import FlexContract
from market.settlement.orders import rounded
from market.uftp import ContractSettlement, ContractSettlementIsp, FlexOrderSettlement

SERVICE = "microgrid-service"  # the template of its contracts
LEVEL = "service-level"  # the kind of the level's record, under its contract's id


@wire("market.ServiceLevel")
@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """What is promised of a service contract.

    Attributes:
        response_min: what is told later than that before an ISP begins does not count as ready in it.
        availability_pct: the share of a day's service that is to be ready.
        deduction_pct: of the day's full payment, for each percentage point below that share; never more than the day's payment.
    """

    contract_id: str
    response_min: int
    availability_pct: int
    deduction_pct: int

    def __post_init__(self) -> None:
        if self.response_min < 0 or not 0 <= self.availability_pct <= 100 or self.deduction_pct < 0:
            raise BadInput(
                f"service level of {self.contract_id}: {self.response_min} min, {self.availability_pct} %, "
                f"{self.deduction_pct} %; expected none below 0 and a share of at most 100 %"
            )


def service_isps(
    contract: FlexContract,
    hours: Sequence[bool],
    told_w: Mapping[int, int],
    ordered_w: Mapping[int, int],
    missing_w: Mapping[int, int],
) -> tuple[ContractSettlementIsp, ...]:
    """What was reserved on a day and whether it was ready, ISP by ISP.

    Ready is what was told in time that it could be moved, with what was ordered of it by then, as far as it was reserved, less
    what was ordered and did not come.

    Args:
        hours: [T] whether the service is promised in an ISP.
        told_w, ordered_w, missing_w: ISP (from 1) -> watts in the contract's direction, magnitudes.
    """
    whole = contract.amount_up_w or contract.amount_down_w
    sign, found = (1 if whole > 0 else -1), list[ContractSettlementIsp]()
    for isp, promised in enumerate(hours, start=1):
        reserved = abs(whole) if promised else 0
        ordered, offered = ordered_w.get(isp, 0), told_w.get(isp, 0)
        ready = max(min(offered + ordered, reserved) - missing_w.get(isp, 0), 0) if promised else 0
        found.append(
            ContractSettlementIsp(isp, sign * reserved, sign * ordered, sign * ready, sign * offered, sign * ordered)
        )
    return tuple(found)


def ready_share(isps: Sequence[ContractSettlementIsp]) -> Fraction:
    """Which share of what was reserved was ready; all of it where nothing was."""
    reserved = sum(abs(row.reserved_power_w) * row.duration for row in isps)
    ready = sum(abs(row.available_power_w) * row.duration for row in isps)
    return Fraction(ready, reserved) if reserved else Fraction(1)


def deduction_e4(contract: FlexContract, level: ServiceLevel, isps: Sequence[ContractSettlementIsp]) -> int:
    """What is taken off a day's payment for standing by because the promised share was not ready; at most all that is paid."""
    count = sum(row.duration for row in isps)
    if not count:
        return 0
    rate = Fraction(contract.capacity_price_e4_per_kw_day, 1000 * count)
    full = rate * sum(abs(row.reserved_power_w) * row.duration for row in isps)
    paid = rate * sum(abs(row.available_power_w) * row.duration for row in isps)
    lacking = max(Fraction(level.availability_pct, 100) - ready_share(isps), Fraction(0))
    return min(rounded(full * lacking * level.deduction_pct), rounded(paid))


def availability_row(
    contract: FlexContract, level: ServiceLevel, part: ContractSettlement
) -> FlexOrderSettlement | None:
    """A deduction as a row of a settlement, so that the seller answers it; None where nothing is deducted."""
    fine = deduction_e4(contract, level, part.isps)
    reference = f"{contract.contract_id}/{part.period.isoformat()}/availability"
    top = contract.flex_elements[0].name
    return FlexOrderSettlement(reference, part.period, top, (), 0, fine, -fine, contract.contract_id) if fine else None
