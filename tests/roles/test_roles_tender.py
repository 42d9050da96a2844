"""Contracts by tender: a small world's day from the published asset to the money, and what a tender does not take."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.roles.effects import Arm, Publish, Send
from agents.roles.events import Fired, Received
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.negotiation import ContractNegotiation
from agents.roles.parts.tendering import OPEN, SellerInvited, TenderCloses, Tendering
from cim.codec.codec import decode
from cim.platform.publications.incidents import MessageLapsed, RuleBroken
from cim.platform.publications.ledger import RecordRefused
from environment.sites.market import NegotiationRules
from experiments.market.rows import MarketBook
from experiments.market.tables import tables
from experiments.market.tenders import tender_rows
from market.contracts.contract import FlexContract
from market.ledger.reader import LedgerReader
from market.ledger.verify import verify
from market.negotiation.conversation import signed_offer
from market.negotiation.messages import ContractAccept, ContractCounter, ContractProposal, ContractReject
from market.negotiation.tender import TENDER, TenderInvitation, TenderResult
from market.settlement.billed_records import bodies
from market.uftp import FlexOrder, FlexSettlement
from tests.worlds import players, terms
from tests.worlds.miniature import Miniature
from tests.worlds.players import AHEAD, DAY


def site_that_tenders(pricing: str, wanted_pct: int) -> Any:
    """Strem's site with tenders in place of bilateral negotiations."""
    market = terms.SITE.market
    rules = NegotiationRules.model_validate(
        {
            "members": "tender",
            "dso": "tender",
            "deadline_minutes": {"value": 60, "assumed": True},
            "tender": {"pricing": pricing, "wanted_pct": {"value": wanted_pct, "assumed": True}},
        }
    )
    return terms.SITE.model_copy(update={"market": market.model_copy(update={"negotiation": rules})})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Miniature:
    """A day of a market that contracts by tender, all at one price, and wants 90 % of what there is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terms, "SITE", site_that_tenders("uniform-price", 90))
        made = Miniature(tmp_path_factory.mktemp("tender") / "ledger.db")
        made.play(DAY.end + timedelta(hours=12))
    made.ledger.close()
    return made


def results(world: Miniature) -> list[TenderResult]:
    """What the tenders came to, as recorded."""
    with LedgerReader(world.path) as reader:
        return [result for _, result in bodies(reader.records(), TENDER, TenderResult)]


def test_a_day_goes_from_tender_to_settlement(world: Miniature) -> None:
    """Both aggregators tender among their members, the DSO among the aggregators; orders stand on that and are settled."""
    assert {result.buyer for result in results(world)} == {"agr.example", "agr-2.example", "dso.example"}
    with LedgerReader(world.path) as reader:
        contracts = {c.contract_id: c for _, c in bodies(reader.records(), "contract", FlexContract)}
        orders = [order for _, order in bodies(reader.records(), "flex-order", FlexOrder)]
        settled = [one for _, one in bodies(reader.records(), "flex-settlement", FlexSettlement)]
    assert orders
    assert {order.contract_id for order in orders} <= set(contracts)
    assert any(settlement.order_settlements for settlement in settled)
    awarded = {bid.contract_id for result in results(world) for bid in result.bids if bid.awarded_w}
    assert set(contracts) == awarded
    assert not world.told(RecordRefused, RuleBroken)


def test_every_contract_is_signed_by_both_and_the_ledger_verifies(world: Miniature) -> None:
    """A tender's contracts are like any other's."""
    with LedgerReader(world.path) as reader:
        for record in reader.records(kind="contract"):
            contract = decode(record.body)
            assert isinstance(contract, FlexContract)
            assert {s.party for s in record.signatures} == {contract.buyer, contract.seller}
    assert verify(world.path).records


def test_no_tender_takes_more_than_it_wants_nor_pays_less_than_was_asked(world: Miniature) -> None:
    """And a part is offered as a contract of its own, at the one price."""
    for result in results(world):
        taken = [bid for bid in result.bids if bid.awarded_w]
        assert taken
        assert sum(bid.awarded_w for bid in taken) <= result.wanted_w
        assert len({bid.paid_e4 for bid in taken}) == 1
        assert all(bid.paid_e4 >= bid.asked_e4 for bid in taken)
    counters = world.said(ContractCounter)
    assert counters
    assert all(world.rules.name_of(counter.sender) in ("agr", "agr-2", "dso") for counter in counters)


def test_tenders_are_shown(world: Miniature) -> None:
    """A row for every bid, with its place, price, record and award."""
    with LedgerReader(world.path) as reader:
        rows = tuple(tender_rows(reader.records()))
    assert len(rows) == sum(len(result.bids) for result in results(world))
    (table,) = tables(MarketBook("EUR", *((),) * 8, tenders=rows), ["tenders"])
    assert table.row_count == len(rows)


def test_bids_are_sealed(world: Miniature) -> None:
    """No bid goes to anybody but the buyer, and none is answered before the tender has closed."""
    closes = {message.draft.contract_id: message.closes for message in world.said(TenderInvitation)}
    bids = [(to, message) for _, to, message in world.sent if isinstance(message, ContractProposal)]
    assert bids
    for to, bid in bids:
        assert world.rules.domains[to] == bid.contract.buyer
    talks = {bid.conversation_id: closes[bid.contract.contract_id] for _, bid in bids}
    answers = world.said(ContractAccept) + world.said(ContractReject) + world.said(ContractCounter)
    buyers = [one for one in answers if world.rules.name_of(one.sender) in ("agr", "agr-2", "dso")]
    assert all(answer.at >= talks[answer.conversation_id] for answer in buyers if answer.conversation_id in talks)


# ---- one tender ----------------------------------------------------------------------------------------------------------


class OneTender:
    """The DSO's tender for an option of one aggregator, up to the point where its bid comes."""

    def __init__(self, patch: pytest.MonkeyPatch, path: Path) -> None:
        patch.setattr(terms, "SITE", site_that_tenders("pay-as-bid", 100))
        self.roles = Miniature(path, key_changes=()).roles
        self.dso, self.agr = self.roles["dso"], self.roles["agr"]
        self.tendering = self.dso.part(Tendering)
        registration = self.dso.parts["GridRegistration"]
        self.draft: FlexContract = registration.framework("agr", players.FIRST, AHEAD)  # type: ignore[attr-defined]
        effects = self.tendering.invite(SellerInvited(self.draft), AHEAD)
        self.timer = next(effect for effect in effects if isinstance(effect, Arm)).timer
        self.invitation: Any = next(effect for effect in effects if isinstance(effect, Send)).message

    def bid(self) -> Any:
        """The aggregator's bid, as if its members had sold it everything."""
        self.agr.part(ContractNegotiation).judging.sold_twice = lambda _: None
        sent = self.agr.handle(Received("dso", 1, self.invitation), AHEAD)
        return next(effect.message for effect in sent if isinstance(effect, Send))

    def hear(self, bid: Any, after: timedelta = timedelta(0)) -> list[Any]:
        """What the DSO answers at once."""
        effects = self.dso.handle(Received("agr", 1, bid), AHEAD + after)
        return [effect.message for effect in effects if isinstance(effect, Send)]

    def close(self) -> list[Any]:
        """What the DSO says when the tender closes."""
        effects = self.dso.handle(Fired(self.timer), AHEAD + OPEN)
        return [effect.message for effect in effects if isinstance(effect, Send)]


