"""What a dispatch, forecast or meter reading of others may say at its borders, and the sentence for what it may not."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.errors import BadInput
from cim.model.identified import Name, NameType
from cim.model.intervals import LocalDay
from market.der import dispatch_of, forecast_of_baseline, message_of, meter_reading_of, metering_of
from market.der.forecasts import baseline_of
from market.der.names import built, day_of, name_of, names_of, texts, values
from market.der.schedules import NET_WATTS, checked, nominal, ranged, schedule, watts
from market.uftp import IspPower, Metering, MeteringProfile
from tests.market.der.test_der_messages import AT, HEADER, POINT, VIENNA, order

DAY = LocalDay(date(2016, 5, 20), VIENNA)


@dataclass(frozen=True)
class Plain:
    """A record with a field of each type that a name carries."""

    text: str
    count: int
    flag: bool
    day: date
    at: datetime
    maybe: str | None = None
    most: int | None = None


PLAINS = st.builds(
    Plain,
    text=st.text(max_size=20),
    count=st.integers(),
    flag=st.booleans(),
    day=st.dates(),
    at=st.datetimes(timezones=st.just(UTC)),
    maybe=st.none() | st.text(max_size=5),
    most=st.none() | st.integers(),
)


@settings(max_examples=50)
@given(PLAINS, st.randoms(use_true_random=False))
def test_any_record_comes_back_from_its_names(record: Plain, draw: random.Random) -> None:
    """Texts, numbers, flags, days and instants are the same after the way through Names, in whichever order these stand."""
    names = list(names_of(record))
    draw.shuffle(names)
    assert built(Plain, values(texts(names), Plain)) == record


@given(PLAINS)
@settings(max_examples=20)
def test_what_is_not_set_is_not_named(record: Plain) -> None:
    """A field that says nothing has no Name; the others have one each, of a kind of ours with the field's name."""
    kinds = [name.name_type.name for name in names_of(record, leave=("text",))]
    unset = {field for field in ("maybe", "most") if getattr(record, field) is None}
    assert sorted(kinds) == sorted(f"uftp:{field}" for field in {"count", "flag", "day", "at", "maybe", "most"} - unset)


def test_names_of_others_are_passed_over() -> None:
    """A Name of a kind that is not ours is no fault, not even twice, and gives no field."""
    foreign = Name(name="x", name_type=NameType(name="text"))
    assert texts([foreign, foreign, name_of("text", "mine")]) == {"text": "mine"}


@pytest.mark.parametrize(
    ("field", "text", "kind"),
    [
        ("count", "many", "int"),
        ("count", "1.0", "int"),
        ("flag", "true", "bool"),
        ("flag", "1", "bool"),
        ("day", "2016-02-30", "date"),
        ("at", "noon", "datetime"),
        ("most", "", "int"),
    ],
)
def test_a_text_that_is_none_of_its_type_is_refused(field: str, text: str, kind: str) -> None:
    """The sentence names the field, what stood there, and which type was expected."""
    with pytest.raises(BadInput, match=f"^CIM names: {field} is '{text}', expected {kind}$"):
        values({field: text}, Plain)


def test_what_a_record_lacks_is_named() -> None:
    """A missing name is told by the field it is of, not by a traceback."""
    with pytest.raises(BadInput, match=r"^CIM names: Plain lacks a name \(1 required positional argument: 'at'\)$"):
        built(Plain, {"text": "a", "count": 1, "flag": True, "day": DAY.day})


@pytest.mark.parametrize("day", [date(1, 1, 1), date(9999, 12, 31), date(1, 12, 31), date(9999, 1, 1)])
def test_a_day_at_the_calendars_end_is_refused(day: date) -> None:
    """A day whose midnights no calendar has is one sentence, where a message of others names it as its period."""
    with pytest.raises(
        BadInput, match=f"^CIM names: period is {day.isoformat()}, expected a day of the years 2 to 9998$"
    ):
        day_of({"period": day, "timezone": VIENNA})
    names = [name for name in dispatch_of(order()).names if name.name_type.name != "uftp:period"]
    far = dispatch_of(order()).model_copy(update={"names": (*names, name_of("period", day))})
    with pytest.raises(BadInput, match="expected a day of the years 2 to 9998"):
        message_of(far)


@pytest.mark.parametrize("day", [date(2, 1, 1), date(9998, 12, 31)])
def test_the_days_just_within_have_96_quarters(day: date) -> None:
    """The first and the last day that there is are days like others."""
    assert day_of({"period": day, "timezone": VIENNA}).count == 96


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"timezone": VIENNA}, "period or timezone is missing"),
        ({"period": DAY.day}, "period or timezone is missing"),
        ({"period": DAY.day, "timezone": "Mars/Olympus"}, "expected an IANA time zone"),
        ({"period": DAY.day, "timezone": VIENNA, "isp_minutes": 7}, "7 does not divide an hour"),
        ({"period": DAY.day, "timezone": VIENNA, "isp_minutes": 0}, "0 does not divide an hour"),
    ],
)
def test_a_day_that_is_none_is_refused(given_: dict[str, object], said: str) -> None:
    """Period and zone must be said, the zone must exist, and ISPs must divide an hour."""
    with pytest.raises(BadInput, match=said):
        day_of(given_)


def test_a_day_is_cut_into_quarters_where_nothing_else_is_said() -> None:
    """Without `isp_minutes` ISPs are quarter-hours."""
    assert day_of({"period": DAY.day, "timezone": VIENNA}) == DAY


