"""A folder whose ledger began with other parties than the site file has is refused before anything starts, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from cim.model.errors import BadInput
from environment.sites.schema import Party
from market.ledger import records
from market.ledger.signing import Signer
from market.ledger.store import LedgerStore
from pilot.ledger_parties import check_parties

COMPANY = Party(name="meters", domain="meters.test.example")
NAMES = ("agr.example", "dso.example", COMPANY.domain)
KEYS = {name: Signer(bytes([number]) * 32).public for number, name in enumerate(NAMES)}
BEFORE = {name: key for name, key in KEYS.items() if name != COMPANY.domain}


def ledger_of(folder: Path, keys: dict[str, bytes]) -> Path:
    """A ledger that begins with these."""
    with LedgerStore(folder / "ledger.db") as store:
        store.create([records.Party(*pair) for pair in keys.items()], {"site": "test"})
    return folder / "ledger.db"


def test_a_ledger_goes_on_with_the_parties_that_it_began_with(tmp_path: Path) -> None:
    """With and without a meter-data company; so does a folder that has no ledger yet, or one that was not begun."""
    check_parties(tmp_path / "ledger.db", KEYS, COMPANY)
    (tmp_path / "ledger.db").touch()
    check_parties(tmp_path / "ledger.db", KEYS, COMPANY)
    check_parties(ledger_of(tmp_path, BEFORE), BEFORE, None)
    (tmp_path / "with").mkdir()
    check_parties(ledger_of(tmp_path / "with", KEYS), KEYS, COMPANY)


def test_one_from_before_the_meter_data_company_says_what_to_do(tmp_path: Path) -> None:
    """It names the field, the party, the ledger, and how the site goes on."""
    with pytest.raises(
        BadInput, match=rf"^meter_data_company: {COMPANY.domain} .* began without it; .* remove the line"
    ):
        check_parties(ledger_of(tmp_path, BEFORE), KEYS, COMPANY)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (KEYS | {"new.example": bytes(32)}, "without new.example"),
        (BEFORE, f"with {COMPANY.domain}"),
        (KEYS | {"dso.example": bytes(32)}, "with another key of dso.example"),
        (
            {COMPANY.domain: KEYS[COMPANY.domain], "new.example": bytes(32)},
            "without new.example and with agr.example, dso.example",
        ),
        (KEYS | {f"new-{n}.example": bytes(32) for n in range(9)}, "without new-0.example, .*new-2.example and 6 more"),
    ],
)
def test_any_other_difference_is_named(tmp_path: Path, keys: dict[str, bytes], words: str) -> None:
    """Who is new, who is gone, whose key is another; a few names, and how many more."""
    with pytest.raises(BadInput, match=rf"^parties: .*ledger.db began {words}; expected a site file with the parties"):
        check_parties(ledger_of(tmp_path, KEYS), keys, COMPANY)
