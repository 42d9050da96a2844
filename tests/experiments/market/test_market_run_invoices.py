"""`iles market invoices`: recomputed from the ledger they are what was paid; written, changed and missing files are told apart."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cim.platform.publications.settlement import PaymentsMade
from experiments.cli.market import app
from experiments.market.invoices import FOLDER, invoices_of_run
from market.settlement.payments import Payment, balance
from tests.worlds import players
from tests.worlds.undisturbed import undisturbed


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, int], Path]:
    """What each party gained on a settled day of four homes, and the folder with its ledger."""
    folder = tmp_path_factory.mktemp("invoiced")
    market = undisturbed(players.DAY.end + timedelta(hours=8), folder / "ledger.db")
    market.ledger.close()
    rows = [row for told in market.told(PaymentsMade) for row in told.payments]
    return balance(Payment(r.payer, r.payee, r.amount_e4, r.reason, r.reference, r.currency) for r in rows), folder


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and what the command prints."""
    result = CliRunner().invoke(app, ["invoices", *arguments])
    return result.exit_code, result.output


def test_the_invoices_are_what_was_paid(day: tuple[dict[str, int], Path]) -> None:
    """What the issuers are owed less what they owe is what the payments moved, party by party."""
    gained, folder = day
    billed = dict.fromkeys(gained, 0)
    for one in invoices_of_run(folder):
        billed[one.invoice.issuer] += one.invoice.total_e4
        billed[one.invoice.recipient] -= one.invoice.total_e4
    assert any(billed.values())
    assert billed == gained


def test_they_are_written_as_data_and_as_pages_and_recomputed(day: tuple[dict[str, int], Path]) -> None:
    """Missing at first; written, each is data with its total and a page; a changed amount is found, and written right again."""
    _, folder = day
    code, listed = run(str(folder))
    assert code == 1
    assert "missing" in listed
    code, listed = run(str(folder), "--write")
    assert code == 0
    assert "missing" not in listed
    files = sorted((folder / FOLDER).glob("*.json"))
    assert len(files) == len(invoices_of_run(folder)) == len(list((folder / FOLDER).glob("*.html")))
    first = json.loads(files[0].read_text(encoding="utf-8"))
    assert first["total_e4"] == sum(line["amount_e4"] for line in first["lines"])
    assert first["issuer"] in files[0].with_name(files[0].name[:-5] + ".html").read_text(encoding="utf-8")
    files[0].write_text(files[0].read_text(encoding="utf-8").replace('"total_e4": ', '"total_e4": 9'), encoding="utf-8")
    code, listed = run(str(folder))
    assert code == 1
    assert listed.count("differs") == 1
    assert run(str(folder), "--write")[0] == 0


def test_the_json_is_the_files(day: tuple[dict[str, int], Path]) -> None:
    """`--json` prints what stands in the files, as one list."""
    _, folder = day
    run(str(folder), "--write")
    printed = json.loads(run(str(folder), "--json")[1])
    stored = [json.loads(path.read_text(encoding="utf-8")) for path in (folder / FOLDER).glob("*.json")]
    assert sorted(one["number"] for one in printed) == sorted(one["number"] for one in stored)
    assert all(one in stored for one in printed)
