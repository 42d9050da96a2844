"""What an agent cannot bear is put aside, with its error, and seen; the agent goes on as if it had never come."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.roles.effects import Compute, Effect
from agents.roles.events import Fired, Received
from agents.runtime.envelope import ORDINARY, SAFETY, Envelope, Parcel
from cim.model.errors import ProgrammingFault
from cim.platform.publications.incidents import HandlingFailed
from tests.worlds import chatter
from tests.worlds.chatter import MINUTE, START, Chat, Chatting, Sum, Tick, chatterer
from tests.worlds.one_host import OneHost

TEXTS = st.lists(st.sampled_from(("a", "b", "boom")), min_size=1, max_size=12)


@given(st.lists(TEXTS, min_size=1, max_size=4), st.booleans())
@settings(deadline=None)
def test_a_failed_message_leaves_no_trace_in_the_state(rounds: list[list[str]], restarted: bool) -> None:
    """The state is that of an agent which never got it, to the byte, although the handler had begun to change it."""
    here, sound = OneHost(), OneHost()
    here.work()
    sound.work()
    for texts in rounds:
        here.work(*here.chat(*texts))
        sound.work(*sound.chat(*(t for t in texts if t != "boom")))
        if restarted:
            here.restart()
        agent = here.host.hosted_agents["agr"]
        assert agent.role.snapshot() == sound.host.hosted_agents["agr"].role.snapshot()
    booms = sum(texts.count("boom") for texts in rounds)
    assert len(agent.failed_events) == booms
    assert agent.handled == 1 + sum(map(len, rounds))


def test_what_is_parked_is_seen_and_survives_a_restart() -> None:
    """In the health of the host, and published; with the message, the instant and the error; after a restart as before."""
    here = OneHost()
    outcome = here.work(*here.chat("a", "boom", "b"))
    (failed_events,) = here.host.health().agents[0].failed_events
    assert (failed_events.agent, failed_events.at, failed_events.error) == (
        "agr",
        START,
        "ValueError: that was too much",
    )
    assert failed_events.event == Received("dso", 2, Chat("boom"))
    assert outcome.published == (("agr", HandlingFailed(START, "test.Chat", "dso", failed_events.error)),)
    assert here.heard() == ("started", "dso a 0", "dso b 0")
    before = here.host.health().agents
    here.restart()
    assert here.host.health().agents == before
    again = here.work(*here.chat("c"))
    assert (again.handled, here.heard()[-1]) == (1, "dso c 0")


def test_a_timer_at_which_a_role_fails_is_not_fired_again_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was due, it failed, it is failed_events: once."""
    monkeypatch.setattr(Chatting, "tick", _failing)
    here = OneHost(chatterer("agr", ticks=1))
    here.work()
    here.now += MINUTE
    here.work()
    here.restart()
    assert here.host.hosted_agents["agr"].timers == {}
    assert here.work().next_timer is None
    assert [p.event for p in here.host.hosted_agents["agr"].failed_events] == [Fired(Tick(1))]


def _failing(part: Chatting, timer: Tick, now: datetime) -> list[Effect]:
    raise ZeroDivisionError("no time")


@pytest.mark.parametrize("also", [(), ("b",)])
def test_a_message_to_nobody_is_the_senders_failure(also: tuple[str, ...]) -> None:
    """What it was about to send does not end the host, now and after every restart; the event is failed_events, with a sentence."""
    here = OneHost()
    here.work(*here.chat("a", "lost", *also, hops=1))
    assert here.heard() == ("started", "dso a 1", *(f"dso {text} 1" for text in also))
    (failed_events,) = here.host.hosted_agents["agr"].failed_events
    assert failed_events.error == "ProgrammingFault: test.Chat to 'nobody', whom nobody knows; expected an agent"
    here.restart()
    assert here.host.hosted_agents["agr"].failed_events == (failed_events,)
    assert here.heard() == ("started", "dso a 1", *(f"dso {text} 1" for text in also))


def test_a_job_that_fails_ends_neither_host_nor_agent() -> None:
    """It is failed_events with its error; the agent goes on, and the job is not tried again at the next start."""
    here = OneHost(chatterer("agr", ticks=13))
    here.work()
    for _ in range(13):
        here.now += MINUTE
        outcome = here.work()
    (failed_events,) = here.host.hosted_agents["agr"].failed_events
    assert (failed_events.event, failed_events.error) == (
        Compute(Sum(13), "twice", (13,)),
        "ArithmeticError: no result for 13",
    )
    assert ("agr", HandlingFailed(here.now, "effect.Compute", None, failed_events.error)) in outcome.published
    assert here.heard()[-1] == "tick 13"
    here.restart()
    assert here.host.hosted_agents["agr"].failed_events == (failed_events,)
    assert here.work().published == ()


def test_safety_overtakes_everything_else() -> None:
    """In a mailbox, what limits a device is handled before what came earlier; in order within its lane."""
    here = OneHost()
    limits = tuple(Envelope("agr", "farm-b", SAFETY, k, chatter.limit(-k)) for k in (1, 2))
    here.work(*here.chat("a", "b"), *limits)
    assert here.heard() == ("started", "farm-b limits -1", "farm-b limits -2", "dso a 0", "dso b 0")


