"""ReadingType codes (IEC 61968-9 annex C): read, checked field by field, built from names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from cim.model.reading_codes import MULTIPLIERS, PERIOD_S, UNITS
from cim.model.reading_type import FIELDS, ReadingType, build_reading_type, parse_reading_type, split_unit
from cim.model.readings import Kind, name_of

EXAMPLE = "0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0"


def _numbers() -> st.SearchStrategy[ReadingType]:
    def one(name: str) -> st.SearchStrategy[int]:
        allowed = dict(FIELDS)[name]
        return st.sampled_from(sorted(allowed)) if allowed else st.integers(0, 999)

    return st.tuples(*(one(name) for name, _ in FIELDS)).map(lambda numbers: ReadingType(*numbers))


def test_example_of_the_standard_is_read() -> None:
    """The example code is quarter-hourly kWh taken from the grid, as differences."""
    read = parse_reading_type(EXAMPLE)
    assert (read.kind_name, read.unit_name, read.flow, read.interval_s) == ("energy", "kWh", "forward", 900)
    assert read.factor == 1000
    assert read.names()["accumulation"] == "deltaData"
    assert str(read) == EXAMPLE


def test_example_is_built_from_names() -> None:
    """The same code comes from the words a person would use for it."""
    built = build_reading_type("energy", "kWh", interval_s=900, accumulation="deltaData", flow_direction="forward")
    assert built.code == EXAMPLE


@given(_numbers())
def test_code_and_type_are_the_same(reading_type: ReadingType) -> None:
    """Any type of the standard's numbers comes back from its code."""
    assert parse_reading_type(reading_type.code) == reading_type


@given(
    st.text(max_size=60)
    | st.lists(st.integers(-99_999, 99_999), min_size=17, max_size=19).map(lambda numbers: ".".join(map(str, numbers)))
)
def test_anything_else_is_refused_in_one_sentence(text: str) -> None:
    """A text is a ReadingType whose code is that number by number, or refused in one line."""
    try:
        said = parse_reading_type(text).code.split(".")
    except BadInput as refusal:
        said = [str(refusal)]
    if len(said) == 1:
        assert "\n" not in said[0]
        assert said[0].startswith("reading type")
    else:
        assert said == [str(int(part)) for part in text.split(".")]


@pytest.mark.parametrize("place", [i for i, (_, allowed) in enumerate(FIELDS) if allowed])
def test_refusal_names_the_field(place: int) -> None:
    """A number the standard does not list is refused with the field's name and place, whichever field it is."""
    parts = EXAMPLE.split(".")
    parts[place] = "999" if place != FIELDS.index(FIELDS[15]) else "4"
    with pytest.raises(BadInput, match=rf"{FIELDS[place][0]} \(field {place + 1}\)"):
        parse_reading_type(".".join(parts))


def test_currency_is_an_iso_number() -> None:
    """A currency above 999 is refused; the euro's 978 stands."""
    assert parse_reading_type("0.0.0.0.0.1.3.0.0.0.0.0.0.0.0.0.80.978").currency == 978
    with pytest.raises(BadInput, match="currency"):
        parse_reading_type("0.0.0.0.0.1.3.0.0.0.0.0.0.0.0.0.80.1000")


@given(st.sampled_from(sorted(set(PERIOD_S.values()))))
def test_interval_length_is_kept(interval_s: int) -> None:
    """A type built for an interval the standard has says just that length."""
    assert build_reading_type("energy", "Wh", interval_s=interval_s).interval_s == interval_s


def test_day_and_week_have_lengths_a_month_has_none() -> None:
    """Daily and weekly totals have an interval in seconds; a month's is not fixed and says 0."""
    daily, weekly, monthly = (
        build_reading_type("energy", "kWh", macro_period=period) for period in ("daily", "weekly", "monthly")
    )
    assert (daily.interval_s, weekly.interval_s, monthly.interval_s) == (86_400, 604_800, 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"kind": "enrgy", "unit": "Wh"}, "measurementKind is 'enrgy'"),
        ({"kind": "energy", "unit": "furlong"}, "unit 'furlong'"),
        ({"kind": "energy", "unit": "Wh", "flow": "net"}, "'flow' is no field"),
        ({"kind": "energy", "unit": "Wh", "tou": "peak"}, "tou is 'peak'"),
    ],
)
def test_wrong_names_are_refused(arguments: dict[str, str], said: str) -> None:
    """Building says which name is not the standard's."""
    with pytest.raises(BadInput, match=said):
        build_reading_type(**arguments)


def test_odd_interval_is_refused_with_those_there_are() -> None:
    """Seven minutes is no measuring period; the message lists what is."""
    with pytest.raises(BadInput, match="no measuring period has 420 s; the standard has 60, 120"):
        build_reading_type("energy", "Wh", interval_s=420)


@given(st.sampled_from(sorted(MULTIPLIERS)), st.sampled_from(["W", "Wh", "VAr", "VArh", "V", "A", "Hz", "ohm"]))
def test_prefix_and_unit_come_apart(power: int, unit: str) -> None:
    """Every prefix before an electrical unit is read as its power of ten."""
    read_power, number = split_unit(MULTIPLIERS[power] + unit)
    assert (read_power, UNITS[number]) == (power, unit)


def test_percent_is_a_hundredth() -> None:
    """Percent has no unit of its own in the standard: a hundredth of a plain number."""
    assert split_unit("%") == (-2, 0)
    assert parse_reading_type(Kind.STATE_OF_CHARGE.reading_type).factor == 0.01


def test_each_kind_of_reading_has_its_own_words() -> None:
    """Who sees a device's series side by side can tell them apart, and knows the name by which to ask for each."""
    told = {kind: parse_reading_type(kind.reading_type) for kind in Kind}
    assert {kind: f"{one.words} in {one.unit_word}" for kind, one in told.items()} == {
        Kind.POWER: "power net in W",
        Kind.REACTIVE_POWER: "power in VAr",
        Kind.ENERGY_IMPORT: "energy forward in Wh",
        Kind.ENERGY_EXPORT: "energy reverse in Wh",
        Kind.STORED_ENERGY: "energy indicating in Wh",
        Kind.STATE_OF_CHARGE: "energy indicating in %",
        Kind.TEMPERATURE: "temperature in degC",
        Kind.AVAILABLE_POWER: "maximum power net in W",
        Kind.VOLTAGE: "voltage in V",
        Kind.HUMIDITY: "air in %",
        Kind.OCCUPANCY: "status in status",
    }
    assert {kind: name_of(kind.reading_type) for kind in Kind} == {kind: kind.value for kind in Kind}
    assert name_of("0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0") == "0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0"


def test_each_kind_of_reading_has_its_own_code() -> None:
    """No two kinds share a code, so a code stored alone still says which value it was."""
    codes = [kind.reading_type for kind in Kind]
    assert len(set(codes)) == len(codes)
    units = {kind: parse_reading_type(kind.reading_type).unit_name for kind in Kind}
    assert (units[Kind.POWER], units[Kind.ENERGY_IMPORT], units[Kind.TEMPERATURE]) == ("W", "Wh", "degC")
    flows = {kind: parse_reading_type(kind.reading_type).flow for kind in Kind}
    assert (flows[Kind.ENERGY_IMPORT], flows[Kind.ENERGY_EXPORT]) == ("forward", "reverse")
    assert flows[Kind.POWER] == flows[Kind.AVAILABLE_POWER] == "net"
