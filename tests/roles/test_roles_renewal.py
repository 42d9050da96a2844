"""Contracts end; their successors are agreed in time, and every day is settled under the one that was in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.roles.effects import Arm, Effect, Publish, Send
from agents.roles.events import Fired, Received
from agents.roles.parts.contracts import RENEWAL, Contracts, SeekContracts
from agents.roles.parts.negotiation import ContractNegotiation, OfferExpires
from agents.roles.register_messages import AssetQuery
from cim.platform.publications.incidents import RuleBroken
from market.contracts.contract import in_force
from market.negotiation.conversation import accept_of
from market.negotiation.messages import ContractProposal
from market.settlement.day import settle
from market.uftp import FlexOrder, FlexSettlement, FlexSettlementResponse, IspPower
from tests.worlds import players
from tests.worlds.miniature import HOMES, SELLER, Miniature
from tests.worlds.players import AHEAD, DAY, FIRST


def armed(effects: list[Effect]) -> list[Any]:
    """For when the party looks for contracts again."""
    return [e.at for e in effects if isinstance(e, Arm) and e.timer == SeekContracts()]


def asked(effects: list[Effect]) -> list[Any]:
    """Whose assets are asked for."""
    return [e.message.owners for e in effects if isinstance(e, Send) and isinstance(e.message, AssetQuery)]


def test_a_contract_counts_in_its_term_and_the_later_agreement_first() -> None:
    """Before its first day and after its last a contract is none; of two for a day, the one agreed last counts."""
    old = players.agreement("farm-a", FIRST, FIRST + timedelta(days=4), "old")
    new = players.agreement("farm-a", FIRST + timedelta(days=3), FIRST + timedelta(days=9), "new")
    found = [in_force((old, new), FIRST + timedelta(days=k)) for k in (-1, 0, 2, 3, 9, 10)]
    assert found == [None, old, old, new, new, None]
    assert in_force((new, old), FIRST + timedelta(days=3)) == old


def test_a_successor_is_sought_two_weeks_before_the_end() -> None:
    """Nobody is asked while contracts have long to run; then everybody whose contract ends, for the day after it."""
    agr = players.aggregator()
    contracts = agr.part(Contracts)
    last = FIRST + timedelta(days=100)
    for name in players.FARMS:
        contracts.agreed(players.agreement(name, FIRST, last), AHEAD)
    quiet = agr.handle(Fired(SeekContracts()), AHEAD)
    assert asked(quiet) == []
    (again,) = armed(quiet)
    assert contracts.rules.day_of(again).day == last + timedelta(days=1) - RENEWAL
    busy = agr.handle(Fired(SeekContracts()), again)
    assert asked(busy) == [("farm-a.example", "farm-b.example")]
    assert [contracts.wanted_from(name, again) for name in players.FARMS] == [last + timedelta(days=1)] * 2


def test_who_has_no_contract_is_asked_again_every_day() -> None:
    """After the first three tries within minutes, one a day, for as long as it takes; a contract then begins today."""
    agr, now, waits = players.aggregator(), AHEAD, []
    for _ in range(6):
        effects = agr.handle(Fired(SeekContracts()), now)
        assert asked(effects) == [("farm-a.example", "farm-b.example")]
        (then,) = armed(effects)
        waits.append(then - now)
        now = then
    assert waits[:2] == [timedelta(minutes=5)] * 2
    assert waits[3:] == [timedelta(days=1)] * 3
    assert agr.part(Contracts).wanted_from("farm-a", now) == agr.me.rules.day_of(now).day > FIRST


def test_the_dso_tries_again_with_a_seller_that_did_not_answer() -> None:
    """Option and framework that could not be agreed are proposed anew the next day, and again when they end."""
    dso = players.dso()
    first = dso.handle(Fired(SeekContracts()), AHEAD)
    proposals = [e.message for e in first if isinstance(e, Send) and isinstance(e.message, ContractProposal)]
    assert [p.recipient for p in proposals] == ["agr.example"] * 2 + ["agr-2.example"] * 2
    assert [p.contract.reserved for p in proposals] == [True, False] * 2
    (again,) = armed(first)
    for proposal in proposals:
        dso.handle(Fired(OfferExpires(proposal.conversation_id)), proposal.expires + timedelta(minutes=1))
    second = dso.handle(Fired(SeekContracts()), again)
    assert [e.to for e in second if isinstance(e, Send)] == ["agr", "agr", "agr-2", "agr-2"]


def test_what_ended_before_all_open_days_is_forgotten() -> None:
    """A state that lives for years holds the contracts of open days and the last few others, not all there ever were."""
    contracts = players.aggregator().part(Contracts)
    for k in range(50):
        first = FIRST + timedelta(days=10 * k)
        contracts.agreed(
            players.agreement("farm-a", first, first + timedelta(days=9)), contracts.rules.day(first).at(0)
        )
    assert len(contracts.with_peer("farm-a")) == 8
    assert contracts.with_peer("farm-a")[-1].start_date == FIRST + timedelta(days=490)


@pytest.fixture(scope="module")
def four_days(tmp_path_factory: pytest.TempPathFactory) -> Miniature:
    """Contracts of two days each, over four days."""
    market = Miniature(Path(tmp_path_factory.mktemp("renewal")) / "ledger.db", days=4, term_days=1)
    market.play(DAY.next(3).end + timedelta(hours=9))
    market.ledger.close()
    return market


def test_every_day_is_settled_under_the_contract_of_its_day(four_days: Miniature) -> None:
    """Each seller's settlement of each day names the contract whose term holds that day, another one every two days."""
    by_seller: dict[tuple[str, str], dict[Any, str]] = {}
    for message in {m.header.message_id: m for m in four_days.said(FlexSettlement)}.values():
        (part,) = message.contract_settlements
        key = message.header.sender_domain, message.header.recipient_domain
        by_seller.setdefault(key, {})[part.period] = part.contract_id
    assert len(by_seller) == len(HOMES) + 2
    for days in by_seller.values():
        one, two, three, four = (days[FIRST + timedelta(days=k)] for k in range(4))
        assert one == two != three == four


