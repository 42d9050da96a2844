"""`iles faults --wire`: nonsense, false names and double sessions do no harm, and what is broken is found."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest
import typer

from cim.mapping import s2
from cim.model.readings import Kind
from devices.dial_in import door
from devices.mqtt import building
from devices.s2.machine import CemMachine
from devices.s2.rm_state import FRBC, OMBC, PEBC, PPBC
from experiments.cli.faults import _spoiling
from experiments.faults import wire
from experiments.faults.wire import wire_faults
from experiments.faults.wire_buildings import fuzz_mqtt, fuzz_s2_descriptions
from experiments.faults.wire_fuzz import believed, fuzzed
from experiments.faults.wire_report import WireReport
from experiments.faults.wire_s2_frames import DESCRIBED, STEPS


def test_a_short_campaign_holds() -> None:
    """Some hundred frames of each protocol, impersonations and overlapping reconnects: nothing fails."""
    report = wire_faults(600, 14, 6, 1, lambda _: None, deaths=5, patience_s=0.3)
    assert report.failures == []
    assert report.tried["impersonations"] == 14
    assert [report.tried[f"OCPP {version} frames"] for version in ("1.6", "2.0.1", "2.1")] == [600] * 3


def test_frames_are_really_spoiled() -> None:
    """Nearly every frame differs from the true one, some are no JSON, and the same seed spoils the same."""
    frame = [2, "1", "MeterValues", {"evseId": 1, "meterValue": [{"timestamp": "t", "sampledValue": [{"value": 1}]}]}]
    made = [fuzzed(frame, random.Random(seed)) for seed in range(100)]
    assert len(set(made)) > 80
    assert made == [fuzzed(frame, random.Random(seed)) for seed in range(100)]
    many = random.Random(1)
    for _ in range(20_000):  # what replaces a field may be spoiled itself: that must not spoil what is replaced later
        fuzzed(frame, many)
    assert made == [fuzzed(frame, random.Random(seed)) for seed in range(100)]


def test_a_server_that_lets_anybody_in_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the check of the path's name gone, a station under another's name is found."""
    monkeypatch.setattr(door, "credentials", lambda _header, device: (device, "the secret of one"))
    report = wire_faults(10, 5, 2, 1, lambda _: None, deaths=0, patience_s=0.3)
    assert any("was let in at" in sentence for sentence in report.failures)


def test_a_failure_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing else is."""
    monkeypatch.setattr(wire, "wire_faults", lambda *_: WireReport(failures=["it did harm"]))
    with pytest.raises(typer.Exit) as ended:
        _spoiling(10, 1, json_=False)
    assert ended.value.exit_code == 1
    monkeypatch.setattr(wire, "wire_faults", lambda *_: WireReport())
    _spoiling(10, 1, json_=True)


def test_a_number_that_cannot_be_is_found() -> None:
    """Infinite, not a number, beyond all bounds."""
    report = WireReport()
    believed("OCPP", {Kind.POWER: float("nan"), Kind.ENERGY_IMPORT: 1e300, Kind.STATE_OF_CHARGE: 50.0}, "frame", report)
    assert len(report.failures) == 2


def test_true_frames_are_taken() -> None:
    """What is spoiled is a frame that would be taken: else only the outermost check of it would be tried."""
    machine = CemMachine("rm")
    machine.now = wire.NOW
    machine.attached()
    for frame in wire.S2:
        for answer in map(json.loads, machine.receive(json.dumps(frame))):
            assert answer.get("status", "OK") == "OK", (frame, answer)
    assert {kind: fresh.value for kind, fresh in machine.last.values.items()} == {
        Kind.POWER: 1500,
        Kind.TEMPERATURE: 20,
    }
    for control in (FRBC, OMBC, PEBC, PPBC):
        described = CemMachine("rm", wanted=(control,))
        described.now = wire.NOW
        described.attached()
        for frame in (*STEPS, *DESCRIBED):
            for answer in map(json.loads, described.receive(json.dumps(frame))):
                assert answer.get("status", "OK") == "OK", (frame, answer)
        assert described.ready or control is PPBC  # which has nothing to describe by itself


@pytest.mark.parametrize(
    ("room", "fuzz"),
    [(s2, fuzz_s2_descriptions), (building, fuzz_mqtt)],
)
def test_a_driver_without_bounds_fails(monkeypatch: pytest.MonkeyPatch, room: Any, fuzz: Any) -> None:
    """With the bounds of a protocol's values gone, numbers that cannot be are believed, and found."""
    report = WireReport()
    fuzz(1500, random.Random(1), report)
    assert report.failures == []
    monkeypatch.setattr(room, "_BOUNDS", dict.fromkeys(Kind, (-math.inf, math.inf)))
    fuzz(1500, random.Random(1), report)
    assert any("is taken for good" in sentence for sentence in report.failures)
