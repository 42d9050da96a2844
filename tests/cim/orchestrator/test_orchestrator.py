"""When tasks run, what they may not do at once, and what becomes of those that fail, by clocks moved by hand."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from cim.platform.orchestrator.task import Task, check_tasks
from cim.platform.orchestrator.task_log import TaskLog
from tests.cim.orchestrator.by_hand import NOON, HandExecutor, by_hand, idle

QUARTERLY = Task("quarterly", idle, "*/15 * * * *")


def test_a_task_runs_when_its_schedule_says_on_the_runs_clock(tmp_path: Path) -> None:
    """Not before its time, once at its time, and of times that were missed one is made up for."""
    with by_hand(tmp_path, QUARTERLY) as hand:
        assert hand.tick(14) == []
        assert hand.tick(1) == ["quarterly"]
        hand.end()
        assert hand.tick(14) == []
        assert hand.tick(61) == ["quarterly"]
        hand.end()
        assert hand.tick() == []


def test_a_task_never_runs_beside_itself(tmp_path: Path) -> None:
    """What is due again while it runs, and what is asked for twice, waits and is one run."""
    with by_hand(tmp_path, QUARTERLY) as hand:
        hand.tick(15)
        hand.orchestrator.request("quarterly", hand.now)
        hand.orchestrator.request("quarterly", hand.now)
        assert hand.tick(60) == []
        hand.end()
        assert hand.tick() == ["quarterly"]
        hand.end()
        assert hand.tick() == []


def test_schedules_are_of_the_sites_zone(tmp_path: Path) -> None:
    """At 03:30 of Vienna's summer it is 01:30 UTC."""
    with by_hand(tmp_path, Task("nightly", idle, "30 3 * * *", zone="Europe/Vienna")) as hand:
        assert hand.tick(13 * 60 + 29) == []
        assert hand.tick(1) == ["nightly"]


def test_a_clock_that_is_put_back_does_not_hold_a_task_up(tmp_path: Path) -> None:
    """Its schedule counts from where the clock is then; a try that was set is made at once."""
    with by_hand(tmp_path, QUARTERLY, Task("failing", idle)) as hand:
        hand.orchestrator.request("failing", NOON)
        hand.tick()
        hand.end(OSError("no"))
        hand.tick(15)
        hand.end()
        hand.tick(-24 * 60)
        hand.end()
        assert "failing" in hand.executor.names[2:]
        hand.tick()
        assert hand.tick(15)[-1] == "quarterly"


def test_what_follows_runs_once_after_what_goes_before(tmp_path: Path) -> None:
    """It is due when one before it went well, waits while one waits or runs, and is not due after one that failed."""
    first, second, third = (
        Task("first", idle, "*/15 * * * *"),
        Task("second", idle, after=("first",)),
        Task("third", idle, after=("second",)),
    )
    with by_hand(tmp_path, third, second, first) as hand:
        assert hand.tick(15) == ["first"]
        hand.orchestrator.request("second", hand.now)
        hand.orchestrator.request("third", hand.now)
        assert hand.tick() == []
        hand.end()
        assert hand.tick() == ["second"]
        hand.end()
        assert hand.tick() == ["third"]
        hand.end()
        assert hand.tick() == []
        hand.tick(15)
        hand.end(OSError("full"))
        assert hand.tick() == []


def test_who_follows_is_not_held_up_by_one_that_always_waits(tmp_path: Path) -> None:
    """A task that went well and is queued again is not waited for; what it does then is news once more."""
    first, second, other = (
        Task("first", idle, cores=2),
        Task("second", idle, after=("first",), cores=2),
        Task("other", idle, cores=2),
    )
    with by_hand(tmp_path, first, second, other) as hand:
        hand.orchestrator.request("first", NOON)
        assert hand.tick() == ["first"]
        for name in ("other", "first"):
            hand.orchestrator.request(name, NOON)
        for started in ("other", "first"):
            hand.end()
            assert hand.tick() == [started]
        hand.orchestrator.request("first", NOON)
        for started in ("second", "first", "second"):
            hand.end()
            assert hand.tick() == [started]
        hand.end()
        assert hand.tick() == []


def test_a_table_has_one_writer(tmp_path: Path) -> None:
    """Two tasks that write one table never run at once; one that writes another does, and who waited first is first."""
    tasks = [
        Task(name, idle, writes=(table,), cores=0.1) for name, table in (("a", "t"), ("b", "t"), ("c", "u"), ("d", "t"))
    ]
    with by_hand(tmp_path, *tasks) as hand:
        for name in "abcd":
            hand.orchestrator.request(name, NOON)
        assert hand.tick() == ["a", "c"]
        hand.end(place=0)
        assert hand.tick() == ["b"]
        hand.end()
        assert hand.tick() == ["d"]


