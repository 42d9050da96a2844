"""What every kind keeps to on any day and in any window: shapes, signs, energy, and answers that do not jump."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.dispatch.flexibility import Storable
from agents.planning.elements.element import ElementConfig, ElementKnowledge, PlanWindow
from agents.planning.elements.registry import ELEMENT_KINDS, element_kind
from agents.planning.elements.vehicle import owner_plan
from cim.codec.codec import decode, encode
from cim.model.devices import (
    DeviceKind,
    Programme,
    ProgrammeState,
    ThermalDescription,
    ThermalUsage,
    VehiclePlugged,
    WeatherForecast,
)
from cim.model.intervals import LocalDay
from tests.worlds.elements import DAY, unknown, window

KINDS = sorted(ELEMENT_KINDS)
DAYS = [date(2026, 5, 20), date(2026, 3, 29), date(2026, 10, 25)]  # 96, 92 and 100 quarter-hours
STATION = ElementConfig("s", DeviceKind.STATION, 0, 11_000)
HOUSE = ElementConfig("h", DeviceKind.GATEWAY, 0, 4_000)


def informed(kind: DeviceKind, day: LocalDay) -> ElementKnowledge:
    """An element of the kind whose prosumer knows all that there can be."""
    past = np.full(96, -3.0 if element_kind(kind).generates else 3.0)
    config = ElementConfig("e", kind, 10_000, 10_000, 8_000, -7_000, -3_000, (past,))
    return replace(
        unknown(config),
        weather=WeatherForecast(day.start, day.start, 900, tuple(np.linspace(0, 1, 100))),
        session=VehiclePlugged(20_000, 10_000, day.start + timedelta(hours=9), day.start),
        room=ThermalDescription(19.0, 23.0, 0, 4_000, 2.5e-8, datetime(2026, 1, 1, tzinfo=UTC)),
        usage=ThermalUsage(day.start, 900, (2.5e-5,) * 100, day.start),
        temperature_c=21.0,
        programme=Programme(
            identity="p",
            earliest=day.start,
            latest_end=day.start + timedelta(hours=10),
            steps=((1800, 2_000.0), (5400, 150.0)),
            state=ProgrammeState.READY,
            done_s=0,
            at=day.start,
        ),
        stored_kwh=4.0,
        metered_kw=np.where(np.arange(day.count) < 20, past[0] * 2, np.nan),
        held_kw=np.full(day.count, np.nan),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("on", DAYS)
@pytest.mark.parametrize("first", [1, 21, 92])
def test_a_forecast_is_a_whole_day_within_the_ratings(kind: DeviceKind, on: date, first: int) -> None:
    """One power for each ISP, also when the clocks change; generators generate, consumers consume, all within ratings."""
    day = LocalDay(on, "Europe/Vienna")
    rules = element_kind(kind)
    rest = np.sin(np.arange(day.count) / 7.0) * 5
    forecast = rules.forecast(informed(kind, day), PlanWindow(day, first, day.count, day.isp_start(first)), rest)
    assert forecast.shape == (day.count,)
    assert np.isfinite(forecast).all()
    assert (np.abs(forecast) <= 10.0 + 1e-9).all()
    if rules.generates:
        assert (forecast <= 0).all()
    elif rules.kind is not DeviceKind.BATTERY:
        assert (forecast >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_survives_the_wire(kind: DeviceKind) -> None:
    """A session's models are kept in its prosumer's state: what is read back answers the same."""
    known = informed(kind, DAY)
    rules = element_kind(kind)
    expected = rules.forecast(known, window(), np.linspace(-4, 4, DAY.count))
    model = rules.flexibility(known, expected, window(9, 40))
    assert model is not None
    again = decode(encode(model))
    target = np.linspace(-6, 6, 32)
    np.testing.assert_array_equal(again.respond(target, 0.2), model.respond(target, 0.2))
    assert again.element == model.element == "e"


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {DeviceKind.APPLIANCE}))
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), rho=st.floats(0.02, 2.0))
def test_answers_move_less_than_what_is_asked(kind: DeviceKind, seed: int, rho: float) -> None:
    """The answers to two targets differ by no more than the targets, and in their direction: rounds can settle.

    A proximal step is firmly non-expansive: |a - b|^2 <= (a - b) (target a - target b). An appliance's answer jumps from
    one start to another; why rounds settle all the same is in `test_elements_appliance`.
    """
    known, rules = informed(kind, DAY), element_kind(kind)
    expected = rules.forecast(known, window(), np.linspace(-4, 4, DAY.count))
    model = rules.flexibility(known, expected, window(9, 40))
    assert model is not None
    rng = np.random.default_rng(seed)
    here, there = rng.normal(size=32) * 5, rng.normal(size=32) * 5
    moved = model.respond(here, rho) - model.respond(there, rho)
    assert float(moved @ moved) <= float(moved @ (here - there)) + 1e-6


@settings(max_examples=40, deadline=None)
@given(
    energy_wh=st.integers(1_000, 60_000),
    stay_h=st.integers(1, 20),
    first=st.integers(1, 60),
    length=st.integers(4, 36),
    seed=st.integers(0, 1000),
)
def test_a_vehicle_gets_in_any_window_what_it_planned_to_get_in_it(
    energy_wh: int, stay_h: int, first: int, length: int, seed: int
) -> None:
    """Whatever is asked: the window's energy, never discharging, never above its power, nothing moved past its leaving."""
    session = VehiclePlugged(energy_wh, 22_000, DAY.start + timedelta(hours=stay_h), DAY.start)
    last = min(first + length - 1, DAY.count)
    span = window(first, last)
    known = replace(unknown(STATION), session=session)
    plan = owner_plan(known, span, np.zeros(DAY.count))
    model = element_kind(DeviceKind.STATION).flexibility(known, plan, span)
    if model is None:
        assert span.part(plan).sum() * 0.25 <= 0.1 + 1e-9
        return
    moved = model.respond(np.random.default_rng(seed).normal(size=last - first + 1) * 10, 0.3)
    power = span.part(plan) + moved
    assert (power >= -1e-9).all()
    assert (power <= 11.0 + 1e-9).all()
    assert moved.sum() == pytest.approx(0.0, abs=1e-5)
    gone = np.array([DAY.isp_start(isp + 1) > session.departure for isp in range(first, last + 1)])
    assert not moved[gone].any()


