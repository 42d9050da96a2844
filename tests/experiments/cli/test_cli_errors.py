"""Wrong input to `iles run`, `iles up` and `iles faults` gets one clear sentence and exit code 2, never a traceback."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from experiments.cli.main import main

SITES = Path(__file__).parents[3] / "environment" / "sites"


class Said(NamedTuple):
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


Iles = Callable[..., Said]


@pytest.fixture
def iles(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iles:
    """The command in this process, by the entry that its script calls: a process of its own is a second of imports."""

    def call(*arguments: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["iles", *map(str, arguments)])
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0
        else:
            code = 0
        return Said(code, *capsys.readouterr())

    return call


def in_a_process(*arguments: str | Path) -> Said:
    """The command as a person would call it."""
    command = [sys.executable, "-m", "experiments.cli.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return Said(done.returncode, done.stdout, done.stderr)


def test_a_process_of_its_own_ends_as_the_command_does_here(iles: Iles) -> None:
    """The same sentence, nothing else on either stream, and the same exit code, as a shell sees them."""
    assert in_a_process("run", "nosuch") == iles("run", "nosuch")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "nosuch"), "site: 'nosuch' is unknown; expected el_realengo, strem"),
        (("run", "strem", "--date", "2019-01-01"), "date: 2019-01-01 is outside"),
        (("run", "strem", "--date", "20160520"), "is no date; expected YYYY-MM-DD"),
        (("run", "strem", "--lose", "nothing@12:00"), "device 'nothing' is unknown"),
        (("run", "strem", "--lose", "farm-1.pv@99"), "expected DEVICE@HH:MM"),
        (("run", "strem", "--out", "s3://bucket/x"), "--out: s3://bucket/x is no folder; expected one on this machine"),
        (
            ("up", "strem", "--folder", "s3://bucket/x"),
            "--folder: s3://bucket/x is no folder; expected one on this machine",
        ),
        (("run", "strem", "--days", "0"), "greater than or equal to 1"),
        (("run", "strem", "--runtime", "moon"), "'moon' is not one of"),
        (("up", "strem", "--endpoints", "none.yaml", "--speed", "2"), "--speed: 2.0 does not go with --endpoints"),
        (("up", "strem", "--endpoints", "none.yaml"), "endpoints: none.yaml cannot be read"),
        (("faults", "--break", "nonsense"), "break: 'nonsense' is unknown; expected one of lost-dedup,"),
        (
            ("faults", "--break", "lost-dedup", "--kills", "3"),
            "--kills belongs to the ray runtime; expected it not beside --break",
        ),
        (
            ("faults", "--seeds", "3", "--site", "strem"),
            "--site belongs to the ray runtime; expected it not beside --seeds",
        ),
        (("faults", "--nodes", "2", "--site", "nosuch"), "site: 'nosuch' is unknown; expected el_realengo, strem"),
        (
            ("faults", "--runtime", "ray", "--seeds", "3"),
            "--seeds belongs to the local runtime; expected it not with --runtime ray",
        ),
    ],
)
def test_wrong_arguments_are_one_sentence(iles: Iles, arguments: tuple[str, ...], sentence: str) -> None:
    """Which field, which value, what was expected; exit code 2; no traceback."""
    done = iles(*arguments)
    said = re.sub(r"[\s│]+", " ", done.stderr)
    assert done.returncode == 2
    assert sentence in said
    assert "Traceback" not in done.stderr


def test_a_site_file_with_five_faults_names_all_five(iles: Iles, tmp_path: Path) -> None:
    """All faults of a site file are listed at once, each with its path in the file, the value and what was expected."""
    text = (SITES / "strem.yaml").read_text()
    for old, new in (
        ("timezone: Europe/Vienna", "timezone: Mars/Olympus"),
        ("isp_minutes: 15", "isp_minutes: 7"),
        ("currency: EUR", "currency: euro"),
        ("aggregator: agr-east", "aggregator: agr-north"),
        ("rated_w: {value: 117200, source: simbench}", "rated_w: 117200"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    broken = tmp_path / "broken.yaml"
    broken.write_text(text)
    done = iles("run", broken)
    assert done.returncode == 2
    assert "has 5 faults" in done.stderr
    for place in ("timezone", "isp_minutes", "currency", "prosumers[0].aggregator", "prosumers[0].devices[0].rated_w"):
        assert re.search(rf"^{re.escape(place)}: value .*: expected ", done.stderr, re.MULTILINE), place


@pytest.mark.slow
def test_a_busy_port_is_named(tmp_path: Path) -> None:
    """A port that somebody else listens on is named, exit code 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = in_a_process(
            "run", "strem", "--runtime", "local", "--wire", "tcp", "--base-port", str(port), "--out", tmp_path / "p"
        )
    assert done.returncode == 2
    assert f"port: {port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_silent_device_at_the_start_is_named(tmp_path: Path) -> None:
    """A device that does not answer at start-up ends the run with its name, unless it is allowed to be missing."""
    done = in_a_process("run", "strem", "--runtime", "local", "--lose", "farm-1.pv@start", "--out", tmp_path / "s")
    assert done.returncode == 2
    assert "farm-1.pv" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_command_explains_itself(iles: Iles) -> None:
    """`--help` of each command says what it is for."""
    for command in ((), ("run",), ("ledger",), ("ledger", "verify"), ("devices",), ("devices", "simulate")):
        done = iles(*command, "--help")
        assert done.returncode == 0
        assert len(done.stdout.split()) > 15, command


def test_the_help_is_there_at_once() -> None:
    """`iles --help` loads no solver, no table, no number crunching and no agent: only what its commands are called."""
    code = (
        "import atexit, sys; from experiments.cli.main import main; sys.argv = ['iles', '--help']\n"
        "atexit.register(lambda: print('loaded:', *sys.modules)); main()"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = told.partition("loaded:")[2].split()
    assert "experiments.cli.data" in loaded
    heavy = "numpy pandas pyarrow duckdb deltalake tantivy sqlglot ray redis scipy cvxpy agents.roles agents.planning"
    assert not [name for name in heavy.split() if name in loaded]


def test_the_summary_document_is_what_the_classes_say() -> None:
    """`iles docs summary` writes what is committed in docs/summary.md; each column's figures stand under their path."""
    from experiments.cli.summary_page import page

    document = (Path(__file__).parents[3] / "docs" / "summary.md").read_text()
    assert document == page()
    for path in ("grid.violations.with_flexibility", "columns.*.over_limit_wh", "settled_vs_true.*.true_wh", "money"):
        assert f"| `{path}` |" in document


@pytest.mark.slow
def test_breaking_a_storey_rule_fails(tmp_path: Path) -> None:
    """An `import ray` in market/ makes the import rules fail; without it they hold."""
    root = Path(__file__).parents[3]
    for name in ("cim", "environment", "devices", "market", "agents", "portal", "pilot", "experiments"):
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "data"))
    shutil.copy(root / "pyproject.toml", tmp_path)

    def lint() -> int:
        code = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command as c; c()"
        return subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False).returncode

    assert lint() == 0
    (tmp_path / "market" / "stray.py").write_text('"""A module that should not be."""\n\nimport ray\n')
    assert lint() == 1
