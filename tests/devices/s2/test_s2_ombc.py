"""OMBC as its CEM: a manager of modes with transitions and timers, and on/off devices under FRBC."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cim.model.devices import Mode, Setpoint
from cim.model.errors import BadInput
from cim.model.readings import Kind
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.s2.driver import GatewayPort

NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
WATTS = {"normal": 2000.0, "eco": 800.0, "off": 0.0, "boost": 3000.0}
IDS = {name: str(uuid.uuid5(uuid.NAMESPACE_OID, name)) for name in (*WATTS, "timer", "actuator")}
NAMES = {value: name for name, value in IDS.items()}


def message(kind: str, **fields: Any) -> dict[str, Any]:
    """One message of the manager."""
    return {"message_type": kind, "message_id": str(uuid.uuid4()), **fields}


def power(*ends: float) -> list[dict[str, Any]]:
    """A power range; one number is both ends."""
    return [{"start_of_range": ends[0], "end_of_range": ends[-1], "commodity_quantity": "ELECTRIC.POWER.L1"}]


def way(start: str, end: str, *, blocked: bool = False, starts: bool = False) -> dict[str, Any]:
    """A transition, which the timer (of 600 s) may block, and which may start it."""
    timers, begun = ([IDS["timer"]] if on else [] for on in (blocked, starts))
    return {"id": str(uuid.uuid4()), "from": IDS[start], "to": IDS[end], "start_timers": begun, "blocking_timers": timers,
            "abnormal_condition_only": False}  # fmt: skip


class Manager:
    """A resource manager by hand: OMBC with its modes, or FRBC with one mode for each of `modes`.

    Args:
        modes: by name, watts; the first one runs at the start.
        ways: its transitions.
        heedless: it says that it started, and stays in its mode.
    """

    def __init__(self, modes: dict[str, Any], ways: list[dict[str, Any]], control: str = "OPERATION_MODE_BASED_CONTROL",
                 heedless: bool = False) -> None:  # fmt: skip
        self.active, self.modes, self._ways, self._control = next(iter(modes)), modes, ways, control
        self.heedless, self.timer_over, self.now = heedless, NOW - QUARTER, NOW
        self.refuses: list[tuple[str, datetime]] = []  # the mode and the instant of what it rejects
        self.instructed: list[tuple[str, datetime]] = []
        self.revoked: list[str] = []
        self._names: dict[str, str] = {}
        self._to_say: list[dict[str, Any]] = []

    async def exchange(self, device: str, frames: list[str]) -> list[str]:
        """See `FrameLink`."""
        back: list[dict[str, Any]] = []
        for said in map(json.loads, frames):
            if said["message_type"] == "ReceptionStatus":
                assert said["status"] == "OK", said
                continue
            back.append({"message_type": "ReceptionStatus", "subject_message_id": said["message_id"], "status": "OK"})
            back += self._answers(said)
        return [json.dumps(one) for one in back]

    def _answers(self, said: dict[str, Any]) -> list[dict[str, Any]]:
        match said["message_type"]:
            case "Handshake":
                return [message("Handshake", role="RM", supported_protocol_versions=["0.0.2-beta"])]
            case "HandshakeResponse":
                return [
                    message("ResourceManagerDetails", resource_id=str(uuid.uuid4()), name="modes",
                            roles=[{"role": "ENERGY_CONSUMER", "commodity": "ELECTRICITY"}], instruction_processing_delay=0,
                            available_control_types=[self._control], provides_forecast=False,
                            provides_power_measurement_types=["ELECTRIC.POWER.L1"])
                ]  # fmt: skip
            case "SelectControlType":
                return self._described() if said["control_type"] == self._control else []
            case "RevokeObject":
                self.revoked.append(self._names[said["object_id"]])
            case "OMBC.Instruction" | "FRBC.Instruction":
                return self._instructed(said)
        return []

    def _described(self) -> list[dict[str, Any]]:
        measured = message("PowerMeasurement", measurement_timestamp=NOW.isoformat(),
                           values=[{"commodity_quantity": "ELECTRIC.POWER.L1", "value": 2000}])  # fmt: skip
        timers = [{"id": IDS["timer"], "duration": 600_000}]
        if self._control == "FILL_RATE_BASED_CONTROL":
            level = {"start_of_range": 15, "end_of_range": 30}
            modes = [
                {"id": IDS[name], "diagnostic_label": name, "abnormal_condition_only": False, "elements": [
                    {"fill_level_range": level, "fill_rate": {"start_of_range": 1e-7 * watts, "end_of_range": 1e-7 * watts},
                     "power_ranges": power(watts)}]}
                for name, watts in self.modes.items()
            ]  # fmt: skip
            actuator = {"id": IDS["actuator"], "supported_commodities": ["ELECTRICITY"], "operation_modes": modes,
                        "transitions": self._ways, "timers": timers}  # fmt: skip
            storage = {"fill_level_range": level, "fill_level_label": "°C", "provides_leakage_behaviour": False,
                       "provides_fill_level_target_profile": False, "provides_usage_forecast": False}  # fmt: skip
            return [
                message("FRBC.SystemDescription", valid_from=NOW.isoformat(), actuators=[actuator], storage=storage),
                message("FRBC.TimerStatus", actuator_id=IDS["actuator"], timer_id=IDS["timer"],
                        finished_at=self.timer_over.isoformat()),
                self._status(), measured, message("FRBC.StorageStatus", present_fill_level=20),
            ]  # fmt: skip
        modes = [
            {"id": IDS[name], "diagnostic_label": name, "power_ranges": power(*watts) if isinstance(watts, tuple) else power(watts),
             "abnormal_condition_only": name == "boost"}
            for name, watts in self.modes.items()
        ]  # fmt: skip
        return [
            message("OMBC.SystemDescription", valid_from=NOW.isoformat(), operation_modes=modes,
                    transitions=self._ways, timers=timers),
            message("OMBC.TimerStatus", timer_id=IDS["timer"], finished_at=self.timer_over.isoformat()),
            self._status(), measured,
        ]  # fmt: skip

    def _status(self) -> dict[str, Any]:
        mode = {"active_operation_mode_id": IDS[self.active], "operation_mode_factor": 0}
        if self._control == "FILL_RATE_BASED_CONTROL":
            return message("FRBC.ActuatorStatus", actuator_id=IDS["actuator"], **mode)
        return message("OMBC.Status", **mode)

    def _instructed(self, said: dict[str, Any]) -> list[dict[str, Any]]:
        name, at = (
            NAMES[said.get("operation_mode_id", said.get("operation_mode"))],
            datetime.fromisoformat(said["execution_time"]),
        )
        if (name, at) in self.refuses:
            return [message("InstructionStatusUpdate", instruction_id=said["id"], timestamp=NOW.isoformat(),
                            status_type="REJECTED")]  # fmt: skip
        self.instructed.append((name, at))
        self._names[said["id"]] = name
        begins = at <= self.now
        told = [message("InstructionStatusUpdate", instruction_id=said["id"], timestamp=NOW.isoformat(),
                        status_type="STARTED" if begins else "ACCEPTED")]  # fmt: skip
        if begins:
            self.active = self.active if self.heedless else name
            told.append(self._status())
        return told


class Unchecked(Manager):
    """The same, and what it is refused is kept."""

    refusals: list[str] = []  # noqa: RUF012 - of the last one

    async def exchange(self, device: str, frames: list[str]) -> list[str]:
        """See `FrameLink`."""
        said = [json.loads(one) for one in frames]
        refused = [one for one in said if one["message_type"] == "ReceptionStatus" and one["status"] != "OK"]
        Unchecked.refusals = [*Unchecked.refusals, *(one["diagnostic_label"] for one in refused)]
        return await super().exchange(device, [json.dumps(one) for one in said if one not in refused])


def everywhere(*names: str) -> list[dict[str, Any]]:
    """Transitions from each to each other."""
    return [way(a, b) for a in names for b in names if a != b]


def opened(manager: Manager) -> GatewayPort:
    """A driver of it."""
    port = GatewayPort("gw", link=manager)
    plate = asyncio.run(port.open(NOW))
    assert plate.max_consumption_w == 2000
    return port


@pytest.mark.parametrize(
    ("setpoint", "mode"), [(2500, "normal"), (2000, "normal"), (1999, "eco"), (800, "eco"), (0, "off")]
)
@pytest.mark.parametrize("kind", [Mode.LIMIT, Mode.TARGET])
def test_the_mode_that_draws_the_most_within_a_limit_is_taken(kind: Mode, setpoint: int, mode: str) -> None:
    """Never one above it, never one for emergencies; with its return to the mode that ran at the start, sent first."""
    manager = Manager(WATTS, everywhere(*WATTS))
    port = opened(manager)
    asyncio.run(port.command(Setpoint(kind, setpoint), NOW + QUARTER, NOW))
    assert manager.instructed == [("normal", NOW + QUARTER), (mode, NOW)]
    assert manager.active == mode
    asyncio.run(port.command(Setpoint(kind, setpoint), NOW + 2 * QUARTER, NOW))
    assert manager.revoked == ["normal"]  # the return that was to come is taken away, the later one stands
    asyncio.run(port.release(NOW))
    assert (manager.active, manager.instructed[-1]) == ("normal", ("normal", NOW))


def test_a_mode_with_a_range_runs_at_the_limit() -> None:
    """Its factor follows from the range."""
    for ends, wanted, factor in (
        ((500.0, 2000.0), 1250, 0.5),
        ((500.0, 2000.0), 500, 0.0),
        ((0.0, 2000.0), 9000, 1.0),
    ):
        manager = Manager({"normal": ends}, [])
        port = opened(manager)
        frames: list[str] = []
        exchange = manager.exchange

        async def noted(device: str, said: list[str], frames: Any = frames, exchange: Any = exchange) -> list[str]:
            frames.extend(said)
            return await exchange(device, said)

        manager.exchange = noted  # type: ignore[method-assign]
        asyncio.run(port.command(Setpoint(Mode.LIMIT, wanted), NOW + QUARTER, NOW))
        last = [one for one in map(json.loads, frames) if one["message_type"] == "OMBC.Instruction"][-1]
        assert last["operation_mode_factor"] == pytest.approx(factor)


def test_what_cannot_be_reached_or_left_is_not_commanded() -> None:
    """No way there, a timer that runs, or no way back: a sentence that names the modes, and no instruction."""
    ways = {
        "no way there": [way("eco", "normal")],
        "no way back": [way("normal", "eco")],
        "a timer runs": [way("normal", "eco", blocked=True), way("eco", "normal")],
    }
    for why, known in ways.items():
        manager = Manager({"normal": 2000.0, "eco": 800.0}, known)
        manager.timer_over = NOW + QUARTER if why == "a timer runs" else NOW
        port = opened(manager)
        with pytest.raises(
            DeviceFault, match=r"at most 1000 W can be reached now and left again; .*normal \(2000 W\), eco"
        ):
            asyncio.run(port.command(Setpoint(Mode.LIMIT, 1000), NOW + QUARTER, NOW))
        assert manager.instructed == []
    manager = Manager({"normal": 2000.0, "eco": 800.0}, ways["a timer runs"])
    asyncio.run(opened(manager).command(Setpoint(Mode.LIMIT, 1000), NOW + QUARTER, NOW))
    assert manager.active == "eco"


def test_a_limit_is_asked_for_only_once_its_end_is_taken() -> None:
    """The return is rejected: the device is left as it is; a former limit and its end stand as they did."""
    manager = Manager(WATTS, everywhere(*WATTS))
    port = opened(manager)
    asyncio.run(port.command(Setpoint(Mode.LIMIT, 900), NOW + QUARTER, NOW))
    manager.refuses = [("normal", NOW + 2 * QUARTER)]
    with pytest.raises(DeviceFault, match="answered REJECTED to the end of limit 0 W"):
        asyncio.run(port.command(Setpoint(Mode.LIMIT, 0), NOW + 2 * QUARTER, NOW))
    assert manager.instructed == [("normal", NOW + QUARTER), ("eco", NOW)]
    assert manager.revoked == []


def test_a_release_that_is_rejected_leaves_the_scheduled_end() -> None:
    """What would end the limit is taken away only after the release was taken; both returns are, at the next command."""
    manager = Manager(WATTS, everywhere(*WATTS))
    port = opened(manager)
    asyncio.run(port.command(Setpoint(Mode.LIMIT, 900), NOW + QUARTER, NOW))
    manager.refuses = [("normal", NOW)]
    with pytest.raises(DeviceFault, match="answered REJECTED to release"):
        asyncio.run(port.release(NOW))
    assert (manager.active, manager.revoked) == ("eco", [])
    manager.refuses = []
    asyncio.run(port.release(NOW))
    assert (manager.active, manager.revoked) == ("normal", ["normal"])


@pytest.mark.parametrize("control", ["OPERATION_MODE_BASED_CONTROL", "FILL_RATE_BASED_CONTROL"])
def test_no_transition_is_asked_for_while_its_timer_runs(control: str) -> None:
    """Going to eco starts a timer of ten minutes that blocks the way back: a shorter limit is refused, a release waits for it."""
    ways = [
        way("normal", "eco", starts=True),
        way("eco", "normal", blocked=True),
        way("normal", "off"),
        way("off", "normal"),
    ]
    modes = {"normal": 2000.0, "eco": 800.0, "off": 0.0}
    kind = Mode.LIMIT if control.startswith("OPERATION") else Mode.TARGET
    manager = Manager(modes, ways, control)
    port = opened(manager)
    over = NOW + timedelta(minutes=10)
    if kind is Mode.LIMIT:
        asyncio.run(port.command(Setpoint(kind, 900), over - timedelta(seconds=1), NOW))
        assert manager.active == "off"  # it could not be out of eco again by then
        asyncio.run(port.release(NOW))
    else:
        with pytest.raises(BadInput, match="800 W is outside"):
            asyncio.run(port.command(Setpoint(kind, 800), over - timedelta(seconds=1), NOW))
    asyncio.run(port.command(Setpoint(kind, 800), over, NOW))
    assert manager.active == "eco"
    manager.instructed.clear()
    asyncio.run(port.release(NOW))
    assert (manager.active, manager.instructed) == ("eco", [("normal", over)])
    manager.now = over
    asyncio.run(port.release(over))
    assert (manager.active, manager.instructed) == ("normal", [("normal", over), ("normal", over)])


def test_a_release_goes_back_to_the_mode_that_ran_before() -> None:
    """Where no mode is labelled as its own rule: the one that it took by itself last, not the one in which it was met."""
    manager = Manager(WATTS, everywhere(*WATTS))
    port = opened(manager)
    manager.active = "eco"
    port._machine.receive(json.dumps(manager._status()))
    asyncio.run(port.command(Setpoint(Mode.LIMIT, 0), NOW + QUARTER, NOW))
    port._machine.receive(json.dumps(manager._status()))  # told again, while ours holds it
    asyncio.run(port.release(NOW))
    assert (manager.active, manager.instructed) == ("eco", [("eco", NOW + QUARTER), ("off", NOW), ("eco", NOW)])
    port._machine.now = NOW + QUARTER
    port._machine.receive(json.dumps({**manager._status(), "active_operation_mode_id": IDS["off"]}))
    assert port._machine.operation.own_rules[None][0] == uuid.UUID(
        IDS["eco"]
    )  # a late word of our limit is no rule of its own


def test_a_mode_that_is_labelled_so_is_the_one_to_go_back_to() -> None:
    """Whatever it ran in when it was met; found in another, it is taken for steered by somebody else first."""
    names = {"eco": 800.0, "thermostat": 2000.0, "off": 0.0}
    IDS.setdefault("thermostat", str(uuid.uuid5(uuid.NAMESPACE_OID, "thermostat")))
    NAMES[IDS["thermostat"]] = "thermostat"
    manager = Manager(names, everywhere(*names))
    port = opened(manager)
    asyncio.run(port.command(Setpoint(Mode.LIMIT, 0), NOW + QUARTER, NOW))
    asyncio.run(port.release(NOW))
    assert manager.instructed == [("thermostat", NOW + QUARTER), ("off", NOW), ("thermostat", NOW)]


@pytest.mark.parametrize(
    ("duration", "shown"), [(10**9, "1e+09"), (10**300, "1e+300"), ("9" * 400, "a number beyond a float")]
)
def test_a_timer_of_a_year_is_refused_with_its_description(duration: object, shown: str) -> None:
    """It is told back by its number, and no arithmetic is done with it."""
    manager = Unchecked({"normal": 2000.0}, [])
    described = manager._described()
    described[0]["timers"][0]["duration"] = duration
    manager._described = lambda: described  # type: ignore[method-assign]
    with pytest.raises(DeviceUnreachable):
        asyncio.run(GatewayPort("gw", link=manager, timeout_s=0.1).open(NOW))
    assert any(f"timer: {shown}; expected 0 to 6.048e+08" in one for one in Unchecked.refusals)


def test_a_manager_that_stays_in_its_mode_is_a_fault() -> None:
    """It says STARTED and its status says otherwise."""
    port = opened(Manager(WATTS, everywhere(*WATTS), heedless=True))
    with pytest.raises(DeviceFault, match="reads back another operation mode"):
        asyncio.run(port.command(Setpoint(Mode.LIMIT, 900), NOW + QUARTER, NOW))


@pytest.mark.parametrize("control", ["OPERATION_MODE_BASED_CONTROL", "FILL_RATE_BASED_CONTROL"])
def test_a_power_that_nothing_has_is_refused_with_its_description(control: str) -> None:
    """A mode of 1e300 W is told back by its number, and never becomes a rating."""
    port = GatewayPort("gw", link=Unchecked({"normal": 2000.0, "eco": 1e300}, [], control), timeout_s=0.1)
    with pytest.raises((DeviceFault, DeviceUnreachable)):
        asyncio.run(port.open(NOW))
    answers = Unchecked.refusals
    assert any("SystemDescription: power range: 1e+300; expected -1e+08 to 1e+08" in one for one in answers), answers


def test_modes_take_no_power_back() -> None:
    """Generation is not limited by modes of consumption; a START is for appliances."""
    port = opened(Manager(WATTS, everywhere(*WATTS)))
    with pytest.raises(BadInput, match="-5 W does not fit OMBC"):
        asyncio.run(port.command(Setpoint(Mode.LIMIT, -5), NOW + QUARTER, NOW))
    with pytest.raises(BadInput, match="is for appliances"):
        asyncio.run(port.command(Setpoint(Mode.START, 5), NOW + QUARTER, NOW))


def test_modes_that_are_taken_back_cannot_be_commanded() -> None:
    """After a RevokeObject of its description the driver has nothing to choose from, and says so."""
    manager = Manager(WATTS, everywhere(*WATTS))
    port = opened(manager)
    revoke = message("RevokeObject", object_type="OMBC.SystemDescription", object_id=str(uuid.uuid4()))
    port._machine.receive(json.dumps(revoke))
    manager._described = list  # type: ignore[method-assign]
    with pytest.raises(DeviceUnreachable):
        asyncio.run(port.command(Setpoint(Mode.LIMIT, 900), NOW + QUARTER, NOW))


@pytest.mark.parametrize("first", ["off", "normal"])
def test_a_device_that_is_on_or_off_takes_what_it_can_run_at(first: str) -> None:
    """Under FRBC, one mode a power: each exact one is taken, others are refused by naming those; nothing is planned of it."""
    modes = {first: WATTS[first], **{name: WATTS[name] for name in ("off", "normal") if name != first}}
    manager = Manager(modes, [], "FILL_RATE_BASED_CONTROL")
    port = opened(manager)
    assert port.drain() == ()
    for watts, name in ((2000, "normal"), (0, "off")):
        asyncio.run(port.command(Setpoint(Mode.TARGET, watts), NOW + QUARTER, NOW))
        assert manager.active == name
    with pytest.raises(BadInput, match=r"1000 W is outside what the device can run at; expected 0 or 2000 W"):
        asyncio.run(port.command(Setpoint(Mode.TARGET, 1000), NOW + QUARTER, NOW))
    readings = {reading.kind: reading.value for reading in asyncio.run(port.measure(NOW))}
    assert readings == {Kind.POWER: 2000.0, Kind.TEMPERATURE: 20.0}
