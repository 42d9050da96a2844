"""Each kind of violation alone, at the limit and beyond it, in the promised order, with the element's own value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.codec.codec import decode, encode
from environment.feeder.flow import FlowResult
from environment.feeder.limits import Limits, Violation, ViolationKind, violations

NODES, BRANCHES = ("bus", "near", "far"), ("trafo", "line")


def result(voltage_pu: list[list[float]], loading_pct: list[list[float]]) -> FlowResult:
    """A flow of three nodes and two branches with these voltages and loadings, one row for each instant."""
    count = len(voltage_pu)
    return FlowResult(
        np.array(voltage_pu, dtype=np.float64).reshape(count, 3), np.array(loading_pct, dtype=np.float64).reshape(count, 2),
        NODES, BRANCHES, np.zeros(count), np.zeros(count), np.zeros((count, 2)),
    )  # fmt: skip


SOUND_PU, SOUND_PCT = [1.0, 1.0, 1.0], [50.0, 50.0]
BELOW, ABOVE = float(np.nextafter(0.90, 0)), float(np.nextafter(1.10, 2))
BEYOND = float(np.nextafter(100.0, 200))


@pytest.mark.parametrize(
    ("voltage_pu", "loading_pct", "expected"),
    [
        ([0.90, 1.10, 1.0], [100.0, 0.0], ()),  # EN 50160's band and the rating belong to what is allowed
        ([1.0, ABOVE, 1.0], SOUND_PCT, (Violation("near", 0, ABOVE, 1.10, ViolationKind.OVERVOLTAGE),)),
        ([1.0, 1.0, BELOW], SOUND_PCT, (Violation("far", 0, BELOW, 0.90, ViolationKind.UNDERVOLTAGE),)),
        (SOUND_PU, [0.0, BEYOND], (Violation("line", 0, BEYOND, 100.0, ViolationKind.OVERLOAD),)),
        (SOUND_PU, [147.0, 30.0], (Violation("trafo", 0, 147.0, 100.0, ViolationKind.OVERLOAD),)),
        ([0.0, 1.0, 1.0], SOUND_PCT, (Violation("bus", 0, 0.0, 0.90, ViolationKind.UNDERVOLTAGE),)),
    ],
)
def test_each_kind_alone(voltage_pu: list[float], loading_pct: list[float], expected: tuple[Violation, ...]) -> None:
    """On the limit is within it, the next number beyond is not; the value told is the flow's, not rounded."""
    assert violations(result([voltage_pu], [loading_pct]), Limits()) == expected


def test_by_period_then_kind_then_place() -> None:
    """Overload, overvoltage, undervoltage within a period, each from the head of the feeder outwards; periods in order."""
    flow = result([[1.2, 0.8, 1.3], SOUND_PU, [1.2, 1.0, 0.7]], [[110.0, 120.0], [50.0, 101.0], SOUND_PCT])
    assert [(v.isp_index, v.kind.value, v.element) for v in violations(flow, Limits())] == [
        (0, "overload", "trafo"), (0, "overload", "line"), (0, "overvoltage", "bus"), (0, "overvoltage", "far"),
        (0, "undervoltage", "near"), (1, "overload", "line"), (2, "overvoltage", "bus"), (2, "undervoltage", "far"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "kind", "limit"),
    [
        ({"min_voltage_pu": 0.99}, ViolationKind.UNDERVOLTAGE, 0.99),
        ({"max_voltage_pu": 0.97}, ViolationKind.OVERVOLTAGE, 0.97),
        ({"max_loading_pct": 40.0}, ViolationKind.OVERLOAD, 40.0),
    ],
)
def test_each_limit_is_the_one_that_was_given(changed: dict[str, float], kind: ViolationKind, limit: float) -> None:
    """A limit drawn tighter breaks that kind alone, and the record carries the limit that counted."""
    flow = result([[0.98, 0.98, 0.98]], [SOUND_PCT])
    assert violations(flow, Limits()) == ()
    found = violations(flow, replace(Limits(), **changed))
    assert {(item.kind, item.limit) for item in found} == {(kind, limit)}
    assert len(found) == (2 if kind is ViolationKind.OVERLOAD else 3)
    assert decode(encode(found)) == found


def test_no_instants_break_nothing() -> None:
    """A flow of no instant has no violation."""
    assert violations(result([], []), Limits()) == ()


VOLTAGE = st.floats(0.7, 1.3)


@given(rows=st.lists(st.tuples(st.lists(VOLTAGE, min_size=3, max_size=3), st.lists(st.floats(0, 250), min_size=2, max_size=2)),
                     max_size=6), low=st.floats(0.8, 1.0), high=st.floats(1.0, 1.2), most=st.floats(10, 200))  # fmt: skip
def test_every_value_beyond_a_limit_is_told_once_and_no_other(
    rows: list[tuple[list[float], list[float]]], low: float, high: float, most: float
) -> None:
    """Against plain counting, value by value."""
    flow = result([voltages for voltages, _ in rows], [loadings for _, loadings in rows])
    found = violations(flow, Limits(low, high, most))
    expected = set()
    for index, (voltages, loadings) in enumerate(rows):
        expected |= {(n, index, v, low) for n, v in zip(NODES, voltages, strict=True) if v < low}
        expected |= {(n, index, v, high) for n, v in zip(NODES, voltages, strict=True) if v > high}
        expected |= {(b, index, v, most) for b, v in zip(BRANCHES, loadings, strict=True) if v > most}
    assert len(found) == len(expected)
    assert {(v.element, v.isp_index, v.value, v.limit) for v in found} == expected
    assert [v.isp_index for v in found] == sorted(v.isp_index for v in found)
