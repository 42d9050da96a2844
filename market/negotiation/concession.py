"""Negotiation strategies as pure functions: time-dependent concession, and Rubinstein's share to compare with.

Prices are ten-thousandths of the currency unit: per kWh for utilisation, per kW and day for capacity.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, floor

from cim.codec.codec import wire
from cim.model.errors import BadInput
from market.contracts.contract import FlexContract
from market.negotiation.issues import Issue, of_contract, with_value


@wire("market.Side")
class Side(StrEnum):
    """Which side of the contract one is on: the buyer wants low prices, the seller high ones."""

    BUYER = "buyer"
    SELLER = "seller"


class Move(StrEnum):
    """How to answer an offer."""

    ACCEPT = "accept"
    COUNTER = "counter"
    REJECT = "reject"


@wire("market.Terms")
@dataclass(frozen=True, slots=True)
class Terms:
    """The two prices that are negotiated."""

    volume_price_e4_per_kwh: int
    capacity_price_e4_per_kw_day: int

    @staticmethod
    def of(contract: FlexContract) -> Terms:
        """The prices in `contract`."""
        return Terms(contract.volume_price_e4_per_kwh, contract.capacity_price_e4_per_kw_day)

    def into(self, contract: FlexContract) -> FlexContract:
        """`contract` at these prices; what its elements cost their owner stays."""
        return contract.at_prices(self.volume_price_e4_per_kwh, self.capacity_price_e4_per_kw_day)


@wire("market.NegotiationPreferences")
@dataclass(frozen=True, slots=True)
class NegotiationPreferences:
    """What one side wants and will still take, and how it gives way.

    Attributes:
        side: buyer or seller.
        aspiration: where it opens.
        reservation: the worst it will take.
        rounds: at offer number `rounds` (counted by both sides' offers) it stands at its reservation.
        beta: shape of the concession: 1 even, < 1 holds out (Boulware), > 1 gives way early (Conceder).
        kwh_per_kw_day: how many kWh a kW is expected to be called for on a day; weighs the prices against each other.
        issues: what else than the two prices it negotiates; of everything else it takes what the draft says.
        strategy: how it answers, by name in `market.negotiation.strategies`.
        deadline_min: how long a negotiation may last from its first offer on, minutes.
        tender_pricing: of a buyer that tenders, what an award pays (`market.negotiation.tender.PRICINGS`).
        tender_wanted_pct: how much of what all who are invited have it takes at most.
    """

    side: Side
    aspiration: Terms
    reservation: Terms
    rounds: int
    beta: float = 1.0
    kwh_per_kw_day: float = 1.0
    issues: tuple[Issue, ...] = ()
    strategy: str = "alternating-offers"
    deadline_min: int = 60
    tender_pricing: str = "pay-as-bid"
    tender_wanted_pct: int = 100

    def __post_init__(self) -> None:
        if self.rounds < 1 or self.beta <= 0:
            raise BadInput(f"preferences: rounds {self.rounds}, beta {self.beta}; expected >= 1 and > 0")
        if self.value(self.aspiration) < self.value(self.reservation):
            raise BadInput(f"preferences: {self.side} aspires to less than its reservation; expected the reverse")

    def dearer_by(self, volume_e4_per_kwh: int) -> NegotiationPreferences:
        """The same with both volume prices higher by so much."""
        aspiration, reservation = (
            replace(terms, volume_price_e4_per_kwh=terms.volume_price_e4_per_kwh + volume_e4_per_kwh)
            for terms in (self.aspiration, self.reservation)
        )
        return replace(self, aspiration=aspiration, reservation=reservation)

    def for_contract(self, contract: FlexContract) -> NegotiationPreferences:
        """The same for a contract; of a framework, which reserves nothing, only the volume price is negotiated."""
        if contract.reserved:
            return self
        aspiration, reservation = (
            replace(terms, capacity_price_e4_per_kw_day=0) for terms in (self.aspiration, self.reservation)
        )
        return replace(self, aspiration=aspiration, reservation=reservation)

    def value(self, terms: Terms) -> float:
        """What `terms` are worth to this side, ten-thousandths per kW and day; more is better."""
        money = terms.volume_price_e4_per_kwh * self.kwh_per_kw_day + terms.capacity_price_e4_per_kw_day
        return money if self.side is Side.SELLER else -money

    def worth(self, contract: FlexContract) -> float | None:
        """What a contract is worth to this side, as `value`, less what its issues lose; None where one is not taken."""
        losses = [(issue, issue.loss(of_contract(contract, issue))) for issue in self.issues]
        if any(loss is None for _, loss in losses):
            return None
        return self.value(Terms.of(contract)) - sum(issue.worth_e4 * (loss or 0.0) for issue, loss in losses)

    def least(self) -> float:
        """The least a contract must be worth to this side."""
        return self.value(self.reservation) - sum(issue.worth_e4 for issue in self.issues)

    def at_share(self, draft: FlexContract, share: float) -> FlexContract:
        """The draft as this side offers it when it has given up a share (0..1) of the way to the worst it takes."""
        offered = terms_at(self, share).into(draft)
        for issue in self.issues:
            offered = with_value(offered, issue, issue.at(share))
        return offered.within_elements() if self.issues else offered


def conceded(round_number: int, rounds: int, beta: float) -> float:
    """The share of the way from aspiration to reservation given up in round 1..`rounds`: ((n-1)/(rounds-1))^(1/beta).

    Source: Faratin, Sierra and Jennings 1998, polynomial time-dependent tactics.
    """
    if rounds <= 1 or round_number >= rounds:
        return 1.0
    return float((max(round_number - 1, 0) / (rounds - 1)) ** (1.0 / beta))


def offer_at(preferences: NegotiationPreferences, round_number: int) -> Terms:
    """What this side offers in round `round_number`; never beyond its reservation."""
    return terms_at(preferences, conceded(round_number, preferences.rounds, preferences.beta))


def terms_at(preferences: NegotiationPreferences, share: float) -> Terms:
    """The prices this side offers when it has given up a share (0..1) of the way to its reservation."""
    a, r = preferences.aspiration, preferences.reservation
    # Each price is rounded to one's own advantage, so that no rounding gives more than was meant.
    whole = ceil if preferences.side is Side.SELLER else floor
    return Terms(
        a.volume_price_e4_per_kwh + whole(share * (r.volume_price_e4_per_kwh - a.volume_price_e4_per_kwh)),
        a.capacity_price_e4_per_kw_day
        + whole(share * (r.capacity_price_e4_per_kw_day - a.capacity_price_e4_per_kw_day)),
    )


def respond(preferences: NegotiationPreferences, offered: Terms, round_number: int) -> tuple[Move, Terms]:
    """How to answer the offer made in round `round_number`: take it when it is worth at least one's own next offer.

    Returns:
        (move, terms): with `COUNTER` the terms of one's next offer, else the offered ones.
    """
    own = offer_at(preferences, round_number + 1)
    if preferences.value(offered) >= preferences.value(own):
        return Move.ACCEPT, offered
    if round_number >= preferences.rounds:
        return Move.REJECT, offered
    return Move.COUNTER, own


def rubinstein_share(delta_first: float, delta_second: float) -> float:
    """The first mover's share of the surplus in alternating offers without end: (1 - d2) / (1 - d1 d2).

    Args:
        delta_first, delta_second: what a share is worth one round later, in (0, 1), of the first and second mover.

    Source: Rubinstein 1982.
    """
    for name, delta in (("delta_first", delta_first), ("delta_second", delta_second)):
        if not 0 < delta < 1:
            raise BadInput(f"{name}: {delta} is outside (0, 1)")
    return (1 - delta_second) / (1 - delta_first * delta_second)
