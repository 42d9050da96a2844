"""What `iles community` does: a statement of bills from a site's month or a run's folder, as table, JSON and pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from cim.model.errors import BadInput
from environment.sites import known_sites, load_site
from environment.sites.community import AnyCommunity, AustrianCommunity
from environment.sites.schema import Site
from experiments.community.austrian import austrian_account
from experiments.community.best import (
    Judged,
    coefficients_by_kind,
    file_of,
    judged,
    most_own_use_wh,
    spanish_community,
    year_of,
)
from experiments.community.intervals import NAME as INTERVALS
from experiments.community.intervals import Intervals, as_csv, earlier_of
from experiments.community.metered import Metered, lived, metered_of_run, month_of, run_summary
from experiments.community.spanish import check_law, fixed_coefficients, spanish_statement
from market.billing.printed import kwh, money
from market.community.bill import NO_ADVICE, Account, Statement
from market.community.bill_page import bill_page, statement_page
from market.community.spain.distributor_file import CoefficientFile


@dataclass(frozen=True, eq=False)
class Billed:
    """A statement, and under Austria's law what each member had in each quarter-hour."""

    statement: Statement
    intervals: Intervals | None = None


def billed_month(
    name: str, month: str | None, seed: int, coefficients: Path | None = None, out: Path | None = None
) -> Billed:
    """A month of the site's profile year, lived by local rules, billed.

    Args:
        out: a folder in which there may be bills of the same month already; what differs from them is a correction.

    Raises:
        BadInput: no such site, month or community, or what the law does not allow.
    """
    site = load_site(name)
    community, days = community_of(site), month_of(site, month)
    if not isinstance(community, AustrianCommunity):
        check_law(site, community, days)  # before anything is lived
    earlier = _earlier(out)
    return billed(site, lived(site, days, seed), coefficients, earlier)


def billed_run(folder: Path, name: str | None, coefficients: Path | None = None, out: Path | None = None) -> Billed:
    """The days of a finished run, by what its meters told.

    Args:
        name: the site's file where it is none that ships with ILES.
        out: as for a month.
    """
    site = load_site(name or _shipped(str(run_summary(folder)["site"])))
    community_of(site)
    return billed(site, metered_of_run(folder, site), coefficients, _earlier(out))


def _earlier(out: Path | None) -> Intervals | None:
    return None if out is None else earlier_of(out / INTERVALS)


def _shipped(name: str) -> str:
    """The file of a site that ships with ILES, by the site's name; the name itself where there is none."""
    return next((file for file in known_sites() if file.replace("_", "-") == name), name)


def billed(site: Site, metered: Metered, coefficients: Path | None = None, earlier: Intervals | None = None) -> Billed:
    """The bills of a site's community by its law.

    Args:
        coefficients: the distributor's file, where a Spanish community has one for each hour.
        earlier: what was allocated before; only Austria's law allocates afterwards, and so again.
    """
    community = community_of(site)
    if not isinstance(community, AustrianCommunity):
        return Billed(spanish_statement(site, community, metered, coefficients))
    if coefficients is not None:
        raise BadInput(f"coefficients: {coefficients}; expected none under the law of {community.law}")
    return Billed(*austrian_account(site, community, metered, earlier))


def best_of_year(
    name: str, seed: int, say: Callable[[str], None]
) -> tuple[list[Judged], int, Callable[[], CoefficientFile]]:
    """Fixed and best hourly coefficients judged on weeks that the latter have not seen; the bound, Wh; and the file to make.

    Raises:
        BadInput: no such site, or no community by Spain's law.
    """
    site = load_site(name)
    community = spanish_community(site)
    say("living the profile year")
    year, fixed = year_of(site, community, seed), fixed_coefficients(community)
    unseen = coefficients_by_kind(year, fixed, year.odd, lambda part: say(f"odd weeks, season {part} of 3"))
    everyone = np.tile(fixed, (len(unseen), 1))
    ways = {"fixed": everyone, "hourly, agreed before": unseen}
    found = judged(year, fixed, ways, ~year.odd)

    def made() -> CoefficientFile:
        every = np.ones_like(year.odd)
        by_kind = coefficients_by_kind(year, fixed, every, lambda part: say(f"all weeks, season {part} of 3"))
        return file_of(community, site.timezone, by_kind)

    return found, most_own_use_wh(year, ~year.odd), made


def write(made: Billed, out: Path) -> list[Path]:
    """`community.json`, `community.html`, a page for each member and, by Austria's law, `intervals.csv`; the files."""
    found = made.statement
    out.mkdir(parents=True, exist_ok=True)
    pages = {"community.json": statement_json(found), "community.html": statement_page(found)}
    pages |= {f"{bill.member}.html": bill_page(bill) for bill in found.bills}
    if made.intervals is not None:
        pages[INTERVALS] = as_csv(made.intervals)
    for name, text in pages.items():
        (out / name).write_text(text, encoding="utf-8")
    return [out / name for name in pages]


def statement_json(found: Statement) -> str:
    """All fields with their units in their names, and what they come to; days as ISO dates."""
    told = {"schema": "iles.community/1", **asdict(found)}
    for bill, row in zip(found.bills, told["bills"], strict=True):
        row |= {"total_e4": bill.total_e4, "saved_e4": bill.saved_e4}
    told["accounts_e4"] = {account.value: found.account_e4(account) for account in Account}
    told |= {"paid_e4": found.paid_e4, "saved_e4": found.saved_e4, "no_advice": NO_ADVICE}
    return json.dumps(told, indent=1, default=str) + "\n"


def show(found: Statement, console: Console) -> None:
    """The statement as tables."""
    console.print(f"{found.community}, {found.first} to {found.last}, law of {found.law}")
    for line in found.registers:
        console.print(f"  {line.label}: {kwh(line.energy_wh)} kWh")
    table = Table("member", *_REGISTERS[found.law].values(), f"to be paid, {found.currency}", "without", "saved")
    for column in table.columns[1:]:
        column.justify = "right"
    for bill in found.bills:
        energies = (kwh(bill.register_wh(code)) for code in _REGISTERS[found.law])
        table.add_row(bill.title, *energies, money(bill.total_e4), money(bill.without_e4), money(bill.saved_e4))
    console.print(table)
    accounts = ", ".join(f"{account.value} {money(found.account_e4(account))}" for account in Account)
    console.print(f"all members pay {money(found.paid_e4)} {found.currency}: {accounts}")
    console.print(f"all members save {money(found.saved_e4)} {found.currency}")
    for note in (*found.notes, NO_ADVICE):
        console.print(note)


_REGISTERS = {
    "Austria": {
        "1-1:1.9.0 G.01": "consumed, kWh",
        "1-1:2.9.0 G.03": "own cover",
        "1-1:2.9.0 G.01": "fed in",
        "1-1:2.9.0 P.01T": "surplus",
    },
    "Spain": {"EC": "consumed, kWh", "ENG": "part of plant", "AUTO": "own use", "RED": "bought", "EXC": "surplus"},
}


def community_of(site: Site) -> AnyCommunity:
    """A site's community.

    Raises:
        BadInput: it has none.
    """
    if site.community is None:
        raise BadInput(f"site {site.name}: no community; expected `community:` in its file (docs/community.md)")
    return site.community
