"""A tender: sealed bids of invited sellers, awarded by price, then reliability, then time.

It stands on the conversation of `market.negotiation.conversation`: a bid is the seller's signed proposal, which nobody but
the buyer sees and nobody can change; an award is the buyer's acceptance, or its counter-offer where the price is the
uniform one or only a part is taken; so what is agreed carries both signatures like any contract.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from cim.codec.codec import wire
from market.contracts.contract import FlexContract
from market.mechanisms.bids import Bid, Bids
from market.mechanisms.mechanism import Mechanism
from market.mechanisms.pay_as_bid import PayAsBid
from market.mechanisms.uniform_price import UniformPrice
from market.negotiation.concession import NegotiationPreferences, Side, Terms

TENDER = "tender"  # the strategy's name, and the kind of a result's record
# What an award pays: each its own bid, or all what the dearest that is taken asks.
PRICINGS: Mapping[str, Mechanism] = MappingProxyType(
    {PayAsBid.name: PayAsBid(), UniformPrice.name: UniformPrice(k_pct=0)}
)
UNKNOWN_PCT = 50  # the reliability of who has no record yet: neither good nor bad


@wire("market.TenderInvitation")
@dataclass(frozen=True, slots=True)
class TenderInvitation:
    """A buyer invites a seller to bid for a contract until the tender closes.

    Attributes:
        tender: its id, the same for all who are invited.
        draft: all that is not bid: the bid is this at prices.
        pricing: what an award pays, one of `PRICINGS`.
        closes: bids that come later are refused, UTC.
    """

    tender: str
    draft: FlexContract
    pricing: str
    closes: datetime


@wire("market.TenderBid")
@dataclass(frozen=True, slots=True)
class TenderBid:
    """A bid as it was judged, and what came of it.

    Attributes:
        asked_e4: its price, ten-thousandths of the currency unit per kW and day, by the buyer's weights of its two prices.
        reliability_pct: how much of what was ordered of the seller it has delivered so far.
        paid_e4: what it is awarded at; 0 where it is not.
        awarded_w: of `size_w`.
    """

    contract_id: str
    seller: str
    at: datetime
    asked_e4: int
    reliability_pct: int
    size_w: int
    awarded_w: int = 0
    paid_e4: int = 0


@wire("market.TenderResult")
@dataclass(frozen=True, slots=True)
class TenderResult:
    """What a tender came to, as its buyer records it: every bid in the order in which it was served."""

    tender: str
    buyer: str
    pricing: str
    closed: datetime
    wanted_w: int
    invited: int
    bids: tuple[TenderBid, ...]


def size_w(contract: FlexContract) -> int:
    """What a contract puts at the buyer's disposal: the larger of its two amounts."""
    return max(contract.amount_up_w, -contract.amount_down_w)


def bid_of(wants: NegotiationPreferences, invitation: TenderInvitation) -> FlexContract:
    """A seller's bid: half-way to its reservation where each is paid its own bid, at its reservation where not.

    Who is paid a price that others set gains nothing by asking for more, as long as it does not set that price itself.
    """
    return wants.at_share(invitation.draft, 0.5 if invitation.pricing == PayAsBid.name else 1.0)


def judged(wants: NegotiationPreferences, bid: FlexContract, at: datetime, reliability_pct: int | None) -> TenderBid:
    """A bid as its buyer judges it; `reliability_pct` is None where it has no record."""
    reliability = UNKNOWN_PCT if reliability_pct is None else reliability_pct
    asked = round(-wants.value(Terms.of(bid)))
    return TenderBid(bid.contract_id, bid.seller, at, asked, reliability, size_w(bid))


def awarded(
    bids: Sequence[TenderBid], wants: NegotiationPreferences, wanted_w: int, pricing: str
) -> tuple[TenderBid, ...]:
    """The bids in the order in which they are served, each with what it is awarded and at which price.

    The market mechanism clears them against one buyer that takes `wanted_w` up to its reservation; of equal prices the more
    reliable is served first, then the earlier, then by the seller's domain.

    Args:
        pricing: one of `PRICINGS`.
    """
    ranked = sorted(bids, key=lambda bid: (bid.asked_e4, -bid.reliability_pct, bid.at, bid.seller))
    most = round(-wants.least())
    # Who asks more than the buyer's reservation is outside, also for mechanisms that would match it at their own price.
    able = [bid for bid in ranked if bid.asked_e4 <= most and bid.size_w > 0]
    if not able or wanted_w < 1:
        return tuple(ranked)
    # A watt for a day in place of a watt-hour: a mechanism knows no units.
    buyer = Bid("", Side.BUYER, wanted_w, most)
    asks = [Bid(bid.contract_id, Side.SELLER, bid.size_w, bid.asked_e4) for bid in able]
    cleared = PRICINGS[pricing].clear(Bids.of([buyer, *asks]))
    columns = cleared.bids.names, cleared.quantity_wh.tolist(), cleared.amount_e7.tolist()
    taken = {name: (watts, amount) for name, watts, amount in zip(*columns, strict=True)}
    return tuple(_with(bid, *taken.get(bid.contract_id, (0, 0))) for bid in ranked)


def _with(bid: TenderBid, watts: int, amount_e7: int) -> TenderBid:
    return replace(bid, awarded_w=watts, paid_e4=round(amount_e7 / watts)) if watts else bid


def contract_of(bid: FlexContract, award: TenderBid, wants: NegotiationPreferences) -> FlexContract:
    """The contract that an award offers: the bid itself where nothing differs, else for its part and at its price.

    What is paid above the bid goes to the capacity price; of a framework, which has none, to the volume price.
    """
    made, more = bid, max(award.paid_e4 - award.asked_e4, 0)
    if award.awarded_w < award.size_w:
        share = award.awarded_w / award.size_w
        made = replace(made, amount_up_w=int(made.amount_up_w * share), amount_down_w=int(made.amount_down_w * share))
    if more and made.reserved:
        made = made.at_prices(made.volume_price_e4_per_kwh, made.capacity_price_e4_per_kw_day + more)
    elif more and wants.kwh_per_kw_day:
        volume = made.volume_price_e4_per_kwh + int(more / wants.kwh_per_kw_day)
        made = made.at_prices(volume, made.capacity_price_e4_per_kw_day)
    return made
