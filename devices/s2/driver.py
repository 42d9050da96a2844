"""The driver of a building gateway: S2 as `Port`, `Measures`, `Limits` and `Tells` (see `devices.port`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from s2python.common import ControlType

from cim.model.devices import DeviceKind, Mode, Nameplate, Setpoint
from cim.model.errors import BadInput
from cim.model.readings import Kind
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.s2 import ombc, pebc
from devices.s2.port import ResourceManagerPort
from devices.s2.rm_state import FRBC, NOTHING, OMBC, PEBC
from devices.s2.session import Refused


class GatewayPort(ResourceManagerPort):
    """One S2 resource manager: a heat pump with a room as its store (FRBC), or what can be limited (PEBC) or has modes (OMBC).

    A TARGET is an FRBC instruction with a scheduled return to the device's own rule; a LIMIT is a PEBC envelope, for
    which the control type is changed when the RM offers both (S2 has one active control type at a time). Who offers OMBC
    alone takes either as the mode that draws the most without drawing more, with a scheduled return. Its news are
    thermal descriptions and usage forecasts, its readings net power and room temperature.
    """

    _wanted = (FRBC, PEBC, OMBC)

    @property
    def _kinds(self) -> Sequence[Kind]:  # type: ignore[override]
        """Power, and what its store's fill level is."""
        return Kind.POWER, self._machine.store_kind

    async def open(self, now: datetime) -> Nameplate:
        """Wait for the handshake and for the description of the control type."""
        details, machine = await self._connect(now, "FRBC, PEBC or OMBC"), self._machine
        # Power and fill level follow the description; so the first reading is not ABSENT for their sake.
        kinds = (Kind.POWER, machine.store_kind) if machine.control is FRBC else (Kind.POWER,)
        await self._wait_for(lambda: all(kind in machine.last.values for kind in kinds))
        low_w, high_w = 0.0, 0.0
        if machine.control is FRBC:
            low_w, high_w = machine.power_range()
        elif machine.control is OMBC and machine.modes is not None:
            high_w = ombc.largest_power_w(machine.modes)
        elif machine.constraints is not None:
            high_w = pebc.largest_power_w(machine.constraints)
        return Nameplate(
            DeviceKind.GATEWAY,
            details.manufacturer or "",
            details.model or "",
            details.serial_number or "",
            max_generation_w=max(0, round(-low_w)),
            max_consumption_w=max(0, round(high_w)),
        )

    async def command(self, setpoint: Setpoint, valid_until: datetime, now: datetime) -> None:
        """TARGET: an FRBC instruction now and the return at `valid_until`; LIMIT: a PEBC envelope until then."""
        if valid_until <= now:
            raise BadInput(f"valid_until of {self.name}: {valid_until.isoformat()} is over; expected a later instant")
        if setpoint.mode is Mode.START:
            raise BadInput(f"setpoint of {self.name}: {setpoint.mode} is for appliances; expected target or limit")
        machine = self._machine
        machine.now = now
        wanted = self._fitting(setpoint)
        await self._control(wanted, setpoint.mode)
        if machine.steered_by_other:
            # What the driver before this one scheduled cannot be named, so it cannot be revoked: end all of it.
            machine.steered_by_other = False
            frames = machine.select(NOTHING)
            if not await self._wire.deliver(frames + machine.select(wanted), lambda: machine.ready):
                raise DeviceUnreachable(f"gateway {self.name} did not describe itself again in time; expected it to")
        try:
            frames, awaited, mode = self._instructed(wanted, setpoint.power_w, valid_until)
        except Refused as refusal:
            raise DeviceFault(f"gateway {self.name}: {refusal.text}; expected another setpoint") from refusal
        await self._await(frames, awaited, f"{setpoint.mode} {setpoint.power_w} W")
        started = mode is not None and machine.outcomes.get(awaited[-1]) == "STARTED"
        # The actuator's status is a message of its own, behind the one that told STARTED: it may still be on its way.
        if started and not await self._wire.deliver([], lambda: self._active() == mode):
            raise DeviceFault(f"gateway {self.name} reads back another operation mode; expected the commanded one")

    def _fitting(self, setpoint: Setpoint) -> ControlType:
        """The control type for a setpoint: OMBC where it is offered and the proper one is not."""
        wanted, machine = FRBC if setpoint.mode is Mode.TARGET else PEBC, self._machine
        if machine.offers(wanted) or not machine.offers(OMBC):
            return wanted
        if setpoint.power_w < 0:
            raise BadInput(f"setpoint of {self.name}: {setpoint.power_w} W does not fit OMBC; expected 0 W or more")
        return OMBC

    def _instructed(
        self, control: ControlType, power_w: int, valid_until: datetime
    ) -> tuple[list[str], list[UUID], UUID | None]:
        """Frames, the instructions that are to be answered, and the mode that it is to run in then."""
        machine = self._machine
        if control is OMBC:
            return machine.mode(power_w, valid_until)
        if control is PEBC:
            return *machine.limit(power_w, valid_until), None
        steered = machine.steering_at(power_w)
        factor = None if steered is None else steered.factor(power_w)
        if steered is None or factor is None:
            raise BadInput(
                f"setpoint of {self.name}: {power_w} W is outside what the device can run at; "
                f"expected {machine.powers_in_words()}"
            )
        return *machine.target(steered, factor, valid_until), steered.mode

    def _active(self) -> UUID | None:
        """The operation mode that it says it runs in."""
        machine = self._machine
        if machine.control is OMBC:
            return machine.mode_now
        return None if machine.actuator is None else machine.actuator.active_operation_mode_id

    async def release(self, now: datetime) -> None:
        """Back to the device's own rule, and to FRBC where it is offered."""
        self._machine.now = now
        frames, awaited = self._machine.release()
        await self._await(frames, awaited, "release")
        if self._machine.control is not FRBC and self._machine.offers(FRBC):
            await self._wire.deliver(self._machine.select(FRBC), lambda: self._machine.ready)
