"""Wrong and late meter data end where right data in time would have: disputed, decided, settled anew, the difference paid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from agents.roles.dispute_messages import ArbitrationDecided, DisputeRaised, MeteringAsked, MeteringRepeated
from cim.platform.mailbox.requests import MAILBOX, DisputeAnswerWanted, RequestAnswered
from cim.platform.publications.settlement import DisputeDecided, PaymentsMade
from experiments.run.planted_copies import planted
from experiments.run.wrong_copies import WrongCopy
from market.ledger.verify import verify
from market.settlement.payments import CORRECTION, Payment, balance
from market.uftp import AcceptedDisputed, FlexSettlement, FlexSettlementResponse, Metering, MeteringProfile
from tests.worlds.miniature import Miniature
from tests.worlds.players import DAY
from tests.worlds.undisturbed import undisturbed as undisturbed_until

END = DAY.end + timedelta(hours=6)


def day_with(spoil: Callable[[str, str, Any], Any]) -> Miniature:
    """A day and its settlement, in which some messages do not arrive as they were sent when the day is over."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        market = undisturbed_until(DAY.end, path)
        market.spoil = spoil
        market.go_on(END)
        market.ledger.close()
        verify(path)
    return market


@cache
def undisturbed() -> Miniature:
    """The same day with everything as it was sent."""
    return day_with(lambda _sender, _to, message: message)


def payments(market: Miniature) -> list[Payment]:
    """All payments, as they were published."""
    rows = [row for told in market.told(PaymentsMade) for row in told.payments]
    return [Payment(r.payer, r.payee, r.amount_e4, r.reason, r.reference, r.currency) for r in rows]


def ordered_home(market: Miniature) -> str:
    """A home of the first aggregator that was paid for its own flexibility."""
    paid = {p.payee.removesuffix(".example") for p in payments(market) if p.reason == "utilisation"}
    return min(home for home in paid if home in ("home-a", "home-b"))


def five_percent_more(message: Metering) -> Metering:
    """A copy whose power is 5 % off."""
    rows = tuple(
        MeteringProfile(p.profile_type, p.unit, tuple(round(w * 1.05) for w in p.values))
        if p.profile_type == "Power"
        else p
        for p in message.profiles
    )
    return replace(message, profiles=rows)


@pytest.mark.parametrize("liar", ["agr", "dso"])
def test_a_party_with_a_wrong_copy_ends_with_the_right_money(liar: str) -> None:
    """One party's copy of a home's meter data is 5 % off: disputed, the held money waits, the meter decides, and in the end
    every party has what it would have had; the dispute, the decision and both settlements stand in the ledger."""
    home = ordered_home(undisturbed())

    def spoil(sender: str, to: str, message: Any) -> Any:
        return five_percent_more(message) if (sender, to) == (home, liar) and isinstance(message, Metering) else message

    market = day_with(spoil)
    answers = market.said(FlexSettlementResponse)
    disputed = [a for a in answers if any(s.disposition is AcceptedDisputed.DISPUTED for s in a.statuses)]
    assert disputed
    assert market.said(DisputeRaised)
    decided = market.told(DisputeDecided)
    assert any(f"{home}." in meter or meter == f"ean.{home}" for told in decided for meter in told.meters)
    assert any(settlement.revision == 2 for settlement in market.said(FlexSettlement))
    assert balance(payments(market)) == balance(payments(undisturbed()))
    assert {party for told in decided for party in told.mistaken} == {f"{liar}.example"}


LIARS = (WrongCopy("home-a", "home-a.pv", 8), WrongCopy("home-a", "home-a.bat", 8), WrongCopy("home-d", "home-d.pv", -6),
         WrongCopy("home-d", "home-d.bat", -6))  # fmt: skip


def test_members_that_lie_are_each_found_and_gain_nothing() -> None:
    """Two of four homes claim to have measured 8 % more and 6 % less than their meters told: within one settlement the
    decisions name each of them that was under order and nobody honest; no money is created, and all have what is right."""
    with planted(LIARS):
        market = day_with(lambda _sender, _to, message: message)
    under_order = {
        m.header.recipient_domain for m in market.said(FlexSettlement) if m.order_settlements and m.revision == 1
    }
    liars = {f"{one.party}.example" for one in LIARS} & under_order
    assert liars
    assert {party for told in market.told(DisputeDecided) for party in told.mistaken} == liars
    gained = balance(payments(market))
    assert sum(gained.values()) == 0
    right = balance(payments(undisturbed()))
    assert {party: amount for party, amount in gained.items() if amount} == {p: a for p, a in right.items() if a}


