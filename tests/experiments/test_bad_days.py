"""Controllers that are killed and meters that die (`iles faults --wire`): what holds, and that what is broken is found."""

from __future__ import annotations

import asyncio
import random

import pytest

from agents.roles.device_agent import SetpointWriting
from devices.simulators.sunspec.control_functions import Running
from devices.sunspec import control
from experiments.faults.controller_kills import controller_kills
from experiments.faults.meter_deaths import dead_on_the_wire, meter_deaths
from experiments.faults.wire_report import WireReport


def test_a_killed_controller_leaves_nothing_that_stands() -> None:
    """Killed before any request: setpoints expire, plants keep their limits meanwhile, and then run by their own rule."""
    report = WireReport()
    controller_kills(30, random.Random(1), report)
    assert report.failures == []
    assert report.tried == {"controllers killed": 30}


def test_a_setpoint_that_does_not_expire_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """With devices whose reversion time does nothing, both what stands without an expiry and what outlives it are told."""
    monkeypatch.setattr(Running, "advance", lambda *_: None)
    report = WireReport()
    controller_kills(3, random.Random(1), report)
    assert any("still does" in sentence for sentence in report.failures)


def test_a_driver_that_enables_before_the_expiry_is_written_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of the writes is what keeps a killed controller's setpoint from standing for good."""
    rightly = control._plan

    def wrongly(*arguments: object) -> tuple[control.Write, ...]:
        *parameters, enabling = rightly(*arguments)  # type: ignore[arg-type]
        return (parameters[0], enabling, *parameters[1:])

    monkeypatch.setattr(control, "_plan", wrongly)
    report = WireReport()
    controller_kills(200, random.Random(1), report)
    assert any("does not expire" in sentence for sentence in report.failures)


def test_a_dead_meter_raises_nothing_and_stops_nobody() -> None:
    """Silent, busy, short, slow, without a power, bytes turned: never more than before, its own rule in time, others as told."""
    report = WireReport()
    meter_deaths(12, random.Random(2), report)
    assert report.failures == []


def test_an_agent_that_steers_blindly_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its rule against raising what it cannot see, the campaign says so."""
    monkeypatch.setattr(SetpointWriting, "_raises", lambda *_: False)
    report = WireReport()
    meter_deaths(8, random.Random(2), report)
    assert any("while nobody sees it" in sentence for sentence in report.failures)


def test_dead_meters_on_real_sockets_are_told_as_faults() -> None:
    """One that says nothing, one that hangs up, at once or late, and one that is not there: each is a fault, none hangs."""
    report = WireReport()
    asyncio.run(asyncio.wait_for(dead_on_the_wire(report, 0.2), 60))
    assert report.failures == []
    assert report.tried == {"meters dead on a socket": 4}
