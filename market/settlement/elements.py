"""A member's order, element by element: each flex element measures, and is settled for, its own part (S03).

USEF leaves the settlement between aggregator and prosumer to them; ILES settles what each element was held to in the end
like one order, at the element's price by the contract, so that the same sums serve both levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from fractions import Fraction
from types import MappingProxyType

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from market.contracts.contract import BaselineKind, FlexContract
from market.settlement.day import POWER, lost_isps, settle
from market.settlement.held_back import HELD_BACK, HELD_SINCE, held_isps
from market.settlement.orders import rounded
from market.uftp import FlexOrder, FlexOrderSettlement, IspPower, Metering

# Profiles of an element's metering that say what it would have done, by the method that uses them.
AVAILABLE, LIKE_DAYS, OWN_RULE = "Available", "LikeDays", "OwnRule"
AVAILABLE_FROM = "AvailableFrom"  # of each ISP's available power, the number of an `AvailableSource`


class AvailableSource(IntEnum):
    """Where a plant's available power in an ISP is known from, the best first."""

    INVERTER = 1  # it said so
    METER = 2  # nothing was ordered: what it gave
    WEATHER = 3  # the day's weather by its newest forecasts, as this plant answers to it, adjusted to the same day
    TOLD = 4  # before the order


AFTER_THE_DAY: Mapping[BaselineKind, str] = MappingProxyType(
    {
        BaselineKind.AVAILABLE_POWER: AVAILABLE,
        BaselineKind.LIKE_DAYS: LIKE_DAYS,
        BaselineKind.RUNNING_PLAN: OWN_RULE,
    }
)


# Measured so, an element stores nothing and moves no programme: sun and wind held back never come again.
WITHOUT_REBOUND = frozenset({BaselineKind.AVAILABLE_POWER})


def volume_amount(isps: Sequence[IspPower], price_e4_per_kwh: int, isp_minutes: int) -> int:
    """What the powers of `isps` are worth at a price per kWh, ten-thousandths, rounded once (half to even)."""
    watt_isps = sum(abs(isp.power_w) * isp.duration for isp in isps)
    return rounded(Fraction(watt_isps * price_e4_per_kwh * isp_minutes, 60_000))


@dataclass(frozen=True, slots=True)
class ElementMove:
    """What one order moved an element by: (ISP, baseline when its session opened, move), watts, both signs."""

    order: FlexOrder
    isps: tuple[tuple[int, int, int], ...]


def commitment(
    element: str, moves: Sequence[ElementMove], contract: FlexContract
) -> tuple[FlexOrder, dict[int, int]] | None:
    """What all of a day's orders together hold an element to, as one order, and its baseline by ISP.

    A later order moves the element on from what is expected of it then, up or down; what is paid is the sum, as far as it
    is owed (`owed`). The baseline of an ISP is the one told before the first order that touched it. From another
    expectation another level follows: `levels`.

    Returns:
        None when nothing is owed in the end.
    """
    owed_w = owed(moves, rebounds=contract_method(contract, element) not in WITHOUT_REBOUND)
    if not owed_w:
        return None
    baseline, rows = moved(moves)[1], tuple(IspPower(isp, watts) for isp, watts in owed_w.items())
    first = moves[0].order
    order = replace(
        first,
        order_reference=f"{first.period.isoformat()}/{element}",
        congestion_point=element,
        price=volume_amount(rows, contract.price_e4_per_kwh(element), first.isp_minutes),
        isps=rows,
        contract_id=contract.contract_id,
    )
    return order, baseline


def contract_method(contract: FlexContract | None, element: str) -> BaselineKind:
    """By which baseline a contract measures an element."""
    covered = None if contract is None else contract.element(element)
    return BaselineKind.PROGNOSIS if covered is None else covered.baseline


def owed(moves: Sequence[ElementMove], *, rebounds: bool = True) -> dict[int, int]:
    """ISP -> watts, ascending: what all orders of a day together hold an element to and are paid.

    An element's own rebound is held, but neither owed nor paid: where it rebounds, only what some order asked for in its
    direction counts. A plant has no rebound; what a split takes of it where nothing was asked makes up for others'.

    Args:
        rebounds: whether what it gives comes back at other times (`WITHOUT_REBOUND`).
    """
    total = moved(moves)[0]
    if not rebounds:
        return {isp: total[isp] for isp in sorted(total) if total[isp]}
    wanted: set[tuple[int, bool]] = set()
    for move in moves:
        for row in move.order.isps:
            for isp in range(row.start, row.start + row.duration):
                wanted.add((isp, row.power_w > 0))
    return {isp: total[isp] for isp in sorted(total) if total[isp] and (isp, total[isp] > 0) in wanted}


def moved(moves: Sequence[ElementMove]) -> tuple[dict[int, int], dict[int, int]]:
    """By ISP: what all orders of a day moved an element by, and the baseline told before the first that touched it."""
    total: dict[int, int] = {}
    baseline: dict[int, int] = {}
    for move in moves:
        for isp, before, watts in move.isps:
            baseline.setdefault(isp, before)
            total[isp] = total.get(isp, 0) + watts
    return total, baseline


