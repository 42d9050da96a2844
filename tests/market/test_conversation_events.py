"""Which event of its table each message of trading and settlement is, and the ways a whole conversation can go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from market import uftp
from market.errors import LocalProtocolError, RemoteProtocolError
from market.settlement import conversation as settlement
from market.trading import conversation as trading
from market.uftp import AcceptedDisputed, FlexOrderSettlementStatus, Result
from tests.worlds import uftp_messages as examples

YES, NO = Result.ACCEPTED, Result.REJECTED
T, S = trading.Event, settlement.Event
AGR, DSO = trading.Party.AGR, trading.Party.DSO
HEADER = examples.header(examples.AGR, examples.DSO, 9)
REVOCATION = uftp.FlexOfferRevocation(HEADER, examples.number(3))


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (examples.request(), (DSO, T.REQUEST)),
        (uftp.FlexRequestResponse(HEADER, "m", YES), (AGR, T.REQUEST_ACCEPTED)),
        (uftp.FlexRequestResponse(HEADER, "m", NO, "why"), (AGR, T.REQUEST_REFUSED)),
        (examples.offer(), (AGR, T.OFFER)),
        (replace(examples.offer(), options=()), (AGR, T.NO_OFFER)),
        (uftp.FlexOfferResponse(HEADER, "m", YES), (DSO, T.OFFER_ACCEPTED)),
        (uftp.FlexOfferResponse(HEADER, "m", NO), (DSO, T.OFFER_REFUSED)),
        (REVOCATION, (AGR, T.REVOCATION)),
        (examples.order(), (DSO, T.ORDER)),
        (uftp.FlexOrderResponse(HEADER, "m", YES), (AGR, T.ORDER_ACCEPTED)),
        (uftp.FlexOrderResponse(HEADER, "m", NO), (AGR, T.ORDER_REFUSED)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_trading_message_is_one_event_of_one_party(
    message: trading.TradingMessage, event: tuple[trading.Party, trading.Event]
) -> None:
    """Requests and orders are the DSO's, offers the aggregator's, an answer's result decides; and the table knows it."""
    assert trading.event_of(message) == event
    rows = {key for row in trading.TRADING.rows.values() for key in row} | trading.TRADING.acknowledgements
    assert event in rows


def said(*messages: trading.TradingMessage) -> list[trading.State]:
    """The states a trade goes through, seen from outside, where nothing crosses anything."""
    state, states = trading.TRADING.start, list[trading.State]()
    for message in messages:
        party, event = trading.event_of(message)
        state = trading.TRADING.next_state(state, party, event, ours=True)
        states.append(state)
    return states


ASKED, TAKEN = examples.request(), uftp.FlexRequestResponse(HEADER, "m", YES)
OFFERED, HELD = examples.offer(), uftp.FlexOfferResponse(HEADER, "m", YES)
ORDERED, DONE = examples.order(), uftp.FlexOrderResponse(HEADER, "m", YES)
UNASKED = replace(OFFERED, unsolicited=True, flex_request_message_id=None)
St = trading.State


@pytest.mark.parametrize(
    ("messages", "states"),
    [
        ((ASKED, TAKEN, OFFERED, HELD, ORDERED, DONE),
         [St.REQUESTED, St.REQUESTED, St.OFFERED, St.OFFERED, St.ORDERED, St.ACCEPTED]),
        # Said twice: the order again before and after its answer, and the answer again.
        ((ASKED, OFFERED, ORDERED, ORDERED, DONE, ORDERED, DONE),
         [St.REQUESTED, St.OFFERED, St.ORDERED, St.ORDERED, St.ACCEPTED, St.ACCEPTED, St.ACCEPTED]),
        ((ASKED, uftp.FlexRequestResponse(HEADER, "m", NO)), [St.REQUESTED, St.DECLINED]),
        ((ASKED, replace(OFFERED, options=())), [St.REQUESTED, St.DECLINED]),
        ((ASKED, OFFERED, uftp.FlexOfferResponse(HEADER, "m", NO)), [St.REQUESTED, St.OFFERED, St.DECLINED]),
        ((ASKED, OFFERED, REVOCATION), [St.REQUESTED, St.OFFERED, St.REVOKED]),
        ((UNASKED, HELD, ORDERED, DONE), [St.OFFERED, St.OFFERED, St.ORDERED, St.ACCEPTED]),
        ((UNASKED, REVOCATION), [St.OFFERED, St.REVOKED]),
        ((ASKED, OFFERED, ORDERED, uftp.FlexOrderResponse(HEADER, "m", NO)),
         [St.REQUESTED, St.OFFERED, St.ORDERED, St.REFUSED]),
    ],
)  # fmt: skip
def test_a_trade_goes_one_of_these_ways(
    messages: tuple[trading.TradingMessage, ...], states: list[trading.State]
) -> None:
    """Ordered, declined by either side, revoked or refused: each end by its messages in turn."""
    assert said(*messages) == states


@pytest.mark.parametrize(
    "messages",
    [
        (OFFERED,), (ASKED, UNASKED), (UNASKED, UNASKED),
        (ORDERED,), (TAKEN,), (HELD,), (ASKED, ORDERED), (ASKED, OFFERED, OFFERED), (ASKED, ASKED),
        (ASKED, REVOCATION), (ASKED, OFFERED, ORDERED, REVOCATION), (ASKED, OFFERED, DONE), (ASKED, OFFERED, REVOCATION, ORDERED),
        (ASKED, OFFERED, ORDERED, DONE, uftp.FlexOrderResponse(HEADER, "m", NO)),
        (ASKED, OFFERED, ORDERED, uftp.FlexOrderResponse(HEADER, "m", NO), DONE),
    ],
)  # fmt: skip
def test_the_last_of_these_may_not_be_said(messages: tuple[trading.TradingMessage, ...]) -> None:
    """Nothing before its time, nothing twice but an order, no change of mind after an answer."""
    said(*messages[:-1])
    with pytest.raises(LocalProtocolError):
        said(*messages)


