"""Whether a call for flexibility keeps to its contract, parameter by parameter; if not, which one it breaks and how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from market.contracts.activations import Activations
from market.contracts.contract import ActivationPriceKind, FlexContract


@dataclass(frozen=True, slots=True)
class Call:
    """What an offer or order asks of a contract.

    Attributes:
        power_w: ISP start (UTC) -> watts, delta to the baseline, 0 nowhere.
        element: which of the contract's elements is called; None where that is not said (a member's split comes later).
        price_e4: what it is to cost in all, ten-thousandths; None where that is not settled yet.
    """

    power_w: Mapping[datetime, int]
    element: str | None = None
    price_e4: int | None = None


def call_fault(contract: FlexContract, used_w: Mapping[datetime, int], call: Call) -> str | None:
    """Why a contract does not allow a call, or None; the first parameter that it breaks, in the contract's order.

    Args:
        used_w: ISP start -> watts already ordered under the contract; an ISP that is named was activated, also where
            later orders took everything back.
    """
    return (
        _element_fault(contract, call)
        or Activations(contract).allowed(Activations(contract).runs(tuple(used_w)), tuple(call.power_w))
        or _amount_fault(contract, used_w, call)
        or _price_fault(contract, call)
    )


def calling(contracts: Iterable[FlexContract], used_w: Mapping[str, Mapping[datetime, int]],
            calls: Iterable[Call]) -> FlexContract | None:  # fmt: skip
    """The first contract that allows each of these calls, one at a time; None where none does.

    Args:
        used_w: by contract id, see `call_fault`.
    """
    wanted = tuple(calls)
    for contract in contracts:
        used = used_w.get(contract.contract_id, {})
        if all(call_fault(contract, used, call) is None for call in wanted):
            return contract
    return None


def price_range_e4(contract: FlexContract, call: Call) -> tuple[int, int]:
    """(least, most) that a contract lets a call cost, ten-thousandths; both are the same where its price is fixed.

    Where the elements have prices of their own and it is not said which is called, the price lies between theirs.
    """
    if call.element is not None:
        prices = [contract.price_e4_per_kwh(call.element)]
    else:
        prices = [contract.price_e4_per_kwh(element.name) for element in contract.flex_elements]
    energy = Fraction(sum(abs(watts) for watts in call.power_w.values()) * contract.isp_minutes, 60_000)
    least, most = round(energy * min(prices)), round(energy * max(prices))
    return (least if contract.activation_price is ActivationPriceKind.FIXED else 0), most


def _element_fault(contract: FlexContract, call: Call) -> str | None:
    if call.element is None:
        return None
    covered = contract.element(call.element)
    if covered is None:
        return f"element: {call.element} is not covered; expected {', '.join(e.name for e in contract.flex_elements)}"
    for start, watts in sorted(call.power_w.items()):
        most = covered.max_increase_w if watts > 0 else covered.max_decrease_w
        if abs(watts) > abs(most):
            return f"element: {watts} W of {call.element} at {_clock(contract, start)}; at most {most} W"
    return None


def _amount_fault(contract: FlexContract, used_w: Mapping[datetime, int], call: Call) -> str | None:
    for start, watts in sorted(call.power_w.items()):
        total = used_w.get(start, 0) + watts
        if not contract.amount_down_w <= total <= contract.amount_up_w:
            allowed = f"{contract.amount_down_w}..{contract.amount_up_w} W"
            return f"amount: {total} W at {_clock(contract, start)}; expected {allowed}"
    return None


def _price_fault(contract: FlexContract, call: Call) -> str | None:
    if call.price_e4 is None:
        return None
    least, most = price_range_e4(contract, call)
    if least <= call.price_e4 <= most:
        return None
    if contract.activation_price is ActivationPriceKind.MAXIMUM:
        return f"price: {call.price_e4}; at most {most} (maximum activation price)"
    return f"price: {call.price_e4}; expected {least if least == most else f'{least}..{most}'} (fixed activation price)"


def _clock(contract: FlexContract, start: datetime) -> str:
    return f"{start.astimezone(ZoneInfo(contract.timezone)):%Y-%m-%d %H:%M}"
