"""Resource managers from the field: each input of `tests/golden/field` with its right answer (see `source.md` there)."""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from cim.model.devices import Mode, Setpoint, ThermalDescription
from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality
from devices.dial_in.passwords import known_passwords
from devices.dial_in.server import DialInServer
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.s2.driver import GatewayPort

FOLDER = Path(__file__).parents[2] / "golden" / "field"
NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
PASSWORD = "sixteen-letters!"


class FieldManager:
    """A resource manager that says what a file says; each instruction of ours is accepted and begun."""

    def __init__(self, file: str) -> None:
        self._file = json.loads((FOLDER / file).read_text(encoding="utf-8"))
        self._to_say: list[dict[str, Any]] = []
        self.instructions: list[dict[str, Any]] = []

    def offer(self, control: str) -> None:
        """Offer another control type than the file says."""
        self._file["details"]["available_control_types"] = [control]

    async def exchange(self, device: str, frames: list[str]) -> list[str]:
        """See `FrameLink`."""
        back: list[dict[str, Any]] = []
        for message in map(json.loads, frames):
            kind = message["message_type"]
            if kind == "ReceptionStatus":
                continue
            back.append(
                {"message_type": "ReceptionStatus", "subject_message_id": message["message_id"], "status": "OK"}
            )
            if kind == "Handshake":
                back.append(self._file["handshake"])
            elif kind == "HandshakeResponse":
                back.append(self._file["details"])
            elif kind == "SelectControlType":
                described = self._file["after_select"].get(message["control_type"], [])
                back += [{**one, "message_id": str(uuid.uuid4())} for one in described]  # it may be asked for again
            elif kind == "FRBC.Instruction":
                self.instructions.append(message)
                update = {"message_type": "InstructionStatusUpdate", "message_id": str(uuid.uuid4()),
                          "instruction_id": message["id"], "status_type": "ACCEPTED", "timestamp": NOW.isoformat()}  # fmt: skip
                back.append(update)
        return [json.dumps(message) for message in back]


def opened(file: str) -> tuple[GatewayPort, Any, FieldManager]:
    """A port to the file's manager, its nameplate, and the manager."""
    manager = FieldManager(file)
    port = GatewayPort("gw", link=manager)
    return port, asyncio.run(port.open(NOW)), manager


def _described(port: GatewayPort) -> ThermalDescription:
    (news,) = [piece for piece in port.drain() if isinstance(piece, ThermalDescription)]
    return news


def test_a_battery_is_no_room() -> None:
    """A fill level in % is a state of charge: 10 % are not 10 degrees, and nothing is planned of it as of a room."""
    port, _, _ = opened("s2_battery_fill_level_percent.json")
    readings = {reading.kind: reading for reading in asyncio.run(port.measure(NOW))}
    assert (readings[Kind.STATE_OF_CHARGE].value, readings[Kind.STATE_OF_CHARGE].quality) == (10.0, Quality.GOOD)
    assert Kind.TEMPERATURE not in readings
    assert port.drain() == ()


def test_cooling_is_steered_and_not_planned_as_heating() -> None:
    """More power, less warmth: 1150 W is half way of its 300..2000 W, off is 0 W; nothing is told to who plans heat."""
    port, plate, manager = opened("s2_cooling_reversed_range.json")
    assert plate.max_consumption_w == 2000
    assert port.drain() == ()
    asyncio.run(port.command(Setpoint(Mode.TARGET, 1150), NOW + QUARTER, NOW))
    back, now = manager.instructions
    assert (now["operation_mode_factor"], now["execution_time"][:19]) == (0.5, "2026-05-01T08:00:00")
    assert (back["operation_mode"][-1], back["execution_time"][:19]) == ("a", "2026-05-01T08:15:00")  # its thermostat
    asyncio.run(port.command(Setpoint(Mode.TARGET, 0), NOW + QUARTER, NOW))
    assert manager.instructions[-1]["operation_mode"][-1] == "a"
    with pytest.raises(BadInput, match=r"200 W is outside .* expected 0 or 300\.\.2000 W"):
        asyncio.run(port.command(Setpoint(Mode.TARGET, 200), NOW + QUARTER, NOW))


def test_what_a_mode_can_do_follows_the_fill_level() -> None:
    """At 22 degrees the element up to 1200 W holds: 1500 W is refused, 1000 W is taken, and the slope is that element's."""
    port, _, manager = opened("s2_mode_with_two_elements.json")
    assert _described(port).fill_rate_per_w == pytest.approx(9e-5 / 1200)
    with pytest.raises(BadInput, match=r"expected 0\.\.1200 W"):
        asyncio.run(port.command(Setpoint(Mode.TARGET, 1500), NOW + QUARTER, NOW))
    asyncio.run(port.command(Setpoint(Mode.TARGET, 1000), NOW + QUARTER, NOW))
    assert manager.instructions[-1]["operation_mode_factor"] == pytest.approx(1000 / 1200)


