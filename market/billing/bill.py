"""A bill: what a party pays for a day, line by line; what it earns is negative.

THE rounding rule: a line is an exact fraction until the day's total of that line, which is rounded once, half to even. A
bill is the sum of its lines, so bills of several days, and of several parties, add up without a remainder.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np

from cim.codec.codec import wire
from cim.model.arrays import Ints
from cim.model.errors import BadInput
from market.billing.tariff import DayRates
from market.settlement.payments import Payment

_WH_PER_MWH = 1_000_000


@wire("market.BillKind")
class BillKind(StrEnum):
    """What a line of a bill is for."""

    ENERGY = "energy"  # to the supplier, for what comes from the grid
    NETWORK = "network"
    TAXES = "taxes"
    FEED_IN = "feed-in"  # earned for what goes to the grid
    FLEXIBILITY = "flexibility"  # orders delivered, less what was missing
    CAPACITY = "capacity"
    CURTAILMENT = "curtailment"
    MAKE_WHOLE = "make-whole"


# The line on which a payment stands, by its reason in the ledger.
LINE_OF_REASON = {
    "utilisation": BillKind.FLEXIBILITY,
    "penalty": BillKind.FLEXIBILITY,
    "capacity": BillKind.CAPACITY,
    "curtailment": BillKind.CURTAILMENT,
    "make-whole": BillKind.MAKE_WHOLE,
}


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line: `amount_e4` > 0 is paid, < 0 earned, ten-thousandths of the currency unit."""

    kind: BillKind
    amount_e4: int


@dataclass(frozen=True, slots=True)
class Bill:
    """A party's bill, its lines in the order of `BillKind`; a kind without a line amounts to nothing."""

    lines: tuple[BillLine, ...]

    @property
    def total_e4(self) -> int:
        """What is to be paid in the end; negative where more is earned."""
        return sum(line.amount_e4 for line in self.lines)

    def amount_e4(self, kind: BillKind) -> int:
        """The amount of one kind of line."""
        return sum(line.amount_e4 for line in self.lines if line.kind is kind)

    def __add__(self, other: Bill) -> Bill:
        """Both bills in one, line by line."""
        return bill_of({kind: self.amount_e4(kind) + other.amount_e4(kind) for kind in BillKind})


def bill_of(amounts_e4: dict[BillKind, int]) -> Bill:
    """A bill from its lines' amounts; lines of nothing are left out."""
    return Bill(tuple(BillLine(kind, amounts_e4[kind]) for kind in BillKind if amounts_e4.get(kind)))


def energy_bill(power_w: Sequence[int] | Ints, isp_minutes: int, rates: DayRates) -> Bill:
    """What the energy of a day costs a connection.

    Args:
        power_w: [T] mean net power of each ISP, whole watts, positive for consumption: an ISP is either import or
            export, as a meter with registers for each quarter-hour has it.
        rates: of the same ISPs.

    Raises:
        BadInput: as many powers are needed as the day has ISPs.
    """
    net = np.asarray(power_w, dtype=np.int64)
    if net.shape != rates.energy_e4_per_mwh.shape:
        raise BadInput(f"power_w: {len(net)} values; expected {len(rates.energy_e4_per_mwh)}, one for each ISP")
    taken, given = np.maximum(net, 0), np.maximum(-net, 0)

    def worth(watts: Ints, e4_per_mwh: Ints) -> int:
        # Whole watts times whole rates stay whole: below 1e8 W, 1e8 e4/MWh and 100 ISPs there is no overflow.
        return round(Fraction(int(watts @ e4_per_mwh) * isp_minutes, 60 * _WH_PER_MWH))

    return bill_of(
        {
            BillKind.ENERGY: worth(taken, rates.energy_e4_per_mwh),
            BillKind.NETWORK: worth(taken, rates.network_e4_per_mwh),
            BillKind.TAXES: worth(taken, rates.taxes_e4_per_mwh),
            BillKind.FEED_IN: -worth(given, rates.feed_in_e4_per_mwh),
        }
    )


def payments_bill(party: str, payments: Iterable[Payment]) -> Bill:
    """What payments come to for a party (its domain); those of others do not concern it.

    Raises:
        BadInput: a payment for a reason that no bill knows.
    """
    amounts = dict.fromkeys(BillKind, 0)
    for payment in payments:
        if party not in (payment.payer, payment.payee):
            continue
        if payment.reason not in LINE_OF_REASON:
            raise BadInput(
                f"payment {payment.reference}: reason {payment.reason!r}; expected {', '.join(LINE_OF_REASON)}"
            )
        sign = 1 if payment.payer == party else -1
        amounts[LINE_OF_REASON[payment.reason]] += sign * payment.amount
    return bill_of(amounts)
