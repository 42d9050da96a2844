"""The TSO takes no bid that is late, too large, too dear or too slow; the pool bids nothing that would break a limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.planning.balancing.offers import BalancingStep
from agents.planning.instance.on_call import CalledLimit
from agents.roles.balancing_messages import BalancingBids, BalancingOrdered, PoolOffer
from agents.roles.effects import Publish, Send
from agents.roles.events import Fired, Received
from agents.roles.iles_manager.balancing_pool import BalancingPool, PoolBids
from agents.roles.instance_messages import LimitCalled
from agents.roles.parts.exchange_metering import ExchangeMetering
from cim.platform.publications.incidents import MessageLapsed
from market.balancing.clearing import BalancingBid
from tests.worlds.miniature import ACTIVATION_S, DEAREST_E4, GATE_MIN, TSO, Miniature
from tests.worlds.players import DAY, FIRST, POINT

ISP = 50
GATE = DAY.isp_start(ISP) - timedelta(minutes=GATE_MIN)
EARLIER = GATE - timedelta(minutes=2)


@pytest.fixture
def market(tmp_path: Path) -> Miniature:
    """The evening before: contracts are made."""
    made = Miniature(tmp_path / "ledger.db", needed_w=(0,) * 96)
    made.play(DAY.next(-1).at(12))
    learned(made, 0)
    return made


def learned(market: Miniature, off_w: int) -> None:
    """The pool has nominated eight quarter-hours, and was off by so much in each."""
    role = market.roles["iles"]
    role.part(BalancingPool).state.nominated_w[FIRST] = dict.fromkeys(range(1, 9), 1000)
    role.part(ExchangeMetering).state.power_w[FIRST] = dict.fromkeys(range(1, 9), 1000 + off_w)


def bid(**changes: Any) -> BalancingBid:
    """Ten kilowatts less at 10 ct."""
    return replace(BalancingBid("b-1", False, 10_000, 1000, ACTIVATION_S), **changes)


def lapses(market: Miniature, role: str, sender: str, message: Any, now: datetime) -> list[str]:
    """Why a role does not take a message; nothing where it does."""
    effects = market.roles[role].handle(Received(sender, 10_000, message), now)
    told = [one.publication for one in effects if isinstance(one, Publish)]
    return [one.reason for one in told if isinstance(one, MessageLapsed)]


def test_sound_bids_in_time_are_taken(market: Miniature) -> None:
    """Up to the gate itself, up to all that is prequalified, at up to the highest premium."""
    told = BalancingBids(FIRST, ISP, 0, (bid(power_w=TSO.size_w, premium_e4_per_kwh=DEAREST_E4),))
    assert lapses(market, "tso", "iles", told, GATE) == []


@pytest.mark.parametrize(
    ("bids", "sender", "now", "why"),
    [
        ((bid(),), "agr", EARLIER, "it is no provider; expected iles"),
        ((bid(),), "iles", GATE + timedelta(seconds=1), "its gate is closed"),
        ((bid(power_w=TSO.size_w), bid(reference="b-2", power_w=1)), "iles", EARLIER, "60001 W in one direction"),
        ((bid(power_w=0),), "iles", EARLIER, "power_w: 0 of bid b-1"),
        ((bid(premium_e4_per_kwh=DEAREST_E4 + 1),), "iles", EARLIER, "expected 0 to 10000"),
        ((bid(premium_e4_per_kwh=-1),), "iles", EARLIER, "premium_e4_per_kwh: -1 of bid b-1"),
        ((bid(activation_s=ACTIVATION_S + 1),), "iles", EARLIER, "expected at most 750"),
        ((bid(), bid()), "iles", EARLIER, "a reference stands twice"),
    ],
)
def test_other_bids_are_not_taken(
    market: Miniature, bids: tuple[BalancingBid, ...], sender: str, now: datetime, why: str
) -> None:
    """Each with the reason."""
    (told,) = lapses(market, "tso", sender, BalancingBids(FIRST, ISP, 0, bids), now)
    assert why in told


def test_no_day_outside_the_framework_and_no_quarter_hour_outside_the_day(market: Miniature) -> None:
    """Contracts begin with the first operated day; a day has 96."""
    before = BalancingBids(DAY.next(-1).day, ISP, 0, (bid(),))
    assert lapses(market, "tso", "iles", before, DAY.next(-1).at(9)) == ["no framework is in force on its day"]
    assert lapses(market, "tso", "iles", BalancingBids(FIRST, 97, 0, (bid(),)), EARLIER) == ["its gate is closed"]


def offered(market: Miniature, seller: str, *steps: BalancingStep, expected_w: int = 3000) -> None:
    """A portfolio offers for the quarter-hour."""
    offer = PoolOffer(POINT, FIRST, ISP, expected_w, steps)
    assert lapses(market, "iles", seller, offer, EARLIER - timedelta(minutes=2)) == []


def bids_of(market: Miniature) -> list[BalancingBids]:
    """What the pool bids when it is time."""
    effects = market.roles["iles"].handle(Fired(PoolBids(FIRST, ISP)), EARLIER)
    return [one.message for one in effects if isinstance(one, Send) and isinstance(one.message, BalancingBids)]


LESS, MORE = BalancingStep(False, 4000, 800), BalancingStep(True, 2000, 700)


def test_the_pool_bids_only_when_all_have_said_what_they_will_draw(market: Miniature) -> None:
    """One portfolio is silent: nothing could be measured against. With both its nomination is their sum."""
    offered(market, "agr", LESS)
    assert bids_of(market) == []
    offered(market, "agr-2", MORE, expected_w=-1000)
    (told,) = bids_of(market)
    assert told.nomination_w == 2000
    assert {(one.more, one.power_w, one.premium_e4_per_kwh) for one in told.bids} == {
        (False, 4000, 800),
        (True, 2000, 700),
    }


def test_nothing_smaller_than_the_nominations_error_is_bid(market: Miniature) -> None:
    """Off by 3 kW: two of 2 kW become one of 4, two of 4 stay; off by 9 kW nothing is left, and nothing before it is known."""
    offered(market, "agr", LESS, MORE)
    offered(market, "agr-2", LESS, MORE)
    learned(market, -3000)
    (told,) = bids_of(market)
    assert sorted((one.more, one.power_w, one.least_w) for one in told.bids) == [
        (False, 4000, 3000),
        (False, 4000, 3000),
        (True, 4000, 3000),
    ]
    learned(market, 9000)
    assert bids_of(market)[0].bids == ()
    market.roles["iles"].part(ExchangeMetering).state.power_w.clear()
    assert bids_of(market)[0].bids == ()


def test_while_the_dso_limits_import_no_more_consumption_is_bid(market: Miniature) -> None:
    """Less still is."""
    offered(market, "agr", LESS, MORE)
    offered(market, "agr-2", LESS, MORE)
    limit = CalledLimit("n-1", 5000, DAY.end, 5000)
    market.roles["iles"].handle(Received("dso", 10_001, LimitCalled(limit)), EARLIER)
    (told,) = bids_of(market)
    assert {one.more for one in told.bids} == {False}


def test_offers_from_elsewhere_or_too_late_are_not_pooled(market: Miniature) -> None:
    """A portfolio that the pool does not have, and a quarter-hour that is bid for already."""
    offer = PoolOffer("ea1.2016-01.at.test:other", FIRST, ISP, 0, ())
    assert lapses(market, "iles", "agr", offer, EARLIER) == ["it has no portfolio there"]
    late = PoolOffer(POINT, FIRST, ISP, 0, ())
    assert lapses(market, "iles", "agr", late, EARLIER + timedelta(seconds=1)) == [
        "its quarter-hour is bid for already"
    ]


def test_only_the_tso_calls_the_pool(market: Miniature) -> None:
    """An order of anybody else moves nobody."""
    made = Miniature(
        Path(market.path).with_name("other.db"), needed_w=tuple(-9_000_000 if k == 27 else 0 for k in range(96))
    )
    made.play(DAY.at(8))
    (call,) = made.said(BalancingOrdered)
    assert lapses(market, "iles", "agr", call, EARLIER) == ["only the TSO calls balancing energy"]
