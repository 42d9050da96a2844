"""What a contract still reserves on a day after the buyer has given back part of it (USEF, "FlexReservationUpdate").

An update says what stays reserved of a portfolio in an ISP; it may only reduce. The obligation is then
min(|reserved|, |requested|), and availability is paid for what stays reserved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cim.model.intervals import LocalDay
from market.contracts.activations import Activations
from market.contracts.contract import FlexContract
from market.uftp import IspPower

Kept = Mapping[str, Mapping[int, int]]  # by congestion point: ISP (1-based) -> watts that stay reserved, where updated


def share_w(contract: FlexContract, congestion_point: str) -> int:
    """What of a contract's amount falls on one of its portfolios, watts: by size, rounded so that the shares sum to it.

    0 where the contract covers no such portfolio.
    """
    amount = contract.amount_up_w or contract.amount_down_w
    sizes = [abs(e.max_increase_w if amount > 0 else e.max_decrease_w) for e in contract.flex_elements]
    before, whole = 0, sum(sizes)
    for element, size in zip(contract.flex_elements, sizes, strict=True):
        if element.name == congestion_point:
            return amount * (before + size) // whole - amount * before // whole
        before += size
    return 0


def reserved_on(contract: FlexContract, kept: Kept, day: LocalDay) -> dict[int, int]:
    """ISP (1-based) -> watts that a contract reserves on a day, for every ISP of it; 0 outside its days and hours."""
    points = [reserved_at(contract, kept, element.name, day) for element in contract.flex_elements]
    return {isp: sum(at[isp] for at in points) for isp in range(1, day.count + 1)}


def reserved_at(contract: FlexContract, kept: Kept, congestion_point: str, day: LocalDay) -> dict[int, int]:
    """The same of one of its portfolios."""
    held, share = Activations(contract).isps_on(day), share_w(contract, congestion_point)
    left = kept.get(congestion_point, {})
    return {isp: left.get(isp, share) if isp in held else 0 for isp in range(1, day.count + 1)}


def passed_on(
    reserved_w: Mapping[int, int], contracts: Mapping[str, FlexContract], day: LocalDay
) -> dict[str, dict[int, int]]:
    """What of a portfolio's reservation each member has to keep available, ISP -> watts; only who is paid for that has to.

    Each by what its contract reserves in the direction and on the ISP, rounded so that the parts sum up; nobody more than
    that, so that what no member is paid for stays with the portfolio's owner.

    Args:
        reserved_w: ISP -> watts that are reserved of the portfolio.
        contracts: by member.
    """
    paid = {name: c for name, c in sorted(contracts.items()) if c.reserved and c.capacity_price_e4_per_kw_day > 0}
    hours = {name: Activations(contract).isps_on(day) for name, contract in paid.items()}
    found: dict[str, dict[int, int]] = {}
    for isp, watts in reserved_w.items():
        able = {
            name: abs(contract.amount_up_w if watts > 0 else contract.amount_down_w)
            for name, contract in paid.items()
            if watts and isp in hours[name]
        }
        whole, before, sign = sum(able.values()), 0, 1 if watts > 0 else -1
        taken = min(abs(watts), whole)
        for name, size in able.items():
            part = taken * (before + size) // whole - taken * before // whole if whole else 0
            before += size
            if part:
                found.setdefault(name, {})[isp] = sign * part
    return found


def update_fault(
    contract: FlexContract, congestion_point: str, kept: Mapping[int, int], isps: Sequence[IspPower], day: LocalDay
) -> str | None:
    """Why an update does not fit its contract, or None.

    Args:
        kept: ISP -> watts that earlier updates have left at the congestion point.
    """
    if not contract.reserved:
        return f"ContractID: {contract.contract_id} is a framework and reserves nothing"
    if contract.element(congestion_point) is None:
        return f"CongestionPoint: {congestion_point} is not covered by contract {contract.contract_id}"
    share, held = share_w(contract, congestion_point), Activations(contract).isps_on(day)
    for row in isps:
        for isp in range(row.start, row.start + row.duration):
            now_w = kept.get(isp, share) if isp in held else 0
            if not min(0, now_w) <= row.power_w <= max(0, now_w):
                return f"Power: {row.power_w} W in ISP {isp}; {now_w} W are reserved, which can only be reduced"
    return None
