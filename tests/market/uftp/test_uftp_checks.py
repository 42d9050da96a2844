"""Each reason of the specification's table is given for what it is for, and for nothing else."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import ProgrammingFault
from market import uftp
from market.uftp import checks
from market.uftp.checks import MarketScope, Reason, Referred, ReplayWindow
from market.uftp.exchange import ANSWERED, EXCHANGES, answered_id, asked_by, is_response, plain_response, route_of
from tests.worlds import uftp_messages as examples

SCOPE = MarketScope(examples.ZONE, 15, "EUR", frozenset({examples.POINT}))
NOON, DAY = examples.NOON, examples.DAY
AFTER = datetime(2026, 5, 22, 10, tzinfo=UTC)  # the day after the examples' day
AGR, DSO, CRO = uftp.UsefRole.AGR, uftp.UsefRole.DSO, uftp.UsefRole.CRO
GOOD = {
    NOON: [examples.prognosis(), examples.request(), examples.offer(), examples.order()],
    AFTER: [examples.metering(), examples.settlement()],
}


def faults(message: Any, now: datetime = NOON, scope: MarketScope = SCOPE) -> str:
    """What the market's checks find, joined."""
    return checks.joined(checks.market_faults(message, scope, now)) or ""


@pytest.mark.parametrize(
    ("now", "message"), [(t, m) for t, row in GOOD.items() for m in row], ids=lambda v: type(v).__name__
)
def test_a_good_message_has_no_fault(now: datetime, message: Any) -> None:
    """Each of a conversation's messages at its time: of the market, and from and to whom it is."""
    senders, recipients = route_of(type(message))
    assert faults(message, now) == ""
    assert not [*checks.sender_faults(message, message.header.sender_domain, *senders)]
    assert not [*checks.recipient_faults(message, message.header.recipient_domain, *recipients)]
    assert not [*checks.header_time_faults(message, NOON, ReplayWindow())]


FLEX = [examples.prognosis(), examples.request(), examples.offer(), examples.order()]


@pytest.mark.parametrize("message", FLEX, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"isp_minutes": 30}, Reason.ISP_DURATION), ({"timezone": "Europe/London"}, Reason.TIME_ZONE),
        ({"timezone": "Europe/Atlantis"}, Reason.TIME_ZONE), ({"timezone": "Europe/../../etc"}, Reason.TIME_ZONE),
        ({"congestion_point": "ea1.2016-01.at.strem:elsewhere"}, Reason.CONGESTION_POINT),
        ({"period": date(2026, 5, 19)}, Reason.PERIOD_OUT_OF_BOUNDS), ({"period": date.min}, Reason.PERIOD_OUT_OF_BOUNDS),
        ({"period": date.max}, Reason.PERIOD_OUT_OF_BOUNDS),
    ],
    ids=lambda v: "",
)  # fmt: skip
def test_what_is_not_of_this_market_is_rejected(message: Any, change: dict[str, Any], reason: Reason) -> None:
    """Another ISP length, time zone or congestion point, a day that is over or none: by its reason."""
    assert faults(replace(message, **change)).startswith(f"{reason}: ")


def test_a_zone_that_cuts_the_day_alike_is_as_good() -> None:
    """ "A different UTC offset" is the reason: Berlin's day is Vienna's."""
    assert faults(replace(examples.prognosis(), timezone="Europe/Berlin")) == ""


def test_another_currency_is_rejected() -> None:
    """Amounts are compared, never converted."""
    assert faults(replace(examples.offer(), currency="CHF")) == "Invalid Message: Currency CHF, expected EUR"


def spread(message: Any, spans: list[tuple[int, int]]) -> Any:
    """The message with these ISPs."""
    if isinstance(message, uftp.FlexRequest):
        isps: Any = tuple(uftp.RequestIsp(s, uftp.Disposition.REQUESTED, 1, 2, d) for s, d in spans)
        return replace(message, isps=isps)
    isps = tuple(uftp.IspPower(s, 5, d) for s, d in spans)
    if isinstance(message, uftp.FlexOffer):
        return replace(message, options=(uftp.OfferOption("o", 1, isps),))
    return replace(message, isps=isps)


