"""An update after a crash just works: another program goes on where the killed one was, and says what it could not keep."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agents.assembly.journal_server.embedded import EmbeddedRedis
from agents.roles.effects import Effect
from agents.roles.part import on
from agents.runtime.envelope import Envelope
from cim.codec import codec
from tests.worlds.chatter import Chat, Chatting, chatterer
from tests.worlds.one_host import OneHost

FORMER = '''
@wire("test.Visits")
@dataclass(slots=True)
class Visits:
    """Who came, in order; and how many."""

    count: int = 0
    texts: tuple[str, ...] = ()


class Answering(Part[Visits]):
    """Answers everybody."""

    def __init__(self, me):
        super().__init__(me, Visits())

    @on(Chat)
    def chat(self, message, sender, now):
        self.state.count += 1
        self.state.texts = (*self.state.texts, message.text)
        return [Send(sender, Chat(f"good day, {message.text}"))]


class Porter(Role):
    """An agent that does nothing else."""

    def __init__(self, name, rules, key, config):
        me = AgentIdentity(name, rules, key)
        super().__init__(me, Answering(me))
'''
# A field is gone, one is new (and stands first), and the answer is another one.
LATER = (
    FORMER.replace("    count: int = 0\n", '    mood: str = "fresh"\n')
    .replace("        self.state.count += 1\n", '        self.state.mood = "busy"\n')
    .replace("good day", "hello")
)
HEAD = """
from dataclasses import dataclass
from agents.roles.effects import Send
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.role import Role
from cim.codec.codec import wire
from tests.worlds.chatter import Chat
"""
DRIVER = '''
"""One run of a host: PROGRAM URL COUNT REPEATED. Handles COUNT rounds, is killed in the next one, and prints what came out."""

import asyncio, json, os, signal, sys

from agents.runtime.agent_spec import AgentSpec
from agents.runtime.envelope import ORDINARY, Envelope, Parcel, Task
from agents.runtime.host.host import Host
from agents.runtime.journal.redis_journal import RedisJournal
from tests.worlds import chatter
from tests.worlds.players import RULES, key

url, first, last, killed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "killed"


def point(name):
    if killed and name == "appended" and number == last:
        os.kill(os.getpid(), signal.SIGKILL)


async def whole_run():
    global number
    number = 0
    spec = AgentSpec("agr", "porter", "porter:Porter", key("agr"), None)
    host = Host((spec,), RULES, {}, chatter.twice, {"agr": "one", "dso": "two"},
                journal=RedisJournal(url, "test", "one"), point=point)
    await host.open(chatter.START)
    mail = [e for outcome in await host.resume() for parcel in outcome.mail.values() for e in parcel]
    for number in range(first, last + 1):
        # What the peer has no answer to, it sends again.
        texts = [(k, f"visitor {k}") for k in (number - 1, number) if k > 0]
        envelopes = tuple(Envelope("agr", "dso", ORDINARY, k, chatter.Chat(text)) for k, text in texts)
        outcome = await host.work(chatter.START, Task(number, (Parcel("two", number, envelopes),), min(number - 1, 2)))
        mail += [e for parcel in outcome.mail.values() for e in parcel]
    agent = host.hosted_agents["agr"]
    memory = agent.role.parts["Answering"].state
    print(json.dumps({
        "mail": [(e.sequence, e.message.text) for e in mail],
        "texts": memory.texts, "mood": memory.mood, "handled": agent.handled,
        "recovery": host.health().recovery, "failed": len(agent.failed_events),
    }))


asyncio.run(whole_run())
'''


def one_run(folder: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The host in a process of its own, with this code of its role."""
    (folder / "porter.py").write_text(HEAD + program)
    (folder / "driver.py").write_text(DRIVER)
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{root}", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, str(folder / "driver.py"), *arguments],
        capture_output=True, text=True, env=environment, timeout=60, check=False,
    )  # fmt: skip


def test_a_host_killed_mid_day_goes_on_under_changed_code(tmp_path: Path) -> None:
    """SIGKILL after an append; the role has other fields and another answer: nothing is lost or doubled, and it is said."""
    with EmbeddedRedis(tmp_path / "journal") as server:
        killed = one_run(tmp_path, FORMER, server.url, "1", "5", "killed")
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        later = one_run(tmp_path, LATER, server.url, "6", "7", "")
        assert later.returncode == 0, later.stderr
        again = one_run(tmp_path, LATER, server.url, "8", "8", "")
    told = json.loads(later.stdout)
    visitors = [f"visitor {k}" for k in range(1, 8)]
    assert told["texts"] == visitors
    assert told["mood"] == "busy"
    # Rounds 1 and 2 were settled; what the killed program answered later counts, and the new one goes on from there.
    assert told["mail"] == [
        *([k, f"good day, visitor {k}"] for k in (3, 4, 5)),
        *([k, f"hello, visitor {k}"] for k in (6, 7)),
    ]
    assert (told["handled"], told["failed"]) == (8, 0)  # with its beginning
    (sentence,) = told["recovery"]
    assert sentence.startswith("agr would send something else today than in entry 2 to 5; what was sent counts")
    assert json.loads(again.stdout)["texts"] == [*visitors, "visitor 8"]


