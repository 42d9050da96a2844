"""A ledger begins with its parties: whether a site file still names those that a living site's ledger began with."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from cim.model.errors import BadInput
from environment.sites.schema import Party
from market.ledger.errors import NotALedger
from market.ledger.reader import LedgerReader

_SHOWN = 3


def check_parties(ledger: Path, keys: Mapping[str, bytes], company: Party | None) -> None:
    """Find out before anything is started, and say what to do.

    Args:
        ledger: of the site's folder; nothing is said of one that is not there yet.
        keys: of the site's parties, by domain.
        company: the site file's `meter_data_company`, if it names one.

    Raises:
        BadInput: the site file has other parties than the ledger began with, or they have other keys.
    """
    try:
        with LedgerReader(ledger) as reader:
            began = {party.name: party.public for party in reader.parties()}
    except (NotALedger, sqlite3.OperationalError):
        return  # it has not begun, or is none: who writes it says so
    if began == dict(keys):
        return
    if company is not None and set(keys) - set(began) == {company.domain} and set(began) <= set(keys):
        raise BadInput(
            f"meter_data_company: {company.domain} stands in the site file, but {ledger} began without it; expected the parties "
            "that it began with: copy the site file, remove the line meter_data_company, and name the copy to `iles up`"
        )
    raise BadInput(
        f"parties: {ledger} began {_otherwise(keys, began)}; expected a site file with the parties that it began with, "
        "or another --folder"
    )


def _otherwise(keys: Mapping[str, bytes], began: Mapping[str, bytes]) -> str:
    """How the site file's parties and the ledger's differ."""
    told = {
        "without": set(keys) - set(began),
        "with": set(began) - set(keys),
        "with another key of": {name for name in began if keys.get(name, began[name]) != began[name]},
    }
    return " and ".join(f"{word} {_named(names)}" for word, names in told.items() if names)


def _named(names: set[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(sorted(names)[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
