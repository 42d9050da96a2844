"""What people ask reaches its agent once, whoever is restarted meanwhile, and does not wait for a timer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from agents.assembly.site_agents import SiteAgents
from agents.runtime.batches import decode_batch, encode_batch
from agents.runtime.clocks import PacedClock
from agents.runtime.envelope import ORDINARY, SAFETY, Envelope, Outcome, Parcel, Task
from agents.runtime.scheduler import RoundScheduler
from cim.model.errors import BadInput
from cim.platform.mailbox.mailbox import LetterState, Mailbox
from cim.platform.mailbox.requests import MAILBOX, FlexibilityWanted, PointLimitWanted, RequestAnswered
from pilot.mailbox import HOST, MailboxHost, with_host, with_mailbox
from tests.worlds.chatter import chatterer
from tests.worlds.players import RULES

NOON = datetime(2016, 5, 20, 10, tzinfo=UTC)
WANTED = FlexibilityWanted("number-1", "ada", "ea1.point", date(2016, 5, 20), 48, 52, -20_000)
LIMIT = PointLimitWanted("number-2", "ada", "ea1.point", 30, NOON + timedelta(minutes=15))
DSO = "dso.example"


def host(path: Path, sealed: bool = False) -> tuple[Mailbox, MailboxHost]:
    """A mailbox and its host."""
    box = Mailbox(path / "m.sqlite")
    return box, MailboxHost(box, {DSO: "dso"}, {"dso": "there", MAILBOX: HOST}, sealed)


def test_a_request_is_mail_until_it_is_taken_and_its_answer_is_kept(tmp_path: Path) -> None:
    """Given in its round; given again after a restart until its receiver has it; then never more."""
    box, mail = host(tmp_path)
    box.put(DSO, WANTED, NOON)
    assert mail.resume()[-1].local, "what waits is dealt in the first round after a start"
    given = mail.work(NOON, Task(5))
    envelope = Envelope("dso", MAILBOX, ORDINARY, (5 << 24) + 1, WANTED)
    assert given.mail == {"there": (envelope,)}
    box, mail = host(tmp_path)
    again = mail.resume()
    assert [(outcome.number, outcome.mail) for outcome in again] == [(5, {"there": (envelope,)}), (5, {})]
    answer = Parcel("there", 6, (Envelope(MAILBOX, "dso", ORDINARY, 1, RequestAnswered("number-1", True, "yes")),))
    done = mail.work(NOON, Task(7, (answer,), settled=5))
    assert (done.mail, done.taken) == ({}, (("there", 6),))
    assert len(mail.resume()) == 1
    kept = box.get("number-1")
    assert kept is not None
    assert (kept.state, kept.reason) == (LetterState.ACCEPTED, "yes")


def test_between_processes_it_goes_as_bytes_and_what_is_urgent_in_its_own_lane(tmp_path: Path) -> None:
    """On Ray parcels are sealed, both ways."""
    box, mail = host(tmp_path, sealed=True)
    box.put(DSO, WANTED, NOON)
    box.put(DSO, LIMIT, NOON)
    sealed = mail.work(NOON, Task(1)).mail["there"]
    assert not isinstance(sealed, tuple)
    lanes = [(lane, message) for _, _, lane, _, message in decode_batch(bytes(sealed))]
    assert lanes == [(ORDINARY, WANTED), (SAFETY, LIMIT)]
    told = encode_batch([Envelope(MAILBOX, "dso", ORDINARY, 1, RequestAnswered("number-2", False, "no"))])
    mail.work(NOON, Task(2, (Parcel("there", 1, told),)))
    kept = box.get("number-2")
    assert kept is not None
    assert kept.state is LetterState.REFUSED


def test_who_has_no_agent_here_is_answered_for(tmp_path: Path) -> None:
    """A request to a party that lives elsewhere is refused, and stops nothing."""
    box, mail = host(tmp_path)
    box.put("elsewhere.example", WANTED, NOON)
    box.put(DSO, replace(LIMIT, number="number-3"), NOON)
    assert len(mail.work(NOON, Task(1)).mail["there"]) == 1
    kept = box.get("number-1")
    assert kept is not None
    assert kept.reason == "elsewhere.example has no agent here"


def test_no_agent_may_be_called_as_the_mailbox() -> None:
    """Its name would be ambiguous."""
    group = SiteAgents((chatterer("agr"),), RULES, {})
    assert with_mailbox(group).outside == {MAILBOX: HOST}
    with pytest.raises(BadInput, match="the portal's name"):
        with_mailbox(replace(group, agents=(chatterer(MAILBOX),)))


class Answering:
    """A runtime of one host, whose agent accepts what it is asked."""

    host_of: Mapping[str, str] = {"dso": "there", MAILBOX: HOST}

    def __init__(self) -> None:
        self.heard: list[tuple[datetime, object]] = []
        self.answered = asyncio.Event()

    async def open(self, now: datetime) -> None:
        """Nothing to open."""

    async def resume(self) -> dict[str, tuple[Outcome, ...]]:
        """It is new, and has a timer far away."""
        return {"there": (Outcome(0, {}, (), False, (), NOON + timedelta(hours=2), {}),)}

    async def work(self, now: datetime, tasks: Mapping[str, Task]) -> dict[str, Outcome]:
        """Answer everything."""
        done = {}
        for name, task in tasks.items():
            mail = [envelope for parcel in task.parcels for envelope in parcel.opened()]
            self.heard += [(now, envelope.message) for envelope in mail]
            answers = tuple(
                Envelope(MAILBOX, "dso", ORDINARY, one.sequence, RequestAnswered(one.message.number, True, "done"))
                for one in mail
            )
            taken = tuple((parcel.source, parcel.number) for parcel in task.parcels)
            out = {HOST: answers} if answers else {}
            if answers:
                self.answered.set()
            done[name] = Outcome(task.number, out, taken, False, (), NOON + timedelta(hours=2), {})
        return done

    async def overdue(self) -> dict[str, Outcome]:
        """Nobody is late."""
        return {}

    async def missed(self) -> tuple[str, ...]:
        """Nobody dies."""
        return ()

    async def advance(self, to: datetime) -> None:
        """No world."""


def test_a_request_does_not_wait_for_the_next_timer(tmp_path: Path) -> None:
    """The site's next timer is two hours away; the request is asked and answered at the instant at which the site is."""
    box, inner = Mailbox(tmp_path / "m.sqlite"), Answering()
    runtime = with_host(inner, box, {"dso": DSO}, sealed=False)

    async def run() -> None:
        scheduler = RoundScheduler(
            runtime, inner, NOON, NOON + timedelta(days=1), lambda *_: None, clock=PacedClock(NOON, 1.0)
        )
        loop = asyncio.get_running_loop()
        box.notify = lambda: loop.call_soon_threadsafe(scheduler.nudge, HOST)  # type: ignore[assignment, return-value]
        running = asyncio.create_task(scheduler.run())
        await asyncio.sleep(0.05)
        await asyncio.to_thread(box.put, DSO, WANTED, NOON)
        await asyncio.wait_for(inner.answered.wait(), 3)
        await asyncio.sleep(0.05)
        scheduler.stop()
        await running

    asyncio.run(run())
    kept = box.get("number-1")
    assert kept is not None
    assert (kept.state, kept.answered_at) == (LetterState.ACCEPTED, NOON)
    assert inner.heard == [(NOON, WANTED)]