def test_orders_go_on_beyond_the_first_contracts_end(four_days: Miniature) -> None:
    """Flexibility is ordered on all days, of DSO and members, and each order names a contract in force on its day."""
    orders = {o.order_reference: o for o in four_days.said(FlexOrder)}.values()
    assert {o.period for o in orders} == {FIRST + timedelta(days=k) for k in range(4)}
    assert all(order.contract_id for order in orders)
    for order in orders:
        buyer = order.header.sender_domain.removesuffix(".example")
        seller = order.header.recipient_domain.removesuffix(".example")
        held = players.contracts(four_days.roles[buyer], seller)
        agreed = (in_force([c for c in held if c.reserved is kind], order.period) for kind in (True, False))
        assert order.contract_id in {contract.contract_id for contract in agreed if contract is not None}


def test_both_sides_hold_the_same_contracts_and_nothing_is_disputed(four_days: Miniature) -> None:
    """A renewal leaves no difference: what one side holds, the other does; every settlement is accepted."""
    for home, seller in SELLER.items():
        assert players.contracts(four_days.roles[home], seller) == players.contracts(four_days.roles[seller], home)
    responses = four_days.said(FlexSettlementResponse)
    assert responses
    assert {str(s.disposition) for m in responses for s in m.statuses} == {"Accepted"}


def test_offers_that_came_to_nothing_are_forgotten_after_a_week() -> None:
    """A DSO whose sellers never answer proposes daily for two months and remembers the last open days' talks only."""
    dso, now = players.dso(), AHEAD
    for _ in range(60):
        (now,) = armed(dso.handle(Fired(SeekContracts()), now))
        for conversation in list(dso.part(ContractNegotiation).state.talks):
            dso.handle(Fired(OfferExpires(conversation)), now)
    assert len(dso.part(ContractNegotiation).state.talks) <= 2 * 2 * 9  # two sellers, two contracts with each


def test_an_acceptance_after_all_open_days_is_too_late_whatever_its_date() -> None:
    """Within the open days a late acceptance that was made in time counts; later it cannot be dated back any more."""
    for days, counts in ((6, True), (9, False)):
        dso, agr = players.dso(), players.aggregator()
        sent = [e.message for e in dso.handle(Fired(SeekContracts()), AHEAD) if isinstance(e, Send) and e.to == "agr"]
        acceptance = accept_of(sent[0], AHEAD + timedelta(minutes=1), agr.me.signer)
        later = dso.me.rules.day_of(AHEAD).next(days).at(12)
        dso.handle(Fired(OfferExpires(sent[0].conversation_id)), later)
        dso.handle(Fired(SeekContracts()), later)  # the next try, as every day
        effects = dso.handle(Received("agr", 1, acceptance), later)
        assert bool(players.contracts(dso, "agr")) is counts
        told = [
            e.publication.reason for e in effects if isinstance(e, Publish) and isinstance(e.publication, RuleBroken)
        ]
        assert told == ([] if counts else ["no such conversation"])


def test_an_order_is_settled_under_its_own_contract_also_where_another_counts_now() -> None:
    """Of two contracts for a day the later one counts for what is new; an order under the first keeps its penalty."""
    old = replace(players.agreement("farm-a", contract_id="old"), penalty_e4_per_kwh=700)
    new = replace(players.agreement("farm-a", contract_id="new"), penalty_e4_per_kwh=900)
    header = players.dso().me.header("agr", AHEAD, None, "FlexOrder")
    order = FlexOrder(
        header, FIRST, players.POINT, "o", 1000, "EUR", (IspPower(40, 1000),), "Europe/Vienna", contract_id="old"
    )
    (under_both,) = settle((order,), {}, [0] * 96, (old, new))
    (under_old,) = settle((order,), {}, [0] * 96, (old,))
    assert under_both == under_old
    assert under_both.penalty > 0
