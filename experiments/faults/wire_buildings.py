"""Nonsense from buildings: MQTT announcements and states, and what S2 managers describe themselves by."""

from __future__ import annotations

import json
import random
import uuid
from datetime import UTC, datetime, timedelta

from cim.codec.codec import encode
from cim.model.readings import Kind, Quality
from devices.mqtt.address import broker_address
from devices.mqtt.building import Building
from devices.port.errors import DeviceError
from devices.s2.actuators import power_range
from devices.s2.machine import CemMachine
from devices.s2.operation import Setting
from devices.s2.rm_state import FRBC, OMBC, PEBC
from devices.s2.session import MOST_W, Refused
from devices.simulators.gateway.announced_building import AnnouncedBuilding
from experiments.faults.wire_fuzz import believed, fuzzed
from experiments.faults.wire_report import WireReport

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
_AT = "2026-05-20T12:00:00Z"
_KINDS = (Kind.POWER, Kind.ENERGY_IMPORT, Kind.TEMPERATURE, Kind.HUMIDITY, Kind.OCCUPANCY)
_IDS = [str(uuid.UUID(int=number)) for number in range(1, 12)]
_RANGE = {"start_of_range": 0.0, "end_of_range": 2000.0, "commodity_quantity": "ELECTRIC.POWER.L1"}
_LEVEL = {"start_of_range": 15.0, "end_of_range": 30.0}
_STEPS = (
    {"message_type": "Handshake", "message_id": _IDS[0], "role": "RM", "supported_protocol_versions": ["0.0.2-beta"]},
    {
        "message_type": "ResourceManagerDetails",
        "message_id": _IDS[1],
        "resource_id": _IDS[2],
        "roles": [{"role": "ENERGY_CONSUMER", "commodity": "ELECTRICITY"}],
        "instruction_processing_delay": 0,
        "available_control_types": ["FILL_RATE_BASED_CONTROL", "OPERATION_MODE_BASED_CONTROL"],
        "provides_forecast": False,
        "provides_power_measurement_types": ["ELECTRIC.POWER.L1"],
    },
)
_DESCRIBED = (
    {
        "message_type": "OMBC.SystemDescription",
        "message_id": _IDS[3],
        "valid_from": _AT,
        "operation_modes": [
            {"id": _IDS[4], "power_ranges": [_RANGE], "abnormal_condition_only": False},
            {"id": _IDS[5], "power_ranges": [{**_RANGE, "end_of_range": 0.0}], "abnormal_condition_only": False},
        ],
        "transitions": [
            {
                "id": _IDS[6],
                "from": _IDS[4],
                "to": _IDS[5],
                "start_timers": [],
                "blocking_timers": [_IDS[7]],
                "abnormal_condition_only": False,
            }
        ],
        "timers": [{"id": _IDS[7], "duration": 1000}],
    },
    {
        "message_type": "OMBC.Status",
        "message_id": _IDS[8],
        "active_operation_mode_id": _IDS[4],
        "operation_mode_factor": 0.5,
    },
    {"message_type": "OMBC.TimerStatus", "message_id": _IDS[9], "timer_id": _IDS[7], "finished_at": _AT},
    {
        "message_type": "FRBC.SystemDescription",
        "message_id": _IDS[10],
        "valid_from": _AT,
        "actuators": [
            {
                "id": _IDS[2],
                "supported_commodities": ["ELECTRICITY"],
                "operation_modes": [
                    {
                        "id": _IDS[4],
                        "abnormal_condition_only": False,
                        "elements": [
                            {
                                "fill_level_range": _LEVEL,
                                "fill_rate": {"start_of_range": 0.0, "end_of_range": 1e-4},
                                "power_ranges": [_RANGE],
                            }
                        ],
                    }
                ],
                "transitions": [],
                "timers": [],
            }
        ],
        "storage": {
            "fill_level_range": _LEVEL,
            "fill_level_label": "°C",
            "provides_leakage_behaviour": False,
            "provides_fill_level_target_profile": False,
            "provides_usage_forecast": True,
        },
    },
    {
        "message_type": "FRBC.ActuatorStatus",
        "message_id": _IDS[0],
        "actuator_id": _IDS[2],
        "active_operation_mode_id": _IDS[4],
        "operation_mode_factor": 0.5,
    },
    {"message_type": "FRBC.StorageStatus", "message_id": _IDS[1], "present_fill_level": 20.0},
)


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
            control = rng.choice((FRBC, OMBC))
            machine = CemMachine("rm", wanted=(control, PEBC))
            machine.now = NOW
            machine.attached()
            for step in (*_STEPS, *_DESCRIBED):
                machine.receive(json.dumps(step))
        frame = fuzzed(rng.choice(_DESCRIBED), rng)
        try:
            machine.receive(frame)
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
        if machine.control is OMBC:
            settings: list[Setting] | None = [machine.setting_at_most(1000, until)]
        else:
            if max(map(abs, power_range(machine.steered()))) > MOST_W:
                raise AssertionError(f"{machine.steered()} is taken for what it can run at")
            settings = machine.settings(1000, until)
        if settings is not None:
            machine.returning(until)
            machine.instructed(settings, until)
        machine.release()
        machine.released()
    except (Refused, DeviceError):
        return
