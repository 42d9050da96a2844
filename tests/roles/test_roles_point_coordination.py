"""Two sellers at a congestion point, brought to one price by the DSO before they offer: sums alone cross, and it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from agents.planning.dispatch.admm import Outcome
from agents.roles.aggregator import AggregatorRole
from agents.roles.aggregator.point_rounds import PointRounds
from agents.roles.aggregator.vpp_sessions import VppSessions
from agents.roles.coordination_messages import PointChecked, PointProfile, PointRound, PriceCheck, PriceChecked
from agents.roles.dso.point_coordination import PointCoordination
from agents.roles.messages import NetProfile, PriceRound, SessionClosed
from cim.codec.codec import encode
from cim.platform.publications.incidents import MessageLapsed
from cim.platform.publications.sessions import PointCoordinated, SessionConcluded
from market.uftp import FlexOffer, FlexOrder, FlexRequest
from tests.worlds import players
from tests.worlds.miniature import SELLER, Miniature
from tests.worlds.physics import HOMES
from tests.worlds.players import AHEAD, FARMS, RULES, Pump, market_of_farms, request
from tests.worlds.undisturbed import undisturbed

SELLERS = ("agr", "agr-2")
EXCHANGE = (PointProfile, PointRound, PriceCheck, PriceChecked, PointChecked)
END = players.DAY.at(10)


def played(path: Path, **how: Any) -> Miniature:
    """The miniature from the day before until the morning."""
    market = Miniature(path / "ledger.db", **how)
    market.play(END)
    market.ledger.close()
    return market


@cache
def coordinated(seed: int | None = None) -> Miniature:
    """One whose sellers are coordinated; messages arrive in the order that a seed decides."""
    with TemporaryDirectory() as folder:
        return played(Path(folder), coordinated=True, seed=seed)


def test_where_the_terms_do_not_say_so_nobody_hears_of_it(tmp_path: Path) -> None:
    """Where nobody asks for it none of these messages is said, and no session is told to be coordinated."""
    market = undisturbed(END, tmp_path / "ledger.db")
    market.ledger.close()
    assert market.said(FlexOffer)
    assert not any(market.said(kind) for kind in EXCHANGE)
    assert market.told(PointCoordinated) == []
    assert not any(told.coordinated for told in market.told(SessionConcluded))


def test_what_is_needed_is_asked_for_once_and_both_give_a_part_of_it() -> None:
    """Both sellers' whole offers together come to the sum that the rounds ended with, and to the need, neither alone."""
    market = coordinated()
    told: list[PointCoordinated] = market.told(PointCoordinated)
    assert told
    for one in told:
        assert one.sellers == SELLERS
        offers = [o for o in market.said(FlexOffer) if o.flex_request_message_id in one.requests and o.options]
        wholes = [{row.start: row.power_w for row in offer.options[-1].isps} for offer in offers]
        low, total = np.array(one.low_kw), np.array(one.total_kw)
        for k in np.flatnonzero(low > 0).tolist():
            given = sum(whole.get(one.first_isp + k, 0) for whole in wholes)
            assert given <= 1000 * total[k] + len(
                HOMES
            )  # a member whose contract does not cover its part offers nothing
    whole = [one for one in told if min(one.total_kw[k] - low for k, low in enumerate(one.low_kw) if low > 0) > -0.02]
    assert whole


def test_each_ends_as_the_rounds_ended_and_the_gap_is_certified() -> None:
    """Sessions tell the DSO's rounds and outcome; the certified gap is no less than nothing and below 2 %."""
    market = coordinated()
    told: list[PointCoordinated] = market.told(PointCoordinated)
    sessions = [s for s in market.told(SessionConcluded) if s.coordinated]
    assert {s.status for s in sessions} <= {one.status for one in told}
    assert len([s for s in sessions if s.members]) == 2 * len(told)
    for one in told:
        assert one.gap_ct is not None
        assert -1e-6 <= one.gap_ct <= 0.02 * max(one.worth_ct, 1.0)


def test_no_sellers_answer_reveals_a_member() -> None:
    """To the DSO goes the members' sum and how many elements move by degrees; no name, no member's own profile."""
    market = coordinated()
    sums = [(sender, m) for sender, to, m in market.sent if isinstance(m, PointProfile)]
    assert {to for _, to, m in market.sent if isinstance(m, PointProfile | PointChecked)} == {"dso"}
    assert all(sender in SELLERS for sender, _ in sums)
    said = b"".join(encode(m) for _, to, m in market.sent if to == "dso" and isinstance(m, EXCHANGE))
    assert not any(home.encode() in said for home in HOMES)
    own: dict[str, dict[str, Any]] = {seller: {} for seller in SELLERS}
    for sender, to, message in market.sent:
        if isinstance(message, NetProfile):
            own[to][sender] = message.deviation_kw
        elif isinstance(message, PointProfile) and message.round and len(own[sender]) == 2:
            parts = list(own[sender].values())
            if all(len(part) == len(message.total_kw) for part in parts):
                moving = [part for part in parts if part.any()]
                if len(moving) == 2:
                    assert not any(np.array_equal(message.total_kw, part) for part in parts)


