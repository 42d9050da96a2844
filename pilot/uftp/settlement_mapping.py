"""Metering and settlement on the wire: kilowatts instead of watts, days of a contract below it."""

from __future__ import annotations

from decimal import Decimal
from itertools import chain
from typing import Final

from market import uftp as ours
from pilot.uftp.conversions import (
    DAY,
    MINUTES,
    MONEY,
    PLAIN,
    UUID,
    NotOnTheWire,
    Pair,
    Rows,
    made,
    many,
    plain,
    unrolled,
    words,
)
from pilot.uftp.library import built
from pilot.uftp.library import uftp as theirs

_ISP = Pair(
    ours.SettlementIsp,
    theirs.FlexOrderSettlementISP,
    {
        **plain("start", "duration"),
        "baseline_power_w": ("baseline_power", PLAIN),
        "ordered_flex_power_w": ("ordered_flex_power", PLAIN),
        "actual_power_w": ("actual_power", PLAIN),
        "delivered_flex_power_w": ("delivered_flex_power", PLAIN),
        "power_deficiency_w": ("power_deficiency", PLAIN),
    },
)
_ORDER = Pair(
    ours.FlexOrderSettlement,
    theirs.FlexOrderSettlement,
    {
        **plain("order_reference", "congestion_point", "contract_id", "baseline_reference"),
        "d_prognosis_message_id": ("d_prognosis_message_id", UUID),
        "period": ("period", DAY),
        "isps": ("isps", many(_ISP)),
        "price": ("price", MONEY),
        "penalty": ("penalty", MONEY),
        "net_settlement": ("net_settlement", MONEY),
    },
)
SETTLEMENT_STATUS: Final = Pair(
    ours.FlexOrderSettlementStatus,
    theirs.FlexOrderSettlementStatus,
    {
        **plain("order_reference", "dispute_reason"),
        "disposition": ("disposition", words(ours.AcceptedDisputed, theirs.AcceptedDisputed)),
    },
)
_POWERS = ("requested", "available", "offered", "ordered")


def _contract_isp(row: ours.ContractSettlementIsp) -> object:
    told = {f"{name}_power": getattr(row, f"{name}_power_w") for name in ("reserved", *_POWERS)}
    return built(theirs.ContractSettlementISP, {"start": row.start, "duration": row.duration, **told})


def _contract_out(one: ours.ContractSettlement) -> object:
    rows = [_contract_isp(row) for row in one.isps]
    day = built(theirs.ContractSettlementPeriod, {"isps": rows, "period": DAY.write(one.period)})
    return built(theirs.ContractSettlement, {"periods": [day], "contract_id": one.contract_id})


def _contract_in(model: object) -> list[ours.ContractSettlement]:
    found = []
    for period in getattr(model, "periods", ()):
        isps = tuple(
            ours.ContractSettlementIsp(
                start=row.start,
                duration=row.duration,
                reserved_power_w=row.reserved_power,
                requested_power_w=row.requested_power or 0,  # a power that is left out was none
                available_power_w=row.available_power or 0,
                offered_power_w=row.offered_power or 0,
                ordered_power_w=row.ordered_power or 0,
            )
            for row in period.isps
        )
        values = {"contract_id": getattr(model, "contract_id", None) or "", "isps": isps}
        told = made(ours.ContractSettlement, {"period": DAY.read(period.period), **values})
        if isinstance(told, ours.ContractSettlement):
            found.append(told)
    return found


class _Settlement(Pair):
    """A contract's days are one element each in ours; there may be no order and no contract."""

    def write(self, value: object) -> object:
        """With the days below their contracts."""
        model = super().write(value)
        contracts = value.contract_settlements if isinstance(value, ours.FlexSettlement) else ()
        vars(model)["contract_settlements"] = [_contract_out(one) for one in contracts]
        vars(model)["result"] = None
        vars(model)["rejection_reason"] = None
        return model

    def read(self, model: object) -> object:
        """With an element for each contract and day."""
        told = [_contract_in(one) for one in getattr(model, "contract_settlements", ())]
        return self.reading(model, {"contract_settlements": tuple(chain.from_iterable(told))})


SETTLEMENT: Final = _Settlement(
    ours.FlexSettlement,
    theirs.FlexSettlement,
    {
        **plain("currency"),
        "period_start": ("period_start", DAY),
        "period_end": ("period_end", DAY),
        "order_settlements": ("flex_order_settlements", many(_ORDER)),
    },
    headed=True,
)

_UNITS = {"W": "kW", "Wh": "kWh"}
_OURS = {theirs: ours for ours, theirs in _UNITS.items()}
_METERING: Rows = {
    **plain("revision", "ean"),
    "period": ("period", DAY),
    "timezone": ("time_zone", PLAIN),
    "isp_minutes": ("isp_duration", MINUTES),
}


class _Metering(Pair):
    """Watts and watt-hours here, kW and kWh there; profiles of our own (marks, elements) are not told."""

    def write(self, value: object) -> object:
        """The standard's profiles."""
        model = super().write(value)
        known = {word.value: word for word in theirs.MeteringProfileEnum}
        profiles = value.profiles if isinstance(value, ours.Metering) else ()
        told = [_profile_out(one, known[one.profile_type]) for one in profiles if one.profile_type in known]
        if not told:
            raise NotOnTheWire(f"Metering: no profile of {', '.join(known)}; expected at least one")
        vars(model)["profiles"] = told
        vars(model)["currency"] = None
        return model

    def read(self, model: object) -> object:
        """Profiles with a value for each ISP."""
        told = tuple(_profile_in(one) for one in getattr(model, "profiles", ()))
        return self.reading(model, {"profiles": told})


def _profile_out(one: ours.MeteringProfile, kind: object) -> object:
    unit = _UNITS.get(one.unit)
    if unit is None:
        raise NotOnTheWire(f"Metering: {one.profile_type} in {one.unit}; expected W or Wh")
    rows = [
        built(theirs.MeteringISP, {"start": isp, "value": Decimal(value).scaleb(-3)})
        for isp, value in enumerate(one.values, start=1)
    ]
    return built(theirs.MeteringProfile, {"isps": rows, "profile_type": kind, "unit": theirs.MeteringUnit(unit)})


def _profile_in(model: object) -> ours.MeteringProfile:
    """Rounded to whole watts and watt-hours."""
    kind = str(getattr(model, "profile_type").value)  # noqa: B009 - models have no types
    unit = str(getattr(model, "unit").value)  # noqa: B009
    rows = [(row.start, 1, round(row.value.scaleb(3))) for row in getattr(model, "isps", ())]
    return ours.MeteringProfile(kind, _OURS[unit], unrolled(rows, f"Metering {kind}"))


METERING: Final = _Metering(ours.Metering, theirs.Metering, _METERING, headed=True)
