"""Requests, offers and orders of flexibility as DERGroupDispatch with its DispatchSchedules, and back (IEC 61968-5)."""

from __future__ import annotations

from cim.model.der import DERCurveData, DERFunction, DERGroupDispatch, DispatchSchedule, EndDeviceGroup
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from market.der.names import built, day_of, name_of, names_of, texts, values
from market.der.schedules import checked, nominal, ranged, schedule, watts
from market.uftp import Disposition, FlexOffer, FlexOrder, FlexRequest, Header, IspPower, OfferOption, RequestIsp

Flex = FlexRequest | FlexOffer | FlexOrder
_KINDS: dict[str, type[Flex]] = {kind.__name__: kind for kind in (FlexRequest, FlexOffer, FlexOrder)}
_LEAVE = ("header", "isps", "options", "congestion_point")
_OF_HEADER = ("time_stamp", "message_id")  # these are `created` and `mRID`


def dispatch_of(message: Flex) -> DERGroupDispatch:
    """The dispatch that a message is: of the group of DER at its congestion point.

    A request has one schedule of ranges for what is asked and one for the room left; an offer one for each option; an
    order one. ISPs that a message joins by their duration stand one by one.
    """
    day = LocalDay(message.period, message.timezone, message.isp_minutes)
    return DERGroupDispatch(
        m_rid=message.header.message_id,
        name=type(message).__name__,
        created=message.header.time_stamp,
        end_device_group=EndDeviceGroup(
            m_rid=message.congestion_point, type="DERGroup", der_function=DERFunction(real_power_dispatch=True)
        ),
        dispatch_schedules=tuple(_schedules(message, day)),
        names=names_of(message.header, _OF_HEADER) + names_of(message, _LEAVE),
    )


def _schedules(message: Flex, day: LocalDay) -> list[DispatchSchedule]:
    if isinstance(message, FlexOrder):
        return [schedule(day, _powers(day, message.isps))]
    if isinstance(message, FlexOffer):
        return [schedule(day, _powers(day, option.isps), names_of(option, ("isps",))) for option in message.options]
    found = []
    for disposition in Disposition:
        rows = [
            ranged(day, isp, row.min_power_w, row.max_power_w)
            for row in message.isps
            if row.disposition is disposition
            for isp in range(row.start, row.start + row.duration)
        ]
        if rows:
            found.append(schedule(day, rows, [name_of("disposition", disposition.value)]))
    return found


def _powers(day: LocalDay, isps: tuple[IspPower, ...]) -> list[DERCurveData]:
    return [nominal(day, isp, row.power_w) for row in isps for isp in range(row.start, row.start + row.duration)]


def message_of(dispatch: DERGroupDispatch) -> Flex:
    """The message that a dispatch made by `dispatch_of` was; ISPs one by one.

    Raises:
        BadInput: it is none of a request, offer or order, or lacks something of it; one sentence.
    """
    kind = _KINDS.get(dispatch.name or "")
    if kind is None:
        raise BadInput(f"DERGroupDispatch: name {dispatch.name!r}: expected one of {', '.join(_KINDS)}")
    said = texts(dispatch.names)
    given: dict[str, object] = dict(values(said, kind, _LEAVE))
    given["header"] = built(
        Header,
        values(said, Header, _OF_HEADER) | {"time_stamp": dispatch.created, "message_id": dispatch.m_rid},
    )
    given["congestion_point"] = dispatch.end_device_group.m_rid
    day = day_of(given)
    plans = [checked(plan, day) for plan in dispatch.dispatch_schedules]
    if kind is FlexOffer:
        given["options"] = tuple(_option(plan) for plan in plans)
    elif kind is FlexOrder:
        given["isps"] = tuple(row for plan in plans for row in _isps(plan))
    else:
        given["isps"] = tuple(sorted((row for plan in plans for row in _ranges(plan)), key=lambda row: row.start))
    return built(kind, given)


def _isps(plan: DispatchSchedule) -> list[IspPower]:
    return [IspPower(row.interval_number, watts(row.nominal_y_value)) for row in plan.curve_data]


def _option(plan: DispatchSchedule) -> OfferOption:
    said = values(texts(plan.names), OfferOption, ("isps",))
    return built(OfferOption, {**said, "isps": tuple(_isps(plan))})


def _ranges(plan: DispatchSchedule) -> list[RequestIsp]:
    text = texts(plan.names).get("disposition", "")
    if text not in list(Disposition):
        raise BadInput(f"DispatchSchedule: disposition {text!r}: expected one of {', '.join(Disposition)}")
    return [
        RequestIsp(row.interval_number, Disposition(text), watts(row.min_y_value), watts(row.max_y_value))
        for row in plan.curve_data
    ]