def levels(moves: Sequence[ElementMove]) -> dict[int, int]:
    """ISP -> watts that a day's orders have an element keep on the ISP's mean: the newest level it was told.

    The last order before an ISP began tells its level anew, from what was expected then. One that came while it ran holds
    the rest of it to another level, and its move is the mean's already, by the share that was still to come.
    """
    level: dict[int, int] = {}
    for move in moves:
        order = move.order
        day = LocalDay(order.period, order.timezone, order.isp_minutes)
        for isp, before, watts in move.isps:
            runs = order.header.time_stamp >= day.isp_start(isp)
            level[isp] = watts + (level.get(isp, before) if runs else before)
    return level


def levels_given(moves: Sequence[ElementMove]) -> dict[int, datetime]:
    """ISP -> when the order was given from whose expectation its level (`levels`) starts: what was known then is in it."""
    given: dict[int, datetime] = {}
    for move in moves:
        order = move.order
        day, at = LocalDay(order.period, order.timezone, order.isp_minutes), order.header.time_stamp
        for isp, _, _ in move.isps:
            if isp not in given or at < day.isp_start(isp):
                given[isp] = at
    return given


def contract_baseline(
    told_w: Mapping[int, int], kind: BaselineKind, profiles: Mapping[str, Sequence[int]]
) -> dict[int, int]:
    """What an element would have done without its orders, by its contract's method; where that says nothing, as told.

    Args:
        told_w: ISP -> watts, told before any price.
        profiles: what is known after the day, by the names in `AFTER_THE_DAY`, [T] watts each.
    """
    values = profiles.get(AFTER_THE_DAY.get(kind, ""))
    return {isp: watts if values is None else values[isp - 1] for isp, watts in told_w.items()}


def settle_element(
    element: str,
    moves: Sequence[ElementMove],
    contract: FlexContract,
    metering: Metering | None,
    connection: Metering | None,
    shares: Mapping[int, Fraction] | None = None,
) -> tuple[FlexOrder, tuple[FlexOrderSettlement, ...]] | None:
    """What all of a day's orders hold an element to, as one order, and its settlement by what it metered.

    It must hold the newest level that it was told (`levels`), and is paid for what it truly changed against its
    contract's baseline. A plant with more sun or wind than was told owes what was ordered of it, not the level. Where
    its own meter or its connection's saw nothing it is neither paid nor fined. What the DSO's limit of consumption held
    back of it is not missing, where its level was told before the limit was known.

    Args:
        shares: of the penalty of each ISP, what the buyer passes on.

    Returns:
        None when nothing is owed in the end, or nobody knows what it did.

    Raises:
        BadInput: what was held back is told of another number of ISPs than the element's power.
    """
    owed = commitment(element, moves, contract)
    profile = None if metering is None else metering.profile(POWER)
    if owed is None or metering is None or profile is None or connection is None:
        return None
    order, told_w = owed
    kind, count = contract_method(contract, element), len(profile.values)
    baseline_w = contract_baseline(told_w, kind, {p.profile_type: p.values for p in metering.profiles})
    changed_w = [profile.values[isp - 1] - baseline_w[isp] if isp in baseline_w else 0 for isp in range(1, count + 1)]
    level_w = levels(moves)
    if kind is BaselineKind.AVAILABLE_POWER:
        level_w |= _within_order(order, level_w, baseline_w)
    settled = settle(
        (order,),
        told_w,
        profile.values,
        (contract,),
        lost_isps([metering, connection]),
        changed_w=changed_w,
        taken_w=_held_w(element, metering, levels_given(moves), count),
        level_w=level_w,
        shares=shares,
    )
    return order, settled


def _held_w(element: str, metering: Metering, given: Mapping[int, datetime], count: int) -> list[int] | None:
    """[T] watts (<= 0) that a limit held back of an element, where its level was told before; None: nothing is told."""
    for name in (HELD_BACK, HELD_SINCE):
        profile = metering.profile(name)
        if profile is not None and len(profile.values) != count:
            raise BadInput(
                f"{name} of {element}: {len(profile.values)} values; expected {count}, one for each ISP of its Power"
            )
    if metering.profile(HELD_BACK) is None:
        return None
    taken_w = [0] * count
    for isp, row in held_isps(metering, count).items():
        if isp in given and row.counts_for(given[isp]):
            taken_w[isp - 1] = -row.watts
    return taken_w


def _within_order(order: FlexOrder, level_w: Mapping[int, int], could_w: Mapping[int, int]) -> dict[int, int]:
    """ISP -> watts: the level, but of what a plant could give no more than was ordered of it."""
    return {
        row.start: (min if row.power_w > 0 else max)(level_w[row.start], could_w[row.start] + row.power_w)
        for row in order.isps
    }
