"""A whole market day in miniature: in any order of delivery, after a standstill, and with a ledger that refuses."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.roles.aggregator.flex_trading import FlexTrading
from agents.roles.aggregator.member_orders import MemberOrders
from agents.roles.aggregator.order_records import MemberOrdersFiling
from agents.roles.aggregator.prognosis_sums import PrognosisSums
from agents.roles.aggregator.promises import Promises
from agents.roles.aggregator.vpp_sessions import VppSessions
from agents.roles.device_agent import ReadDevice
from agents.roles.dso.ordering import Ordering, OrdersFiling
from agents.roles.dso.prognoses import Prognoses
from agents.roles.dso.requests import Requests
from agents.roles.dso.trading_round import SafetyOf, SelectionOf
from agents.roles.dso.trading_rounds import TradingRounds
from agents.roles.effects import Effect, Publish
from agents.roles.events import Computed, Fired, Received, Started
from agents.roles.messages import OrderSplit, PriceRound, Receipt, VppInvitation
from agents.roles.parts.contract_use import ContractUse
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.meter_data import MeterData
from agents.roles.parts.settlement_as_buyer import SettlementAsBuyer
from agents.roles.prosumer.energy_metering import ReadMeter
from agents.roles.prosumer.prognoses import ForecastDay, ReviseDay
from cim.codec.codec import encode
from cim.model.devices import Mode
from cim.platform.publications.incidents import MessageLapsed, RuleBroken
from cim.platform.publications.ledger import HeadRefused, RecordRefused
from cim.platform.publications.trading import OrderRefused
from market.ledger.reader import LedgerReader
from market.uftp import FlexOrder, FlexOrderResponse, FlexSettlement, Header, Result
from tests.worlds import miniature, players
from tests.worlds.players import DAY
from tests.worlds.undisturbed import undisturbed

END = DAY.end + timedelta(hours=9)


def played(path: Path, **how: Any) -> tuple[miniature.Miniature, dict[tuple[str, str], bytes]]:
    """A day, and the bodies of the ledger's records."""
    market = miniature.Miniature(path, **how)
    market.play(END)
    market.ledger.close()
    return market, bodies(path)


def bodies(path: Path) -> dict[tuple[str, str], bytes]:
    """What the ledger's records say, by kind and key."""
    with LedgerReader(path) as reader:
        return {(r.kind, r.key): r.body for r in reader.records()}


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[miniature.Miniature, dict[tuple[str, str], bytes]]:
    """The day as it is when messages arrive in the order in which they were sent."""
    path = tmp_path_factory.mktemp("calm") / "ledger.db"
    market = undisturbed(END, path)
    market.ledger.close()
    return market, bodies(path)


def test_a_day_is_traded_and_settled(calm: Any) -> None:
    """The miniature is worth looking at: contracts, orders, both levels' settlements, and nothing that lapsed."""
    market, records = calm
    kinds = {kind for kind, _ in records}
    assert kinds >= {"contract", "flex-order", "member-order", "metering", "flex-settlement", "remuneration"}
    assert market.told(MessageLapsed, OrderRefused, RecordRefused, RuleBroken, HeadRefused) == []
    assert any(row.order_settlements for row in market.said(FlexSettlement))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_delivery_decides_nothing(calm: Any, tmp_path: Path, seed: int) -> None:
    """Whatever the order in which one instant's messages and outcomes arrive, the ledger is the same, byte for byte."""
    _, records = played(tmp_path / "ledger.db", seed=seed)
    assert records == calm[1]


def test_no_two_messages_of_an_agent_share_an_identifier(calm: Any) -> None:
    """A message id, a conversation and an order reference say which message it is, for good."""
    known: dict[str, bytes] = {}
    for _, _, message in calm[0].sent:
        header = getattr(message, "header", None)
        if isinstance(header, Header):
            assert known.setdefault(header.message_id, encode(message)) == encode(message)
    assert len(known) > 200


def test_no_state_holds_what_a_snapshot_would_change(calm: Any) -> None:
    """After a whole day every role's state is of scalars, tuples, dicts and wire values, and comes back as it was."""
    for role in calm[0].roles.values():
        states = [part.state for part in role.parts.values()]
        assert not list(_unfit(tuple(states), role.name))
        before = role.snapshot()
        role.restore(before)
        assert role.snapshot() == before


