"""The small market's simulation: whole, the same for the same seed, and sound with and without faults."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.planning.grid_safety.assessment import assess
from agents.planning.grid_safety.offer_selection import select
from agents.roles.dso import DsoConfig
from experiments.faults.campaign import LEAST_FAULTS, LEAST_MESSAGES, campaign, faults_of, judge
from experiments.faults.invariants.all import violations
from experiments.faults.jobs import assess_line, select_one
from experiments.faults.local_cluster import Crash, FaultInjector, Faults
from experiments.faults.scenario import draw
from experiments.faults.simulation_run import SimulationRun, play
from market.ledger.records import Record

SEEDS = (1, 2, 7)
KINDS = {
    "contract", "flex-order", "d-prognosis", "member-order", "metering", "flex-settlement", "flex-settlement-response",
    "remuneration",
}  # fmt: skip


def _name(record: Record) -> tuple[str, str]:
    return record.kind, record.key


@pytest.fixture(scope="module", params=SEEDS)
def clean(request: pytest.FixtureRequest) -> SimulationRun:
    """A simulation in which nothing goes wrong."""
    return play(request.param)


def test_a_story_goes_from_contract_to_payment(clean: SimulationRun) -> None:
    """Every kind of record is there, both blocks are closed, and more than enough was said."""
    assert {record.kind for record in clean.book.records} == KINDS
    assert len(clean.book.heads) == 2
    assert clean.messages >= LEAST_MESSAGES


def test_a_sound_story_breaks_no_invariant(clean: SimulationRun) -> None:
    """Without faults there is nothing to complain about."""
    assert violations(clean) == ()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_seed_tells_the_same_story(seed: int) -> None:
    """Twice the same seed, with its faults: the same faults, messages and ledger."""
    first, second = (play(seed, faults_of(seed)) for _ in range(2))
    assert first.faults == second.faults
    assert first.messages == second.messages
    assert first.book == second.book


@pytest.mark.parametrize("seed", [3, 10])
def test_a_seed_with_its_faults_is_judged_sound(seed: int) -> None:
    """A simulation with dozens of faults ends with every invariant intact, at the usual rates and at the level STORM."""
    verdict = judge(seed)
    assert verdict.violations == ()
    assert verdict.messages >= LEAST_MESSAGES
    assert sum(verdict.faults.values()) >= LEAST_FAULTS


@pytest.mark.parametrize("seed", SEEDS)
def test_drops_duplicates_and_reordering_end_in_the_clean_ledger(seed: int) -> None:
    """30 % drops, 30 % duplicates and shuffled inboxes change nothing in the ledger: not a byte of a record."""
    rough = play(seed, Faults(drop=0.3, duplicate=0.3, reorder=0.5))
    clean = play(seed)
    assert sum(rough.faults.values()) >= LEAST_FAULTS
    assert sorted(rough.book.records, key=_name) == sorted(clean.book.records, key=_name)


@pytest.mark.parametrize("seed", SEEDS)
def test_crashes_end_in_the_clean_ledger(seed: int) -> None:
    """Hosts that die at named points, and answers that get lost, change nothing in the ledger either."""
    crashed = play(seed, Faults(crash=0.02, lose_reply=0.02))
    assert crashed.faults["crash"] > 5
    assert sorted(crashed.book.records, key=_name) == sorted(play(seed).book.records, key=_name)


def test_journals_in_bytes_and_as_objects_tell_the_same_story(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the local cluster's journals encode their entries decides nothing: every seed tests what runs on a server."""
    simulations = []
    for every in (1, 1000):
        monkeypatch.setattr("experiments.faults.local_runtime.IN_BYTES", every)
        simulations.append(play(2, Faults(crash=0.02, lose_reply=0.02, duplicate=0.1)))
    assert simulations[0].faults["crash"] > 5
    assert sorted(simulations[0].book.records, key=_name) == sorted(simulations[1].book.records, key=_name)
    assert [violations(simulation) for simulation in simulations] == [(), ()]


def test_a_host_may_die_at_the_beginning_of_any_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the round before ended in effects that told it nothing (co-signatures), so that no entry closed it."""
    passed = 0

    def dies(self: FaultInjector, point: str) -> None:
        nonlocal passed
        passed += point == "received"
        if point == "received" and passed % 2:
            self.thrown["crash"] += 1
            raise Crash

    monkeypatch.setattr(FaultInjector, "point", dies)
    simulation = play(2, Faults())
    assert simulation.faults["crash"] > 200
    assert violations(simulation) == ()


def test_a_campaign_judges_every_seed_once() -> None:
    """However chunks come back, each seed has one verdict."""
    assert sorted(verdict.seed for verdict in campaign([1, 2, 3])) == [1, 2, 3]


@pytest.mark.slow
def test_a_campaign_over_processes_judges_the_same() -> None:
    """In worker processes seeds have the verdicts they have here."""
    seeds = list(range(1, 13))
    assert sorted(campaign(seeds), key=lambda verdict: verdict.seed) == [judge(seed) for seed in seeds]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_simulations_safety_analysis_is_the_power_flow_but_for_losses(seed: int) -> None:
    """Plain arithmetic for the one line finds the need of the real analysis to within two percent of the line's rating."""
    (dso,) = [spec.config for spec in draw(seed).specs if spec.kind == "dso"]
    assert isinstance(dso, DsoConfig)
    powers = (np.linspace(-40_000.0, 10_000.0, 24),)
    arguments = (dso.network, dso.limits, dso.margin_pct, dso.points[0], ("n1",), powers)
    real, ours = assess(*arguments), assess_line(*arguments)
    rated = dso.network.lines[0].rated_a * 400 * 3**0.5
    assert np.abs(real.need_w - ours.need_w).max() < 0.02 * rated + 100
    assert ((real.need_w > 0) >= (ours.need_w > 0.02 * rated)).all()


def test_the_simulations_choice_is_the_solvers() -> None:
    """For a single offer the closed form orders the factor that the mixed-integer programme orders."""
    need = np.array([0.0, 2.0, 3.0, 0.0])
    for offered in (np.array([0.0, 4.0, 4.0, 0.0]), np.array([0.0, 2.0, 2.5, 0.0])):
        arguments = (need, (offered,), (1000,), (1,))
        assert select_one(*arguments) == select(*arguments)


def test_faults_can_be_turned_down() -> None:
    """Without probabilities no fault falls: the faulty runtime is then the plain one."""
    assert play(2, replace(Faults())).faults == {}
