"""Borders of the checks on UFTP messages: instants, days, references, and who sends what to whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cim.model.errors import ProgrammingFault
from market import uftp
from market.uftp import checks
from market.uftp.checks import MarketScope, Referred
from market.uftp.exchange import ANSWERED, EXCHANGES, Asked, answered_id, asked_by, plain_response, route_of
from tests.worlds import uftp_messages as examples

SCOPE = MarketScope(examples.ZONE, 15, "EUR", frozenset({examples.POINT}))
NOON = examples.NOON
SECOND = timedelta(seconds=1)
BEGIN = datetime(2026, 5, 20, 22, tzinfo=UTC)  # of the examples' day in Vienna
END = BEGIN + timedelta(days=1)
AGR, DSO, CRO = uftp.UsefRole.AGR, uftp.UsefRole.DSO, uftp.UsefRole.CRO

# The specification's catalogue: who sends it, who takes it.
CATALOGUE = {
    "AgrPortfolioUpdate": (AGR, CRO), "AgrPortfolioQuery": (AGR, CRO), "DsoPortfolioUpdate": (DSO, CRO),
    "DsoPortfolioQuery": (DSO, CRO), "DPrognosis": (AGR, DSO), "FlexRequest": (DSO, AGR), "FlexOffer": (AGR, DSO),
    "FlexOfferRevocation": (AGR, DSO), "FlexOrder": (DSO, AGR), "FlexReservationUpdate": (DSO, AGR), "Metering": (AGR, DSO),
    "FlexSettlement": (DSO, AGR),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(EXCHANGES), ids=lambda kind: kind.__name__)
def test_each_message_goes_as_the_catalogue_says(kind: type) -> None:
    """One role sends it, one takes it, the answer goes the other way; a test message goes between any two."""
    if kind is uftp.TestMessage:
        assert route_of(kind) == (frozenset(uftp.UsefRole), frozenset(uftp.UsefRole))
        return
    sender, recipient = CATALOGUE[kind.__name__]
    assert route_of(kind) == ({sender}, {recipient})
    assert route_of(EXCHANGES[kind].response) == ({recipient}, {sender})
    assert ANSWERED[EXCHANGES[kind].response] is kind


def found(message: Any, now: datetime) -> str:
    """What the market's checks find."""
    return checks.joined(checks.market_faults(message, SCOPE, now)) or ""


@pytest.mark.parametrize(
    "message", [examples.prognosis(), examples.order(), replace(examples.request(), expiration=END)],
    ids=lambda message: type(message).__name__,
)  # fmt: skip
def test_a_day_is_over_at_its_last_midnight(message: Any) -> None:
    """A second before it the message is taken, at midnight it is not."""
    assert found(message, END - SECOND) == ""
    assert found(message, END).startswith("Period out of bounds: 2026-05-21 is over, expected a day that is not")


def test_a_metering_is_taken_from_the_days_first_instant_on() -> None:
    """The day that has just begun may be metered (a part of it), the one before it at any time later."""
    assert found(examples.metering(), BEGIN - SECOND).startswith("Period out of bounds: 2026-05-21 has not begun")
    assert found(examples.metering(), BEGIN) == ""
    assert found(examples.metering(), BEGIN + timedelta(days=400)) == ""


def test_a_settlement_is_taken_from_its_first_day_on() -> None:
    """It may not begin in the future; each order's and contract's day lies within its period, both ends included."""
    one = examples.settlement()
    assert found(one, BEGIN - SECOND).startswith(
        "Period out of bounds: 2026-05-21 to 2026-05-21, expected days that are over"
    )
    assert found(one, BEGIN) == ""
    before, after = date(2026, 5, 20), date(2026, 5, 22)
    assert found(replace(one, period_start=before, period_end=after), END) == ""
    row = uftp.ContractSettlement("c", after, (uftp.ContractSettlementIsp(1, 1, 1, 1, 1, 1),))
    assert found(replace(one, contract_settlements=(row,)), END + timedelta(days=3)) == (
        "Period out of bounds: 2026-05-22, expected 2026-05-21 to 2026-05-21"
    )


def test_a_settlements_isps_are_those_of_each_orders_own_day() -> None:
    """ISP 97 exists on the day of 100 and on no other, and one order's fault names it."""
    autumn = date(2026, 10, 25)
    (settled,) = examples.settlement().order_settlements
    last = replace(settled, isps=(uftp.SettlementIsp(97, 0, 1, 1, 1, 0, 4),))
    whole = replace(examples.settlement(), period_end=autumn)
    late = datetime(2026, 11, 1, tzinfo=UTC)
    assert found(replace(whole, order_settlements=(replace(last, period=autumn),)), late) == ""
    assert found(replace(whole, order_settlements=(last,)), late).startswith("ISPs out of bounds: ISP: start 97")