def test_large_tasks_are_not_starved_by_small_ones(tmp_path: Path) -> None:
    """Who waits for cores or memory is not overtaken by who came later, though it would fit."""
    small, large, late = Task("small", idle), Task("large", idle, cores=2), Task("late", idle)
    with by_hand(tmp_path, small, large, late) as hand:
        for name in ("small", "large", "late"):
            hand.orchestrator.request(name, NOON)
        assert hand.tick() == ["small"]
        hand.end()
        assert hand.tick() == ["large"]
        hand.end()
        assert hand.tick() == ["late"]


def test_a_failed_task_is_tried_again_later_and_later(tmp_path: Path) -> None:
    """After 30 s, 60 s, 120 s of the run's clock, with its sentence as last error; a good run ends that."""
    with by_hand(tmp_path, Task("task", idle)) as hand:
        hand.orchestrator.request("task", NOON)
        hand.tick()
        for failures, seconds in enumerate((30, 60, 120), 1):
            hand.end(BadInput("disk: full; expected room"))
            assert hand.tick() == []
            state = hand.state("task")
            assert (state.failures, state.error) == (failures, "disk: full; expected room")
            assert state.retry_at == hand.now + timedelta(seconds=seconds)
            assert hand.tick((seconds - 1) / 60) == []
            assert hand.tick(1 / 60) == ["task"]
        hand.end("at last")
        hand.tick()
        state = hand.state("task")
        assert (state.failures, state.error, state.said, state.retry_at) == (0, "", "at last", None)
        assert hand.tick(120) == []


def test_a_fault_of_a_task_stops_no_other(tmp_path: Path) -> None:
    """An error that is none of ours is told by its kind; where nothing can be started, that is told and tried again."""
    executor = HandExecutor()
    with by_hand(tmp_path, Task("broken", idle), Task("sound", idle), executor=executor) as hand:
        hand.orchestrator.request("broken", NOON)
        hand.orchestrator.request("sound", NOON)
        hand.tick()
        hand.end(KeyError("x"), 0)
        hand.end("well", 1)
        hand.tick()
        assert hand.state("broken").error == "KeyError: 'x'"
        assert hand.state("sound").good == 1
        executor.away = True
        hand.orchestrator.request("sound", hand.now)
        assert hand.tick() == []
        assert "no node" in hand.state("sound").error
        executor.away = False
        assert "sound" in hand.tick(1)


def test_a_late_task_is_stopped_and_keeps_its_table_until_it_ends(tmp_path: Path) -> None:
    """It failed when its time was over; its writer's place is free only when it has really ended, for it may still write."""
    slow, other = Task("slow", idle, writes=("t",), timeout_s=10), Task("other", idle, writes=("t",))
    with by_hand(tmp_path, slow, other) as hand:
        hand.orchestrator.request("slow", NOON)
        hand.orchestrator.request("other", NOON)
        hand.tick()
        hand.seconds = 9.9
        hand.tick()
        assert hand.state("slow").failures == 0
        hand.seconds = 10
        assert hand.tick() == []
        assert hand.executor.runs[0].stopped
        assert hand.state("slow").error == "it took longer than 10 s and was stopped"
        assert hand.tick(5) == []
        hand.end("too late", 0)
        assert hand.tick() == ["other"]
        assert hand.state("slow").good == 0


def test_what_ran_when_the_orchestrator_ended_is_run_again(tmp_path: Path) -> None:
    """The next one finds it interrupted and queues it once, before what waited since; what waited is still there."""
    tasks = (Task("ran", idle), Task("waited", idle, cores=2))
    with by_hand(tmp_path, *tasks) as hand:
        hand.orchestrator.request("ran", NOON)
        hand.orchestrator.request("waited", NOON)
        assert hand.tick() == ["ran"]
    with by_hand(tmp_path, *tasks) as hand:
        assert hand.recovered == ["ran"]
        assert [run.state for run in hand.log.history("ran")] == ["queued", "interrupted"]
        started = []
        while not hand.orchestrator.is_idle:
            started += hand.tick()
            hand.end()
        assert sorted(started) == ["ran", "waited"]
        assert hand.log.history("ran")[0].attempt == 2


