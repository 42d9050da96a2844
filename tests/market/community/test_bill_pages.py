"""Pages to print: all that a member needs stands on them, and nothing of what it is called breaks them."""

from __future__ import annotations

import re
from datetime import date
from html import escape

import pytest

from market.billing.printed import kwh, money
from market.community.bill import NO_ADVICE, Account, CommunityBill, MoneyLine, RegisterLine, Statement
from market.community.bill_page import bill_page, statement_page

BILL = CommunityBill(
    member="home-1",
    title="Home <1> & Söhne",
    community="EEG",
    first=date(2026, 5, 1),
    last=date(2026, 5, 31),
    currency="EUR",
    registers=(RegisterLine("1-1:2.9.0 G.03", "Own cover from the community", 12_345),),
    lines=(
        MoneyLine("Energy", Account.SUPPLIER, 1000, 12_345),
        MoneyLine("Feed-in", Account.SUPPLIER, 500, -400),
        MoneyLine("Community", Account.COMMUNITY, 12_345, 6_000),
    ),
    without_e4=20_000,
    notes=("Member until 2026-05-20.",),
)
STATEMENT = Statement(
    "EEG", "Austria", date(2026, 5, 1), date(2026, 5, 31), "EUR", (BILL,), (RegisterLine("", "Surplus", 7),),
    (MoneyLine("Surplus sold", Account.SUPPLIER, 7, -50),), ("A note.",),
)  # fmt: skip


def test_a_members_page_has_registers_lines_sum_and_what_it_saves() -> None:
    """Codes as the meter has them, kWh with three decimals, money with four, and that it is no invoice."""
    page = bill_page(BILL)
    for said in (
        "Home &lt;1&gt; &amp; Söhne", "1-1:2.9.0 G.03", "12.345", "1.2345", "-0.0400", "1.7945", "2.0000", "saves 0.2055",
        "Member until 2026-05-20.", escape(NO_ADVICE),
    ):  # fmt: skip
        assert said in page, said
    assert re.search(r"src=|href=|<script", page) is None


def test_a_member_that_earns_is_told_so() -> None:
    """A negative sum is shown as what is paid to the member."""
    earning = CommunityBill(
        "f", "Farm", "EEG", BILL.first, BILL.last, "EUR", (), (MoneyLine("Feed-in", Account.SUPPLIER, 1, -900),), -800
    )
    page = bill_page(earning)
    assert "to be paid to the member" in page
    assert "0.0900" in page
    assert earning.saved_e4 == 100


def test_the_communitys_page_closes_its_accounts() -> None:
    """Each account, what the community earns beside its members, and the sum that members pay."""
    page = statement_page(STATEMENT)
    for said in ("Surplus sold", "all accounts, as members pay", escape(NO_ADVICE), "A note.", "law of Austria"):
        assert said in page, said
    assert STATEMENT.account_e4(Account.SUPPLIER) == 12_345 - 400 - 50
    assert STATEMENT.account_e4(Account.COMMUNITY) == 6_000 + 50
    assert sum(STATEMENT.account_e4(account) for account in Account) == STATEMENT.paid_e4 == 17_945


@pytest.mark.parametrize(("value", "amount", "energy"), [
    (0, "0.0000", "0.000"), (-1, "-0.0001", "-0.001"), (10_000, "1.0000", "10.000"), (-12_345, "-1.2345", "-12.345"),
])  # fmt: skip
def test_numbers_are_whole_until_they_are_shown(value: int, amount: str, energy: str) -> None:
    """Signs stand before small numbers too."""
    assert (money(value), kwh(value)) == (amount, energy)
