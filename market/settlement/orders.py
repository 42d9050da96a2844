"""Settlement (USEF "settle phase"): what an order delivered, what it earned, what was missing and what that costs.

Powers are integer watts, money integer ten-thousandths of the currency unit. THE rounding rule: amounts are exact
fractions until the order's total (the contract's day total for capacity), which is rounded once, half to even.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

from cim.model.errors import BadInput
from market.uftp.flexibility import FlexOrder
from market.uftp.settlement import FlexOrderSettlement, SettlementIsp


@dataclass(frozen=True, slots=True)
class Outcome:
    """One order in one ISP, watts; `deficiency_w` >= 0.

    Attributes:
        baseline_w: as seen by this order.
        actual_w: what the meter showed, the same for all orders of the ISP.
        counted_w: what this order counts as actual: the meter's value, but its own baseline where the meter stayed
            behind that, which is an earlier order's lack.
    """

    baseline_w: int
    ordered_w: int
    actual_w: int
    counted_w: int
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
        own, counted = reached[sign], actual_w
        if seen[sign] and sign * (actual_w - own) < 0:
            counted = own
        outcomes.append(Outcome(own, ordered, actual_w, counted, *settle_isp(own, ordered, counted)))
        reached[sign], seen[sign] = own + ordered, seen[sign] or ordered != 0
    return tuple(outcomes)


def settle_changed(
    level_w: int, ordered_w: Sequence[int], actual_w: int, changed_w: int, *, fined: bool, taken_w: int = 0
) -> tuple[Outcome, ...]:
    """A stack whose orders are paid for what really changed, and fined for the level that was promised.

    Its baselines are those that are paid by: what was measured, less what changed.

    Args:
        level_w: what was promised with all orders.
        changed_w: what truly changed against the contracts' baselines; delivered is what of the orders lies in it.
        fined: False where nobody knows the level that was held.
        taken_w: of `actual_w`, what the buyer's own limits made more of it (feed-in that they took), or less (< 0: consumption
            that they held back): the level is judged without them.
    """
    promised = settle_stack(level_w - sum(ordered_w), ordered_w, actual_w - taken_w)
    paid = settle_stack(actual_w - changed_w, ordered_w, actual_w)
    return tuple(
        replace(change, deficiency_w=held.deficiency_w if fined else 0)
        for held, change in zip(promised, paid, strict=True)
    )


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
    *,
    capped: Collection[str | None] = (),
    changed_w: Sequence[int] | None = None,
    taken_w: Sequence[int] | None = None,
    level_w: Mapping[int, int] | None = None,
    unfined: Collection[int] = (),
    shares: Mapping[int, Fraction] | None = None,
) -> tuple[FlexOrderSettlement, ...]:
    """Settle all orders of one congestion point and day.

    Args:
        orders: in the order in which they were made (that decides how they stack).
        baseline_w, actual_w: one value for each ISP of the day, watts; gaps are to be filled beforehand.
        penalties: ten-thousandths per kWh not delivered, by contract id; None for orders without a contract.
        capped: contracts under which no more counts as missing in an ISP than was ordered there.
        changed_w: what truly changed, ISP by ISP, where that is measured otherwise than by baseline and meter.
        taken_w: what the buyer's own limits took of feed-in, less what they held back of consumption, ISP by ISP, watts:
            neither delivered nor missing.
        level_w: by ISP (from 1), what all orders together promised where that is not baseline and orders, watts.
        unfined: ISPs (from 1) in which nobody knows the level that was held.
        shares: of the penalty of each ISP, what is passed on; amounts are then rounded down.

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
        in_order = in_isp[number]
        powers = [power for _, power in in_order]
        base, actual = baseline_w[number - 1], actual_w[number - 1]
        taken = 0 if taken_w is None else taken_w[number - 1]
        changed = actual - taken - base if changed_w is None else changed_w[number - 1]
        level = base + sum(powers) if level_w is None else level_w.get(number, base + sum(powers))
        stack = settle_changed(level, powers, actual, changed, fined=number not in unfined, taken_w=taken)
        for (index, _), o in zip(in_order, stack, strict=True):
            most = abs(o.ordered_w) if orders[index].contract_id in capped else o.deficiency_w
            missing = min(o.deficiency_w, most)
            row = SettlementIsp(number, o.baseline_w, o.ordered_w, o.actual_w, o.delivered_w, missing)
            rows[index].append(replace(row, counted_power_w=o.counted_w))
    return tuple(
        _order_settlement(order, tuple(isps), penalties[order.contract_id], shares)
        for order, isps in zip(orders, rows, strict=True)
    )


def _order_settlement(
    order: FlexOrder,
    isps: tuple[SettlementIsp, ...],
    penalty_e4_per_kwh: int,
    shares: Mapping[int, Fraction] | None,
) -> FlexOrderSettlement:
    delivered = sum(abs(isp.delivered_flex_power_w) for isp in isps)
    earned = rounded(price_of(order) * delivered)
    rate = penalty_per_isp(penalty_e4_per_kwh, order.isp_minutes)
    if shares is None:
        due = rounded(rate * sum(isp.power_deficiency_w for isp in isps))
    else:  # never more than is passed on, however many share it
        due = floor(rate * sum(isp.power_deficiency_w * shares.get(isp.start, Fraction(0)) for isp in isps))
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
