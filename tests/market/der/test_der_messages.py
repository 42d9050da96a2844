"""Flexibility messages, prognoses, baselines and meter data as CIM trees and back: nothing is lost, nothing invented."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cim.model.der import DERGroupDispatch, DERGroupForecast, FlowDirectionKind
from cim.model.errors import BadInput
from cim.model.identified import Name, NameType
from cim.model.intervals import LocalDay
from cim.model.metering import MeterReading
from market.der import (
    baseline_of,
    dispatch_of,
    forecast_of_baseline,
    forecast_of_prognosis,
    message_of,
    meter_reading_of,
    metering_of,
    prognosis_of,
)
from market.uftp import (
    Disposition,
    DPrognosis,
    FlexOffer,
    FlexOrder,
    FlexRequest,
    Header,
    IspPower,
    Metering,
    MeteringProfile,
    OfferOption,
    RequestIsp,
)

VIENNA = "Europe/Vienna"
AT = datetime(2016, 5, 19, 12, tzinfo=UTC)
POINT = "ea1.2016-01.at.strem:mv-feeder"
HEADER = Header("dso.strem.example", "east.strem.example", AT, "m-1", "c-1")
WATTS = st.integers(-2_000_000, 2_000_000)
DAYS = st.sampled_from([date(2016, 5, 20), date(2016, 3, 27), date(2016, 10, 30)])  # also 92 and 100 ISPs
TEXT = st.text("abc-:. é", min_size=1, max_size=12)
MAYBE = st.none() | TEXT


def order(**changes: object) -> FlexOrder:
    """An order of two ISPs."""
    base = FlexOrder(
        HEADER, date(2016, 5, 20), POINT, "o-1", 12_345, "EUR", (IspPower(41, -5000), IspPower(42, 7000)), VIENNA
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@st.composite
def isp_powers(draw: st.DrawFn, count: int = 92) -> tuple[IspPower, ...]:
    """Powers at some ISPs, one by one."""
    numbers = sorted(draw(st.sets(st.integers(1, count), max_size=8)))
    return tuple(IspPower(number, draw(WATTS)) for number in numbers)


@st.composite
def orders(draw: st.DrawFn) -> FlexOrder:
    """Any order."""
    return order(
        period=draw(DAYS),
        isps=draw(isp_powers()),
        price=draw(st.integers(-(10**9), 10**9)),
        flex_offer_message_id=draw(MAYBE),
        option_reference=draw(MAYBE),
        activation_factor_pct=draw(st.integers(1, 100)),
        contract_id=draw(MAYBE),
        unsolicited=draw(st.booleans()),
    )


@st.composite
def offers(draw: st.DrawFn) -> FlexOffer:
    """Any offer of one to three options."""
    options = [
        OfferOption(f"o{n}", draw(st.integers(0, 10**8)), draw(isp_powers()), draw(st.integers(1, 100)))
        for n in range(draw(st.integers(1, 3)))
    ]
    return FlexOffer(
        HEADER,
        draw(DAYS),
        POINT,
        AT + timedelta(hours=1),
        tuple(options),
        "EUR",
        VIENNA,
        baseline_reference=draw(MAYBE),
    )


@st.composite
def requests(draw: st.DrawFn) -> FlexRequest:
    """Any request of at least one ISP."""
    numbers = sorted(draw(st.sets(st.integers(1, 92), min_size=1, max_size=8)))
    rows = []
    for number in numbers:
        low, high = sorted((draw(WATTS), draw(WATTS)))
        rows.append(RequestIsp(number, draw(st.sampled_from(Disposition)), low, high))
    return FlexRequest(
        HEADER, draw(DAYS), POINT, draw(st.integers(1, 9)), AT, tuple(rows), VIENNA, contract_id=draw(MAYBE)
    )


@settings(max_examples=40)
@given(orders() | offers() | requests())
def test_a_dispatch_holds_the_whole_message(message: FlexOrder | FlexOffer | FlexRequest) -> None:
    """A request, offer or order comes back from its dispatch with every field, through the dispatch's JSON too."""
    dispatch = dispatch_of(message)
    assert message_of(dispatch) == message
    assert message_of(DERGroupDispatch.model_validate_json(dispatch.model_dump_json())) == message