@pytest.mark.parametrize(
    ("power_w", "pump", "rod"), [(0, 0.0, 0.0), (1000, 0.5, 0.0), (2000, 1.0, 0.0), (3500, 1.0, 0.5), (5000, 1.0, 1.0)]
)
def test_two_actuators_are_steered_each_in_its_mode(power_w: int, pump: float, rod: float) -> None:
    """Rated 5000 W; what a watt warms more by goes first, and each has its return before either is asked for anything."""
    port, plate, manager = opened("s2_two_actuators.json")
    assert plate.max_consumption_w == 5000
    assert _described(port).power_max_w == 2000  # what is planned of it is the heat pump, the rod at nothing
    asyncio.run(port.command(Setpoint(Mode.TARGET, power_w), NOW + QUARTER, NOW))
    told = [
        (one["actuator_id"][-1], one["operation_mode"][-1], one["operation_mode_factor"])
        for one in manager.instructions
    ]
    assert told == [("9", "b", 0.0), ("8", "c", 0.0), ("9", "b", pump), ("8", "c", rod)]
    assert [one["execution_time"][14:16] for one in manager.instructions] == ["15", "15", "00", "00"]
    asyncio.run(port.release(NOW))
    assert [one["actuator_id"][-1] for one in manager.instructions[4:]] == ["9", "8"]
    with pytest.raises(BadInput, match=r"5002 W is outside .* expected 0\.\.5000 W"):
        asyncio.run(port.command(Setpoint(Mode.TARGET, 5002), NOW + QUARTER, NOW))


def test_an_actuator_that_tells_no_state_is_not_steered() -> None:
    """What it would return to is not known: the other one is steered alone."""
    manager = FieldManager("s2_two_actuators.json")
    told = manager._file["after_select"]["FILL_RATE_BASED_CONTROL"]
    told[:] = [one for one in told if one.get("actuator_id", "")[-1:] != "8"]
    port = GatewayPort("gw", link=manager)
    assert asyncio.run(port.open(NOW)).max_consumption_w == 2000
    asyncio.run(port.command(Setpoint(Mode.TARGET, 1000), NOW + QUARTER, NOW))
    assert {one["actuator_id"][-1] for one in manager.instructions} == {"9"}


def test_a_manager_of_other_control_types_is_told_by_what_it_offers() -> None:
    """OMBC alone, and it does not describe its modes: the sentence names the control types that could be used."""
    with pytest.raises(DeviceUnreachable, match=r"describe itself .* and to offer FRBC, PEBC or OMBC"):
        opened("s2_ombc_only.json")
    manager = FieldManager("s2_ombc_only.json")
    manager.offer("DEMAND_DRIVEN_BASED_CONTROL")
    with pytest.raises(DeviceFault, match="it offers DEMAND_DRIVEN_BASED_CONTROL; expected FRBC, PEBC or OMBC"):
        asyncio.run(GatewayPort("gw", link=manager).open(NOW))


@pytest.mark.parametrize(
    ("offered", "status"), [(None, 101), (["s2"], 101), (["other", "s2"], 101), (["ocpp2.0.1"], 400)]
)
def test_a_manager_without_a_subprotocol_is_let_in(offered: list[str] | None, status: int) -> None:
    """s2-python's own RM offers none, and its path says what it speaks; one that offers another's is turned away."""

    async def run() -> int:
        server = DialInServer(authenticate=known_passwords({"gw": PASSWORD}))
        await server.start()
        port = GatewayPort("gw", server=server, timeout_s=0.01)
        with pytest.raises(DeviceUnreachable):
            await port.open(NOW)
        login = base64.b64encode(f"gw:{PASSWORD}".encode()).decode()
        protocols = None if offered is None else [Subprotocol(name) for name in offered]
        found = 101
        try:
            url, headers = f"ws://127.0.0.1:{server.port}/s2/gw", {"Authorization": f"Basic {login}"}
            async with connect(url, additional_headers=headers, subprotocols=protocols, proxy=None) as socket:
                assert socket.subprotocol == (None if offered is None else "s2")
                assert json.loads(await socket.recv())["message_type"] == "Handshake"
        except InvalidStatus as refusal:
            found = refusal.response.status_code
        await port.close()
        await server.close()
        return found

    assert asyncio.run(run()) == status
