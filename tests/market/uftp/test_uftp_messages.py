"""UFTP's frozen messages: run-length ISPs, activation, the checks every message undergoes, and element orders."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.settlement.elements import volume_amount
from market.uftp import (
    Disposition,
    DPrognosis,
    FlexOrder,
    Header,
    IspPower,
    Metering,
    MeteringProfile,
    OfferOption,
    RequestIsp,
    fault_of_isps,
    header_faults,
)

DAY = date(2026, 5, 20)
HEADER = Header("agr.example", "dso.example", datetime(2026, 5, 19, tzinfo=UTC), "m-1", "c-1")
POWERS = st.lists(st.integers(-3, 3), min_size=1, max_size=100)


def prognosis(powers: list[int]) -> DPrognosis:
    """A D-Prognosis of these powers."""
    return DPrognosis(HEADER, DAY, "ean.0000000000001", 1, tuple(powers), "Europe/Vienna")


@given(powers=POWERS)
def test_the_isps_of_a_prognosis_are_its_dense_values(powers: list[int]) -> None:
    """Unrolled again they give every value; they are gapless, without overlap, and no neighbour could be joined."""
    isps = prognosis(powers).isps
    assert [isp.power_w for isp in isps for _ in range(isp.duration)] == powers
    starts = [1, *[isp.start + isp.duration for isp in isps]]
    assert [isp.start for isp in isps] == starts[:-1]
    assert all(one.power_w != two.power_w for one, two in itertools.pairwise(isps))
    assert fault_of_isps([(isp.start, isp.duration) for isp in isps], len(powers)) is None


def test_a_flat_day_is_one_element() -> None:
    """100 equal quarter-hours are a single ISP element of duration 100."""
    assert prognosis([7] * 100).isps == (IspPower(1, 7, 100),)


@pytest.mark.parametrize(
    ("spans", "sentence"),
    [
        ([(0, 1)], "ISP: start 0 with duration 1 lies outside 1..96"),
        ([(96, 2)], "ISP: start 96 with duration 2 lies outside 1..96"),
        ([(1, 0)], "ISP: start 1 with duration 0 lies outside 1..96"),
        ([(1, 4), (4, 1)], "ISP: 4 is covered twice"),
        ([(9, 1), (3, 7)], "ISP: 9 is covered twice"),
        ([(5, 1), (5, 1)], "ISP: 5 is covered twice"),
    ],
)
def test_isps_outside_the_day_or_twice_are_named(spans: list[tuple[int, int]], sentence: str) -> None:
    """The RejectionReason says which ISP is wrong and why."""
    fault = fault_of_isps(spans, 96)
    assert fault is not None
    assert fault.startswith(sentence)


@given(data=st.data(), count=st.sampled_from([92, 96, 100]))
def test_a_fault_is_found_exactly_when_an_isp_is_outside_or_twice(data: st.DataObject, count: int) -> None:
    """Checked against plain counting, in any order of the spans."""
    spans = data.draw(st.lists(st.tuples(st.integers(-2, 103), st.integers(-1, 5)), max_size=6))
    covered = [isp for start, duration in spans for isp in range(start, start + duration)]
    sound = (
        all(duration >= 1 for _, duration in spans)
        and all(1 <= isp <= count for isp in covered)
        and len(set(covered)) == len(covered)
    )
    assert (fault_of_isps(spans, count) is None) == sound


def test_no_isps_are_no_fault() -> None:
    """An empty list neither leaves the day nor overlaps."""
    assert fault_of_isps([], 96) is None


def test_a_message_must_repeat_the_markets_isp_length_and_zone() -> None:
    """One sentence with what was sent and what was expected; None when both fit."""
    message = prognosis([1])
    assert header_faults(message, timezone="Europe/Vienna", isp_minutes=15) is None
    fault = header_faults(message, timezone="Europe/Vienna", isp_minutes=30)
    assert fault == "ISP-Duration: PT15M does not fit this market; expected PT30M"
    fault = header_faults(message, timezone="Europe/Madrid", isp_minutes=15)
    assert fault == "TimeZone: Europe/Vienna does not fit this market; expected Europe/Madrid"


@given(
    powers=st.lists(st.integers(-500_000, 500_000), min_size=1, max_size=8),
    price=st.integers(0, 10_000_000),
    factor=st.integers(1, 100),
)
def test_activation_scales_powers_and_price(powers: list[int], price: int, factor: int) -> None:
    """Factor times what is offered, each rounded once (half to even) and exactly; the whole stays the whole."""
    isps = tuple(IspPower(2 * k + 1, power, 2) for k, power in enumerate(powers))
    option = OfferOption("o", price, isps, 1)
    part_price, part = option.activated(factor)
    assert part_price == round(Fraction(price * factor, 100))
    assert [row.power_w for row in part] == [round(Fraction(power * factor, 100)) for power in powers]
    assert [(row.start, row.duration) for row in part] == [(row.start, row.duration) for row in isps]
    assert option.activated(100) == (price, isps)


def test_half_a_watt_is_rounded_to_the_even_one() -> None:
    """1 W and 3 W at one half: 0 W and 2 W, in both directions."""
    isps = tuple(IspPower(k + 1, power) for k, power in enumerate((1, 3, -1, -3)))
    price, rows = OfferOption("o", 5, isps, 1).activated(50)
    assert price == 2
    assert [row.power_w for row in rows] == [0, 2, 0, -2]


@pytest.mark.parametrize("factor", [0, -1, 101])
def test_factors_outside_the_standards_range_are_refused(factor: int) -> None:
    """0.01..1.00, of an offer's minimum and of an order's activation, with the element's name."""
    with pytest.raises(BadInput, match=rf"MinActivationFactor: {factor} %"):
        OfferOption("o", 1, (), factor)
    with pytest.raises(BadInput, match=rf"ActivationFactor: {factor} %"):
        FlexOrder(HEADER, DAY, "ean.1", "r", 1, "EUR", (), "Europe/Vienna", activation_factor_pct=factor)