@pytest.mark.parametrize("message", FLEX[1:], ids=lambda m: type(m).__name__)
@pytest.mark.parametrize(
    ("spans", "reason"),
    [([], "ISPs out of bounds"), ([(97, 1)], "ISPs out of bounds"), ([(0, 1)], "ISPs out of bounds"),
     ([(96, 2)], "ISPs out of bounds"), ([(1, 0)], "ISPs out of bounds"), ([(1, 4), (2, 1)], "ISP conflict")],
)  # fmt: skip
def test_isps_that_do_not_exist_or_stand_twice_are_rejected(
    message: Any, spans: list[tuple[int, int]], reason: str
) -> None:
    """The specification's example is the last: the second ISP overlaps the first."""
    assert faults(spread(message, spans)).startswith(f"{reason}: ")


@pytest.mark.parametrize(
    ("day", "count"), [(date(2027, 3, 28), 92), (date(2026, 5, 21), 96), (date(2026, 10, 25), 100)]
)
def test_a_prognosis_and_a_metering_have_all_isps_of_their_day(day: date, count: int) -> None:
    """92, 96 or 100 when the clocks change; one more or less is out of bounds."""
    for k in (-1, 0, 1):
        whole = replace(examples.prognosis(), period=day, power_w=(0,) * (count + k))
        metered = replace(
            examples.metering(), period=day, profiles=(uftp.MeteringProfile("Power", "W", (0,) * (count + k)),)
        )
        late = datetime(2028, 1, 1, tzinfo=UTC)
        assert faults(whole).startswith("ISPs out of bounds") is (k != 0)
        assert faults(metered, late).startswith("ISPs out of bounds") is (k != 0)


@pytest.mark.parametrize("message", [examples.request(), examples.offer()], ids=lambda m: type(m).__name__)
def test_an_expiry_is_after_now_and_within_the_day(message: Any) -> None:
    """In the past, or beyond the last ISP: ExpirationDateTime out of bounds."""
    end = datetime(2026, 5, 21, 22, tzinfo=UTC)
    for until, good in ((NOON, False), (NOON + timedelta(seconds=1), True), (end, True), (end + timedelta(1), False)):
        assert (faults(replace(message, expiration=until)) == "") is good


def test_a_day_is_metered_and_settled_when_it_is_there() -> None:
    """A metering of tomorrow, a settlement of days to come, the last day before the first, or an item of another day."""
    assert faults(examples.metering(), NOON).startswith("Period out of bounds: 2026-05-21 has not begun")
    one = examples.settlement()
    assert faults(one, NOON).startswith("Period out of bounds: 2026-05-21 to 2026-05-21")
    assert faults(replace(one, period_end=date(2026, 5, 20)), AFTER).startswith("Period out of bounds")
    off = replace(one, period_start=date(2026, 5, 1), period_end=date(2026, 5, 20))
    assert faults(off, AFTER) == "Period out of bounds: 2026-05-21, expected 2026-05-01 to 2026-05-20"


def test_a_settlement_of_nothing_has_no_fault() -> None:
    """None to any number of orders."""
    assert faults(replace(examples.settlement(), order_settlements=()), AFTER) == ""


