"""The tables of all conversations are whole, and no honest pair of parties can be led into a contradiction by them."""

from __future__ import annotations

import importlib
import pkgutil
from collections import deque
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import agents.planning
import market
from agents.planning.dispatch.session import MEMBERSHIP, SPLIT, MemberParty, MemberState
from experiments.cli import diagrams
from market.conversations import ConversationTable
from market.errors import LocalProtocolError, RemoteProtocolError
from market.negotiation import conversation as negotiation
from market.register.lifecycle import LIFE_CYCLE
from market.settlement import conversation as settlement
from market.settlement.arbitration import ARBITRATION
from market.trading import conversation as trading

Table = ConversationTable[Any, Any, Any]
TABLES: tuple[Table, ...] = (
    LIFE_CYCLE, negotiation.NEGOTIATION, trading.TRADING, SPLIT, MEMBERSHIP, settlement.SETTLEMENT, ARBITRATION,
)  # fmt: skip
DEPTH = 3  # messages on their way in one direction


def _targets(table: Table, state: StrEnum) -> set[StrEnum]:
    return {*table.rows[state].values(), *table.crossing.get(state, {}).values()}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.title)
def test_every_state_has_a_row_and_can_be_reached(table: Table) -> None:
    """A table has one row for each of its states, and each state is reached from the start."""
    states = set(type(table.start).__members__.values())
    assert set(table.rows) == states
    reached, todo = {table.start}, [table.start]
    while todo:
        fresh = _targets(table, todo.pop()) - reached
        reached |= fresh
        todo += fresh
    assert reached == states


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.title)
def test_what_is_not_in_the_table_is_the_fault_of_who_says_it(table: Table) -> None:
    """For every state, party and event: the next state, or our error when it is ours and the peer's when it is not."""
    keys = {key for row in (*table.rows.values(), *table.crossing.values()) for key in row} | table.acknowledgements
    for state in table.rows:
        for by, event in keys:
            for ours, error in ((True, LocalProtocolError), (False, RemoteProtocolError)):
                target = table.allowed(state, by, event, ours=ours)
                if target is None:
                    with pytest.raises(error, match=f"{event} is not allowed while {state}"):
                        table.next_state(state, by, event, ours=ours)
                else:
                    assert table.next_state(state, by, event, ours=ours) is target


def _rest(table: Table, sides: tuple[StrEnum, StrEnum], time: StrEnum | None, heard_as: StrEnum | None = None,
          opener: int = 0) -> set[tuple[StrEnum, StrEnum]]:  # fmt: skip
    """Every pair of states in which two honest sides can rest, by going through all interleavings.

    Each side says whatever its rows allow, with up to `DEPTH` messages on their way in each direction; time may pass
    for either at any moment. A message that may not arrive fails the test.

    Args:
        heard_as: the party as which the other side is heard, where a table is written as one side sees it.
        opener: the side that may begin.
    """
    begin = (table.start, table.start, (), ())
    seen, todo, rest = {begin}, deque([begin]), set()
    while todo:
        here = todo.popleft()
        after = []
        for k in (0, 1):
            state, inbox, outbox = here[k], here[2 + k], here[3 - k]
            for (by, event), target in [*table.rows[state].items(), *((key, state) for key in table.acknowledgements)]:
                begun = state is not table.start or (
                    k == opener and event not in {e for _, e in table.acknowledgements}
                )
                if by is time:
                    after.append(_with(here, k, target, inbox, outbox))
                elif by is sides[k] and begun and len(outbox) < DEPTH:
                    after.append(_with(here, k, target, inbox, (*outbox, event)))
            if inbox:
                target = table.next_state(state, heard_as or sides[1 - k], inbox[0], ours=False)
                after.append(_with(here, k, target, inbox[1:], outbox))
        if not here[2] and not here[3]:
            rest.add((here[0], here[1]))
        fresh = [there for there in after if there not in seen]
        seen.update(fresh)
        todo.extend(fresh)
    return rest


