"""`iles ledger fuzz`: random changes of what the ledger hands out and takes in."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from experiments.cli.ledger import app
from experiments.faults import ledger_fuzz


def test_thousands_of_changes_are_refused_and_none_crashes() -> None:
    """Of 2,000 attempts each is refused with a reason, or changed nothing; all five kinds of them are among these."""
    found = ledger_fuzz.fuzz(2_000, 3)
    assert found.wrong == ()
    assert found.refused.total() + found.harmless == found.attempts == 2_000
    assert found.harmless < 200
    assert {words.split()[0] for words in found.refused} >= {"proof", "head:", "record", "message:"}
    assert ledger_fuzz.fuzz(200, 3).refused == ledger_fuzz.fuzz(200, 3).refused


def test_a_checker_that_believes_too_much_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where paths are not checked any more, or a co-signer takes everything, the command says what passed; exit code 1."""
    assert CliRunner().invoke(app, ["fuzz", "--count", "100"]).exit_code == 0
    monkeypatch.setattr("market.ledger.merkle.verify_inclusion", lambda *_: True)
    result = CliRunner().invoke(app, ["fuzz", "--count", "400"])
    assert result.exit_code == 1
    assert "says something else" in result.output
    monkeypatch.undo()
    monkeypatch.setattr(ledger_fuzz, "fault_of", lambda *_: None)
    result = CliRunner().invoke(app, ["fuzz", "--count", "400"])
    assert result.exit_code == 1
    assert "a co-signer takes block" in result.output
