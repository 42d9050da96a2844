"""A member's bill and a community's statement as pages to print: HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from market.community.bill import NO_ADVICE, Account, CommunityBill, MoneyLine, RegisterLine, Statement

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 11pt sans-serif; margin: 2cm; color: #222 }}
table {{ border-collapse: collapse; width: 100%; margin: 1em 0 }}
th, td {{ text-align: right; padding: .3em .6em; border-bottom: 1px solid #ccc }}
th:first-child, td:first-child {{ text-align: left }}
tfoot td {{ font-weight: bold; border-bottom: none }}
.warning {{ border: 1px solid #a40; padding: .5em 1em }}
</style></head>
<body><h1>{title}</h1>
<p>{community}<br>for {first} to {last}</p>
<p class="warning">{no_advice}</p>
{body}
{notes}
</body></html>
"""


def bill_page(bill: CommunityBill) -> str:
    """A member's bill: what its meter shows, what it pays to whom, and what it would have paid without the community."""
    registers = _table(("register", "code", "kWh"), map(_register, bill.registers))
    label = "to be paid" if bill.total_e4 >= 0 else "to be paid to the member"
    lines = _table(
        ("for", "with", "kWh", bill.currency), map(_line, bill.lines), (label, "", "", money(abs(bill.total_e4)))
    )
    beside = f"<p>Without the community: {money(bill.without_e4)} {escape(bill.currency)}; so it saves {money(bill.saved_e4)}.</p>"
    return _page(bill.title, bill, registers + lines + beside, bill.notes)


def statement_page(statement: Statement) -> str:
    """The community's period: its energy, each member's sum, its own account, and that all accounts close."""
    registers = _table(("register", "code", "kWh"), map(_register, statement.registers))
    members = _table(
        ("member", f"to be paid, {statement.currency}", "without the community", "saved"),
        ((bill.title, money(bill.total_e4), money(bill.without_e4), money(bill.saved_e4)) for bill in statement.bills),
        ("all members", money(statement.paid_e4), "", money(statement.saved_e4)),
    )
    accounts = _table(
        ("account", statement.currency),
        ((account.value, money(statement.account_e4(account))) for account in Account),
        ("all accounts, as members pay", money(statement.paid_e4)),
    )
    income = _table(("the community earns", "from", "kWh", statement.currency), map(_line, statement.income))
    body = registers + members + (income if statement.income else "") + accounts
    return _page(f"Energy shared by the law of {statement.law}", statement, body, statement.notes)


def money(amount_e4: int) -> str:
    """An amount with four decimals."""
    sign, size = ("-" if amount_e4 < 0 else ""), abs(amount_e4)
    return f"{sign}{size // 10_000}.{size % 10_000:04d}"


def kwh(energy_wh: int) -> str:
    """An energy with three decimals, as registers have it."""
    sign, size = ("-" if energy_wh < 0 else ""), abs(energy_wh)
    return f"{sign}{size // 1000}.{size % 1000:03d}"


def _page(title: str, of: CommunityBill | Statement, body: str, notes: Iterable[str]) -> str:
    return _PAGE.format(
        title=escape(title),
        community=escape(of.community),
        first=of.first,
        last=of.last,
        no_advice=escape(NO_ADVICE),
        body=body,
        notes="".join(f"<p>{escape(note)}</p>" for note in notes),
    )


def _register(line: RegisterLine) -> tuple[str, ...]:
    return line.label, line.code, kwh(line.energy_wh)


def _line(line: MoneyLine) -> tuple[str, ...]:
    return line.label, line.account.value, kwh(line.energy_wh), money(line.amount_e4)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], foot: tuple[str, ...] = ()) -> str:
    def cells(row: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>"

    body = "".join(cells(row, "td") for row in rows)
    end = f"<tfoot>{cells(foot, 'td')}</tfoot>" if foot else ""
    return f"<table><thead>{cells(head, 'th')}</thead><tbody>{body}</tbody>{end}</table>"