def _answered(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    """Chatterers of the next version answer otherwise."""

    @on(Chat)
    def chat(self: Chatting, message: Chat, sender: str, now: datetime) -> list[Effect]:
        effects: list[Effect] = answer(self, message)
        return effects

    monkeypatch.setattr(Chatting, "chat", chat)


def _gone(monkeypatch: pytest.MonkeyPatch, tag: str) -> None:
    """This program knows no such type."""
    monkeypatch.delitem(codec._by_tag, tag)
    codec.dataclass_of.cache_clear()


def test_an_event_that_todays_role_cannot_bear_is_put_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """As while it runs: with its error, in the health; what came before and after it is handled."""

    def picky(self: Chatting, message: Chat) -> list[Effect]:
        if message.text == "b":
            raise KeyError("no b any more")
        self._hear(message.text)
        return []

    here = OneHost()
    here.work()
    here.work(*here.chat("a", "b", "c"))
    _answered(monkeypatch, picky)
    here.restart()
    assert here.heard() == ("started", "a", "c")
    (failed,) = here.host.hosted_agents["agr"].failed_events
    assert failed.event.message.text == "b"
    assert any("agr failed at an event of entry 2 (KeyError" in s for s in here.host.health().recovery)
    here.work(*here.chat("d"))
    assert here.heard()[-1] == "d"


def test_messages_of_a_type_that_is_gone_block_no_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those handled stay handled, unread; those sent are lost and named; both channels go on behind them."""
    here = OneHost()
    here.work()
    here.work(*here.chat("a", "b", hops=1), settled=0)
    with monkeypatch.context() as patched:
        _gone(patched, "test.Chat")
        here.restart()
    codec.dataclass_of.cache_clear()
    agent = here.host.hosted_agents["agr"]
    assert here.heard() == ("started",)
    assert [failed.event for failed in agent.failed_events] == [None, None]
    assert any("2 messages of round 2 are lost: agr to dso" in s for s in here.host.health().recovery)
    answer: tuple[Envelope, ...] = here.work(*here.chat("c", hops=1)).mail["there"]  # type: ignore[assignment]
    assert here.heard()[-1] == "dso c 1"
    assert answer[0].sequence == (3 << 24) + 1  # what its peer takes for a channel begun anew


@pytest.mark.parametrize("damage", ["state", "format"])
def test_who_has_no_state_that_can_be_read_begins_from_the_ledger(damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is among those without a past, which are told what the ledger knows; its channels go on where they were."""
    here = OneHost()
    here.work()
    here.work(*here.chat("a", "b", hops=1))
    with monkeypatch.context() as patched:
        if damage == "state":
            _gone(patched, "test.Memory")
        else:
            here.store.entries = {number: b"\x63" + data[1:] for number, data in here.store.entries.items()}
        here.restart()
    codec.dataclass_of.cache_clear()
    assert here.host.fresh == ("agr",)
    assert any(s.startswith("agr begins from the ledger") for s in here.host.health().recovery)
    outcome = here.work(*here.chat("c", hops=1))
    assert here.heard() == ("started", "dso c 1")
    assert outcome.mail["there"][-1].sequence == (3 if damage == "state" else (3 << 24) + 1)  # type: ignore[union-attr]
    here.restart()
    assert here.heard() == ("started", "dso c 1")
    assert here.host.fresh == ()


def test_the_same_program_has_nothing_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recovery that went as it should is silent; one in which a timer's agent decides otherwise is not."""
    here = OneHost(chatterer("agr", greets=("dso",), ticks=3))
    for k in range(4):
        here.work(*here.chat(f"{k}", hops=2))
    here.restart()
    assert here.host.health().recovery == ()
    _answered(monkeypatch, lambda self, message: self._hear(message.text) or [])
    here.restart()
    (sentence,) = here.host.health().recovery
    assert sentence.startswith("agr would send something else today than in entry")


def test_a_graceful_shutdown_leaves_no_decision_to_the_next_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """An update in the usual way, stop and start, is exact: the state is the one that was left."""
    here = OneHost()
    here.work(*here.chat("a", "b", hops=1))
    heard = here.heard()
    asyncio.run(here.host.close())
    _answered(monkeypatch, lambda self, message: self._hear("otherwise") or [])
    here.restart()
    assert here.heard() == heard
    assert here.host.health().recovery == ()
