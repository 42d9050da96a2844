"""The mailbox: durable before it is acknowledged, each request to its agent once and in order, whatever restarts in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.codec.codec import decode, encode
from cim.platform.mailbox import mailbox as module
from cim.platform.mailbox.mailbox import AskedBefore, LetterState, Mailbox, MailboxFull
from cim.platform.mailbox.requests import KIND_OF, KINDS, FlexibilityWanted, PointLimitWanted, RequestAnswered, Wanted

NOON = datetime(2016, 5, 20, 10, tzinfo=UTC)
WANTED = FlexibilityWanted("number-1", "ada", "ea1.point", date(2016, 5, 20), 48, 52, -20_000)
LIMIT = PointLimitWanted("number-2", "ada", "ea1.point", 30, NOON + timedelta(minutes=15))
DSO = "dso.example"


def lane(request: Wanted) -> int:
    """As the runtime's lanes."""
    return 0 if getattr(request, "urgent", False) else 1


def test_a_request_goes_its_way(tmp_path: Path) -> None:
    """Waiting, handed to a round, answered; each as another process sees it, too."""
    box, other = Mailbox(tmp_path / "m.sqlite"), Mailbox(tmp_path / "m.sqlite")
    heard: list[bool] = []
    box.notify = lambda: heard.append(other.waiting)
    assert box.put(DSO, WANTED, NOON).state is LetterState.WAITING
    assert heard == [True]
    (letter,) = other.deal(7, lane)
    assert (letter.request, letter.recipient, letter.lane, letter.sequence) == (WANTED, DSO, 1, (7 << 24) + 1)
    assert letter.state is LetterState.HANDED
    assert not box.waiting
    other.answered(RequestAnswered("number-1", False, "no market"), NOON + timedelta(minutes=1))
    other.answered(RequestAnswered("number-1", True, "told twice"), NOON + timedelta(minutes=2))
    found = box.get("number-1")
    assert found is not None
    assert (found.state, found.reason, found.answered_at) == (
        LetterState.REFUSED, "no market", NOON + timedelta(minutes=1),
    )  # fmt: skip
    assert box.newest(5) == box.newest(5, DSO) == [found]
    assert box.newest(5, "other.example") == []


def test_what_is_put_again_is_the_same_request(tmp_path: Path) -> None:
    """A client that repeats itself changes nothing; a number that stands for another request is refused."""
    box = Mailbox(tmp_path / "m.sqlite")
    first = box.put(DSO, WANTED, NOON)
    assert box.put(DSO, WANTED, NOON + timedelta(hours=1)) == first
    with pytest.raises(AskedBefore, match="number-1"):
        box.put(DSO, replace(WANTED, power_w=1), NOON)
    with pytest.raises(AskedBefore):
        box.put("other.example", WANTED, NOON)
    assert len(box.newest(10)) == 1


def test_too_many_that_no_agent_takes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of requests ends at the mailbox, and what is there stays."""
    monkeypatch.setattr(module, "_MOST_WAITING", 3)
    box = Mailbox(tmp_path / "m.sqlite")
    for number in range(3):
        box.put(DSO, replace(WANTED, number=f"number-{number}"), NOON)
    with pytest.raises(MailboxFull):
        box.put(DSO, replace(LIMIT, number="one-more"), NOON)
    box.deal(1, lane)
    box.taken(1)
    box.put(DSO, replace(LIMIT, number="later"), NOON)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["put", "urgent", "deal", "taken", "restart"]), max_size=25))
def test_each_request_has_one_place_in_its_channel(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    """Whatever the order of asking, rounds and restarts: sequences count up by one without a gap, and nothing is dealt twice."""
    path = tmp_path_factory.mktemp("box") / "m.sqlite"
    box, dealt, rounds, count = Mailbox(path), list[tuple[int, int]](), 3, 0
    for step in steps:
        if step in ("put", "urgent"):
            count += 1
            box.put(DSO, replace(WANTED if step == "put" else LIMIT, number=f"number-{count}"), NOON)
        elif step == "deal":
            rounds += 1
            dealt += [(letter.lane, letter.sequence) for letter in box.deal(rounds, lane)]
        elif step == "taken":
            box.taken(rounds)
        else:
            box = Mailbox(path)
            open_, last = box.rounds()
            assert last in (0, rounds)
            assert all(box.dealt(number) for number in open_)
    dealt += [(letter.lane, letter.sequence) for letter in box.deal(rounds + 1, lane)]
    assert len(dealt) == count == len(set(dealt))
    for which in (0, 1):
        found = [sequence for one, sequence in dealt if one == which]
        assert found == list(range(found[0], found[0] + len(found))) if found else True


def test_every_kind_has_a_name_and_travels(tmp_path: Path) -> None:
    """Each kind of request is encoded, decoded and shown by its name."""
    assert {KINDS[KIND_OF[type(one)]] for one in (WANTED, LIMIT)} <= set(KINDS.values())
    for one in (WANTED, LIMIT, RequestAnswered("n", True, "r")):
        assert decode(encode(one)) == one
