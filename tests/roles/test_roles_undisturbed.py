"""What tests take for granted of a day that was copied midway: it ends as the one that was never interrupted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cim.codec.codec import encode
from market.ledger.reader import LedgerReader
from tests.worlds.miniature import Miniature
from tests.worlds.players import DAY
from tests.worlds.undisturbed import before_event, undisturbed

MORNING, END = DAY.at(10, 2), DAY.end + timedelta(hours=6)


def entries(path: Path) -> list[bytes]:
    """The ledger's entries in their order."""
    with LedgerReader(path) as reader:
        return [record.entry for record in reader.records()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Miniature:
    """A day and its settlement, in one piece."""
    market = Miniature(tmp_path_factory.mktemp("whole") / "ledger.db")
    market.play(END)
    market.ledger.close()
    return market


def test_a_day_that_goes_on_from_a_copy_is_the_same_day(whole: Miniature, tmp_path: Path) -> None:
    """Same entries in the ledger, same messages, publications and commands in the same order, same energy."""
    market = undisturbed(MORNING, tmp_path / "ledger.db")
    assert max(at for at, _ in market.commands) <= MORNING
    market.go_on(END)
    market.ledger.close()
    assert entries(market.path) == entries(whole.path)
    assert [encode(message) for message in market.sent] == [encode(message) for message in whole.sent]
    assert [str(told) for told in market.published] == [str(told) for told in whole.published]
    assert market.commands == whole.commands
    assert market.physics.energy == whole.physics.energy
    assert market.handled == whole.handled


def test_copies_share_nothing(tmp_path: Path) -> None:
    """What one does, the other and a third do not have; each writes into a ledger of its own."""
    one, other = (undisturbed(MORNING, tmp_path / f"{name}.db") for name in ("one", "other"))
    before = len(other.sent), len(other.published), other.physics.now, {n: r.snapshot() for n, r in other.roles.items()}
    one.go_on(DAY.at(15))
    one.ledger.close()
    third = undisturbed(MORNING, tmp_path / "third.db")
    for market in (other, third):
        found = len(market.sent), len(market.published), market.physics.now
        assert (*found, {name: role.snapshot() for name, role in market.roles.items()}) == before
        market.ledger.close()
    assert len(one.sent) > before[0]
    assert entries(tmp_path / "other.db") == entries(tmp_path / "third.db") != entries(tmp_path / "one.db")


@pytest.mark.parametrize("number", [300, 2000])
def test_before_an_event_means_before_it(tmp_path: Path, number: int) -> None:
    """Fewer events than that are handled, and the next three hours bring it."""
    market = before_event(number, tmp_path / "ledger.db")
    assert market.handled < number
    market.go_on(market.physics.now.replace(microsecond=0) + 4 * (DAY.at(1) - DAY.start))
    market.ledger.close()
    assert market.handled >= number
