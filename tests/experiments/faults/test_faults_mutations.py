"""Every planted bug is caught, by the invariant that is there for it."""

from __future__ import annotations

import json
import re

import pytest
import typer
from typer.testing import CliRunner

from cim.model.errors import BadInput
from experiments.cli.faults import faults
from experiments.faults.invariants.all import INVARIANTS, violations
from experiments.faults.mutations import MUTATIONS, planted
from experiments.faults.simulation_run import play

SEED = 2


def names(found: tuple[str, ...]) -> set[str]:
    """The invariants that were broken."""
    return {sentence.partition(":")[0] for sentence in found}


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_a_planted_bug_is_caught(name: str) -> None:
    """The invariant made for it names it, in a sentence that says what was expected."""
    found = violations(play(SEED, None, planted(name)))
    assert names(found) & set(MUTATIONS[name].caught_by)
    assert all(len(sentence) > 40 for sentence in found)


@pytest.mark.parametrize("name", ["lost-dedup", "unbalanced-money"])
def test_a_planted_bug_is_caught_among_faults(name: str) -> None:
    """Faults around it do not hide it."""
    from experiments.faults.campaign import judge

    assert names(judge(SEED, name).violations) & set(MUTATIONS[name].caught_by)


def test_every_bug_is_caught_by_an_invariant_that_exists() -> None:
    """The table of bugs names no invariant that is not there."""
    assert {name for known in MUTATIONS.values() for name in known.caught_by} <= set(INVARIANTS)


def test_an_unknown_bug_is_one_sentence() -> None:
    """The error names what there is."""
    with pytest.raises(BadInput, match=r"^break: 'nonsense' is unknown; expected one of lost-dedup, "):
        planted("nonsense")


@pytest.fixture
def command() -> typer.Typer:
    """The command alone."""
    app = typer.Typer()
    app.command()(faults)
    return app


def test_the_command_exits_with_one_and_prints_the_replay(command: typer.Typer) -> None:
    """A failing seed is printed with its violations and the command that plays it again."""
    result = CliRunner().invoke(command, ["--seed", "2", "--break", "missing-expiry"])
    assert result.exit_code == 1
    assert "replay: iles faults --runtime local --seed 2 --break missing-expiry" in result.output
    assert "setpoints-end: farm-a.pv" in result.output


def test_agents_that_never_come_to_rest_are_a_violation_of_their_seed(command: typer.Typer) -> None:
    """A bug may leave two agents answering each other for ever: the run ends there, and is judged like any other.

    Of ten seeds with one that never ends the command counts those that failed, with exit code 1 and no traceback.
    """
    result = CliRunner().invoke(command, ["--break", "lost-outbox", "--seeds", "10", "--json"])
    assert result.exit_code == 1
    figures = json.loads(result.stdout)
    assert figures["seeds"] == 10
    assert 8 in figures["failed"]
    sentence = r"^comes-to-rest: agents still talk after 5000 rounds at 20\d\d-.*; expected quiet$"
    assert re.search(sentence, "\n".join(figures["violations"]["8"]), re.M)


def test_the_command_tells_json(command: typer.Typer) -> None:
    """One object, with the counts a script needs; exit code 0 when all is well."""
    result = CliRunner().invoke(command, ["--runtime", "local", "--seed", "2", "--json"])
    assert result.exit_code == 0
    figures = json.loads(result.stdout)
    assert figures["failed"] == []
    assert figures["messages"]["least"] >= 400


def test_the_command_lists_the_bugs(command: typer.Typer) -> None:
    """`--break list` names every one."""
    result = CliRunner().invoke(command, ["--break", "list"])
    assert all(name in result.output for name in MUTATIONS)
