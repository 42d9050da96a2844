"""A member's bill of a month in a community: registers as its meter or portal shows them, and lines with whom they are paid to.

Positive amounts are paid, negative ones earned. A line is exact until its total, which is rounded once; accounts are sums of
whole lines, so that bills and accounts of a community close without a remainder.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from market.billing.tariff import DayRates


class Account(StrEnum):
    """To whom a line is paid, or by whom."""

    SUPPLIER = "supplier"
    GRID = "grid operator"
    STATE = "taxes and levies"
    COMMUNITY = "community"


@dataclass(frozen=True, slots=True)
class RegisterLine:
    """A register over the period: its code where there is one (OBIS), what it is in words, and its energy."""

    code: str
    label: str
    energy_wh: int


@dataclass(frozen=True, slots=True)
class MoneyLine:
    """One line: what for, with whom, for how much energy; `amount_e4` ten-thousandths of the currency unit."""

    label: str
    account: Account
    energy_wh: int
    amount_e4: int


@dataclass(frozen=True, slots=True)
class CommunityBill:
    """What a member pays for a period.

    Attributes:
        member: its name; `title`: in words.
        first, last: local days, both included.
        without_e4: what the same energy would have cost it without the community.
        notes: sentences that it has to know: what was substituted, what the cap took, when it left.
    """

    member: str
    title: str
    community: str
    first: date
    last: date
    currency: str
    registers: tuple[RegisterLine, ...]
    lines: tuple[MoneyLine, ...]
    without_e4: int
    notes: tuple[str, ...] = ()

    @property
    def total_e4(self) -> int:
        """What is to be paid in the end; negative where more is earned."""
        return sum(line.amount_e4 for line in self.lines)

    @property
    def saved_e4(self) -> int:
        """What the community is worth to this member in this period."""
        return self.without_e4 - self.total_e4

    def register_wh(self, code: str) -> int:
        """The energy of all registers of a code."""
        return sum(line.energy_wh for line in self.registers if line.code == code)


@dataclass(frozen=True, slots=True)
class Statement:
    """A community's period: its members' bills and what lies on its own account.

    Attributes:
        registers: of the whole community.
        income: what it earns beside its members: surplus sold by the community itself.
        notes: what holds for all.
    """

    community: str
    law: str
    first: date
    last: date
    currency: str
    bills: tuple[CommunityBill, ...]
    registers: tuple[RegisterLine, ...]
    income: tuple[MoneyLine, ...] = ()
    notes: tuple[str, ...] = ()

    def account_e4(self, account: Account) -> int:
        """What lies on an account after the period; all accounts together are what members paid."""
        lines = (*(line for bill in self.bills for line in bill.lines), *self.income)
        found = sum(line.amount_e4 for line in lines if line.account is account)
        # What the community earns elsewhere is on the other account what it pays out, and here what comes in.
        return found - sum(line.amount_e4 for line in self.income) if account is Account.COMMUNITY else found

    @property
    def paid_e4(self) -> int:
        """What all members pay together."""
        return sum(bill.total_e4 for bill in self.bills)

    @property
    def saved_e4(self) -> int:
        """What the community is worth to all members together; its own account beside that."""
        return sum(bill.saved_e4 for bill in self.bills)


# What every page and command says: nobody's bill rests on this without somebody who may say what the law is.
NO_ADVICE = (
    "Worked out from rules as read on regulators' and distributors' pages, not from the gazettes. It is no invoice: bills for "
    "real people need a lawyer first."
)


@dataclass(frozen=True, eq=False, slots=True)
class MemberTariff:
    """A member's tariff over the period.

    Attributes:
        rates: each [T] of the period's intervals.
        vat_pct: value-added tax that it pays; contained in `rates.taxes_e4_per_mwh`.
    """

    rates: DayRates
    vat_pct: int = 0