@settings(max_examples=40, deadline=None)
@given(temperature_c=st.floats(19.01, 22.99), seed=st.integers(0, 1000), power_kw=st.floats(0.0, 4.0))
def test_a_room_stays_comfortable_whatever_is_asked(temperature_c: float, seed: int, power_kw: float) -> None:
    """In a room that loses its warmth with 60 h, heated by its plan to make up for its usage: it never leaves its bounds."""
    room = ThermalDescription(19.0, 23.0, 0, 4_000, 2.5e-8, datetime(2026, 5, 20, tzinfo=UTC))
    usage = ThermalUsage(DAY.start, 900, (power_kw * 1000 * room.fill_rate_per_w,) * 96, DAY.start)
    known = replace(unknown(HOUSE), room=room, temperature_c=temperature_c, usage=usage)
    model = element_kind(DeviceKind.GATEWAY).flexibility(known, np.full(96, power_kw), window(1, 48))
    assert isinstance(model, Storable)
    moved = model.respond(np.random.default_rng(seed).normal(size=48) * 4, 0.3)
    warm_k, levels = temperature_c - 21.0, []
    for deviation in moved:
        warm_k = (warm_k + deviation * 0.25 * 3.6e6 * room.fill_rate_per_w) * np.exp(-0.25 / 60)
        levels.append(21.0 + warm_k)
    # what was moved loses its own warmth, too, which the model takes for kept: that brings it nearer to the middle
    assert 19.0 - 0.1 <= min(levels) <= max(levels) <= 23.0 + 0.1
    assert moved.sum() == pytest.approx(0.0, abs=1e-4)
    assert (power_kw + moved >= -1e-9).all()
    assert (power_kw + moved <= 4.0 + 1e-9).all()