@pytest.mark.parametrize("value", [0, -0.0, 5, -5.0, 2.0**40])
def test_whole_watts_are_taken(value: float) -> None:
    """A whole number is watts, however it is written."""
    assert watts(value) == int(value)


@pytest.mark.parametrize("value", [None, 0.5, -1e-9, 1e6 + 0.25])
def test_what_are_no_whole_watts_is_refused(value: float | None) -> None:
    """Nothing, and a fraction of a watt, are no power of the market's."""
    with pytest.raises(BadInput, match=f"^DERCurveData: value {value}: expected whole watts$"):
        watts(value)


def test_a_schedule_stands_in_the_order_of_its_intervals() -> None:
    """Rows given in any order are a curve in time order, over the whole day."""
    plan = schedule(DAY, [nominal(DAY, 9, 1), ranged(DAY, 2, -1, 1), nominal(DAY, 5, 3)])
    assert [row.interval_number for row in plan.curve_data] == [2, 5, 9]
    assert (plan.start_time, plan.number_of_intervals, plan.time_interval_duration) == (DAY.start, 96, 15)
    assert checked(plan, DAY) is plan


def test_what_is_installed_does_not_matter_to_what_is_measured() -> None:
    """A parameter that also says how much is installed is still net watts."""
    said = NET_WATTS.model_copy(update={"y_unit_installed_max": 5e6, "y_unit_installed_min": 0.0})
    plan = schedule(DAY, [nominal(DAY, 1, 1)]).model_copy(update={"der_monitorable_parameter": said})
    assert checked(plan, DAY) is plan


def test_a_schedule_of_another_days_length_is_refused() -> None:
    """Half-hours are no quarter-hours, the last ISP of a long day is none of a short one, an hour later is another ISP."""
    halves = LocalDay(DAY.day, VIENNA, 30)
    with pytest.raises(BadInput, match="expected intervals of 15 minutes"):
        checked(schedule(halves, [nominal(halves, 1, 1)]), DAY)
    october, march = LocalDay(date(2016, 10, 30), VIENNA), LocalDay(date(2016, 3, 27), VIENNA)
    with pytest.raises(BadInput, match=r"interval 100 at 2016-10-30T22:45:00\+00:00 is no ISP of 2016-03-27"):
        checked(schedule(october, [nominal(october, 100, 1)]), march)
    row = nominal(DAY, 5, 1).model_copy(update={"time_stamp": DAY.isp_start(9)})
    with pytest.raises(BadInput, match=r"interval 5 at .* is no ISP of 2016-05-20 in Europe/Vienna"):
        checked(schedule(DAY, [row]), DAY)


@given(st.sampled_from([15, 30, 60]), st.data())
@settings(max_examples=15)
def test_orders_and_baselines_of_any_isp_length_come_back(minutes: int, data: st.DataObject) -> None:
    """Also where an ISP is half an hour or an hour: the same powers at the same ISPs."""
    day = LocalDay(date(2016, 10, 30), VIENNA, minutes)
    power_w = tuple(data.draw(st.lists(st.integers(-9999, 9999), min_size=day.count, max_size=day.count)))
    isps = tuple(IspPower(number, value) for number, value in enumerate(power_w, 1))
    message = order(isps=isps, isp_minutes=minutes, period=day.day)
    assert message_of(dispatch_of(message)) == message
    assert baseline_of(forecast_of_baseline(POINT, day, power_w, m_rid="b", created=AT)) == (day, power_w)


def test_an_order_of_no_isp_is_an_empty_curve() -> None:
    """An order that orders nothing comes back as such."""
    assert message_of(dispatch_of(order(isps=()))) == order(isps=())


def metering(values_: tuple[int, ...]) -> Metering:
    """Imported energy of a summer day."""
    profile = MeteringProfile("ImportEnergy", "kWh", values_)
    return Metering(HEADER, DAY.day, "ean-1", 1, (profile,), VIENNA)


def test_meter_data_stand_at_the_ends_of_their_isps() -> None:
    """The first value is stamped a quarter-hour after midnight, the last at the next midnight."""
    (block,) = meter_reading_of(metering(tuple(range(96)))).interval_blocks
    stamps = [row.time_stamp for row in block.interval_readings]
    assert (stamps[0] - DAY.start, stamps[-1]) == (DAY.isp, DAY.end)
    assert [row.value for row in block.interval_readings] == list(range(96))


def test_meter_data_of_another_count_are_refused_both_ways() -> None:
    """Ninety-five values of a day of 96 are no message's and no tree's."""
    with pytest.raises(BadInput, match="Metering ImportEnergy: has 95 values; expected 96"):
        meter_reading_of(metering((1,) * 95))
    tree = meter_reading_of(metering((1,) * 96))
    (block,) = tree.interval_blocks
    short = block.model_copy(update={"interval_readings": block.interval_readings[:-1]})
    with pytest.raises(BadInput, match="expected one value at the end of each of the 96 ISPs of 2016-05-20"):
        metering_of(tree.model_copy(update={"interval_blocks": (short,)}))


def test_two_profiles_keep_their_places() -> None:
    """Power beside energy: each block is named by its place, and taking one away is told."""
    both = replace(
        metering((1,) * 96),
        profiles=(MeteringProfile("Power", "W", (7,) * 96), MeteringProfile("ExportEnergy", "Wh", (8,) * 96)),
    )
    tree = meter_reading_of(both)
    assert metering_of(tree) == both
    names = tuple(name for name in tree.names if name.name_type.name != "uftp:profile_1")
    with pytest.raises(BadInput, match="profile_1 is missing in its names; expected its unit and type"):
        metering_of(tree.model_copy(update={"names": names}))
