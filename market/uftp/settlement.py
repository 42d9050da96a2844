"""Metering and settlement (Shapeshifter 3.1.0, "Settle phase")."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cim.codec.codec import wire
from market.uftp.header import Header, Result


@wire("uftp.MeteringProfile")
@dataclass(frozen=True, slots=True)
class MeteringProfile:
    """Element Profile of a Metering message: one quantity, one value for each ISP of the day."""

    profile_type: str  # "Power", "ImportEnergy", "ExportEnergy", ...
    unit: str  # "kW", "kWh"; ILES keeps integer W and Wh and converts at the XML edge
    values: tuple[int, ...]


@wire("uftp.Metering")
@dataclass(frozen=True, slots=True)
class Metering:
    """What a meter measured on one connection (EAN) on one day."""

    header: Header
    period: date
    ean: str
    revision: int
    profiles: tuple[MeteringProfile, ...]
    timezone: str
    isp_minutes: int = 15

    def profile(self, profile_type: str) -> MeteringProfile | None:
        """The profile of that type, or None."""
        return next((p for p in self.profiles if p.profile_type == profile_type), None)


@wire("uftp.MeteringResponse")
@dataclass(frozen=True, slots=True)
class MeteringResponse:
    """Whether the metering was taken."""

    header: Header
    metering_message_id: str
    result: Result
    rejection_reason: str | None = None


@wire("uftp.SettlementISP")
@dataclass(frozen=True, slots=True)
class SettlementIsp:
    """ISP of a FlexOrderSettlement; powers in watts, `power_deficiency_w` >= 0.

    Attributes:
        actual_power_w: what the meter showed, the same for all orders of the ISP.
        counted_power_w: what this order counts as actual, where several share the ISP (`orders.Outcome`); not part of
            UFTP: None from a peer elsewhere.
    """

    start: int
    baseline_power_w: int
    ordered_flex_power_w: int
    actual_power_w: int
    delivered_flex_power_w: int
    power_deficiency_w: int
    duration: int = 1
    counted_power_w: int | None = None


@wire("uftp.FlexOrderSettlement")
@dataclass(frozen=True, slots=True)
class FlexOrderSettlement:
    """The settlement of one order; `net_settlement` = price of what was delivered less the penalty."""

    order_reference: str
    period: date
    congestion_point: str
    isps: tuple[SettlementIsp, ...]
    price: int
    penalty: int
    net_settlement: int
    contract_id: str | None = None
    d_prognosis_message_id: str | None = None
    baseline_reference: str | None = None


@wire("uftp.ContractSettlementISP")
@dataclass(frozen=True, slots=True)
class ContractSettlementIsp:
    """ISP of a ContractSettlement, watts."""

    start: int
    reserved_power_w: int
    requested_power_w: int
    available_power_w: int
    offered_power_w: int
    ordered_power_w: int
    duration: int = 1


@wire("uftp.ContractSettlement")
@dataclass(frozen=True, slots=True)
class ContractSettlement:
    """What a FlexOption contract reserved and what became of it on one day."""

    contract_id: str
    period: date
    isps: tuple[ContractSettlementIsp, ...]


@wire("uftp.SettlementTotals")
@dataclass(frozen=True, slots=True)
class SettlementTotals:
    """What settlements come to: energy delivered, deviation from agreed baselines without sign, money in ten-thousandths."""

    volume_wh: int = 0
    deviation_wh: int = 0
    price_e4: int = 0
    penalty_e4: int = 0


@wire("uftp.SettlementSums")
@dataclass(frozen=True, slots=True)
class SettlementSums:
    """A settlement's totals, and those since the settlement period began (USEF's accumulated volume, deviation, price).

    UFTP's FlexSettlement has no field for them: parties elsewhere are not told.
    """

    day: SettlementTotals
    since: date
    accumulated: SettlementTotals


@wire("uftp.FlexSettlement")
@dataclass(frozen=True, slots=True)
class FlexSettlement:
    """All orders and contracts of a period, settled by the one who ordered."""

    header: Header
    period_start: date
    period_end: date
    currency: str
    order_settlements: tuple[FlexOrderSettlement, ...]
    contract_settlements: tuple[ContractSettlement, ...] = ()
    revision: int = 1
    sums: SettlementSums | None = None


@wire("uftp.AcceptedDisputed")
class AcceptedDisputed(StrEnum):
    """What the other side says of an order's settlement."""

    ACCEPTED = "Accepted"
    DISPUTED = "Disputed"


@wire("uftp.FlexOrderSettlementStatus")
@dataclass(frozen=True, slots=True)
class FlexOrderSettlementStatus:
    """Accept or dispute of one order's settlement; a dispute names the ISPs and amounts that differ."""

    order_reference: str
    disposition: AcceptedDisputed
    dispute_reason: str | None = None


@wire("uftp.FlexSettlementResponse")
@dataclass(frozen=True, slots=True)
class FlexSettlementResponse:
    """The answer to a FlexSettlement."""

    header: Header
    flex_settlement_message_id: str
    result: Result
    statuses: tuple[FlexOrderSettlementStatus, ...]
    rejection_reason: str | None = None
