"""Settlement of one day between the buyer of flexibility and one seller, as a table.

Source: Shapeshifter 3.1.0, "Settle phase". The buyer is the DSO towards an aggregator and the aggregator towards a
prosumer; each side does the same sum from its own meters and compares.
"""

from __future__ import annotations

from enum import StrEnum

from market.conversations import ConversationTable
from market.uftp import AcceptedDisputed, FlexSettlement, FlexSettlementResponse, Metering


class State(StrEnum):
    """Where the settlement of a day stands."""

    METERING = "being metered"
    SETTLED = "settled"  # the buyer's sum is recorded and told
    ACCEPTED = "accepted"
    DISPUTED = "disputed"  # at least one order is
    PAID = "paid"
    HELD = "held"  # what is accepted is paid, what is disputed waits for the facilitator, then for people


class Party(StrEnum):
    """Who moves."""

    METER = "meter"
    BUYER = "buyer"
    SELLER = "seller"


class Event(StrEnum):
    """What is said, or done."""

    METERING = "Metering"
    SETTLEMENT = "FlexSettlement"
    REVISION = "FlexSettlement, a later Revision"  # meter data came late, or was corrected
    ACCEPTANCE = "FlexSettlementResponse, all Accepted"
    DISPUTE = "FlexSettlementResponse, some Disputed"
    PAYMENT = "remuneration recorded"  # of what is accepted; nothing is recorded when nothing is owed


SETTLEMENT = ConversationTable(
    title="Settlement",
    about="The buyer settles a day when all its meters have come, or with those that came when the time is up. "
    "The seller answers when it has its own. What both find alike is paid; what is disputed is held until the facilitator has "
    "found the right meter data. Late and corrected data settle anew, as a revision; then only the difference is paid.",
    start=State.METERING,
    rows={
        State.METERING: {
            (Party.METER, Event.METERING): State.METERING,
            (Party.BUYER, Event.SETTLEMENT): State.SETTLED,
        },
        State.SETTLED: {
            (Party.SELLER, Event.ACCEPTANCE): State.ACCEPTED,
            (Party.SELLER, Event.DISPUTE): State.DISPUTED,
            (Party.METER, Event.METERING): State.SETTLED,  # the seller's meters come by other ways
        },
        State.ACCEPTED: {(Party.BUYER, Event.PAYMENT): State.PAID},
        State.DISPUTED: {(Party.BUYER, Event.PAYMENT): State.HELD},
        State.PAID: {
            (Party.METER, Event.METERING): State.PAID,
            (Party.BUYER, Event.REVISION): State.SETTLED,
        },
        State.HELD: {
            (Party.METER, Event.METERING): State.HELD,
            (Party.BUYER, Event.REVISION): State.SETTLED,
        },
    },
)


def event_of(message: Metering | FlexSettlement | FlexSettlementResponse) -> tuple[Party, Event]:
    """Who says a message and which event of the table it is."""
    if isinstance(message, Metering):
        return Party.METER, Event.METERING
    if isinstance(message, FlexSettlement):
        return Party.BUYER, Event.SETTLEMENT if message.revision == 1 else Event.REVISION
    disputed = any(status.disposition is AcceptedDisputed.DISPUTED for status in message.statuses)
    return Party.SELLER, Event.DISPUTE if disputed else Event.ACCEPTANCE