def test_a_member_tells_once_how_far_it_is_above_its_best() -> None:
    """One check a session and member, after its last round; a second one is passed over."""
    market = coordinated()
    asked = [(to, m.session) for _, to, m in market.sent if isinstance(m, PriceCheck)]
    answered = [(sender, m.session) for sender, _, m in market.sent if isinstance(m, PriceChecked)]
    assert asked
    assert len(set(asked)) == len(asked)
    assert sorted(asked) == sorted(answered)
    home, session = asked[-1]
    check = next(m for _, to, m in market.sent if isinstance(m, PriceCheck) and (to, m.session) == (home, session))
    before = len(market.said(PriceChecked))
    market.hear(SELLER[home], home, 10**6, check, END)
    assert len(market.said(PriceChecked)) == before
    assert any(one.what == "PriceCheck" for one in market.told(MessageLapsed))


@pytest.mark.parametrize("seed", [7])
def test_the_order_of_deliveries_decides_nothing(seed: int) -> None:
    """However messages of an instant are mixed, the same rounds end in the same sums, bound and orders."""
    calm, mixed = coordinated(), coordinated(seed)
    assert mixed.told(PointCoordinated) == calm.told(PointCoordinated)
    orders = [sorted((o.order_reference, o.price) for o in market.said(FlexOrder)) for market in (calm, mixed)]
    assert orders[0] == orders[1]


def silent(kind: type, sender: str, counts: Callable[[Any], bool]) -> Callable[[str, str, Any], Any]:
    """Messages of a kind and sender that are lost on their way."""
    return lambda name, _to, message: (
        None if name == sender and isinstance(message, kind) and counts(message) else message
    )


def test_a_seller_that_never_tells_is_left_to_itself(tmp_path: Path) -> None:
    """The other is not held up for ever: it goes by rounds of its own when time is up, and offers."""
    market = played(tmp_path, coordinated=True, spoil=silent(PointProfile, "agr-2", lambda _: True))
    assert market.told(PointCoordinated) == []
    assert any(m.alone for _, to, m in market.sent if isinstance(m, PointRound) and to == "agr")
    offers = [(sender, m) for sender, _, m in market.sent if isinstance(m, FlexOffer)]
    assert any(m.options for sender, m in offers if sender == "agr")
    assert not any(
        m.options for sender, m in offers if sender == "agr-2"
    )  # the DSO is silent to it: nothing is offered


def test_a_silent_seller_holds_its_last_sum(tmp_path: Path) -> None:
    """From the third round on nothing comes of one: the rounds end without it, with what it told last, and uncertified."""
    market = played(tmp_path, coordinated=True, spoil=silent(PointProfile, "agr-2", lambda m: m.round > 2))
    told: list[PointCoordinated] = market.told(PointCoordinated)
    assert told
    assert all(one.sellers == SELLERS for one in told)
    assert all(one.gap_ct is None for one in told)
    one = told[0]
    last = [
        m for s, _, m in market.sent if isinstance(m, PointProfile) and m.request == one.requests[1] and m.round == 2
    ]
    first = [m for s, _, m in market.sent if isinstance(m, PointProfile) and m.request == one.requests[0]][-1]
    np.testing.assert_allclose(np.array(one.total_kw), last[0].total_kw + first.total_kw)
    assert any(m.what == "PointProfile" and m.peer == "agr-2" for m in market.told(MessageLapsed))


def test_where_the_dso_falls_silent_nothing_is_offered(tmp_path: Path) -> None:
    """Members are not held by rounds that nobody leads: the session fails, says so, and is closed without an offer."""
    market = played(tmp_path, coordinated=True, spoil=silent(PointRound, "dso", lambda _: True))
    assert not any(offer.options for offer in market.said(FlexOffer))
    assert any(one.what == "PointRound" for one in market.told(MessageLapsed))
    failed = [s for s in market.told(SessionConcluded) if s.coordinated]
    assert {s.status for s in failed} == {"failed"}
    assert {m.session for m in market.said(SessionClosed)} >= {s.session for s in failed}


def test_one_that_comes_when_the_rounds_have_begun_goes_alone() -> None:
    """A sum for a request of the running round that the rounds do not wait for is answered with `alone`."""
    market = coordinated()
    request = market.said(FlexRequest)[-1]
    before = len(market.said(PointRound))
    market.hear("agr", "dso", 10**6, PointProfile(request.header.message_id, 0, np.zeros(4), 2), END)
    answer = market.said(PointRound)[before:]
    assert [one.alone for one in answer] == [True]
    market.hear("agr", "dso", 10**6 + 1, PointProfile(request.header.message_id, 3, np.zeros(4), 2), END)
    assert len(market.said(PointRound)) == before + 1
    assert "no rounds wait for it" in {one.reason for one in market.told(MessageLapsed)}


