"""The host of those who live elsewhere: mail is given until it is taken, numbered by channel for ever, over restarts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("shapeshifter_uftp", reason="shapeshifter-uftp is not installed; `make` renews the environment")

from agents.assembly.agents_of_site import check_distinct
from agents.runtime.batches import decode_batch, encode_batch
from agents.runtime.envelope import ORDINARY, Envelope, Parcel, Task
from cim.model.errors import BadInput
from market import uftp
from pilot.uftp.edge import Edge
from pilot.uftp.message_log import MessageLog
from pilot.uftp.message_records import Arrival, Instants, digest_of
from pilot.uftp.outside import HOST, OutsideHost
from pilot.uftp.sender import Sender
from tests.worlds import uftp_messages as examples
from tests.worlds.uftp_parties import ours, peer

AGR, DSO = examples.AGR, examples.DSO
NAMES = {AGR: "west", DSO: "dso", examples.CRO: "iles"}
HOSTS = {"dso": "local", "iles": "local", "west": HOST}
NOW = Instants(examples.NOON, examples.NOON)


class Place:
    """An outside host over a log; its sender is not started."""

    def __init__(self, folder: Path, sealed: bool = False) -> None:
        self.path, self.sealed = folder / "uftp.db", sealed
        self.open()

    def open(self) -> None:
        """As after a restart."""
        self.log = MessageLog(self.path)

        async def never(url: str, body: bytes) -> tuple[int, str]:
            raise OSError("nobody is there")

        sender = Sender((ours(DSO),), (peer(AGR),), self.log, never, lambda: examples.NOON, timedelta(hours=1))
        edge = Edge("", self.log, sender, lambda: examples.NOON)
        self.host = OutsideHost(edge, NAMES, HOSTS, frozenset({"dso", "iles"}), self.sealed, 60.0)

    def restart(self) -> None:
        """Begin anew from the file."""
        self.log.close()
        self.open()

    def arrive(self, *messages: Any) -> None:
        """They came over the wire."""
        arrivals = [
            Arrival(m.header.sender_domain, m.header.recipient_domain, m.header.message_id, digest_of(m), m, None)
            for m in messages
        ]
        self.log.keep(arrivals, [], NOW)

    def mail(self, number: int, settled: int = 0) -> list[Envelope]:
        """What a round gives to the site's host."""
        outcome = self.host.work(examples.NOON, Task(number, (), settled))
        return list(outcome.mail.get("local", ()))  # type: ignore[arg-type]


def test_what_came_is_given_until_it_is_taken(tmp_path: Path) -> None:
    """In order, numbered from 1 in its channel; a restart gives it again under the same numbers; then never again."""
    place = Place(tmp_path)
    place.arrive(examples.prognosis(1), examples.prognosis(2))
    first = place.mail(7)
    assert [(e.to, e.sender, e.lane, e.sequence) for e in first] == [("dso", "west", ORDINARY, k) for k in (1, 2)]
    place.restart()
    kept = place.host.resume()
    assert [outcome.number for outcome in kept] == [7, 7]
    assert list(kept[0].mail["local"]) == first
    place.arrive(examples.prognosis(3))
    assert [e.sequence for e in place.mail(8, settled=7)] == [3]
    place.restart()
    assert [outcome.number for outcome in place.host.resume()] == [8, 8]
    assert place.mail(9, settled=8) == []
    assert place.log.unhanded() == []


def test_numbers_go_on_when_old_messages_are_forgotten(tmp_path: Path) -> None:
    """A receiver that has seen three of a channel is next told the fourth."""
    place = Place(tmp_path)
    place.arrive(*(examples.prognosis(k) for k in (1, 2, 3)))
    place.mail(1)
    place.mail(2, settled=1)
    later = examples.NOON + timedelta(days=50)
    place.log.prune(Instants(later, later))
    place.restart()
    place.arrive(examples.prognosis(4))
    assert [e.sequence for e in place.mail(3)] == [4]


def test_what_the_site_says_is_durable_before_it_is_taken(tmp_path: Path) -> None:
    """A request goes to the log; given again it does not go twice."""
    place = Place(tmp_path)
    parcel = Parcel("local", 4, (Envelope("west", "dso", ORDINARY, 1, examples.request()),))
    for number in (1, 2):
        outcome = place.host.work(examples.NOON, Task(number, (parcel,), 0))
        assert (outcome.taken, outcome.published) == ((("local", 4),), ())
        place.restart()
    assert [one.message for one in place.log.waiting(AGR)] == [examples.request()]


def test_what_uftp_has_no_words_for_is_passed_over_and_told(tmp_path: Path) -> None:
    """Of a party: published with the reason. Of a member, who speaks no UFTP: told once in the log."""
    place = Place(tmp_path)
    odd = uftp.FlexOffer(
        examples.header(DSO, AGR, 9), examples.DAY, examples.POINT, examples.NOON, (), "EUR", examples.ZONE
    )
    rows = [
        Envelope("west", "dso", ORDINARY, 1, odd),
        Envelope("west", "dso", ORDINARY, 2, uftp.IspPower(1, 1)),
        Envelope("west", "farm-2", ORDINARY, 1, examples.prognosis()),
    ]
    outcome = place.host.work(examples.NOON, Task(1, (Parcel("local", 1, tuple(rows)),), 0))
    told = [(agent, lapse.what, lapse.reason.partition(":")[0]) for agent, lapse in outcome.published]  # type: ignore[attr-defined]
    assert told == [
        ("dso", "FlexOffer", "FlexOffer"),
        ("dso", "IspPower", "IspPower is said inside a site only; west lives elsewhere"),
    ]
    assert place.log.waiting(AGR) == []


def test_between_processes_mail_is_sealed(tmp_path: Path) -> None:
    """On Ray hosts get and give batches of bytes."""
    place = Place(tmp_path, sealed=True)
    place.arrive(examples.prognosis())
    asked = encode_batch([Envelope("west", "dso", ORDINARY, 1, examples.request())])
    outcome = place.host.work(examples.NOON, Task(1, (Parcel("h", 1, asked),), 0))
    batch = outcome.mail["local"]
    assert isinstance(batch, bytes)
    assert decode_batch(batch) == [("dso", "west", ORDINARY, 1, examples.prognosis())]
    assert [one.message for one in place.log.waiting(AGR)] == [examples.request()]


def test_parties_with_one_domain_or_key_are_refused() -> None:
    """A site where who has one key could speak for two is none: both are named."""
    check_distinct({"a": "a.example", "b": "b.example"}, {"a.example": b"1", "b.example": b"2"})
    with pytest.raises(BadInput, match=r"domain a\.example: a and b share it"):
        check_distinct({"a": "a.example", "b": "a.example"}, {})
    with pytest.raises(BadInput, match=r"key 31.*: a\.example and b\.example share it"):
        check_distinct({"a": "a.example", "b": "b.example"}, {"a.example": b"1", "b.example": b"1"})
