"""A member's bill and a community's statement as pages to print: HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from market.billing.printed import kwh, money, printed_page, printed_table
from market.community.bill import NO_ADVICE, Account, CommunityBill, MoneyLine, RegisterLine, Statement


def bill_page(bill: CommunityBill) -> str:
    """A member's bill: what its meter shows, what it pays to whom, and what it would have paid without the community."""
    registers = printed_table(("register", "code", "kWh"), map(_register, bill.registers))
    label = "to be paid" if bill.total_e4 >= 0 else "to be paid to the member"
    lines = printed_table(
        ("for", "with", "kWh", bill.currency), map(_line, bill.lines), (label, "", "", money(abs(bill.total_e4)))
    )
    beside = f"<p>Without the community: {money(bill.without_e4)} {escape(bill.currency)}; so it saves {money(bill.saved_e4)}.</p>"
    return _page(bill.title, bill, registers + lines + beside, bill.notes)


def statement_page(statement: Statement) -> str:
    """The community's period: its energy, each member's sum, its own account, and that all accounts close."""
    registers = printed_table(("register", "code", "kWh"), map(_register, statement.registers))
    members = printed_table(
        ("member", f"to be paid, {statement.currency}", "without the community", "saved"),
        ((bill.title, money(bill.total_e4), money(bill.without_e4), money(bill.saved_e4)) for bill in statement.bills),
        ("all members", money(statement.paid_e4), "", money(statement.saved_e4)),
    )
    accounts = printed_table(
        ("account", statement.currency),
        ((account.value, money(statement.account_e4(account))) for account in Account),
        ("all accounts, as members pay", money(statement.paid_e4)),
    )
    income = printed_table(("the community earns", "from", "kWh", statement.currency), map(_line, statement.income))
    body = registers + members + (income if statement.income else "") + accounts
    return _page(f"Energy shared by the law of {statement.law}", statement, body, statement.notes)


def _page(title: str, of: CommunityBill | Statement, body: str, notes: Iterable[str]) -> str:
    head = f"<p>{escape(of.community)}<br>for {of.first} to {of.last}</p>\n"
    warning = f'<p class="warning">{escape(NO_ADVICE)}</p>\n'
    return printed_page(title, head + warning + body + "".join(f"<p>{escape(note)}</p>" for note in notes))


def _register(line: RegisterLine) -> tuple[str, ...]:
    return line.label, line.code, kwh(line.energy_wh)


def _line(line: MoneyLine) -> tuple[str, ...]:
    return line.label, line.account.value, kwh(line.energy_wh), money(line.amount_e4)