def led(pump: Pump, number: int, **said: Any) -> None:
    """The DSO's next word to the farms' aggregator about the standard request."""
    told, signal_kw = request().header.message_id, np.where(np.arange(52) < 4, -20.0, 0.0)  # more in the ISPs asked for
    pump.tell("agr", "dso", PointRound(told, number, 0.3, signal_kw, **said), AHEAD)


def farms(spoil: bool = False) -> Pump:
    """Two farms under one aggregator that is coordinated with others, asked for something; one may lose by all it answers."""
    pump = market_of_farms()
    agr = AggregatorRole(
        "agr", RULES, players.key("agr"), replace(pump.roles["agr"].part(VppSessions)._config, coordinated=True)
    )
    agr.restore(pump.roles["agr"].snapshot())
    pump.roles["agr"] = agr
    if spoil:
        pump.changes["farm-b", NetProfile] = lambda said: replace(said, asked_e4_per_kwh=None if said.round else 0)
    pump.tell("agr", "dso", request(), AHEAD)
    return pump


def test_a_seller_tells_sums_and_passes_on_what_comes_back() -> None:
    """Who is there, then a sum a round; round numbers that were another seller's are passed over, old ones lapse."""
    pump = farms()
    assert [(m.round, m.elements, float(np.abs(m.total_kw).max())) for m in pump.said(PointProfile)] == [(0, 2, 0.0)]
    led(pump, 1)
    led(pump, 4)
    led(pump, 4)
    sums = pump.said(PointProfile)
    assert [m.round for m in sums] == [0, 1, 4]
    assert [m.round for m in pump.said(PriceRound, to="farm-a")] == [1, 4]
    last = [pump.said(NetProfile, sender=name)[-1].deviation_kw for name in FARMS]
    np.testing.assert_array_equal(sums[-1].total_kw, np.sum(last, axis=0))
    assert pump.said(FlexOffer) == []
    led(pump, 4, outcome=Outcome.CONVERGED, price_ct_per_kwh=np.full(52, 5.0))
    (offer,) = pump.said(FlexOffer)
    whole = [round(1000 * float(kw)) for kw in sums[-1].total_kw[:4]]
    assert [row.power_w for row in offer.options[-1].isps] == pytest.approx(whole, abs=1)
    (checked,) = pump.said(PointChecked)
    assert checked.above_best_ct is None or checked.above_best_ct >= 0


def test_members_that_lose_are_left_out_and_the_others_go_on() -> None:
    """Told to, a seller closes the session of the farm whose contract does not cover its part, and tells the other's sum."""
    pump = farms(spoil=True)
    led(pump, 1)
    assert pump.said(PointProfile)[-1].losing == 1
    led(pump, 2, leave_out=True)
    assert [to for _, to, m in pump.log if isinstance(m, SessionClosed)] == ["farm-b"]
    told = pump.said(PointProfile)[-1]
    assert (told.round, told.elements, told.losing) == (2, 1, 0)
    np.testing.assert_array_equal(told.total_kw, pump.said(NetProfile, sender="farm-a")[-1].deviation_kw)
    led(pump, 3)
    assert [m.round for m in pump.said(PriceRound, to="farm-b")] == [1]
    assert pump.said(PointProfile)[-1].round == 3


def test_one_that_is_alone_goes_by_rounds_of_its_own() -> None:
    """As it would have without the exchange: the same offer, to the watt and the price."""
    pump, before = farms(), market_of_farms()
    before.tell("agr", "dso", request(), AHEAD)
    led(pump, 0, alone=True)
    (alone,), (ever,) = pump.said(FlexOffer), before.said(FlexOffer)
    assert [(o.price, o.isps) for o in alone.options] == [(o.price, o.isps) for o in ever.options]


def test_days_that_are_closed_are_forgotten(tmp_path: Path) -> None:
    """A seller that never tells leaves nothing behind, neither with the DSO nor with the one that waited for it."""
    market = played(tmp_path, coordinated=True, spoil=silent(PointChecked, "agr-2", lambda _: True))
    dso, seller = market.roles["dso"].part(PointCoordination), market.roles["agr"].part(PointRounds)
    assert all(one.gap_ct is None for one in market.told(PointCoordinated))  # time is up without its answer
    assert market.told(PointCoordinated)
    for part in (dso, seller):
        part.prune(players.DAY.next().day)
    assert (dso.state.runs, dso.state.ended) == ({}, {})
    assert (seller.state.answers, seller.state.checks) == ({}, {})