@pytest.mark.parametrize("kind", examples.KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_no_message_makes_the_checks_fail(kind: Any, data: st.DataObject) -> None:
    """Whatever the schema lets through is judged, not stumbled over, and each fault begins with a reason's words."""
    message, now = data.draw(examples.messages(kind)), data.draw(examples.INSTANTS)
    found = [*checks.market_faults(message, SCOPE, now), *checks.header_time_faults(message, now, ReplayWindow())]
    found += checks.reference_faults(message, lambda _: None, now)
    for domain, role in ((examples.AGR, AGR), (examples.CRO, CRO)):
        found += [*checks.sender_faults(message, domain, role), *checks.recipient_faults(message, domain, role)]
    assert all(fault.startswith(("Unknown ", *(f"{reason}: " for reason in Reason))) for fault in found)


def test_senders_and_recipients_are_who_they_are() -> None:
    """The wrapper's sender, our domain, and the roles of the message."""
    message = examples.prognosis()
    assert [*checks.sender_faults(message, examples.CRO, AGR)] == [
        "Mismatch SenderDomain: agr.example in the message, expected cro.example as in the SignedMessage"
    ]
    assert [*checks.sender_faults(message, examples.AGR, DSO)] == [
        "Invalid Message: DPrognosis from role DSO, expected AGR"
    ]
    assert [*checks.recipient_faults(message, examples.CRO, DSO)] == [
        "Unknown RecipientDomain: dso.example, expected cro.example"
    ]
    assert [*checks.recipient_faults(message, examples.DSO, AGR)] == [
        "Invalid Message: DPrognosis to role AGR, expected DSO"
    ]


def test_the_window_is_what_it_says() -> None:
    """48 hours back and five minutes ahead, both included; versions 3.0.0 and 3.1.0."""
    window, header = ReplayWindow(), examples.prognosis().header

    def found(**change: Any) -> list[str]:
        message = replace(examples.prognosis(), header=replace(header, **change))
        return [*checks.header_time_faults(message, NOON, window)]

    for stamp in (NOON - window.back, NOON, NOON + window.ahead):
        assert found(time_stamp=stamp) == []
    second = timedelta(seconds=1)
    assert "in the future" in found(time_stamp=NOON + window.ahead + second)[0]
    assert "too old" in found(time_stamp=NOON - window.back - second)[0]
    assert found(version="3.0.0") == []
    assert found(version="4.0.0") == ["Invalid Message: Version 4.0.0, expected 3.0.0 or 3.1.0"]


def test_references_are_known_of_the_day_and_binding() -> None:
    """An offer to a request, an order to an offer, a revocation, an answer: unknown, of another day, revoked, expired."""
    asked, told = examples.request(), examples.offer()
    known = {m.header.message_id: checks.referred(m) for m in (asked, told)}

    def found(message: Any, now: datetime = NOON, **change: Any) -> str:
        changed = {number: replace(one, **change) for number, one in known.items()}
        return checks.joined(checks.reference_faults(message, changed.get, now)) or ""

    revocation = uftp.FlexOfferRevocation(examples.header(examples.AGR, examples.DSO, 9), told.header.message_id)
    answer = plain_response(asked_by(asked), examples.header(examples.AGR, examples.DSO, 8), uftp.Result.ACCEPTED, None)
    for message in (told, examples.order(), revocation, answer):
        assert found(message) == ""
    assert found(examples.offer(asked=77)) == f"Unknown FlexRequestMessageID reference: {examples.number(77)}"
    assert (
        found(examples.order(offered=2)) == f"Unknown FlexOfferMessageID reference: {examples.number(2)}"
    )  # a request's
    assert found(told, period=date(2026, 5, 22)).startswith("Reference Period mismatch: FlexRequestMessageID")
    assert (
        found(examples.order(), revoked=True) == f"Reference message revoked: FlexOfferMessageID {examples.number(3)}"
    )
    assert found(told, asked.expiration).startswith("Reference message expired: FlexRequestMessageID")
    assert found(revocation, asked.expiration) == ""  # what has ended may be revoked


GOOD_EAN, BAD_EAN = "ean.871685900012636543", "ean.871685900012636544"


def test_an_ean_with_a_wrong_check_digit_is_refused_wherever_it_stands() -> None:
    """As congestion point with the specification's own reason, even of one that were ours; as connection as an invalid message."""
    wrong_point = f"Invalid CongestionPoint: {BAD_EAN}, expected 3 as its last digit, the check digit"
    wrong_connection = f"Invalid Message: connection {BAD_EAN}, expected 3 as its last digit, the check digit"
    scope = replace(SCOPE, points=frozenset({*SCOPE.points, BAD_EAN}))
    assert faults(replace(examples.order(), congestion_point=BAD_EAN), scope=scope) == wrong_point
    head = examples.header(examples.DSO, examples.CRO, 1)
    for point, connection, reason in (
        (BAD_EAN, GOOD_EAN, wrong_point),
        (GOOD_EAN, BAD_EAN, wrong_connection),
        (GOOD_EAN, GOOD_EAN, ""),
    ):
        place = uftp.CongestionPoint(point, (uftp.Connection(connection),))
        assert faults(uftp.DsoPortfolioUpdate(head, (place,), examples.ZONE)) == reason
    update = uftp.AgrPortfolioUpdate(head, (uftp.Connection(BAD_EAN, date(2026, 5, 21)),), examples.ZONE)
    assert faults(update) == wrong_connection


@pytest.mark.parametrize("form", ["{}", "E{}", "ean.{}"])
def test_a_meterings_ean_is_checked_in_each_form(form: str) -> None:
    """The schema leaves open how it is written; its digits are held to their check digit all the same."""
    metering = uftp.Metering(
        examples.header(examples.AGR, examples.DSO, 1),
        date(2026, 5, 20),
        form.format(GOOD_EAN[4:]),
        1,
        (),
        examples.ZONE,
    )
    assert faults(metering) == ""
    assert "the check digit" in faults(replace(metering, ean=form.format(BAD_EAN[4:])))


def test_several_reasons_are_told_with_semicolons() -> None:
    """RejectionReason can contain several of them."""
    both = replace(examples.order(), congestion_point="ean.000000000000", period=date(2026, 5, 1))
    first, second = faults(both).split("; ")
    assert first.startswith("Invalid CongestionPoint: ")
    assert second.startswith("Period out of bounds: ")


def test_every_request_has_an_answer_that_goes_back() -> None:
    """Who takes a message answers it; the answer repeats its MessageID, or (a test's) its conversation."""
    assert len(EXCHANGES) == len(ANSWERED) == 13
    for kind, row in EXCHANGES.items():
        assert route_of(row.response) == (row.recipients, row.senders)
        assert is_response(row.response)
        assert not is_response(kind)
        if row.answered is not None:
            assert row.answered in {field.name for field in dataclasses.fields(row.response)}
    with pytest.raises(ProgrammingFault):
        route_of(uftp.IspPower)


@pytest.mark.parametrize("kind", list(EXCHANGES), ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_a_rejection_names_what_it_rejects(kind: Any, data: st.DataObject) -> None:
    """Of every kind: the response's type, the id, the result, the reason; and of an answer there is none."""
    message = data.draw(examples.messages(kind))
    header = examples.header(examples.DSO, examples.AGR, 5)
    answer: Any = plain_response(asked_by(message), header, uftp.Result.REJECTED, "Invalid Message: no")
    assert type(answer) is EXCHANGES[kind].response
    assert (answer.header, answer.result, answer.rejection_reason) == (
        header,
        uftp.Result.REJECTED,
        "Invalid Message: no",
    )
    assert answered_id(answer) == (None if kind is uftp.TestMessage else message.header.message_id)
    assert plain_response(asked_by(answer), header, uftp.Result.REJECTED, None) is None


def test_what_is_referred_to_knows_its_day_and_end() -> None:
    """An offer and a request end; a prognosis does not."""
    assert checks.referred(examples.offer()) == Referred(uftp.FlexOffer, DAY, examples.offer().expiration)
    assert checks.referred(examples.prognosis()) == Referred(uftp.DPrognosis, DAY, None)
