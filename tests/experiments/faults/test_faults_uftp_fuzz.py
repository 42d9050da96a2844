"""`iles uftp fuzz`: broken messages are refused by their reasons; what should not be is found and told."""

from __future__ import annotations

import pytest

pytest.importorskip("shapeshifter_uftp", reason="shapeshifter-uftp is not installed; `make` renews the environment")

from typer.testing import CliRunner

from experiments.cli.uftp import app
from experiments.faults import uftp_fuzz
from experiments.faults.uftp_fuzz import fuzz
from pilot.uftp.reception import Reception


def test_broken_messages_are_refused_each_by_a_reason() -> None:
    """Bad requests, bad signatures and rejections are all among them, the same seed breaks the same, and nothing is wrong."""
    found = fuzz(400, 3)
    assert found == fuzz(400, 3)
    assert found.wrong == ()
    assert {words.partition(" ")[0] for words in found.refused} >= {"200", "400", "401"}
    assert found.refused.total() + found.taken == 400
    assert 0 < found.taken < 100


def test_a_crash_is_told_and_ends_with_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reception that cannot bear a body is what this is for."""
    judge = Reception.judge

    def frail(self: Reception, body: bytes) -> object:
        if b"\xff" in body:
            raise UnicodeDecodeError("utf-8", body, 0, 1, "planted")
        return judge(self, body)

    monkeypatch.setattr(uftp_fuzz.Reception, "judge", frail)
    ended = CliRunner().invoke(app, ["fuzz", "100"])
    assert ended.exit_code == 1
    assert "UnicodeDecodeError" in ended.output
