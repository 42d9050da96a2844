"""Remuneration: who pays whom how much and for what, the plausibility check, and the sum that must be zero."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from cim.codec.codec import wire
from cim.model.errors import BadInput
from market.contracts.contract import FlexContract
from market.settlement.orders import rounded
from market.uftp.settlement import (
    AcceptedDisputed,
    ContractSettlementIsp,
    FlexOrderSettlement,
    FlexOrderSettlementStatus,
)


@wire("market.Payment")
@dataclass(frozen=True, slots=True)
class Payment:
    """A movement of money: `amount` > 0 in ten-thousandths of `currency`, from payer to payee.

    Attributes:
        payer, payee: domains.
        amount: ten-thousandths of the currency unit, > 0.
        reason: `make-whole`, `utilisation`, `penalty`, `capacity`, `curtailment` (feed-in that the DSO limited), or
            `correction` (a part of an earlier payment goes back; its reference begins with that one's reason).
        reference: the order, contract or connection (and day) it is for.
        currency: ISO 4217.
    """

    payer: str
    payee: str
    amount: int
    reason: str
    reference: str
    currency: str = "EUR"

    def __post_init__(self) -> None:
        if self.amount <= 0 or self.payer == self.payee:
            raise BadInput(f"payment {self.reference}: {self.amount} from {self.payer} to {self.payee}; expected > 0")


@dataclass(frozen=True, slots=True)
class Difference:
    """One value of an order's settlement on which two parties differ; `isp` is None for a total."""

    order_reference: str
    isp: int | None
    name: str
    ours: int | None
    theirs: int | None

    def __str__(self) -> str:
        where = f"ISP {self.isp} " if self.isp is not None else ""
        return f"{where}{self.name}: ours {_shown(self.ours)}, yours {_shown(self.theirs)}"


_TOTALS = ("price", "penalty", "net_settlement")
_ISP_FIELDS = (
    "baseline_power_w",
    "ordered_flex_power_w",
    "actual_power_w",
    "delivered_flex_power_w",
    "power_deficiency_w",
    "counted_power_w",
)
_OURS_ALONE = frozenset({"counted_power_w"})  # not part of UFTP: a peer elsewhere tells none


def compare(
    ours: Sequence[FlexOrderSettlement], theirs: Sequence[FlexOrderSettlement], *, fines_at_most: bool = False
) -> tuple[Difference, ...]:
    """The plausibility check: every order, ISP and amount on which the two sums differ; no tolerance.

    What is not part of UFTP (`counted_power_w`) is compared where both tell it.

    Args:
        fines_at_most: a buyer that passes on what it is fined itself may take less of a penalty than we find, not more.
    """
    mine = {settled.order_reference: settled for settled in ours}
    yours = {settled.order_reference: settled for settled in theirs}
    found: list[Difference] = []
    for reference in sorted({*mine, *yours}):
        a, b = mine.get(reference), yours.get(reference)
        if a is None or b is None:
            net = [settled.net_settlement if settled else None for settled in (a, b)]
            found.append(Difference(reference, None, "net_settlement", net[0], net[1]))
            continue
        rows_a, rows_b = _unrolled(a), _unrolled(b)
        for isp in sorted({*rows_a, *rows_b}):
            for place, name in enumerate(_ISP_FIELDS):
                value_a = rows_a[isp][place] if isp in rows_a else None
                value_b = rows_b[isp][place] if isp in rows_b else None
                if value_a != value_b and not (name in _OURS_ALONE and None in (value_a, value_b)):
                    found.append(Difference(reference, isp, name, value_a, value_b))
        if (
            fines_at_most
            and b.price == a.price
            and 0 <= b.penalty <= a.penalty
            and b.price - b.penalty == b.net_settlement
        ):
            continue
        for name in _TOTALS:
            if getattr(a, name) != getattr(b, name):
                found.append(Difference(reference, None, name, getattr(a, name), getattr(b, name)))
    return tuple(found)


def statuses(
    ours: Sequence[FlexOrderSettlement], theirs: Sequence[FlexOrderSettlement], *, fines_at_most: bool = False
) -> tuple[FlexOrderSettlementStatus, ...]:
    """Accept or dispute for each order of `theirs`; a dispute names the ISPs and amounts that differ. See `compare`."""
    differences = compare(ours, theirs, fines_at_most=fines_at_most)
    answers = []
    for settled in theirs:
        reasons = [str(d) for d in differences if d.order_reference == settled.order_reference]
        disposition = AcceptedDisputed.DISPUTED if reasons else AcceptedDisputed.ACCEPTED
        answers.append(FlexOrderSettlementStatus(settled.order_reference, disposition, "; ".join(reasons) or None))
    return tuple(answers)


def capacity_amount(contract: FlexContract, isps: Sequence[ContractSettlementIsp]) -> int:
    """A day's capacity remuneration: the price per kW and day for what was reserved AND available, on average.

    An ISP counts with min(|available|, |reserved|); availability against the reserved direction counts as none.
    """
    held, count = 0, 0
    for isp in isps:
        same = isp.available_power_w * isp.reserved_power_w > 0
        held += min(abs(isp.available_power_w), abs(isp.reserved_power_w)) * isp.duration if same else 0
        count += isp.duration
    return rounded(Fraction(contract.capacity_price_e4_per_kw_day * held, 1000 * count)) if count else 0


def payments_of(
    settled: Iterable[FlexOrderSettlement], buyer: str, seller: str, currency: str = "EUR"
) -> tuple[Payment, ...]:
    """What the buyer pays for delivered flexibility, and the seller for what was missing; nothing for zero."""
    found: list[Payment] = []
    for order in settled:
        if order.price:
            found.append(Payment(buyer, seller, order.price, "utilisation", order.order_reference, currency))
        if order.penalty:
            found.append(Payment(seller, buyer, order.penalty, "penalty", order.order_reference, currency))
    return tuple(found)


def capacity_payments(contract: FlexContract, day: str, isps: Sequence[ContractSettlementIsp]) -> tuple[Payment, ...]:
    """What the buyer pays for availability on `day` (ISO date); nothing for zero."""
    amount = capacity_amount(contract, isps)
    if not amount:
        return ()
    reference = f"{contract.contract_id}/{day}"
    return (Payment(contract.buyer, contract.seller, amount, "capacity", reference, contract.currency),)


CORRECTION = "correction"


def corrections(paid: Iterable[Payment], due: Iterable[Payment]) -> tuple[Payment, ...]:
    """What is still to be paid so that, with what was `paid`, everything `due` is paid; what was too much goes back.

    `paid` may hold earlier corrections. Nothing for what is paid exactly.
    """
    owed: dict[tuple[str, str, str, str, str], int] = {}
    for sign, payments in ((1, due), (-1, paid)):
        for payment in payments:
            key, amount = _corrected(payment)
            owed[key] = owed.get(key, 0) + sign * amount
    found = []
    for (payer, payee, reason, reference, currency), amount in sorted(owed.items()):
        if amount > 0:
            found.append(Payment(payer, payee, amount, reason, reference, currency))
        elif amount < 0:
            found.append(Payment(payee, payer, -amount, CORRECTION, f"{reason} {reference}", currency))
    return tuple(found)


def _corrected(payment: Payment) -> tuple[tuple[str, str, str, str, str], int]:
    """(payer, payee, reason, reference, currency) of the payment that one is a part of, and its amount; < 0 takes back."""
    if payment.reason != CORRECTION:
        return (payment.payer, payment.payee, payment.reason, payment.reference, payment.currency), payment.amount
    reason, _, reference = payment.reference.partition(" ")
    return (payment.payee, payment.payer, reason, reference, payment.currency), -payment.amount


def balance(payments: Iterable[Payment]) -> dict[str, int]:
    """What each party has gained, in order of name; the values always sum to zero.

    Raises:
        BadInput: payments in different currencies.
    """
    gained: dict[str, int] = {}
    currency: str | None = None
    for payment in payments:
        if currency not in (None, payment.currency):
            raise BadInput(f"payment {payment.reference}: currency {payment.currency}; expected {currency}")
        currency = payment.currency
        gained[payment.payer] = gained.get(payment.payer, 0) - payment.amount
        gained[payment.payee] = gained.get(payment.payee, 0) + payment.amount
    return dict(sorted(gained.items()))


def _unrolled(settled: FlexOrderSettlement) -> dict[int, tuple[int | None, ...]]:
    return {
        number: tuple(getattr(isp, name) for name in _ISP_FIELDS)
        for isp in settled.isps
        for number in range(isp.start, isp.start + isp.duration)
    }


def _shown(value: int | None) -> str:
    return "none" if value is None else str(value)
