"""A session of the virtual power plant as two tables: the aggregator's split, and its conversation with one member.

The mathematics of the price rounds is in `agents.planning.dispatch.admm`.
"""

from __future__ import annotations

from enum import StrEnum

from cim.codec.codec import wire
from market.conversations import ConversationTable


@wire("plan.SplitState")
class SplitState(StrEnum):
    """Where the aggregator stands with splitting a band of power among its members."""

    QUEUED = "queued"  # another session holds the congestion point's members
    INVITED = "invited"
    PRICING = "pricing"
    CONCLUDED = "concluded"
    OFFERED = "offered"  # the DSO may order it
    TAKEN = "taken"  # the DSO has ordered it
    RECORDING = "recording"  # the members' orders are with the ledger
    ORDERED = "ordered"
    CLOSED = "closed"  # it led to nothing and the members are told
    EXPIRED = "expired"  # its time was over before it began


class SplitParty(StrEnum):
    """Who moves a split."""

    AGGREGATOR = "aggregator"
    MEMBERS = "members"
    DSO = "DSO"
    LEDGER = "ledger"
    TIME = "time"


class SplitEvent(StrEnum):
    """What happens to a split; a round is over with the last answer, or when time is up for those still out."""

    INVITED = "invitations sent"
    NOBODY = "nobody takes part"
    ITS_TIME_OVER = "its first ISP is over"
    NEXT_ROUND = "round over, another needed"
    CONVERGED = "round over, converged"
    POLISHED = "round over, polished"
    FAILED = "round over, failed"
    OFFER = "FlexOffer"
    NOTHING_TO_GIVE = "nothing to give"
    ORDER = "FlexOrder"
    EXPIRY = "offer expired"
    REVOCATION = "FlexOfferRevocation"
    FILED = "members' orders filed"
    NOTHING_TO_ORDER = "nothing to order"
    RECEIPT = "Receipt"
    NOT_RECORDED = "Receipt with a fault"


_ROUNDS = {
    (by, event): state
    for by in (SplitParty.MEMBERS, SplitParty.TIME, SplitParty.DSO)  # the DSO: where it coordinates a point's sellers
    for event, state in (
        (SplitEvent.NEXT_ROUND, SplitState.PRICING),
        (SplitEvent.CONVERGED, SplitState.CONCLUDED),
        (SplitEvent.POLISHED, SplitState.CONCLUDED),
        (SplitEvent.FAILED, SplitState.CONCLUDED),
        (SplitEvent.NOBODY, SplitState.CONCLUDED),
    )
}
_ORDERS = {
    (SplitParty.AGGREGATOR, SplitEvent.FILED): SplitState.RECORDING,
    (SplitParty.AGGREGATOR, SplitEvent.NOTHING_TO_ORDER): SplitState.CLOSED,
}

SPLIT = ConversationTable(
    title="VPP session",
    about="The aggregator splits a band of power among the members of a congestion point in rounds of prices: to offer "
    "it to the DSO, or to hold what it has promised. One session holds a congestion point's members at a time.",
    start=SplitState.QUEUED,
    rows={
        SplitState.QUEUED: {
            (SplitParty.AGGREGATOR, SplitEvent.INVITED): SplitState.INVITED,
            (SplitParty.AGGREGATOR, SplitEvent.NOBODY): SplitState.CONCLUDED,
            (SplitParty.TIME, SplitEvent.ITS_TIME_OVER): SplitState.EXPIRED,
        },
        SplitState.INVITED: _ROUNDS,
        SplitState.PRICING: _ROUNDS,
        SplitState.CONCLUDED: {
            (SplitParty.AGGREGATOR, SplitEvent.OFFER): SplitState.OFFERED,
            (SplitParty.AGGREGATOR, SplitEvent.NOTHING_TO_GIVE): SplitState.CLOSED,
            **_ORDERS,
        },
        SplitState.OFFERED: {
            (SplitParty.DSO, SplitEvent.ORDER): SplitState.TAKEN,
            (SplitParty.TIME, SplitEvent.EXPIRY): SplitState.CLOSED,
            (SplitParty.AGGREGATOR, SplitEvent.REVOCATION): SplitState.CLOSED,
        },
        SplitState.TAKEN: _ORDERS,
        SplitState.RECORDING: {
            (SplitParty.LEDGER, SplitEvent.RECEIPT): SplitState.ORDERED,
            (SplitParty.LEDGER, SplitEvent.NOT_RECORDED): SplitState.CLOSED,
        },
        SplitState.ORDERED: {},
        SplitState.CLOSED: {},
        SplitState.EXPIRED: {},
    },
)