def test_a_task_that_ends_its_orchestrator_each_time_is_tried_less_often(tmp_path: Path) -> None:
    """After three in a row it counts as failed, so that the others get their turn."""
    for attempt in (1, 2, 3):
        with by_hand(tmp_path, Task("deadly", idle)) as hand:
            if attempt == 1:
                hand.orchestrator.request("deadly", NOON)
            assert hand.tick() == ["deadly"]
    with by_hand(tmp_path, Task("deadly", idle)) as hand:
        assert hand.tick() == []
        state = hand.state("deadly")
        assert (state.failures, state.error) == (1, "the orchestrator ended 3 times while it ran")
        assert hand.tick(1) == ["deadly"]


def test_two_orchestrators_never_have_one_folder(tmp_path: Path) -> None:
    """The second is told so, for it would take what the first runs for interrupted; readers may look."""
    with by_hand(tmp_path, QUARTERLY):
        with pytest.raises(BadInput, match="an orchestrator runs those of"):
            TaskLog(tmp_path / "tasks.sqlite")
        reader = TaskLog(tmp_path / "tasks.sqlite", read_only=True)
        assert [state.name for state in reader.states()] == ["quarterly"]
        reader.close()


def test_the_history_is_bounded(tmp_path: Path) -> None:
    """Of each task the newest 200 runs are kept."""
    log = TaskLog(tmp_path / "tasks.sqlite")
    log.know(["task"], NOON)
    for number in range(205):
        log.queue("task", NOON)
        run = log.waiting()[0]
        log.began(run, NOON)
        log.done(run, NOON, str(number))
    found = log.history("task", 1000)
    assert len(found) == 200
    assert found[0].said == "204"
    log.close()


@pytest.mark.parametrize(
    ("tasks", "says"),
    [
        ((Task("a", idle), Task("a", idle)), "twice"),
        ((Task("a", idle, after=("b",)),), "after 'b'"),
        ((Task("a", idle, after=("b",)), Task("b", idle, after=("a",))), "no circle"),
        ((Task("a", idle, "every day"),), "schedule 'every day' is none"),
        ((Task("a", idle, zone="Mars"),), "zone 'Mars'"),
        ((Task("a", idle, cores=3),), "3 cores"),
        ((Task("a", idle, memory_mb=5000),), "5000 MB"),
        ((Task("a", idle, timeout_s=0),), "0 s"),
    ],
)
def test_tasks_that_could_never_run_are_refused(tasks: tuple[Task, ...], says: str) -> None:
    """With the task and what is wrong."""
    with pytest.raises(BadInput, match=says):
        check_tasks(tasks, 2.0, 1000)


def test_a_request_for_an_unknown_task_is_refused(tmp_path: Path) -> None:
    """With those that there are."""
    with by_hand(tmp_path, QUARTERLY) as hand, pytest.raises(BadInput, match="there are quarterly"):
        hand.orchestrator.request("hourly", NOON)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans(), st.integers(0, 40)), max_size=25))
def test_whatever_comes_no_bound_is_passed_and_all_ends(steps: list[tuple[str, bool, int]]) -> None:
    """At no moment more cores than there are, two writers of a table, or a task beside itself; in the end nothing waits."""
    import tempfile

    tasks = (
        Task("a", idle, "*/15 * * * *", writes=("t",)),
        Task("b", idle, after=("a",), writes=("t", "u")),
        Task("c", idle, writes=("u",), cores=2),
        Task("d", idle, cores=0.5),
    )
    with tempfile.TemporaryDirectory() as folder, by_hand(Path(folder), *tasks) as hand:
        for name, well, minutes in steps:
            hand.orchestrator.request(name, hand.now)
            hand.tick(minutes)
            _hold(hand.executor)
            if not hand.executor.runs:
                continue
            hand.end(
                "well" if well else OSError("no"),
                next((n for n, r in enumerate(hand.executor.runs) if not r.ended()), -1),
            )
        for _ in range(40):
            hand.tick()
            _hold(hand.executor)
            for run in hand.executor.runs:
                run.outcome = run.outcome or "well"
        hand.tick()
        assert hand.orchestrator.is_idle


def _hold(executor: HandExecutor) -> None:
    now = [run.task for run in executor.runs if not run.ended()]
    tables = [table for task in now for table in task.writes]
    assert sum(task.cores for task in now) <= executor.cores
    assert len(tables) == len(set(tables))
    assert len({task.name for task in now}) == len(now)