def _unfit(value: Any, where: str) -> Any:
    if isinstance(value, list | set):
        yield where
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _unfit(getattr(value, field.name), f"{where}.{field.name}")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _unfit(item, f"{where}[{key}]")
    elif isinstance(value, tuple):
        for item in value:
            yield from _unfit(item, where)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("begin", "hours"), [(DAY.at(9, 12), 5), (DAY.at(12, 7), 20), (DAY.start - timedelta(hours=3), 40)]
)
def test_after_a_standstill_of_everybody_what_can_be_settled_is_settled(tmp_path: Path, begin: Any, hours: int) -> None:
    """Every timer fires hours late, at once: nobody fails, the grid is kept, and each period is settled once."""
    silence = (begin, begin + timedelta(hours=hours, minutes=3, seconds=17))
    market = undisturbed(begin - timedelta(microseconds=1), tmp_path / "ledger.db")
    market.silence = silence
    market.go_on(END + timedelta(hours=40))
    market.ledger.close()
    settled = market.said(FlexSettlement)
    assert len(settled) == 6, "each contract's, once"
    assert market.told(OrderRefused, RecordRefused) == []
    meter = {m.ean: sum(m.profile("Power").values) / 4 for _, _, m in market.sent if type(m).__name__ == "Metering"}
    for home in miniature.HOMES:
        if begin > DAY.start:
            taken, given = market.physics.energy[f"{home}.meter"]
            assert meter[f"ean.{home}"] != 0
            assert abs(meter[f"ean.{home}"]) < taken + given
    late = [at for at, command in market.commands if command.setpoint.mode is Mode.LIMIT and at >= DAY.end]
    assert late == []
    assert not {timer for _, timer in market.armed} & {ReadDevice(), ReadMeter()}


def test_a_ledger_that_refuses_members_orders_undoes_the_order(tmp_path: Path) -> None:
    """What cannot be recorded is not in force: the DSO hears a refusal, drops its order, and nothing is owed for it."""
    market, records = played(
        tmp_path / "ledger.db",
        refuse=lambda filed: filed.sender == "agr" and isinstance(filed.reference, MemberOrdersFiling),
    )
    refused = [m for m in market.said(FlexOrderResponse) if m.result is Result.REJECTED]
    assert refused
    assert {kind for kind, _ in records} >= {"flex-order-refusal"}
    gone = {key for kind, key in records if kind == "flex-order-refusal"}
    paid = {row.order_reference for m in market.said(FlexSettlement) for row in m.order_settlements}
    assert not gone & paid
    assert market.roles["agr"].part(Promises).state.orders == ()
    assert market.told(RuleBroken, HeadRefused) == []


def test_what_a_settled_day_needed_is_dropped(calm: Any) -> None:
    """Requests, prognoses and rounds of a settled period are dropped; its orders, which a correction needs, when it is closed."""
    dso = calm[0].roles["dso"]
    requests, prognoses = dso.part(Requests).state, dso.part(Prognoses).state
    assert (requests.requests, prognoses.by_id, prognoses.newest) == ({}, {}, {})
    assert dso.part(TradingRounds).state.rounds == {}
    orders = dict(dso.part(Ordering).state.orders)
    assert orders
    kept = dso.snapshot()
    dso.prune(max(place.period for place in orders) + timedelta(days=1))
    left = dso.part(Ordering).state
    assert (left.orders, left.baselines_w, dso.part(SettlementAsBuyer).state.latest) == ({}, {}, {})
    dso.restore(kept)


def test_after_the_day_no_session_holds_a_member(calm: Any) -> None:
    """Every split came to one of its ends: nothing waits, and nothing keeps the next one from beginning."""
    for seller in ("agr", "agr-2"):
        role = calm[0].roles[seller]
        sessions, trading = role.part(VppSessions).state, role.part(FlexTrading).state
        assert (sessions.sessions, sessions.queue) == ({}, ())
        assert (trading.requests, trading.offers, trading.taken) == ({}, {}, {})
        assert role.part(MemberOrders).state.filed == {}


