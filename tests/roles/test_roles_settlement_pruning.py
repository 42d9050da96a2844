"""What was never settled leaves the state when its day is closed for good, a week after it; until then it is answered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import pytest

from agents.roles.dso import DsoRole
from agents.roles.effects import Effect, Send
from agents.roles.events import Fired, Recalled, Received
from agents.roles.messages import Filed
from agents.roles.parts.recovery import KEPT_DAYS
from agents.roles.parts.settlement import LATEST, SellerAccount, settlement_effects
from agents.roles.parts.settlement_as_buyer import SettleDay, SettlementAsBuyer
from agents.roles.parts.settlement_as_seller import SettlementAsSeller
from agents.roles.role import Role
from market.ledger.records import Record
from market.uftp import FlexSettlement, FlexSettlementResponse
from tests.worlds import players
from tests.worlds.players import AHEAD, DAY, FIRST

RULES = players.rules(days=30)


def _due(period: date) -> datetime:
    """When a day is settled at the latest."""
    return RULES.day(period).end + LATEST


def _settle(role: Role, period: date) -> list[Effect]:
    """A day is settled with the meters that came."""
    return role.handle(Fired(SettleDay(period)), _due(period))


def _sent(effects: Iterable[Effect], kind: type) -> list[str]:
    """Who is sent a message of this type."""
    return [effect.to for effect in effects if isinstance(effect, Send) and isinstance(effect.message, kind)]


def _later(days: int) -> date:
    return FIRST + timedelta(days=days)


def _waiting_aggregator() -> Role:
    """An aggregator that the DSO has settled the first day with, and whose own members' meters did not all come."""
    aggregator = players.aggregator(RULES)
    buyer = players.dso(RULES).me
    settlement, _ = settlement_effects(
        buyer, "agr", "ledger", FIRST, SellerAccount((), ()), DAY.end + timedelta(hours=1), salted=False
    )
    assert aggregator.handle(Received("dso", 1, settlement), DAY.end + timedelta(hours=1)) == []
    assert set(aggregator.part(SettlementAsSeller).state.waiting) == {FIRST}
    return aggregator


def test_a_settlement_waits_for_its_day_as_long_as_that_is_open() -> None:
    """A week of later days may be settled before it: then the own sums are done after all, and it is answered."""
    aggregator = _waiting_aggregator()
    for days in range(1, KEPT_DAYS + 1):
        assert _sent(_settle(aggregator, _later(days)), FlexSettlementResponse) == []
    late = _due(_later(KEPT_DAYS))
    aggregator.handle(Fired(SettleDay(FIRST)), late)  # put off, as after any standstill
    answered = aggregator.handle(Fired(SettleDay(FIRST)), late + timedelta(hours=1))
    assert _sent(answered, FlexSettlementResponse) == ["dso"]
    assert aggregator.part(SettlementAsSeller).state.waiting == {}


def test_a_settlement_that_nobody_can_answer_any_more_leaves_with_its_day() -> None:
    """When the day is closed for good its meters are gone; so is what waited for them, and nothing answers it."""
    aggregator = _waiting_aggregator()
    _settle(aggregator, _later(KEPT_DAYS + 1))
    assert aggregator.part(SettlementAsSeller).state.waiting == {}
    late = _due(_later(KEPT_DAYS + 1))
    effects = [e for hour in (0, 1) for e in aggregator.handle(Fired(SettleDay(FIRST)), late + timedelta(hours=hour))]
    assert _sent(effects, FlexSettlementResponse) == []


def _half_told() -> DsoRole:
    """A DSO that lost everything but the ledger, where one of its two sellers has a settlement of the first day."""
    _, effects = settlement_effects(
        players.dso(RULES).me, "agr", "ledger", FIRST, SellerAccount((), ()), DAY.end, salted=False
    )
    records: list[Record] = [
        r for e in effects if isinstance(e, Send) and isinstance(e.message, Filed) for r in e.message.records
    ]
    dso = players.dso(RULES)
    dso.handle(Recalled(tuple(records), (), AHEAD, DAY.end), DAY.end)
    assert dso.part(SettlementAsBuyer).state.told == {FIRST: ("agr",)}
    return dso


@pytest.mark.parametrize(("days", "told"), [(KEPT_DAYS, ["agr-2"]), (KEPT_DAYS + 1, [])])
def test_who_was_told_before_a_loss_is_never_told_again(days: int, told: list[str]) -> None:
    """While the day is open only the other seller is settled with; when it is closed for good its state leaves, and nobody is."""
    dso = _half_told()
    _settle(dso, _later(days))
    assert set(dso.part(SettlementAsBuyer).state.told) == ({FIRST} if told else set())
    late = _due(_later(days))
    effects = [e for hour in (0, 1) for e in dso.handle(Fired(SettleDay(FIRST)), late + timedelta(hours=hour))]
    assert _sent(effects, FlexSettlement) == told
    assert dso.part(SettlementAsBuyer).state.told == {}