def test_a_request_whose_range_is_empty_is_refused() -> None:
    """MinPower above MaxPower names the ISP and both values; equal is a point, and fine."""
    assert RequestIsp(3, Disposition.REQUESTED, 5, 5).min_power_w == 5
    with pytest.raises(BadInput, match="ISP 3: MinPower 6 W exceeds MaxPower 5 W"):
        RequestIsp(3, Disposition.REQUESTED, 6, 5)


def test_a_metering_profile_is_found_by_its_type() -> None:
    """The first of that type, or None."""
    power = MeteringProfile("Power", "kW", (1, 2))
    metering = Metering(HEADER, DAY, "EAN1", 1, (power,), "Europe/Vienna")
    assert metering.profile("Power") is power
    assert metering.profile("ImportEnergy") is None


@given(
    rows=st.lists(st.tuples(st.integers(-100_000, 100_000), st.integers(1, 4)), max_size=6),
    price=st.integers(0, 100_000),
    minutes=st.sampled_from([15, 30, 60]),
)
def test_a_volume_is_worth_its_energy_rounded_once(rows: list[tuple[int, int]], price: int, minutes: int) -> None:
    """Magnitudes of all ISPs with their durations, exactly, then one rounding half to even."""
    isps = [IspPower(k + 1, power, duration) for k, (power, duration) in enumerate(rows)]
    kwh = Fraction(sum(abs(power) * duration for power, duration in rows) * minutes, 60_000)
    assert volume_amount(isps, price, minutes) == round(kwh * price)


def test_half_a_ten_thousandth_is_rounded_to_the_even_one() -> None:
    """2 W for a quarter-hour at 1000 per kWh is 0.5, which is 0; three times as much is 1.5, which is 2."""
    assert volume_amount([IspPower(1, 2)], 1000, 15) == 0
    assert volume_amount([IspPower(1, -6)], 1000, 15) == 2
