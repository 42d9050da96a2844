"""The token is made once, is long, and lies where only its owner can read it."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cim.model.errors import BadInput
from portal.tokens import FILE, VARIABLE, portal_token


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def test_a_new_token_has_32_random_bytes_in_a_file_of_mode_0600(tmp_path: Path) -> None:
    """Made with its folder, whatever the umask; two sites have two."""
    before = os.umask(0)
    try:
        token = portal_token(tmp_path / "a" / "site")
    finally:
        os.umask(before)
    assert len(token) == 43
    assert stat.S_IMODE((tmp_path / "a" / "site" / FILE).stat().st_mode) == 0o600
    assert portal_token(tmp_path / "b") != token
    assert [path.name for path in (tmp_path / "b").iterdir()] == [FILE]


def test_the_token_stays(tmp_path: Path) -> None:
    """A restarted site keeps it."""
    assert portal_token(tmp_path) == portal_token(tmp_path)


def test_who_starts_at_once_gets_one_token(tmp_path: Path) -> None:
    """Two starts do not overwrite each other's."""
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: portal_token(tmp_path), range(32)))) == 1


def test_the_variable_wins_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token from the environment is used as it is."""
    monkeypatch.setenv(VARIABLE, "v" * 40)
    assert portal_token(tmp_path) == "v" * 40
    assert not list(tmp_path.iterdir())


def test_a_weak_variable_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence that does not show it."""
    monkeypatch.setenv(VARIABLE, "hunter2")
    with pytest.raises(BadInput, match="expected at least 32") as caught:
        portal_token(tmp_path)
    assert "hunter2" not in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """It may be known already, so it is not quietly repaired."""
    portal_token(tmp_path)
    (tmp_path / FILE).chmod(0o640)
    with pytest.raises(BadInput, match="mode 0640"):
        portal_token(tmp_path)


def test_a_broken_token_file_is_one_sentence(tmp_path: Path) -> None:
    """Bytes that are no text, and a folder in its place."""
    (tmp_path / FILE).write_bytes(b"\xff\xfe" * 30)
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(BadInput, match="cannot be read"):
        portal_token(tmp_path)
    (tmp_path / "b" / FILE).mkdir(parents=True)
    with pytest.raises(BadInput, match="cannot be read"):
        portal_token(tmp_path / "b")