@pytest.mark.parametrize(
    ("state", "message", "target"),
    [
        (St.EXPIRED, ORDERED, St.LATE_ORDER), (St.REVOKED, ORDERED, St.LATE_ORDER), (St.EXPIRED, OFFERED, St.LATE_OFFER),
        (St.ORDERED, REVOCATION, St.ORDERED), (St.REFUSED, ORDERED, St.REFUSED), (St.DECLINED, REVOCATION, St.DECLINED),
        (St.LATE_OFFER, REVOCATION, St.LATE_OFFER), (St.LATE_ORDER, ORDERED, St.LATE_ORDER),
    ],
)  # fmt: skip
def test_what_was_on_its_way_is_heard_but_not_said(
    state: trading.State, message: trading.TradingMessage, target: trading.State
) -> None:
    """A crossing message is no breach when it arrives; whoever would say it now would break the protocol."""
    party, event = trading.event_of(message)
    assert trading.TRADING.next_state(state, party, event, ours=False) is target
    with pytest.raises(LocalProtocolError, match=f"{event} is not allowed while {state}"):
        trading.TRADING.next_state(state, party, event, ours=True)


def answer(*dispositions: AcceptedDisputed) -> uftp.FlexSettlementResponse:
    """An answer to a settlement of so many orders."""
    rows = tuple(FlexOrderSettlementStatus(str(k), one) for k, one in enumerate(dispositions))
    return uftp.FlexSettlementResponse(HEADER, "m", YES, rows)


KEPT, LOST = AcceptedDisputed.ACCEPTED, AcceptedDisputed.DISPUTED
METER, BUYER, SELLER = settlement.Party.METER, settlement.Party.BUYER, settlement.Party.SELLER


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (examples.metering(), (METER, S.METERING)),
        (examples.settlement(), (BUYER, S.SETTLEMENT)),
        (replace(examples.settlement(), revision=2), (BUYER, S.REVISION)),
        (answer(), (SELLER, S.ACCEPTANCE)),
        (answer(KEPT, KEPT), (SELLER, S.ACCEPTANCE)),
        (answer(KEPT, LOST, KEPT), (SELLER, S.DISPUTE)),
        (answer(LOST), (SELLER, S.DISPUTE)),
    ],
)
def test_a_settlement_message_is_one_event_of_one_party(
    message: uftp.Metering | uftp.FlexSettlement | uftp.FlexSettlementResponse,
    event: tuple[settlement.Party, settlement.Event],
) -> None:
    """One disputed order among many is a dispute; a later revision is told from the first settlement."""
    assert settlement.event_of(message) == event


Day = settlement.State
PAY = (BUYER, S.PAYMENT)


@pytest.mark.parametrize(
    ("way", "end"),
    [
        ([examples.settlement(), answer(KEPT), PAY], Day.PAID),
        ([examples.metering(), examples.settlement(), examples.metering(), answer(LOST), PAY], Day.HELD),
        # Settled anew after either end, and then it may go the other way.
        ([examples.settlement(), answer(LOST), PAY, replace(examples.settlement(), revision=2), answer(KEPT), PAY], Day.PAID),
        ([examples.settlement(), answer(KEPT), PAY, examples.metering(), replace(examples.settlement(), revision=3),
          answer(LOST), PAY], Day.HELD),
    ],
)  # fmt: skip
def test_a_day_is_paid_or_held_and_may_be_settled_anew(way: list[object], end: settlement.State) -> None:
    """Metered, settled, answered, paid; late data and a revision lead back to settled."""
    state = settlement.SETTLEMENT.start
    for step in way:
        party, event = step if isinstance(step, tuple) else settlement.event_of(step)  # type: ignore[arg-type]
        state = settlement.SETTLEMENT.next_state(state, party, event, ours=False)
    assert state is end


@pytest.mark.parametrize(
    ("state", "party", "event"),
    [
        (Day.METERING, *PAY), (Day.SETTLED, *PAY), (Day.PAID, *PAY), (Day.HELD, *PAY),  # nothing is paid twice or unanswered
        (Day.METERING, BUYER, S.REVISION), (Day.SETTLED, BUYER, S.REVISION), (Day.SETTLED, BUYER, S.SETTLEMENT),
        (Day.PAID, SELLER, S.DISPUTE), (Day.ACCEPTED, SELLER, S.DISPUTE), (Day.METERING, SELLER, S.ACCEPTANCE),
        (Day.SETTLED, BUYER, S.ACCEPTANCE),
    ],
)  # fmt: skip
def test_money_moves_in_its_turn_only(
    state: settlement.State, party: settlement.Party, event: settlement.Event
) -> None:
    """Not before an answer, not twice, and nobody answers for the other side."""
    for ours, error in ((True, LocalProtocolError), (False, RemoteProtocolError)):
        with pytest.raises(error, match=f"Settlement: {event} is not allowed while {state}"):
            settlement.SETTLEMENT.next_state(state, party, event, ours=ours)
