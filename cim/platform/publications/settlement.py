"""Settlement and remuneration. Amounts are in ten-thousandths of the currency unit (`_e4`); parties are domains."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from cim.codec.codec import wire
from cim.platform.publications.base import Publication


@wire("published.SettledIsp")
@dataclass(frozen=True, slots=True)
class SettledIsp:
    """What was ordered and delivered against the baseline in each of `duration` ISPs from `start` on, mean watts.

    `actual_power_w` is the meter's value, the same for all orders of an ISP; `counted_power_w` what this order counts as
    such: its own baseline where the meter stayed behind that, which is an earlier order's lack. Null from elsewhere.

    `baseline_power_w` is the baseline of delivery: what the elements under order would have done by their contracts'
    baselines, with the orders before it. `power_deficiency_w` goes by another one, so it does not follow from the row: by
    the prognosis that the ISP's first order stands on (the ledger's `flex-order` names it) and all orders since, against
    the meters with what the DSO's own limits took (`FeedInAccounted.taken_w`) put back; at most what was ordered.
    """

    start: int
    baseline_power_w: int
    ordered_flex_power_w: int
    actual_power_w: int
    delivered_flex_power_w: int
    power_deficiency_w: int
    duration: int = 1
    counted_power_w: int | None = None


@wire("published.SettledOrder")
@dataclass(frozen=True, slots=True)
class SettledOrder:
    """What became of an order, under which contract (null: none): net = price of what was delivered less the penalty."""

    order_reference: str
    congestion_point: str
    period: date
    price_e4: int
    penalty_e4: int
    net_e4: int
    isps: tuple[SettledIsp, ...]
    contract_id: str | None = None


@wire("published.SettlementTold")
@dataclass(frozen=True, slots=True)
class SettlementTold(Publication):
    """A buyer's FlexSettlement with one seller, and what came to be since the settlement period began on `since`.

    Accumulated: energy delivered, deviation from the agreed baselines without sign, what it earned, what penalties took.
    """

    reference: str
    buyer: str
    seller: str
    period_start: date
    period_end: date
    revision: int
    currency: str
    orders: tuple[SettledOrder, ...]
    since: date | None = None
    accumulated_volume_wh: int = 0
    accumulated_deviation_wh: int = 0
    accumulated_price_e4: int = 0
    accumulated_penalty_e4: int = 0


@wire("published.BaselineChecked")
@dataclass(frozen=True, slots=True)
class BaselineChecked(Publication):
    """A seller's agreed baseline against its meters in every ISP of a day, ordered or not; `revision` is the settlement's.

    `place` is a congestion point, or a member's connection. `expected_w` is the final forecast with all flexibility that was
    procured, `deviation_w` what was metered above it, 0 in `unknown` ISPs (from 1), which not all meters saw, or in
    which the buyer limited feed-in or consumption.
    """

    buyer: str
    seller: str
    place: str
    period: date
    revision: int
    expected_w: tuple[int, ...]
    actual_w: tuple[int, ...]
    deviation_w: tuple[int, ...]
    unknown: tuple[int, ...]


def last_checks(told: Iterable[BaselineChecked]) -> list[BaselineChecked]:
    """Of the checks of a place and day by one buyer the one that counts: of the last revision; as they were told."""
    found: dict[tuple[str, str, str, date], BaselineChecked] = {}
    for one in told:
        key = (one.buyer, one.seller, one.place, one.period)
        if key not in found or one.revision >= found[key].revision:
            found[key] = one
    return list(found.values())


def last_revisions(told: Iterable[SettlementTold]) -> list[SettlementTold]:
    """Of the settlements between two parties for a period the one that counts: the last revision; as they were told."""
    found: dict[tuple[str, str, date, date], SettlementTold] = {}
    for one in told:
        key = (one.buyer, one.seller, one.period_start, one.period_end)
        if key not in found or one.revision > found[key].revision:
            found[key] = one
    return list(found.values())


@wire("published.OrderAnswer")
@dataclass(frozen=True, slots=True)
class OrderAnswer:
    """Whether the seller accepts an order's settlement (`Accepted`) or not (`Disputed`), and why not."""

    order_reference: str
    disposition: str
    reason: str | None


@wire("published.SettlementAnswered")
@dataclass(frozen=True, slots=True)
class SettlementAnswered(Publication):
    """A seller's answer to the settlement whose reference is `settlement`, order by order."""

    settlement: str
    buyer: str
    seller: str
    answers: tuple[OrderAnswer, ...]


@wire("published.Payment")
@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A movement of money: `reason` is `utilisation`, `penalty`, `capacity`, `make-whole`, `curtailment` or `correction`.

    `reference` names the order, the contract and day, or the limited connection and day.
    """

    payer: str
    payee: str
    amount_e4: int
    reason: str
    reference: str
    currency: str


@wire("published.PaymentsMade")
@dataclass(frozen=True, slots=True)
class PaymentsMade(Publication):
    """All payments of one settlement."""

    payments: tuple[PaymentRow, ...]


@wire("published.CopiesDiffer")
@dataclass(frozen=True, slots=True)
class CopiesDiffer(Publication):
    """The meter-data company found that a party summed up a day by other values than the meters showed, and put them right.

    `meters` (EANs and elements' names) are those of `owners` (domains): the party's copy was changed, or an owner told it so.
    """

    period: date
    party: str
    owners: tuple[str, ...]
    meters: tuple[str, ...]


@wire("published.DisputeDecided")
@dataclass(frozen=True, slots=True)
class DisputeDecided(Publication):
    """The facilitator decided a dispute between a buyer and a seller about orders of a day.

    `meters` (EANs and elements' names) are those whose right data both settle by from then on; none: people decide.
    `mistaken` are the parties (domains) whose own copy of one of them was another. `for_people`: it is left to them what counts
    of the other meters.
    """

    period: date
    buyer: str
    seller: str
    orders: tuple[str, ...]
    meters: tuple[str, ...]
    reason: str
    mistaken: tuple[str, ...] = ()
    for_people: bool = False