def test_an_order_is_a_curve_of_net_watts() -> None:
    """The 41st ISP of a Viennese summer day begins at 08:00 UTC; its value is the ordered change in watts, + = consumption."""
    plan = dispatch_of(order()).dispatch_schedules[0]
    first = plan.curve_data[0]
    assert (first.interval_number, first.time_stamp) == (41, datetime(2016, 5, 20, 8, tzinfo=UTC))
    assert first.nominal_y_value == -5000
    assert (plan.number_of_intervals, plan.time_interval_duration) == (96, 15)
    assert plan.der_monitorable_parameter.flow_direction is FlowDirectionKind.NET


def test_durations_are_unrolled() -> None:
    """Four ISPs joined in the message are four intervals, and come back as four ISPs of the same power."""
    back = message_of(dispatch_of(order(isps=(IspPower(10, 500, 4),))))
    assert isinstance(back, FlexOrder)
    assert back.isps == tuple(IspPower(n, 500) for n in range(10, 14))


def test_a_request_says_what_is_asked_and_what_room_there_is() -> None:
    """What is requested and what is available are two schedules, each of ranges."""
    rows = (RequestIsp(5, Disposition.REQUESTED, -100, 0), RequestIsp(6, Disposition.AVAILABLE, 0, 300))
    dispatch = dispatch_of(FlexRequest(HEADER, date(2016, 5, 20), POINT, 1, AT, rows, VIENNA))
    ranges = [(row.min_y_value, row.max_y_value) for plan in dispatch.dispatch_schedules for row in plan.curve_data]
    assert sorted(ranges) == [(-100, 0), (0, 300)]


@settings(max_examples=20)
@given(DAYS, st.data())
def test_a_forecast_holds_the_whole_prognosis(day: date, data: st.DataObject) -> None:
    """A D-Prognosis comes back from its forecast, on days of 92, 96 and 100 ISPs."""
    count = LocalDay(day, VIENNA).count
    power = tuple(data.draw(st.lists(WATTS, min_size=count, max_size=count)))
    message = DPrognosis(HEADER, day, POINT, 3, power, VIENNA)
    forecast = forecast_of_prognosis(message)
    assert prognosis_of(DERGroupForecast.model_validate_json(forecast.model_dump_json())) == message


def test_a_baseline_comes_back_with_its_day() -> None:
    """A baseline of 100 ISPs is a forecast of 100 intervals, and again the same day and watts; 96 values are refused."""
    day = LocalDay(date(2016, 10, 30), VIENNA)
    forecast = forecast_of_baseline("farm-1", day, range(100), m_rid="b", created=AT)
    assert baseline_of(forecast) == (day, tuple(range(100)))
    with pytest.raises(BadInput, match="has 96 values; expected 100"):
        forecast_of_baseline("farm-1", day, range(96), m_rid="b", created=AT)


@pytest.mark.parametrize(
    ("kind", "unit", "name", "flow"),
    [
        ("Power", "W", "W", "net"),
        ("ReactivePower", "var", "VAr", "none"),
        ("ImportEnergy", "Wh", "Wh", "forward"),
        ("ExportEnergy", "kWh", "kWh", "reverse"),
        ("Metered", "1", "", "none"),
    ],
)
def test_meter_data_is_a_tree_of_interval_blocks(kind: str, unit: str, name: str, flow: str) -> None:
    """Each profile is a block whose reading type says unit, flow and quarter-hour, and comes back as it was."""
    count = LocalDay(date(2016, 3, 27), VIENNA).count
    profiles = (MeteringProfile(kind, unit, tuple(range(count))), MeteringProfile("Power", "W", (7,) * count))
    message = Metering(HEADER, date(2016, 3, 27), "ean-1", 2, profiles, VIENNA)
    tree = meter_reading_of(message)
    read = tree.interval_blocks[0].reading_type
    assert (read.unit_name, read.flow, read.interval_s) == (name, flow, 900)
    assert metering_of(MeterReading.model_validate_json(tree.model_dump_json())) == message