def test_a_gap_leaves_the_parcel_until_it_is_filled() -> None:
    """What came too early stays with its sender, and is handled in its turn when the missing one is there."""
    here = OneHost()
    one, two, three = (Parcel("there", k, here.chat(f"{k}")) for k in (1, 2, 3))
    assert here.work(parcels=(three, one)).taken == (("there", 1),)
    assert here.work(parcels=(three,)).taken == ()
    assert here.work(parcels=(three, two)).taken == (("there", 3), ("there", 2))
    assert here.heard() == ("started", "dso 1 0", "dso 2 0", "dso 3 0")


def test_the_lanes_of_a_channel_do_not_wait_for_each_other() -> None:
    """A gap among ordinary messages does not hold up a limit of the same sender."""
    here = OneHost()
    late = Parcel("there", 1, (Envelope("agr", "dso", ORDINARY, 2, Chat("early")),))
    urgent = Parcel("there", 2, (Envelope("agr", "dso", SAFETY, 1, chatter.limit(-5)),))
    assert here.work(parcels=(late, urgent)).taken == (("there", 2),)
    assert here.heard() == ("started", "dso limits -5")


@given(st.integers(1, 5), st.integers(1, 12), st.integers(0, 4))
@settings(deadline=None)
def test_a_full_mailbox_leaves_the_rest_with_its_sender(room: int, messages: int, limits: int) -> None:
    """So many a round and no more, safety first; nothing is lost, doubled or out of order in the end."""
    here = OneHost(mailbox=room)
    texts = here.chat(*(f"{k}" for k in range(messages)))
    urgent = tuple(Envelope("agr", "dso", SAFETY, k + 1, chatter.limit(-k)) for k in range(limits))
    parcel = Parcel("there", 1, (*texts, *urgent))
    outcome = here.work(parcels=(parcel,))
    rounds = 1
    while not outcome.taken:
        assert outcome.handled == room
        outcome = here.work(parcels=(parcel,))
        rounds += 1
    assert rounds == -(-(messages + limits) // room)
    expected = [*(f"dso limits {-k}" for k in range(limits)), *(f"dso {k} 0" for k in range(messages))]
    assert list(here.heard()) == ["started", *expected]


@pytest.mark.parametrize("restart", range(6))
def test_a_full_mailbox_keeps_local_mail_through_a_restart(restart: int) -> None:
    """What agents of one host sent each other waits in the host, also over its restart, however much is settled elsewhere."""
    peers = chatterer("agr", greets=("farm-a.pv",), ticks=3), chatterer("farm-a.pv", device=True)
    here = OneHost(*peers, mailbox=1)
    here.work()
    here.now += 3 * MINUTE
    outcome, rounds = here.work(), 0
    while outcome.local:
        if rounds == restart:
            here.restart()
        outcome = here.work()
        rounds += 1
        assert rounds < 30, "something waits for ever"
    assert rounds > 5
    greetings = [text for text in here.heard("farm-a.pv") if text.startswith("agr")]
    whole = OneHost(*peers)
    whole.work()
    whole.now += 3 * MINUTE
    while whole.work().local:
        pass
    assert sorted(greetings) == sorted(text for text in whole.heard("farm-a.pv") if text.startswith("agr"))


def test_a_round_after_one_that_was_cut_off_is_a_fault_of_the_program() -> None:
    """Its mail would be forgotten: it must be asked for again, or the host resumed, before another round begins."""
    here = OneHost(chatterer("agr", ticks=1))
    here.work()
    here.now += MINUTE
    here.host._point = _cut
    with pytest.raises(KeyboardInterrupt):
        here.work()
    here.restart()
    with pytest.raises(ProgrammingFault, match="round 3 was asked for, but round 2 was not resumed"):
        here.work()
    resumed = asyncio.run(here.host.resume())
    assert [outcome.number for outcome in resumed] == [2, 2]
    here.number = 2
    here.work()


def _cut(point: str) -> None:
    if point == "appended":
        raise KeyboardInterrupt


def test_a_packed_host_keeps_few_events_of_each_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it keeps to make a role anew is bounded for the host as a whole, and a failure is still undone exactly."""
    monkeypatch.setattr("agents.runtime.host.host._SINCE", 6)
    here, sound = OneHost(), OneHost()
    texts = [f"{k}" for k in range(20)]
    for market, said in ((here, [*texts, "boom", "last"]), (sound, [*texts, "last"])):
        market.work()
        for text in said:
            market.work(*market.chat(text))
    agent = here.host.hosted_agents["agr"]
    assert len(agent.since) <= 6
    assert [p.error for p in agent.failed_events] == ["ValueError: that was too much"]
    assert agent.role.snapshot() == sound.host.hosted_agents["agr"].role.snapshot()


def test_who_has_a_large_state_and_much_to_do_does_not_write_it_out_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between two bases an agent takes messages in proportion to its state, so that the bases of a whole day cost in
    proportion to its messages; what fails is still undone to the byte.
    """
    monkeypatch.setattr("agents.runtime.host.host._SINCE", 4)
    here, written = OneHost(), list[int]()
    agent = here.host.hosted_agents["agr"]
    here.work()
    rebase = agent._rebase

    def counted() -> bytes:
        base = rebase()
        written.append(len(base))
        return base

    monkeypatch.setattr(agent, "_rebase", counted)
    texts = [f"{number} {'x' * 200}" for number in range(400)]
    here.work(*here.chat(*texts))
    before = agent.role.snapshot()
    assert len(before) > 80_000
    assert sum(written) < 100 * len(before) / 4
    here.work(*here.chat("boom"))
    assert agent.role.snapshot() == before
