"""Settlement (USEF "settle phase"): what an order delivered, what it earned, what was missing and what that costs.

Powers are integer watts, money integer ten-thousandths of the currency unit. THE rounding rule: amounts are exact
fractions until the order's total (the contract's day total for capacity), which is rounded once, half to even.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from cim.model.errors import BadInput
from market.uftp.flexibility import FlexOrder
from market.uftp.settlement import FlexOrderSettlement, SettlementIsp


@dataclass(frozen=True, slots=True)
class Outcome:
    """One order in one ISP, watts: `baseline_w` and `actual_w` as seen by this order, `deficiency_w` >= 0."""

    baseline_w: int
    ordered_w: int
    actual_w: int
    delivered_w: int
    deficiency_w: int


def settle_isp(baseline_w: int, ordered_w: int, actual_w: int) -> tuple[int, int]:
    """(delivered, deficiency) in watts of an order of `ordered_w` against the baseline, when `actual_w` was measured.

    With s the order's sign, delivered = s * clip(s * (actual - baseline), 0, |ordered|) and deficiency =
    max(0, s * (baseline + ordered - actual)), which exceeds |ordered| when the meter went the other way.
    Source: UFTP 3.1, FlexSettlement (DeliveredFlexPower, PowerDeficiency).
    """
    sign = (ordered_w > 0) - (ordered_w < 0)
    delivered = sign * min(max(sign * (actual_w - baseline_w), 0), abs(ordered_w))
    return delivered, max(0, sign * (baseline_w + ordered_w - actual_w))


def settle_stack(baseline_w: int, ordered_w: Sequence[int], actual_w: int) -> tuple[Outcome, ...]:
    """Several orders in one ISP, in the order in which they were made.

    Orders of one sign stand on each other: the k-th sees as baseline what the earlier ones leave, and from the second
    on a meter that stayed behind that baseline counts as that baseline, so nothing is charged twice. The sums
    over a sign equal the settlement of its total. Orders of the other sign count as delivered in full, so
    keeping to the sum of all orders keeps every one of them.
    """
    outcomes: list[Outcome] = []
    reached = {sign: baseline_w + sum(o for o in ordered_w if sign * o < 0) for sign in (1, -1)}
    seen = dict.fromkeys(reached, False)
    for ordered in ordered_w:
        sign = 1 if ordered >= 0 else -1
        own, actual = reached[sign], actual_w
        if seen[sign] and sign * (actual_w - own) < 0:
            actual = own
        outcomes.append(Outcome(own, ordered, actual, *settle_isp(own, ordered, actual)))
        reached[sign], seen[sign] = own + ordered, seen[sign] or ordered != 0
    return tuple(outcomes)


def price_of(order: FlexOrder) -> Fraction:
    """Unit price of an order, ten-thousandths per watt and ISP: an order's Price is for all its ISPs together.

    Raises:
        BadInput: the order has a price but no power to share it out over.
    """
    total = sum(abs(isp.power_w) * isp.duration for isp in order.isps)
    if total == 0:
        if order.price:
            raise BadInput(f"order {order.order_reference}: Price {order.price} without any power; expected power")
        return Fraction(0)
    return Fraction(order.price, total)


def penalty_per_isp(penalty_e4_per_kwh: int, isp_minutes: int) -> Fraction:
    """A contract's penalty per kWh as ten-thousandths per watt and ISP."""
    return Fraction(penalty_e4_per_kwh * isp_minutes, 60_000)


def rounded(amount: Fraction) -> int:
    """The one rounding rule: half to even."""
    return round(amount)


def settle_orders(
    orders: Sequence[FlexOrder],
    baseline_w: Sequence[int],
    actual_w: Sequence[int],
    penalties: Mapping[str | None, int],
) -> tuple[FlexOrderSettlement, ...]:
    """Settle all orders of one congestion point and day.

    Args:
        orders: in the order in which they were made (that decides how they stack).
        baseline_w, actual_w: one value for each ISP of the day, watts; gaps are to be filled beforehand.
        penalties: ten-thousandths per kWh not delivered, by contract id; None for orders without a contract.

    Returns:
        One settlement per order; `price` is what the delivered power earns, so net = price - penalty.

    Raises:
        BadInput: orders that differ in day, point, ISP or currency; an ISP outside the day; no penalty for a contract.
    """
    _must_agree(orders, len(baseline_w), len(actual_w))
    in_isp: dict[int, list[tuple[int, int]]] = {}
    for index, order in enumerate(orders):
        if order.contract_id not in penalties:
            name = order.contract_id or "no contract"
            raise BadInput(f"order {order.order_reference}: no penalty is given for {name}")
        for isp in order.isps:
            for number in range(isp.start, isp.start + isp.duration):
                if not 1 <= number <= len(baseline_w):
                    raise BadInput(f"order {order.order_reference}: ISP {number} is outside 1..{len(baseline_w)}")
                in_isp.setdefault(number, []).append((index, isp.power_w))
    rows: list[list[SettlementIsp]] = [[] for _ in orders]
    for number in sorted(in_isp):
        shares = in_isp[number]
        powers = [power for _, power in shares]
        stack = settle_stack(baseline_w[number - 1], powers, actual_w[number - 1])
        for (index, _), o in zip(shares, stack, strict=True):
            rows[index].append(
                SettlementIsp(number, o.baseline_w, o.ordered_w, o.actual_w, o.delivered_w, o.deficiency_w)
            )
    return tuple(
        _order_settlement(order, tuple(isps), penalties[order.contract_id])
        for order, isps in zip(orders, rows, strict=True)
    )


def _order_settlement(
    order: FlexOrder, isps: tuple[SettlementIsp, ...], penalty_e4_per_kwh: int
) -> FlexOrderSettlement:
    delivered = sum(abs(isp.delivered_flex_power_w) for isp in isps)
    missing = sum(isp.power_deficiency_w for isp in isps)
    earned = rounded(price_of(order) * delivered)
    due = rounded(penalty_per_isp(penalty_e4_per_kwh, order.isp_minutes) * missing)
    return FlexOrderSettlement(
        order_reference=order.order_reference,
        period=order.period,
        congestion_point=order.congestion_point,
        isps=isps,
        price=earned,
        penalty=due,
        net_settlement=earned - due,
        contract_id=order.contract_id,
        d_prognosis_message_id=order.d_prognosis_message_id,
        baseline_reference=order.baseline_reference,
    )


def _must_agree(orders: Sequence[FlexOrder], baselines: int, actuals: int) -> None:
    if baselines != actuals:
        raise BadInput(f"actual_w: {actuals} values against {baselines} of the baseline; expected one for each ISP")
    for name in ("period", "congestion_point", "isp_minutes", "currency"):
        values = sorted({str(getattr(order, name)) for order in orders})
        if len(values) > 1:
            raise BadInput(f"orders: {name} differs ({', '.join(values)}); expected one in a settlement")
    references = [order.order_reference for order in orders]
    if len(set(references)) != len(references):
        raise BadInput(f"orders: a reference stands twice in {', '.join(references)}; expected each once")
