"""The rows that `iles market show` prints: plain fields with their units in their names, as its JSON has them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A unit of the flexibility register; `up_w`, `down_w`: how far it may move, limits counted; cost per kWh moved."""

    unit: str
    kind: str
    owner: str
    provider: str
    product: str
    state: str
    congestion_point: str
    up_w: int
    down_w: int
    capacity_wh: int
    cost_ct_per_kwh: float
    reason: str


@dataclass(frozen=True, slots=True)
class UnitMoveRow:
    """A move in the life of a unit that was to change its provider, by whom, and where it stood after it."""

    unit: str
    at: str
    move: str
    by: str
    state: str
    provider: str
    next_provider: str
    reason: str


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request: its ISPs in which something is asked for, and the most that is, in watts."""

    at: str
    reference: str
    seller: str
    congestion_point: str
    period: str
    isps: tuple[int, ...]
    largest_w: int


@dataclass(frozen=True, slots=True)
class OfferRow:
    """One option of an offer; `request`: what it answers; empty where it stands by itself, until `expires`."""

    at: str
    reference: str
    option: str
    request: str
    seller: str
    congestion_point: str
    period: str
    isps: tuple[int, ...]
    energy_kwh: float
    price: float
    ct_per_kwh: float
    expires: str = ""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order of the DSO; `activation_pct`: which part of the option; `refused`: why, where the seller refused it."""

    at: str
    reference: str
    seller: str
    congestion_point: str
    period: str
    contract: str
    activation_pct: int
    isps: tuple[int, ...]
    energy_kwh: float
    price: float
    ct_per_kwh: float
    refused: str


@dataclass(frozen=True, slots=True)
class ContractRow:
    """A version of a contract with all its parameters; prices in hundredths of the currency unit.

    Attributes:
        version: 1 as agreed first, then its amendments, each from its start date on.
        template: name and version of what the negotiation began from.
        terminated: its last day where it was terminated, and by whom; empty where it was not.
    """

    contract: str
    buyer: str
    seller: str
    reserved: bool
    start_date: str
    end_date: str
    days_of_week: str
    hours: str
    elements: tuple[str, ...]
    element_ct_per_kwh: tuple[float, ...]
    amount_up_w: int
    amount_down_w: int
    activations: str
    max_runtime_isps: int
    recovery_isps: int
    penalty_ct_per_kwh: float
    capacity_ct_per_kw_day: float
    volume_ct_per_kwh: float
    activation_price: str
    version: int
    notice_days: int
    template: str
    terminated: str
    signed_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """A version of a contract template as it was published; prices in hundredths of the currency unit."""

    at: str
    publisher: str
    template: str
    version: int
    activations: str
    max_runtime_isps: int
    recovery_isps: int
    penalty_ct_per_kwh: float


@dataclass(frozen=True, slots=True)
class ReservationRow:
    """What the buyer gave back of a contract's reservation at a congestion point on a day: in which ISPs, and what stays."""

    at: str
    contract: str
    seller: str
    congestion_point: str
    period: str
    isps: tuple[int, ...]
    largest_kept_w: int


@dataclass(frozen=True, slots=True)
class SettlementRow:
    """A settlement between two parties; money in the currency unit.

    Attributes:
        ordered_kwh, delivered_kwh, missing_kwh: accumulated over its orders.
        price, penalty, net: accumulated; availability is paid beside them.
        paid: what the buyer paid in all, less what it was paid.
        accepted, disputed: how many of its orders.
        since: first day of the settlement period; what is accumulated from then on: energy delivered, deviation from the
            agreed baselines without sign, price.
    """

    period: str
    revision: int
    buyer: str
    seller: str
    orders: int
    ordered_kwh: float
    delivered_kwh: float
    missing_kwh: float
    price: float
    penalty: float
    net: float
    paid: float
    accepted: int
    disputed: int
    since: str = ""
    accumulated_volume_kwh: float = 0.0
    accumulated_deviation_kwh: float = 0.0
    accumulated_price: float = 0.0


@dataclass(frozen=True, slots=True)
class DisputeRow:
    """A dispute as it was decided: `meters` whose right data counts, `mistaken` who held another copy of one of them."""

    at: str
    period: str
    buyer: str
    seller: str
    orders: int
    meters: tuple[str, ...]
    mistaken: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class CopyRow:
    """A party that summed up by other values than the meters of some owners showed, as the meter-data company found it."""

    at: str
    period: str
    party: str
    owners: tuple[str, ...]
    meters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BaselineRow:
    """An agreed baseline (the final forecast with all that was procured) against the meters, over all ISPs of a day.

    Attributes:
        place: a congestion point, or a member's connection.
        expected_kwh, actual_kwh: net energy, > 0 is drawn.
        deviation_kwh: without sign, over the ISPs that all meters saw.
        largest_w, largest_isp: the largest deviation (with its sign), and where.
        unknown_isps: those that not all meters saw, or in which the buyer limited the feed-in.
    """

    period: str
    revision: int
    buyer: str
    seller: str
    place: str
    expected_kwh: float
    actual_kwh: float
    deviation_kwh: float
    largest_w: int
    largest_isp: int
    unknown_isps: int


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A change of a party's key: hexadecimal public keys, `new` empty where nothing stands in its place; who says so, why."""

    at: str
    party: str
    old: str
    new: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class TenderRow:
    """A bid in a tender, in the order in which they were served; prices in hundredths per kW and day, as the buyer weighs them."""

    closed: str
    tender: str
    buyer: str
    pricing: str
    wanted_w: int
    place: int
    seller: str
    contract: str
    asked_ct_per_kw_day: float
    reliability_pct: int
    size_w: int
    awarded_w: int
    paid_ct_per_kw_day: float


@dataclass(frozen=True, slots=True)
class MarketBook:
    """Everything that `iles market show` shows of a run."""

    currency: str
    register: tuple[UnitRow, ...]
    requests: tuple[RequestRow, ...]
    offers: tuple[OfferRow, ...]
    orders: tuple[OrderRow, ...]
    templates: tuple[TemplateRow, ...]
    contracts: tuple[ContractRow, ...]
    reservations: tuple[ReservationRow, ...]
    settlements: tuple[SettlementRow, ...]
    baselines: tuple[BaselineRow, ...] = ()
    disputes: tuple[DisputeRow, ...] = ()
    copies: tuple[CopyRow, ...] = ()
    keys: tuple[KeyRow, ...] = ()
    tenders: tuple[TenderRow, ...] = ()
    switched: tuple[UnitMoveRow, ...] = ()