@pytest.fixture
def tender(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> OneTender:
    """An open tender."""
    return OneTender(monkeypatch, tmp_path / "ledger.db")


def test_a_bid_waits_for_the_closing_and_is_then_accepted(tender: OneTender) -> None:
    """Nothing is said before; then the award is the buyer's signature under the bid, and both hold the contract."""
    bid = tender.bid()
    assert tender.hear(bid) == []
    accept = next(message for message in tender.close() if isinstance(message, ContractAccept))
    assert accept.conversation_id == bid.conversation_id
    tender.agr.handle(Received("dso", 2, accept), AHEAD + OPEN)
    for role, peer in ((tender.dso, "agr"), (tender.agr, "dso")):
        assert role.part(Contracts).with_peer(peer) == (bid.contract,)


def test_who_has_nothing_to_sell_does_not_bid(tender: OneTender) -> None:
    """An aggregator without contracts of members tells why, and sends nothing."""
    effects = tender.agr.handle(Received("dso", 1, tender.invitation), AHEAD)
    (told,) = [effect.publication for effect in effects if isinstance(effect, Publish)]
    assert isinstance(told, MessageLapsed)
    assert "sold twice" in told.reason
    assert not any(isinstance(effect, Send) for effect in effects)


def test_a_late_bid_is_refused(tender: OneTender) -> None:
    """Whoever bids when the tender is closed is told that none is open."""
    bid = tender.bid()
    tender.close()
    (answer,) = tender.hear(bid, OPEN)
    assert isinstance(answer, ContractReject)
    assert answer.reason == "no tender is open for it"


def test_a_bid_for_something_else_is_refused(tender: OneTender) -> None:
    """Only the prices are bid."""
    bid = tender.bid()
    other = replace(bid, contract=replace(bid.contract, max_runtime_isps=bid.contract.max_runtime_isps + 1))
    (answer,) = tender.hear(signed_offer(other, tender.agr.me.signer))
    assert "more than the prices" in answer.reason


def test_nobody_bids_twice(tender: OneTender) -> None:
    """A second bid, in a conversation of its own, is refused; the first one stands."""
    bid = tender.bid()
    assert tender.hear(bid) == []
    again = signed_offer(replace(bid, conversation_id="0" * 36), tender.agr.me.signer)
    (answer,) = tender.hear(again)
    assert answer.reason == "a bid was made already"
    accepts = [message for message in tender.close() if isinstance(message, ContractAccept)]
    assert [accept.conversation_id for accept in accepts] == [bid.conversation_id]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pricing": "lottery"}, "expected one of pay-as-bid, uniform-price"),
        ({"closes": AHEAD + timedelta(days=400)}, "expected within 60 minutes"),
        ({"closes": AHEAD}, "expected within 60 minutes"),
    ],
)
def test_an_invitation_that_cannot_be_is_refused(tender: OneTender, changes: dict[str, Any], words: str) -> None:
    """Its fault is told, and nothing is bid: a bid binds whoever makes it."""
    effects = tender.agr.handle(Received("dso", 1, replace(tender.invitation, **changes)), AHEAD)
    (told,) = [effect.publication for effect in effects if isinstance(effect, Publish)]
    assert isinstance(told, RuleBroken)
    assert words in told.reason
    assert not any(isinstance(effect, Send) for effect in effects)


def test_an_invitation_of_anybody_else_is_refused(tender: OneTender) -> None:
    """Only the draft's buyer invites, and only its seller bids."""
    for sender, role in (("agr-2", tender.agr), ("dso", tender.roles["agr-2"])):
        effects = role.handle(Received(sender, 1, tender.invitation), AHEAD)
        assert not any(isinstance(effect, Send) for effect in effects)


def test_a_tender_nobody_bids_in_is_recorded_as_that(tender: OneTender) -> None:
    """With how many were invited, and no bid."""
    (filed,) = tender.close()
    result = decode(filed.records[0].body)
    assert (result.invited, result.bids) == (1, ())
    assert tender.tendering.state.tenders == {}


def test_an_open_tender_goes_on_from_a_snapshot(tender: OneTender) -> None:
    """With the bids that it has."""
    assert tender.hear(tender.bid()) == []
    kept = tender.dso.snapshot()
    tender.close()
    tender.dso.restore(kept)
    assert any(isinstance(message, ContractAccept) for message in tender.close())


def test_a_timer_of_no_tender_does_nothing(tender: OneTender) -> None:
    """It may come twice."""
    assert tender.tendering.close(TenderCloses("none"), AHEAD) == []