def _named(message: FlexOrder, kind: str, text: str | None) -> DERGroupDispatch:
    """The dispatch with one of its names changed, or gone."""
    dispatch = dispatch_of(message)
    kept = tuple(name for name in dispatch.names if name.name_type.name != f"uftp:{kind}")
    changed = () if text is None else (Name(name=text, name_type=NameType(name=f"uftp:{kind}")),)
    return dispatch.model_copy(update={"names": kept + changed})


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("price", "much", "price is 'much', expected int"),
        ("price", None, "FlexOrder lacks a name"),
        ("sender_domain", None, "Header lacks a name"),
        ("period", None, "period or timezone is missing"),
        ("period", "20 May", "period is '20 May', expected date"),
        ("timezone", "Mars/Olympus", "expected an IANA time zone"),
        ("isp_minutes", "7", "does not divide an hour"),
        ("isp_minutes", "30", "expected intervals of 30 minutes"),
        ("unsolicited", "yes", "unsolicited is 'yes'"),
        ("activation_factor_pct", "101", "101 % is outside 1..100 %"),
    ],
)
def test_a_dispatch_that_is_no_message_is_refused(kind: str, text: str | None, said: str) -> None:
    """What a dispatch of others lacks or has wrong is said in one sentence."""
    with pytest.raises(BadInput, match=said) as caught:
        message_of(_named(order(), kind, text))
    assert "\n" not in str(caught.value)


def test_intervals_that_are_no_isps_are_refused() -> None:
    """An interval at another time, twice, beyond the day, in other units or of half watts is refused."""
    dispatch = dispatch_of(order())
    plan = dispatch.dispatch_schedules[0]
    first = plan.curve_data[0]
    reverse = plan.der_monitorable_parameter.model_copy(update={"flow_direction": FlowDirectionKind.REVERSE})
    for changed, said in [
        ({"curve_data": (first, first)}, "stands twice"),
        ({"curve_data": (first.model_copy(update={"time_stamp": AT}),)}, "is no ISP of 2016-05-20"),
        ({"curve_data": (first.model_copy(update={"interval_number": 97}),)}, "is no ISP"),
        ({"curve_data": (first.model_copy(update={"nominal_y_value": 0.5}),)}, "expected whole watts"),
        ({"der_monitorable_parameter": reverse}, "expected net active power in W"),
    ]:
        broken = dispatch.model_copy(update={"dispatch_schedules": (plan.model_copy(update=changed),)})
        with pytest.raises(BadInput, match=said):
            message_of(broken)


def test_a_name_twice_is_refused() -> None:
    """Two prices in one dispatch are one too many."""
    dispatch = dispatch_of(order())
    price = next(name for name in dispatch.names if name.name_type.name == "uftp:price")
    doubled = dispatch.model_copy(update={"names": (*dispatch.names, price)})
    with pytest.raises(BadInput, match="uftp:price stands twice"):
        message_of(doubled)


def test_other_kinds_are_refused() -> None:
    """A dispatch or forecast that is none of ours, and a meter reading without its names, are refused."""
    with pytest.raises(BadInput, match="expected one of FlexRequest, FlexOffer, FlexOrder"):
        message_of(dispatch_of(order()).model_copy(update={"name": "other"}))
    baseline = forecast_of_baseline("g", LocalDay(date(2016, 5, 20), VIENNA), range(96), m_rid="b", created=AT)
    with pytest.raises(BadInput, match="expected 'D-Prognosis'"):
        prognosis_of(baseline)
    plan = baseline.dispatch_schedules[0]
    shorter = plan.model_copy(update={"curve_data": plan.curve_data[1:]})
    with pytest.raises(BadInput, match="has 95 intervals"):
        baseline_of(baseline.model_copy(update={"dispatch_schedules": (shorter,)}))
    with pytest.raises(BadInput, match="Header lacks a name"):
        metering_of(MeterReading(meter="m"))


@pytest.mark.parametrize("seed", range(10))
def test_json_of_others_is_a_dispatch_or_refused(seed: int) -> None:
    """A dispatch's JSON with characters changed is refused by its shape or by its sentence, or is a message again."""
    draw = random.Random(seed)
    text = list(dispatch_of(order()).model_dump_json())
    for _ in range(3):
        text[draw.randrange(len(text))] = draw.choice('0123456789"{}[],:xZ-')
    try:
        outcome = type(message_of(DERGroupDispatch.model_validate_json("".join(text)))).__name__
    except (ValidationError, BadInput) as refused:
        outcome = type(refused).__name__
    assert outcome in ("FlexOrder", "FlexOffer", "FlexRequest", "ValidationError", "BadInput")
