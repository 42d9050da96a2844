"""What the roles really say follows the tables of conversations, as each end sees it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agents.planning.dispatch.session import MEMBERSHIP, MemberEvent, MemberParty, MemberState
from agents.roles.aggregator.order_records import MemberOrdersFiling
from agents.roles.events import Event, Received
from agents.roles.messages import NetProfile, OrderSplit, PriceRound, SessionClosed, VppInvitation
from market.conversations import ConversationTable
from market.negotiation import conversation as negotiation
from market.settlement import conversation as settlement
from market.trading import conversation as trading
from market.uftp import FlexOrder, FlexOrderResponse, FlexRequest, FlexSettlement, FlexSettlementResponse, Result
from tests.worlds import players
from tests.worlds.miniature import Miniature
from tests.worlds.physics import HOMES


class Step(NamedTuple):
    """A message as an event of a table: which one, in which conversation, said by which party."""

    table: ConversationTable[Any, Any, Any]
    about: tuple[str, ...]
    by: StrEnum
    event: StrEnum


class Watched(Miniature):
    """Follows every conversation at both ends; a message the table does not allow there is an error."""

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self.states: dict[tuple[Any, ...], Any] = {}  # table's title, conversation, whose end
        self.ends: dict[str, datetime] = {}  # conversation of a FlexRequest -> its expiration
        self.sessions: dict[str, tuple[str, ...]] = {}  # message id of a member's order -> its session
        self.steps: Counter[tuple[str, str]] = Counter()

    def _take(self, name: str, effect: Any, now: datetime) -> None:
        message = getattr(effect, "message", None)
        if message is not None:
            self._step(name, name, effect.to, message, now)
        super()._take(name, effect, now)

    def _tell(self, name: str, event: Event, now: datetime) -> None:
        if isinstance(event, Received):
            self._step(name, event.sender, name, event.message, now)
        super()._tell(name, event, now)

    def _step(self, end: str, sender: str, to: str, message: Any, now: datetime) -> None:
        step = self._event(sender, to, message)
        if step is None:
            return
        table, key = step.table, (step.table.title, step.about, end)
        by = step.by
        if table is negotiation.NEGOTIATION:
            by = negotiation.By.US if sender == end else negotiation.By.PEER
        state = self.states.get(key, table.start)
        if table is trading.TRADING and now >= self.ends[step.about[0]]:
            state = table.allowed(state, trading.Party.TIME, trading.Event.EXPIRY, ours=True) or state
        self.states[key] = table.next_state(state, by, step.event, ours=sender == end)
        self.steps[table.title, step.event.name] += 1

    def _event(self, sender: str, to: str, message: Any) -> Step | None:
        if type(message).__name__ in {event.value for event in negotiation.Event}:
            event = negotiation.Event(type(message).__name__)
            return Step(negotiation.NEGOTIATION, (message.conversation_id,), negotiation.By.US, event)
        if sender in HOMES or to in HOMES:
            step = self._member_event(sender, to, message)
            if step is not None:
                return step
        elif isinstance(message, trading.TradingMessage):
            conversation = message.header.conversation_id
            if isinstance(message, FlexRequest):
                self.ends[conversation] = message.expiration
            return Step(trading.TRADING, (conversation, *sorted((sender, to))), *trading.event_of(message))
        if isinstance(message, FlexSettlement | FlexSettlementResponse):
            conversation = message.header.conversation_id
            return Step(settlement.SETTLEMENT, (conversation,), *settlement.event_of(message))
        return None

    def _member_event(self, sender: str, to: str, message: Any) -> Step | None:
        member = sender if sender in HOMES else to
        simple = {
            VppInvitation: MemberEvent.INVITATION,
            PriceRound: MemberEvent.PRICE,
            SessionClosed: MemberEvent.CLOSE,
        }
        if type(message) in simple:
            return Step(MEMBERSHIP, (message.session, member), MemberParty.AGGREGATOR, simple[type(message)])
        if isinstance(message, NetProfile):
            first = MemberEvent.BASELINES if message.baselines else MemberEvent.NO_BASELINES
            event = first if message.round == 0 else MemberEvent.PROFILE
            return Step(MEMBERSHIP, (message.session, member), MemberParty.MEMBER, event)
        if isinstance(message, FlexOrder):
            self.sessions[message.header.message_id] = (message.option_reference or "", member)
            self.sessions[message.order_reference] = (message.option_reference or "", member)
            return Step(MEMBERSHIP, (message.option_reference or "", member), MemberParty.AGGREGATOR, MemberEvent.ORDER)
        if isinstance(message, FlexOrderResponse):
            taken = message.result is Result.ACCEPTED
            event = MemberEvent.ORDER_ACCEPTED if taken else MemberEvent.ORDER_REFUSED
            return Step(MEMBERSHIP, self.sessions[message.flex_order_message_id], MemberParty.MEMBER, event)
        if isinstance(message, OrderSplit):
            return Step(MEMBERSHIP, self.sessions[message.order_reference], MemberParty.MEMBER, MemberEvent.SPLIT)
        return None

    def ends_of(self, table: ConversationTable[Any, Any, Any]) -> list[set[Any]]:
        """For each of a table's conversations the states at its ends."""
        found: dict[Any, set[Any]] = {}
        for (title, about, _), state in self.states.items():
            if title == table.title:
                found.setdefault(about, set()).add(state)
        return list(found.values())


END = players.DAY.end + timedelta(hours=9)


@pytest.mark.parametrize(
    ("how", "refused"),
    [
        ({}, False),
        ({"seed": 7}, False),
        ({"refuse": lambda filed: isinstance(filed.reference, MemberOrdersFiling)}, True),
        ({"silence": (players.DAY.at(11), players.DAY.at(13))}, True),
        ({"coordinated": True, "seed": 3}, False),
    ],
    ids=["calm", "shuffled", "ledger refuses members' orders", "standstill", "coordinated, shuffled"],
)
def test_everything_said_on_a_day_is_in_the_tables(tmp_path: Path, how: dict[str, Any], refused: bool) -> None:
    """A whole market day: no role says or hears what the tables do not allow, and both ends of each come to the same."""
    market = Watched(tmp_path / "ledger.db", **how)
    market.play(END)
    market.ledger.close()
    state = trading.State
    for ends in market.ends_of(trading.TRADING):
        assert ends in ({state.ACCEPTED}, {state.REFUSED}) or not ends & {state.ACCEPTED, state.REFUSED, state.ORDERED}
    assert {negotiation.State.AGREED} in market.ends_of(negotiation.NEGOTIATION)
    assert all(ends == {settlement.State.ACCEPTED} for ends in market.ends_of(settlement.SETTLEMENT))
    if not refused:
        assert {MemberState.SPLIT} in market.ends_of(MEMBERSHIP)
        assert market.steps[trading.TRADING.title, "ORDER_ACCEPTED"] > 0
        # Coordinated sellers each offer a part, and all parts are ordered: no session is closed.
        assert "coordinated" in how or market.steps[MEMBERSHIP.title, "CLOSE"] > 0