def test_an_aggregator_drops_what_is_about_days_closed_for_good(calm: Any) -> None:
    """Of orders, promises, prognoses and meterings nothing is left a month later but the contracts."""
    role = players.aggregator()
    role.restore(calm[0].roles["agr"].snapshot())
    assert role.part(MemberOrders).state.parts
    role.prune(players.FIRST + timedelta(days=30))
    sums, promises, orders = (role.part(kind).state for kind in (PrognosisSums, Promises, MemberOrders))
    assert (sums.forecasts, sums.heard, sums.newest, sums.revisions) == ({}, {}, {}, {})
    assert (promises.orders, promises.baselines, role.part(FlexTrading).state.room) == ((), {}, {})
    assert (orders.orders, orders.parts) == ({}, ())
    assert not any(role.part(ContractUse).used_w.values())
    assert role.part(MeterData).state.metering == {}
    assert role.part(Contracts).state.contracts


def lapses(effects: list[Effect]) -> list[str]:
    """What effects tell to have lapsed."""
    told = [e.publication for e in effects if isinstance(e, Publish)]
    return [publication.what for publication in told if isinstance(publication, MessageLapsed)]


def test_what_nobody_waits_for_lapses_and_says_so() -> None:
    """Too early, too late, twice: a defined answer and a published reason, never an exception."""
    farm, agr, dso = players.farm("farm-a"), players.aggregator(), players.dso()
    size = 4
    early = PriceRound("s-1", 1, 0.3, miniature.np.zeros(size))
    assert lapses(farm.handle(Received("agr", 1, early), players.NOON)) == ["PriceRound"]
    assert lapses(agr.handle(Received("farm-a", 1, OrderSplit("o-1", ())), players.NOON)) == ["OrderSplit"]
    assert lapses(agr.handle(Received("ledger", 1, Receipt(MemberOrdersFiling("o-1"))), players.NOON)) == ["Receipt"]
    assert lapses(
        dso.handle(Received("ledger", 1, Receipt(OrdersFiling(players.FIRST, "p", "o-1"))), players.NOON)
    ) == ["Receipt"]
    assert lapses(dso.handle(Computed(SelectionOf(players.FIRST), (100,)), players.NOON)) == ["selection"]
    late = Computed(SafetyOf(players.FIRST), players.assessment({48: 5000.0}))
    assert lapses(dso.handle(late, DAY.end)) == ["safety analysis"]
    for timer in (ForecastDay(players.FIRST), ReviseDay(players.FIRST)):
        assert farm.handle(Fired(timer), DAY.end) == []
    over = VppInvitation("s-2", players.FIRST, 1, size)
    farm.part(Contracts).agreed(players.agreement("farm-a"), players.AHEAD)
    assert lapses(farm.handle(Received("agr", 2, over), players.NOON)) == ["VppInvitation"]
    farm.handle(Started(), players.AHEAD)
    order = FlexOrder(
        dso.me.header("agr", players.AHEAD, None, "FlexOrder"), players.FIRST, "ean.farm-a", "o", 0, "EUR", (),
        players.RULES.timezone, 15, None, "s-9",
    )  # fmt: skip
    assert lapses(farm.handle(Received("agr", 3, order), players.NOON)) == ["FlexOrder"]


@given(st.integers(0, 3 * 86_400_000_000), st.sampled_from(["2016-03-26", "2016-10-29", "2016-06-14"]))
def test_the_next_boundary_is_on_the_grid_of_its_local_day(microseconds: int, first: str) -> None:
    """It is strictly later, at most an interval away, and a whole number of intervals into its day, clock change or not."""
    from datetime import date

    begin = players.RULES.day(date.fromisoformat(first)).start
    at = begin + timedelta(microseconds=microseconds)
    following = players.RULES.boundary(at)
    assert at < following <= at + players.RULES.interval
    start = players.RULES.day_of(following).start
    assert (following - start) % players.RULES.interval == timedelta(0)
    assert players.RULES.interval_start(at) <= at < players.RULES.boundary(players.RULES.interval_start(at))
