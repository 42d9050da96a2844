"""The driver of a building gateway: S2 as `Port`, `Measures`, `Limits` and `Tells` (see `devices.port`)."""

from __future__ import annotations

from datetime import datetime

from cim.model.devices import DeviceKind, Mode, Nameplate, Setpoint
from cim.model.errors import BadInput
from cim.model.readings import Kind
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.s2 import pebc
from devices.s2.port import ResourceManagerPort
from devices.s2.rm_state import FRBC, NOTHING, PEBC
from devices.s2.session import Refused


class GatewayPort(ResourceManagerPort):
    """One S2 resource manager: a heat pump with a room as its store (FRBC), or what can be limited (PEBC).

    A TARGET is an FRBC instruction with a scheduled return to the device's own rule; a LIMIT is a PEBC envelope, for
    which the control type is changed when the RM offers both (S2 has one active control type at a time). Its news are
    thermal descriptions and usage forecasts, its readings net power and room temperature.
    """

    _wanted, _kinds = (FRBC, PEBC), (Kind.POWER, Kind.TEMPERATURE)

    async def open(self, now: datetime) -> Nameplate:
        """Wait for the handshake and for the description of the control type."""
        details, machine = await self._connect(now, "FRBC or PEBC"), self._machine
        # Power and fill level follow the description; so the first reading is not ABSENT for their sake.
        kinds = self._kinds if machine.control is FRBC else self._kinds[:1]
        await self._wait_for(lambda: all(kind in machine.last.values for kind in kinds))
        steered = machine.steering() if machine.control is FRBC else None
        limit_w = pebc.largest_power_w(machine.constraints) if machine.constraints is not None else 0
        consumption = max(steered.low_w, steered.high_w) if steered else limit_w
        return Nameplate(
            DeviceKind.GATEWAY,
            details.manufacturer or "",
            details.model or "",
            details.serial_number or "",
            max_generation_w=max(0, round(-min(steered.low_w, steered.high_w))) if steered else 0,
            max_consumption_w=max(0, round(consumption)),
        )

    def _obeys(self) -> bool:
        """Whether the actuator says that it runs in the mode we steer by."""
        active = self._machine.actuator
        return active is not None and active.active_operation_mode_id == self._machine.steering().mode

    async def command(self, setpoint: Setpoint, valid_until: datetime, now: datetime) -> None:
        """TARGET: an FRBC instruction now and the return at `valid_until`; LIMIT: a PEBC envelope until then."""
        if valid_until <= now:
            raise BadInput(f"valid_until of {self.name}: {valid_until.isoformat()} is over; expected a later instant")
        if setpoint.mode is Mode.START:
            raise BadInput(f"setpoint of {self.name}: {setpoint.mode} is for appliances; expected target or limit")
        machine = self._machine
        machine.now = now
        wanted = FRBC if setpoint.mode is Mode.TARGET else PEBC
        await self._control(wanted, setpoint.mode)
        if machine.steered_by_other:
            # What the driver before this one scheduled cannot be named, so it cannot be revoked: end all of it.
            machine.steered_by_other = False
            frames = machine.select(NOTHING)
            if not await self._wire.deliver(frames + machine.select(wanted), lambda: machine.ready):
                raise DeviceUnreachable(f"gateway {self.name} did not describe itself again in time; expected it to")
        try:
            if wanted is PEBC:
                frames, awaited = machine.limit(setpoint.power_w, valid_until)
            else:
                steered = machine.steering()
                factor = steered.factor(setpoint.power_w)
                if factor is None:
                    raise BadInput(
                        f"setpoint of {self.name}: {setpoint.power_w} W is outside what the device can run at; "
                        f"expected {steered.low_w:g}..{steered.high_w:g} W"
                    )
                frames, awaited = machine.target(factor, valid_until)
        except Refused as refusal:
            raise DeviceFault(f"gateway {self.name}: {refusal.text}; expected another setpoint") from refusal
        await self._await(frames, awaited, f"{setpoint.mode} {setpoint.power_w} W")
        started = wanted is FRBC and machine.outcomes.get(awaited[-1]) == "STARTED"
        # The actuator's status is a message of its own, behind the one that told STARTED: it may still be on its way.
        if started and not await self._wire.deliver([], self._obeys):
            raise DeviceFault(f"gateway {self.name} reads back another operation mode; expected the commanded one")

    async def release(self, now: datetime) -> None:
        """Back to the device's own rule, and to FRBC where it is offered."""
        self._machine.now = now
        frames, awaited = self._machine.release()
        await self._await(frames, awaited, "release")
        if self._machine.control is PEBC and self._machine.offers(FRBC):
            await self._wire.deliver(self._machine.select(FRBC), lambda: self._machine.ready)
