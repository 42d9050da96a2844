"""What `iles run` is asked for on the command line is what is run."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pytest

from experiments.cli.main import main
from experiments.run import run_command
from experiments.run.settings import RunSettings


def asked(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> RunSettings:
    """The settings that the command hands on."""
    heard: list[RunSettings] = []
    monkeypatch.setattr(run_command, "execute", heard.append)
    monkeypatch.setattr(sys, "argv", ["iles", "run", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    (settings,) = heard
    return settings


def test_without_options_a_day_runs_durably_on_ray_over_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each agent in an actor of its own, the site's default day, seed 1."""
    assert asked(monkeypatch, "strem") == RunSettings(
        "strem", None, 1, 1, "ray", "tcp", 1, Path("out/strem-seed1"), durable=True
    )


def test_in_one_process_there_are_neither_sockets_nor_journals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless they are asked for."""
    quiet = asked(monkeypatch, "strem", "--runtime", "local")
    assert (quiet.runtime, quiet.wire, quiet.durable) == ("local", "direct", False)
    loud = asked(monkeypatch, "strem", "--runtime", "local", "--wire", "tcp", "--durable")
    assert (loud.runtime, loud.wire, loud.durable) == ("local", "tcp", True)


def test_every_option_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Days, seed, packing, places, lost devices, ports and the folder."""
    settings = asked(
        monkeypatch, "strem", "--date", "2016-06-08", "--days", "2", "--seed", "3", "--agents-per-actor", "16", "--place",
        "agr-*=big", "--out", "there", "--allow-missing", "--lose", "farm-1.pv@start", "--lose", "farm-4.meter@12:05",
        "--base-port", "15020", "--no-durable",
    )  # fmt: skip
    assert settings == RunSettings(
        "strem", date(2016, 6, 8), 2, 3, "ray", "tcp", 16, Path("there"), True, 15020,
        (("farm-1.pv", None), ("farm-4.meter", 725)), (("agr-*", "big"),), False,
    )  # fmt: skip


def test_a_mechanism_that_needs_several_buyers_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """One sentence with those that can be had, before anything runs; a study runs pay-as-bid."""
    assert asked(monkeypatch, "strem", "--mechanism", "vcg").mechanism == "vcg"
    monkeypatch.undo()
    for arguments, words in (
        (["--mechanism", "mcafee"], "expected one of pay-as-bid, uniform-price, vcg, posted-price"),
        (["--mechanism", "vcg", "--seeds", "1-2"], "mechanism: 'vcg' with --seeds or --days-file"),
    ):
        monkeypatch.setattr(
            sys, "argv", ["iles", "run", "strem", "--runtime", "local", "--out", str(tmp_path), *arguments]
        )
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        assert words in capsys.readouterr().err