def _with(here: Any, side: int, state: StrEnum, inbox: tuple[Any, ...], outbox: tuple[Any, ...]) -> Any:
    pair = (state, here[1]) if side == 0 else (here[0], state)
    return (*pair, inbox, outbox) if side == 0 else (*pair, outbox, inbox)


def test_an_order_is_in_force_on_both_sides_or_on_none() -> None:
    """Trading, all interleavings: nothing honest is a breach on arrival, and once all is heard both hold the order."""
    state = trading.State
    for dso, agr in _rest(trading.TRADING, (trading.Party.DSO, trading.Party.AGR), trading.Party.TIME):
        assert (dso is state.ACCEPTED) == (agr is state.ACCEPTED)
        assert (dso is state.REFUSED) == (agr is state.REFUSED)
        assert dso is not state.ORDERED or agr in {state.ORDERED, state.LATE_ORDER}


def test_a_contract_is_agreed_on_both_sides_or_on_none() -> None:
    """Negotiation, all interleavings from one opener: both agree or neither does, and both can still be told apart."""
    state = negotiation.State
    pairs = _rest(negotiation.NEGOTIATION, (negotiation.By.US, negotiation.By.US), negotiation.By.TIME,
                  heard_as=negotiation.By.PEER)  # fmt: skip
    assert (state.AGREED, state.AGREED) in pairs
    for pair in pairs:
        assert len({one is state.AGREED for one in pair}) == 1
        assert pair not in {(state.WAITING, state.WAITING), (state.DECIDING, state.DECIDING)}


def test_a_member_follows_an_order_exactly_when_the_aggregator_believes_it() -> None:
    """A member in a session, all interleavings: when all is heard both are in the same state."""
    pairs = _rest(MEMBERSHIP, (MemberParty.AGGREGATOR, MemberParty.MEMBER), None)
    assert {aggregator for aggregator, _ in pairs} == set(MemberState)
    assert all(aggregator is member for aggregator, member in pairs)


def test_buyer_and_seller_see_one_settlement() -> None:
    """Settlement, all interleavings: when all is heard both are in the same state, and only what is settled is paid."""
    pairs = _rest(settlement.SETTLEMENT, (settlement.Party.BUYER, settlement.Party.SELLER), None)
    assert all(buyer is seller for buyer, seller in pairs)
    state = settlement.State
    ended = {state.PAID, state.HELD}  # late meter data is still taken then, and changes nothing by itself
    before = {a for a, row in settlement.SETTLEMENT.rows.items() for b in row.values() if b in ended and a not in ended}
    assert before == {state.ACCEPTED, state.DISPUTED}


def test_the_diagrams_in_the_documentation_are_those_of_the_tables(tmp_path: Path) -> None:
    """`iles docs diagrams` writes exactly what is committed in docs/diagrams.md."""
    written = tmp_path / "diagrams.md"
    result = CliRunner().invoke(diagrams.app, ["diagrams", "--out", str(written)])
    assert result.exit_code == 0, result.output
    committed = Path(__file__).parents[2] / "docs" / "diagrams.md"
    assert written.read_text(encoding="utf-8") == committed.read_text(encoding="utf-8")


def test_every_table_of_the_house_is_drawn_with_all_its_moves() -> None:
    """No conversation table in the market or the planning is missing from the page, nor any move from a diagram."""
    found: set[str] = set()
    for package in (market, agents.planning):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(info.name)
            found |= {value.title for value in vars(module).values() if isinstance(value, ConversationTable)}
    assert found == {table.title for table in TABLES}
    page = diagrams.document()
    for table in TABLES:
        assert table.mermaid() in page
        rows = [(state, key, target) for source in (table.rows, table.crossing) for state, row in source.items()
                for key, target in row.items()]  # fmt: skip
        for state, (by, event), target in rows:
            line = f"    {state.name.lower()} --> {target.name.lower()}: {event} ({by})\n"
            assert (line in table.mermaid()) == (target is not state)
