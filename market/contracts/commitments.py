"""Nothing is sold twice: what a seller reserves under all its contracts stays within what it has, in every ISP.

A framework reserves nothing: what is called under it is offered ISP by ISP, and bounded there. Of several contracts of one
kind with one buyer the one agreed last counts on a day, so a renewed or repeated contract is no second sale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from market.assets.publication import AssetPublication
from market.contracts.contract import FlexContract, in_force

_WEEK = 7


@dataclass(frozen=True, slots=True)
class Stock:
    """What there is to sell.

    Attributes:
        room: (local day, minute after midnight) -> watts down (<= 0) and up (>= 0).
        changes: days from which on it may be another than before.
        minutes: after midnight, of ISPs from which on it may be another than before.
        weekly: whether its days differ by the day of the week.
    """

    room: Callable[[date, int], tuple[int, int]]
    changes: tuple[date, ...] = ()
    minutes: tuple[int, ...] = ()
    weekly: bool = False


def asset_stock(asset: AssetPublication, isp_minutes: int) -> Stock:
    """What an asset has to sell in an ISP: the swing of its envelope in the directions it offers, when it is offered."""

    def room(day: date, minute: int) -> tuple[int, int]:
        if not asset.is_offered(day.isoweekday(), minute):
            return 0, 0
        low, high = asset.band_w(minute, minute + isp_minutes)
        swing = max(high - low, 0)
        return (-swing if asset.can_decrease else 0), (swing if asset.can_increase else 0)

    down = [band.start_minute for band in asset.envelope]
    up = [band.end_minute for band in asset.envelope]
    up += [minute for times in asset.offered for minute in (times.start_minute, times.end_minute)]
    minutes = [minute // isp_minutes * isp_minutes for minute in down]
    minutes += [-(-minute // isp_minutes) * isp_minutes for minute in up]
    return Stock(room, minutes=tuple(minutes), weekly=bool(asset.offered))


def bought_stock(contracts: Iterable[FlexContract]) -> Stock:
    """What an aggregator has to sell in an ISP: the amounts of its members' contracts that cover it."""
    bought = tuple(contracts)

    def room(day: date, minute: int) -> tuple[int, int]:
        covering = [contract for contract in _counting(bought, day) if _covers(contract, day, minute)]
        return sum(c.amount_down_w for c in covering), sum(c.amount_up_w for c in covering)

    return Stock(
        room,
        tuple(day for c in bought for day in (c.start_date, c.end_date + timedelta(days=1))),
        tuple(minute for c in bought for minute in (c.start_minute, c.end_minute)),
        weekly=any(len(c.days_of_week) < _WEEK for c in bought),
    )


def reserved_w(
    contracts: Iterable[FlexContract], day: date, minute: int, element: str | None = None
) -> tuple[int, int]:
    """Watts down and up that contracts reserve in an ISP: of an element, or (None) of all that they cover."""
    down, up = 0, 0
    for contract in _counting(contracts, day):
        if contract.reserved and _covers(contract, day, minute):
            own_down, own_up = _share(contract, element)
            down, up = down + own_down, up + own_up
    return down, up


def oversold(contracts: Sequence[FlexContract], stock: Stock, element: str | None = None) -> str | None:
    """Where contracts of one seller together reserve more than there is, in words; None where they never do.

    Looked at wherever the sum or the stock may change: on the days of the week from there on, where they differ, and from
    the ISPs on at which contracts or the stock do.
    """
    for day, minute, isp_minutes in _looked_at(contracts, stock):
        down, up = reserved_w(contracts, day, minute, element)
        least, most = stock.room(day, minute)
        if up > most or down < least:
            sold, there = (up, most) if up > most else (down, least)
            what = "in all" if element is None else f"of {element}"
            until = minute + isp_minutes
            clock = f"{day} {minute // 60:02d}:{minute % 60:02d}-{until // 60:02d}:{until % 60:02d}"
            return f"sold twice: {sold} W {what} are reserved at {clock}; there are {there} W"
    return None


def oversold_element(contracts: Sequence[FlexContract], assets: Iterable[AssetPublication]) -> str | None:
    """The first of a seller's assets that its contracts together reserve beyond its envelope, in words, or None."""
    for asset in assets:
        covering = [contract for contract in contracts if contract.element(asset.name) is not None]
        isp_minutes = covering[0].isp_minutes if covering else 15
        fault = oversold(covering, asset_stock(asset, isp_minutes), asset.name)
        if fault is not None:
            return fault
    return None


def _counting(contracts: Iterable[FlexContract], day: date) -> Iterator[FlexContract]:
    """Of each pair of parties, and each kind, the contract that counts on a day."""
    kinds: dict[tuple[str, str, bool], list[FlexContract]] = {}
    for contract in contracts:
        kinds.setdefault((contract.buyer, contract.seller, contract.reserved), []).append(contract)
    for known in kinds.values():
        found = in_force(known, day)
        if found is not None:
            yield found


def _covers(contract: FlexContract, day: date, minute: int) -> bool:
    if not contract.start_date <= day <= contract.end_date:
        return False
    return day.isoweekday() in contract.days_of_week and contract.start_minute <= minute < contract.end_minute


def _share(contract: FlexContract, element: str | None) -> tuple[int, int]:
    if element is None:
        return contract.amount_down_w, contract.amount_up_w
    covered = contract.element(element)
    if covered is None:
        return 0, 0
    return max(covered.max_decrease_w, contract.amount_down_w), min(covered.max_increase_w, contract.amount_up_w)


def _looked_at(contracts: Sequence[FlexContract], stock: Stock) -> Iterator[tuple[date, int, int]]:
    """(day, minute, ISP's length) wherever the sum or what there is may have changed."""
    if not contracts:
        return
    begins = (
        {c.start_date for c in contracts} | {c.end_date + timedelta(days=1) for c in contracts} | set(stock.changes)
    )
    weekly = stock.weekly or any(len(contract.days_of_week) < _WEEK for contract in contracts)
    days = {begin + timedelta(days=k) for begin in begins for k in range(_WEEK if weekly else 1)}
    isp_minutes = min(contract.isp_minutes for contract in contracts)
    minutes = {contract.start_minute for contract in contracts} | {0, *stock.minutes}
    for day in sorted(days):
        for minute in sorted(minutes):
            yield day, minute, isp_minutes