def test_nothing_is_asked_where_nobody_disputes() -> None:
    """An undisturbed day has no dispute, no question to a meter, no revision and no correction."""
    market = undisturbed()
    assert payments(market)
    assert not market.said(DisputeRaised)
    assert not market.said(MeteringAsked)
    assert {settlement.revision for settlement in market.said(FlexSettlement)} == {1}
    assert all(payment.reason != CORRECTION for payment in payments(market))


def test_a_meter_that_repeats_neither_copy_decides_nothing() -> None:
    """Where the meter's reader now says a third thing, people decide, and the disputed money stays held.

    Not so between the reader itself and its aggregator: there nobody asks it, what its meter told the DSO in time counts.
    """
    home = ordered_home(undisturbed())

    def spoil(sender: str, to: str, message: Any) -> Any:
        if (sender, to) == (home, "agr") and isinstance(message, Metering):
            return five_percent_more(message)
        if isinstance(message, MeteringRepeated):
            return replace(message, meterings=tuple(five_percent_more(five_percent_more(m)) for m in message.meterings))
        return message

    market = day_with(spoil)
    decided = [message for message in market.said(ArbitrationDecided) if message.buyer == "dso.example"]
    assert decided
    assert not any(message.meterings for message in decided)
    assert all("people decide" in message.reason for message in decided)
    told = [message for message in market.said(FlexSettlement) if message.header.sender_domain == "dso.example"]
    assert {settlement.revision for settlement in told} == {1}
    assert any(message.meterings for message in market.said(ArbitrationDecided) if message.seller == f"{home}.example")
    gained, right = balance(payments(market)), balance(payments(undisturbed()))
    assert gained != right


def test_a_metering_that_comes_after_the_settlement_is_settled_after_all() -> None:
    """A home's meter data reaches nobody before the day is settled without it, then it comes: a revision pays what was due."""
    home = ordered_home(undisturbed())
    kept: list[tuple[str, str, Metering]] = []

    def spoil(sender: str, to: str, message: Any) -> Any:
        if sender == home and isinstance(message, Metering):
            kept.append((sender, to, message))
            return None
        return message

    with TemporaryDirectory() as folder:
        market = undisturbed_until(DAY.end, Path(folder) / "ledger.db")
        market.spoil = spoil
        market.go_on(DAY.end + timedelta(hours=5))
        assert kept
        before = balance(payments(market))
        market.spoil = lambda _sender, _to, message: message
        for number, (sender, to, message) in enumerate(kept):
            market.hear(sender, to, 10_000 + number, message, END)
        market.ledger.close()
    assert before != balance(payments(undisturbed()))
    assert any(settlement.revision >= 2 for settlement in market.said(FlexSettlement))
    after = {party: amount for party, amount in balance(payments(market)).items() if amount}
    assert after == {party: amount for party, amount in balance(payments(undisturbed())).items() if amount}


def test_people_answer_what_no_meter_decides() -> None:
    """The reader says a third thing, so people are asked: once they say that the DSO's copies count, both settle anew by
    those, and in the end every party has what it would have had; what is answered is answered once, and only in the mailbox."""
    home = ordered_home(undisturbed())
    answers: list[RequestAnswered] = []

    def spoil(sender: str, to: str, message: Any) -> Any:
        if isinstance(message, RequestAnswered):
            answers.append(message)
            return None
        if (sender, to) == (home, "agr") and isinstance(message, Metering):
            return five_percent_more(message)
        if isinstance(message, MeteringRepeated):
            return replace(message, meterings=tuple(five_percent_more(five_percent_more(m)) for m in message.meterings))
        return message

    wanted = DisputeAnswerWanted("number-1", "ada", DAY.day, "dso.example", "agr.example", "agr-2.example", "we looked")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        market = undisturbed_until(DAY.end, path)
        market.spoil = spoil
        market.go_on(END)
        open_ = [one for one in market.told(DisputeDecided) if one.for_people]
        assert {(one.buyer, one.seller) for one in open_} == {("dso.example", "agr.example")}
        market.hear("agr", "dso", 10_000, wanted, END)
        assert answers == []
        for number, counts in enumerate(("agr-2.example", "dso.example", "dso.example")):
            market.hear(MAILBOX, "dso", 10_001 + number, replace(wanted, counts=counts), END)
        market.ledger.close()
        verify(path)
    assert [one.accepted for one in answers] == [False, True, False]
    assert "expected agr.example or dso.example" in answers[0].reason
    assert "decided already" in answers[2].reason
    last = market.told(DisputeDecided)[-1]
    assert (last.for_people, last.mistaken) == (False, ("agr.example",))
    assert last.reason == "people decided that the copies of dso.example count: we looked"
    gained, right = balance(payments(market)), balance(payments(undisturbed()))
    assert {party: a for party, a in gained.items() if a} == {party: a for party, a in right.items() if a}
