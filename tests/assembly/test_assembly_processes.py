"""A worker process as its owner sees it: what it answers, what it refuses, and that its death is told in a sentence."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from agents.assembly.processes.process import WorkerLost, WorkerProcess
from cim.model.errors import BadInput, IlesError

_WORLD = ("datetime:timedelta", (2,))  # anything that is made by its path and asked by its methods


@pytest.fixture
def worker() -> Iterator[WorkerProcess]:
    """A worker that holds two days as its world."""
    made = WorkerProcess("part-1", "agents.assembly.wire_types", _WORLD)
    yield made
    made.close()


def test_it_answers_for_what_it_holds_in_the_order_in_which_it_was_asked(worker: WorkerProcess) -> None:
    """Also where several things were begun: the last one's answer is what is fetched."""
    assert worker.ask("of world", "total_seconds") == 172_800
    worker.begin("types", "agents.assembly.wire_types")
    worker.begin("of world", "total_seconds")
    assert worker.end() == 172_800


def test_what_it_cannot_do_is_told_and_it_goes_on(worker: WorkerProcess) -> None:
    """A request that nobody knows, one of a private method, and one that fails, each in words; then it answers as before."""
    for request in (("nonsense",), ("of world", "__class__"), ("host", "_opened")):
        with pytest.raises(BadInput, match="request"):
            worker.ask(*request)
    with pytest.raises(IlesError, match="AttributeError"):
        worker.ask("of world", "advance", 1)
    with pytest.raises(IlesError, match="configure"):
        worker.ask("host", "resume")
    assert worker.ask("of world", "total_seconds") == 172_800


def test_a_world_that_cannot_be_made_is_told_with_the_first_answer() -> None:
    """It is made while its owner goes on, so what is wrong with it comes with whatever is fetched first."""
    worker = WorkerProcess("part-1", "agents.assembly.wire_types", ("datetime:timedelta", ("two",)))
    try:
        with pytest.raises(IlesError, match="TypeError"):
            worker.ask("of world", "total_seconds")
    finally:
        worker.close()


def test_a_worker_that_dies_ends_the_run_in_a_sentence_that_names_it(worker: WorkerProcess) -> None:
    """Nothing of it is kept elsewhere, so nobody waits for it."""
    worker.ask("of world", "total_seconds")
    worker.process.send_signal(signal.SIGKILL)
    worker.process.wait()
    with pytest.raises(WorkerLost, match=r"part-1: its process ended \(exit code -9\)"):
        worker.ask("of world", "total_seconds")


def test_it_ends_with_its_owner() -> None:
    """Closed, its process is gone; to close it twice is no fault."""
    worker = WorkerProcess("part-1", "agents.assembly.wire_types", _WORLD)
    worker.ask("of world", "total_seconds")
    worker.close()
    worker.close()
    assert worker.process.poll() == 0