@pytest.mark.parametrize(
    ("zone", "day", "alike"),
    [
        ("Europe/Berlin", date(2026, 3, 29), True),
        ("Europe/London", date(2026, 5, 21), False),
        ("Africa/Lagos", date(2026, 1, 15), True),  # UTC+1 all year: Vienna's winter
        ("Africa/Lagos", date(2026, 5, 21), False),  # and not its summer
        ("Africa/Lagos", date(2026, 3, 29), False),  # nor the day on which that begins
        ("Europe/Atlantis", date(2026, 5, 21), False),
        ("", date(2026, 5, 21), False),
        ("Europe", date(2026, 5, 21), False),
    ],
)
def test_zones_are_alike_by_the_day(zone: str, day: date, alike: bool) -> None:
    """What counts is where the day begins and ends, not the zone's name."""
    assert checks.same_offsets(zone, examples.ZONE, day) is alike
    assert checks.same_offsets(zone, zone, day) is True


def test_what_a_message_is_about_is_told_by_its_points() -> None:
    """A settlement is about all of its orders' points, most messages about one, a test about none."""
    one = examples.settlement()
    (settled,) = one.order_settlements
    two = replace(one, order_settlements=(settled, replace(settled, congestion_point="ean.100000000007")))
    assert checks.points_of(two) == {examples.POINT, "ean.100000000007"}
    assert checks.points_of(examples.order()) == {examples.POINT}
    assert checks.points_of(examples.metering()) == checks.points_of(uftp.TestMessage(one.header)) == frozenset()
    assert found(two, END) == (
        "Invalid CongestionPoint: ean.100000000007 is none of ours, or the sender is not active there"
    )


def known(message: Any, referred: Referred | None, now: datetime = NOON) -> str:
    """What is wrong with a message's references, when all of them are to this."""
    return checks.joined(checks.reference_faults(message, lambda _: referred, now)) or ""


def test_a_reference_ends_at_its_instant() -> None:
    """A second before its expiry a request may be answered, at it not; what has none never ends."""
    offer = examples.offer()
    until = Referred(uftp.FlexRequest, offer.period, NOON)
    assert known(offer, until, NOON - SECOND) == ""
    assert known(offer, until, NOON) == (
        f"Reference message expired: FlexRequestMessageID {examples.number(2)} ended at {NOON.isoformat()}"
    )
    assert known(offer, replace(until, expiration=None), NOON + timedelta(days=9)) == ""


def test_all_that_is_wrong_with_a_reference_is_told() -> None:
    """Another day, revoked and expired at once: three reasons, in this order."""
    bad = Referred(uftp.FlexOffer, date(2026, 5, 22), NOON, revoked=True)
    reasons = [reason.split(":")[0] for reason in known(examples.order(), bad).split("; ")]
    assert reasons == ["Reference Period mismatch", "Reference message revoked", "Reference message expired"]


def test_an_answer_may_cross_a_revocation_and_come_late() -> None:
    """What is answered must be known and of its kind; that it was revoked or has ended since is no fault of the answer."""
    answer = uftp.FlexOfferResponse(
        examples.header(examples.DSO, examples.AGR, 9), examples.number(3), uftp.Result.ACCEPTED
    )
    gone = Referred(uftp.FlexOffer, examples.DAY, NOON - timedelta(days=1), revoked=True)
    assert known(answer, gone) == ""
    assert known(answer, None) == f"Unknown FlexOfferMessageID reference: {examples.number(3)}"
    assert known(answer, Referred(uftp.FlexOrder, examples.DAY)) == known(answer, None)


def test_what_refers_to_nothing_has_no_fault() -> None:
    """An unsolicited offer, an order without one, a prognosis: nothing is looked up."""
    for message in (
        replace(examples.offer(), flex_request_message_id=None), replace(examples.order(), flex_offer_message_id=None),
        examples.prognosis(), examples.metering(),
    ):  # fmt: skip
        assert known(message, None) == ""


def test_a_reason_holds_no_semicolon_of_its_own() -> None:
    """Reasons are separated by semicolons, so one within becomes a comma; no reasons are None."""
    assert checks.joined(iter(["a; b", "c"])) == "a, b; c"
    assert checks.joined(iter([])) is None


def test_an_answer_repeats_what_was_asked() -> None:
    """A query's day, point and zone; of other messages what they have; an answer to an answer is none."""
    header = examples.header(examples.DSO, examples.CRO, 9)
    query = uftp.DsoPortfolioQuery(header, examples.DAY, examples.POINT, examples.ZONE)
    asked = asked_by(query)
    assert asked == Asked(uftp.DsoPortfolioQuery, header.message_id, examples.DAY, examples.POINT, examples.ZONE)
    answer = plain_response(asked, header, uftp.Result.REJECTED, "no")
    assert answer == uftp.DsoPortfolioQueryResponse(
        header, header.message_id, examples.DAY, examples.POINT, (), examples.ZONE, uftp.Result.REJECTED, "no"
    )
    assert plain_response(replace(asked, period=None), header, uftp.Result.REJECTED, None) is None
    assert asked_by(uftp.TestMessage(header)) == Asked(uftp.TestMessage, header.message_id)
    with pytest.raises(ProgrammingFault, match="FlexOrder: expected a response"):
        answered_id(examples.order())
