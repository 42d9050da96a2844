"""What is to go goes once, in order, and is tried again for hours, over restarts too."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("shapeshifter_uftp", reason="shapeshifter-uftp is not installed; `make` renews the environment")

from market import uftp
from pilot.uftp.message_log import MessageLog
from pilot.uftp.sealing import message_in, unsealed, wrapper_of
from pilot.uftp.sender import Sender, Undelivered
from tests.worlds import uftp_messages as examples
from tests.worlds.uftp_parties import KEYS, ours, peer

AGR, DSO = examples.AGR, examples.DSO


class Office:
    """A sender over a post that answers as it is told, at an instant."""

    def __init__(self, folder: Path, answers: list[int | Exception]) -> None:
        self.now, self.path, self.answers = examples.NOON, folder / "uftp.db", answers
        self.posted: list[Any] = []
        self.lost: list[Undelivered] = []
        self.log = MessageLog(self.path)

    async def post(self, url: str, body: bytes) -> tuple[int, str]:
        """Opens what is posted, as its peer would."""
        self.posted.append(message_in(unsealed(wrapper_of(body).body, KEYS[DSO].public)))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer, "because"

    def deliver(self) -> float | None:
        """All that is due."""
        sender = Sender(
            (ours(DSO),), (peer(AGR),), self.log, self.post, lambda: self.now, timedelta(hours=1), self.lost.append
        )
        return asyncio.run(sender.deliver(peer(AGR)))

    def restart(self) -> None:
        """Begin anew from the file."""
        self.log.close()
        self.log = MessageLog(self.path)


def test_messages_go_once_and_in_order(tmp_path: Path) -> None:
    """Sealed by their party; what was delivered, or put twice, does not go again, also after a restart."""
    office = Office(tmp_path, [])
    both = [(AGR, examples.request()), (AGR, examples.order())]
    office.log.put(both, office.now)
    assert office.deliver() is None
    office.restart()
    office.log.put(both, office.now)
    assert office.deliver() is None
    assert office.posted == [examples.request(), examples.order()]
    assert office.log.counts()["delivered"] == 2


@pytest.mark.parametrize("trouble", [0, 404, 419, 429, 500, 503, 302])
def test_what_may_pass_is_tried_again_with_growing_pauses(tmp_path: Path, trouble: int) -> None:
    """No connection, an ambiguous 404, a key not known yet, too many, 5xx: after 1, 2, 4, 8 s; the others wait behind it."""
    office = Office(tmp_path, [httpx.ConnectError("away") if trouble == 0 else trouble] * 4)
    office.log.put([(AGR, examples.request()), (AGR, examples.order())], office.now)
    pauses = []
    for _ in range(4):
        pauses.append(office.deliver())
        assert office.deliver() == pytest.approx(pauses[-1])  # not due yet: nothing is posted
        office.restart()
        office.now += timedelta(seconds=pauses[-1] or 0)
    assert pauses == [1, 2, 4, 8]
    assert office.deliver() is None
    assert office.posted == [examples.request()] * 5 + [examples.order()]


@pytest.mark.parametrize("refused", [400, 401, 411, 413])
def test_what_only_another_message_could_change_is_final(tmp_path: Path, refused: int) -> None:
    """Told to whoever sent it, with the reason; the next one goes."""
    office = Office(tmp_path, [refused])
    office.log.put([(AGR, examples.request()), (AGR, examples.order())], office.now)
    assert office.deliver() is None
    assert [(one.message, one.reason) for one in office.lost] == [(examples.request(), f"HTTP {refused}: because")]
    assert office.posted[-1] == examples.order()
    assert office.log.counts() == {"came": 0, "rejected": 0, "waiting": 0, "delivered": 1, "failed": 1}


def test_it_is_tried_for_as_long_as_was_asked_for_and_then_given_up(tmp_path: Path) -> None:
    """An hour or more; pauses grow to ten minutes at most."""
    office = Office(tmp_path, [503] * 100)
    office.log.put([(AGR, examples.request())], office.now)
    pauses = []
    while (pause := office.deliver()) is not None:
        pauses.append(pause)
        office.now += timedelta(seconds=pause)
    assert office.now - examples.NOON > timedelta(hours=1)
    assert pauses == sorted(pauses)
    assert max(pauses) == 600
    assert office.lost[0].reason == "HTTP 503: because"


def test_a_message_that_a_peer_keeps_failing_on_does_not_hold_up_the_others_for_ever(tmp_path: Path) -> None:
    """After five tries the next ones go past it."""
    office = Office(tmp_path, [500] * 6)
    office.log.put([(AGR, examples.request()), (AGR, examples.order())], office.now)
    for _ in range(6):
        assert examples.order() not in office.posted
        office.now += timedelta(seconds=office.deliver() or 0)
    assert examples.order() in office.posted


def test_what_uftp_has_no_words_for_is_told_and_not_sent(tmp_path: Path) -> None:
    """An EAN that is none: given up with the field, the value and what was expected."""
    from dataclasses import replace

    office = Office(tmp_path, [])
    bad = replace(examples.metering(), header=examples.header(DSO, AGR, 5), ean="home-1")
    office.log.put([(AGR, bad)], office.now)
    assert office.deliver() is None
    assert office.posted == []
    assert office.lost[0].reason.startswith("Metering EAN: 'home-1'")


def test_the_sender_serves_all_peers_in_the_background(tmp_path: Path) -> None:
    """It wakes for news, delivers, and leaves the rest when it is stopped."""

    async def run() -> list[Any]:
        office = Office(tmp_path, [])
        sender = Sender((ours(DSO),), (peer(AGR),), office.log, office.post, lambda: office.now, timedelta(hours=1))
        sender.start()
        for message in (examples.request(), examples.order(), uftp.TestMessage(examples.header(DSO, AGR, 9))):
            office.log.put([(AGR, message)], office.now)
            sender.wake()
            for _ in range(50):
                await asyncio.sleep(0.01)
                if office.posted and office.posted[-1] == message:
                    break
        await sender.stop()
        return office.posted

    assert [type(m).__name__ for m in asyncio.run(run())] == ["FlexRequest", "FlexOrder", "TestMessage"]
