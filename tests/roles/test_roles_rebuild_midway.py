"""Agents lose everything in the middle of an instant, with messages under way; and what a keeper's loss asks of others."""

from __future__ import annotations

import random
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.roles.effects import Arm, CloseBlock, Send
from agents.roles.events import BlockClosed, Event, Recalled, Received
from agents.roles.ledger_keeper import CloseNow, KeeperRole
from agents.roles.messages import FileAgain, Filed, HeadAnnounced, HeadCosigned
from agents.roles.parts.settlement import metering_of
from market.ledger.hashing import genesis
from market.ledger.merkle import EMPTY_ROOT
from market.ledger.records import BlockHead
from market.ledger.replica import BlockLeaves
from market.ledger.signing import Signer
from market.settlement.day import lost_isps, settle
from market.uftp import FlexOrder, IspPower
from tests.roles.test_roles_rebuild import END, EVERYBODY, Forgetful, sound
from tests.worlds import players
from tests.worlds.players import AHEAD, DAY
from tests.worlds.undisturbed import before_event, undisturbed


class _PowerCut(BaseException):
    """No handler may notice."""


class Midway(Forgetful):
    """A market that is cut off after so many events."""

    last: int | None = None

    def _tell(self, name: str, event: Event, now: datetime) -> None:
        if self.last is not None and self.handled >= self.last:
            raise _PowerCut
        super()._tell(name, event, now)

    def cut(self, after: int, *names: str) -> None:
        """These die after `after` events; what they had sent, and wanted of ledger and devices, is gone."""
        self.last = after
        with pytest.raises(_PowerCut):
            self.go_on(END)
        self.last = None
        for sender, to in list(self.channels):
            if sender in names or (to in names and sender not in self.roles) or len(names) == len(EVERYBODY):
                del self.channels[sender, to]
        self.lose(*names)


@pytest.fixture(scope="module")
def all_events(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many events the market handles when nobody is lost."""
    whole = undisturbed(END, tmp_path_factory.mktemp("whole") / "whole.db")
    whole.ledger.close()
    return whole.handled


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_lost_in_the_middle_of_an_instant(tmp_path: Path, all_events: int, seed: int) -> None:
    """Records may be half filed, messages half delivered: nothing is done twice, nothing clashes, all is settled."""
    dice = random.Random(seed)
    names = EVERYBODY if seed % 2 else tuple(sorted(dice.sample(EVERYBODY, dice.randint(1, 3))))
    last = dice.randint(400, all_events - 1)
    market = before_event(last, tmp_path / "ledger.db", Midway)
    market.cut(last, *names)
    market.go_on(END)
    market.ledger.close()
    sound(market)


def _order(*isps: IspPower, price: int = 1000) -> FlexOrder:
    header = players.dso().me.header("agr", AHEAD, None, "FlexOrder")
    return FlexOrder(header, players.FIRST, players.POINT, "o", price, "EUR", isps, players.RULES.timezone)


@given(st.sets(st.integers(1, 96)), st.lists(st.integers(-9000, 9000), min_size=96, max_size=96))
def test_what_nobody_metered_changes_no_sum(lost: set[int], actual: list[int]) -> None:
    """Whatever is said of an unmetered ISP, the settlement is the same; it names metered ISPs only, at their own price."""
    order = _order(IspPower(40, 1000, 4), IspPower(50, -500))
    (plain,) = settle((order,), {}, actual, ())
    other = [0 if isp in lost else power for isp, power in enumerate(actual, start=1)]
    rows = settle((order,), {}, actual, (), lost)
    assert rows == settle((order,), {}, other, (), lost)
    left = [isp for isp in (40, 41, 42, 43, 50) if isp not in lost]
    assert [isp.start for row in rows for isp in row.isps] == left
    assert rows == (plain,) if len(left) == 5 else all(row.price <= plain.price + 1 for row in rows)


def test_a_metering_says_which_isps_it_does_not_know() -> None:
    """A whole one says nothing about it; what was counted over a gap is told, and marked as known by no ISP."""
    me = players.farm("farm-a").me
    energy = players.np.full(96, 250.0)
    whole = metering_of(me, "dso", players.FIRST, "ean.farm-a", energy, AHEAD)
    part = metering_of(me, "dso", players.FIRST, "ean.farm-a", energy, AHEAD, (1, 2))
    assert (len(whole.profiles), lost_isps([whole])) == (1, frozenset())
    assert lost_isps([whole, part]) == {1, 2}
    profile = part.profile("Power")
    assert profile is not None
    assert profile.values[:3] == (1000, 1000, 1000)


def test_a_keeper_without_memory_asks_for_what_was_filed() -> None:
    """It goes on behind the last block, has what is unsigned signed, and has the parties file again."""
    head = BlockHead(1, AHEAD, DAY.start, 0, 0, bytes(32), bytes(32), bytes(32), DAY.start)
    role = KeeperRole("ledger", players.RULES, players.key("ledger"), ("dso", "agr"))
    effects = role.handle(Recalled((), ((head, ()),), AHEAD, DAY.at(3)), DAY.at(3))
    assert [(e.to, e.message) for e in effects if isinstance(e, Send)] == [(n, FileAgain()) for n in ("dso", "agr")]
    (again,) = [e for e in effects if isinstance(e, CloseBlock)]
    assert again == CloseBlock(1, AHEAD, DAY.start)
    shown = role.handle(BlockClosed(head), DAY.at(3))
    assert [(e.to, e.message.head) for e in shown if isinstance(e, Send)] == [("dso", head), ("agr", head)]
    assert len(shown) == 2  # it was published when it was closed
    assert [e.timer for e in effects if isinstance(e, Arm)] == [CloseNow(2)]


def test_who_waits_for_a_receipt_files_the_same_again() -> None:
    """Orders and contracts are filed once more to the letter, so that the ledger passes over what it has."""
    pump = players.market_of_farms()
    pump.tell("agr", "dso", players.request(), AHEAD)
    contracts = pump.said(Filed, sender="agr")
    again = pump.roles["agr"].handle(Received("ledger", 9, FileAgain()), DAY.at(9))
    assert [e.message for e in again if isinstance(e, Send)] == contracts != []
    assert pump.roles["agr"].handle(Received("dso", 9, FileAgain()), DAY.at(9)) == []


def test_a_head_signed_before_is_signed_again_the_same() -> None:
    """The keeper may have lost the signature; who signs twice signs the same bytes."""
    head = BlockHead(1, AHEAD, DAY.start, 0, 0, EMPTY_ROOT, genesis(bytes(32)), bytes(32), DAY.start)
    announced = HeadAnnounced(head, BlockLeaves(), Signer(players.key("ledger")).sign(head.message))
    role = players.dso()
    answers = [
        e.message
        for sequence in (1, 2)
        for e in role.handle(Received("ledger", sequence, announced), DAY.start)
        if isinstance(e, Send) and e.to == "ledger"
    ]
    assert len(answers) == 2
    assert answers[0] == answers[1]
    assert isinstance(answers[0], HeadCosigned)
