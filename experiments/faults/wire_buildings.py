"""Nonsense from buildings: MQTT announcements and states, and what S2 managers describe themselves by."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

from cim.codec.codec import encode
from cim.model.readings import Kind, Quality
from devices.mqtt.address import broker_address
from devices.mqtt.building import Building
from devices.port.errors import DeviceError
from devices.s2.actuators import power_range
from devices.s2.machine import CemMachine
from devices.s2.operation import Setting
from devices.s2.pebc import largest_power_w
from devices.s2.rm_state import FRBC, OMBC, PEBC, PPBC
from devices.s2.session import MOST_W, Refused
from devices.simulators.gateway.announced_building import AnnouncedBuilding
from experiments.faults.wire_fuzz import believed, fuzzed, hear
from experiments.faults.wire_report import WireReport
from experiments.faults.wire_s2_frames import DESCRIBED, STEPS

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
_KINDS = (Kind.POWER, Kind.ENERGY_IMPORT, Kind.TEMPERATURE, Kind.HUMIDITY, Kind.OCCUPANCY)


class _Room:
    """What the simulated building that announces itself stands before."""

    temperature_c, level_min_c, level_max_c, set_c = 20.0, 18.0, 24.0, 21.0
    max_power_w, power_w, energy_import_wh, fill_rate_per_w = 3000.0, 500.0, 1000.0, 1e-7
    guarded = False
    target_w: float | None = None

    def usage_forecast(self, now: datetime) -> tuple[datetime, int, tuple[float, ...]]:
        """Even cooling."""
        return now, 900, (1e-4,) * 4


def fuzz_mqtt(frames: int, rng: random.Random, report: WireReport) -> int:
    """Fuzzed announcements and states; then what is read, and how a limit would be written, is asked for."""
    machine = AnnouncedBuilding("b", _Room())
    machine.start(NOW)
    said = [(topic, payload) for topic, payload, _ in map(json.loads, machine.attached())]
    address = broker_address("mqtt://127.0.0.1/homeassistant?rated=3000")
    building = Building("b", address)
    for number in range(frames):
        if number % 50 == 0:
            building = Building("b", address)
            for topic, payload in said:
                building.hear(topic, payload.encode(), False, NOW)
        topic, payload = rng.choice(said)
        try:
            frame = fuzzed(json.loads(payload), rng)
        except ValueError:  # online, offline
            frame = fuzzed(payload, rng)
        try:
            building.hear(topic, frame.encode(), rng.random() < 0.5, NOW)
            believed("MQTT", _readings(building), frame, report)
            _limit(building)
        except Exception as error:
            report.failures.append(f"MQTT: {type(error).__name__} ({error}) by {frame[:300]!r}")
    return frames


def _readings(building: Building) -> dict[Kind, float]:
    told: dict[Kind, float] = {}
    for kind in _KINDS:
        try:
            building.maker()
            reading = building.reading(kind, building.sensor(kind), NOW)
        except DeviceError:
            continue
        if reading.quality is Quality.GOOD:
            told[kind] = reading.value
    return told


def _limit(building: Building) -> None:
    try:
        limiter = building.limiter()
        limiter.payload(limiter.value(1500))
        limiter.told(building.state(limiter.entity) or "")
    except DeviceError:
        return


def fuzz_s2_descriptions(frames: int, rng: random.Random, report: WireReport) -> int:
    """Fuzzed descriptions and states of managers; then a target and a mode are asked for."""
    machine = CemMachine("rm")
    for number in range(frames):
        if number % 20 == 0:
            machine = CemMachine("rm", wanted=(rng.choice((FRBC, OMBC, PEBC, PPBC)),))
            machine.now = NOW
            machine.attached()
            for step in (*STEPS, *DESCRIBED):
                machine.receive(json.dumps(step))
        frame = fuzzed(rng.choice(DESCRIBED), rng)
        try:
            hear("S2 descriptions", machine.receive, frame, report)
            told = {kind: fresh.value for kind, fresh in machine.last.values.items() if fresh.told is Quality.GOOD}
            believed("S2 descriptions", told, frame, report)
            encode(machine.news.drain())  # what is told of it must cross to its agent
            _steered(machine)
        except Exception as error:
            report.failures.append(f"S2 descriptions: {type(error).__name__} ({error}) by {frame[:300]!r}")
    return frames


def _steered(machine: CemMachine) -> None:
    until = NOW + timedelta(minutes=15)
    try:
        match machine.control:
            case control if control in (FRBC, OMBC):
                _in_modes(machine, until)
            case control if control is PEBC:
                _within("limits", 0 if machine.constraints is None else largest_power_w(machine.constraints))
                machine.limit(1000, until)
            case control if control is PPBC:
                steps = () if machine.programme is None else machine.programme.steps
                _within("a programme", machine.forecast_peak_w or 0.0, *(watts for _, watts in steps))
                machine.start()
        machine.release()
        machine.released()
    except (Refused, DeviceError):
        return


def _in_modes(machine: CemMachine, until: datetime) -> None:
    if machine.control is OMBC:
        settings: list[Setting] | None = [machine.setting_at_most(1000, until)]
    else:
        _within("modes", *power_range(machine.steered()))
        settings = machine.settings(1000, until)
    if settings is not None:
        machine.returning(until)
        machine.instructed(settings, until)


def _within(what: str, *powers_w: float) -> None:
    if any(not abs(power) <= MOST_W for power in powers_w):
        raise AssertionError(f"{powers_w} W are believed of {what}")