class MemberState(StrEnum):
    """Where a member stands in a session."""

    IDLE = "idle"
    INVITED = "invited"
    JOINED = "joined"  # its baselines, or its answer of this round, are with the aggregator
    PRICED = "priced"  # it owes the answer of a round
    ABSENT = "absent"  # none of its elements takes part
    ORDERED = "ordered"
    ACCEPTED = "accepted"
    SPLIT = "split told"  # how the order falls on its elements
    REFUSED = "refused"
    CLOSED = "closed"


class MemberParty(StrEnum):
    """Who moves."""

    AGGREGATOR = "aggregator"
    MEMBER = "member"


class MemberEvent(StrEnum):
    """What is said between the aggregator and a member."""

    INVITATION = "VppInvitation"
    BASELINES = "NetProfile 0 with baselines"
    NO_BASELINES = "NetProfile 0 without baselines"
    PRICE = "PriceRound"
    PROFILE = "NetProfile"
    CLOSE = "SessionClosed"
    ORDER = "FlexOrder"
    ORDER_ACCEPTED = "FlexOrderResponse Accepted"
    ORDER_REFUSED = "FlexOrderResponse Rejected"
    SPLIT = "OrderSplit"


_BY_AGGREGATOR, _BY_MEMBER = MemberParty.AGGREGATOR, MemberParty.MEMBER

MEMBERSHIP = ConversationTable(
    title="A member in a VPP session",
    about="The member names the elements that take part and their baselines before it hears a price, then answers every "
    "price with the sum of their best responses. An order is binding when it accepts it.",
    start=MemberState.IDLE,
    rows={
        MemberState.IDLE: {(_BY_AGGREGATOR, MemberEvent.INVITATION): MemberState.INVITED},
        MemberState.INVITED: {
            (_BY_MEMBER, MemberEvent.BASELINES): MemberState.JOINED,
            (_BY_MEMBER, MemberEvent.NO_BASELINES): MemberState.ABSENT,
            (_BY_AGGREGATOR, MemberEvent.CLOSE): MemberState.CLOSED,  # it did not answer in time
        },
        MemberState.JOINED: {
            (_BY_AGGREGATOR, MemberEvent.PRICE): MemberState.PRICED,
            (_BY_AGGREGATOR, MemberEvent.ORDER): MemberState.ORDERED,
            (_BY_AGGREGATOR, MemberEvent.CLOSE): MemberState.CLOSED,
        },
        MemberState.PRICED: {
            (_BY_MEMBER, MemberEvent.PROFILE): MemberState.JOINED,
            (_BY_AGGREGATOR, MemberEvent.CLOSE): MemberState.CLOSED,
        },
        MemberState.ABSENT: {(_BY_AGGREGATOR, MemberEvent.CLOSE): MemberState.CLOSED},
        MemberState.ORDERED: {
            (_BY_MEMBER, MemberEvent.ORDER_ACCEPTED): MemberState.ACCEPTED,
            (_BY_MEMBER, MemberEvent.ORDER_REFUSED): MemberState.REFUSED,
        },
        MemberState.ACCEPTED: {(_BY_MEMBER, MemberEvent.SPLIT): MemberState.SPLIT},
        MemberState.SPLIT: {},
        MemberState.REFUSED: {},
        MemberState.CLOSED: {},
    },
    crossing={
        MemberState.CLOSED: {
            (_BY_MEMBER, MemberEvent.BASELINES): MemberState.CLOSED,
            (_BY_MEMBER, MemberEvent.NO_BASELINES): MemberState.CLOSED,
            (_BY_MEMBER, MemberEvent.PROFILE): MemberState.CLOSED,
        },
    },
)
