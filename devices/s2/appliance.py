"""The driver of an appliance: S2's power profile based control as `Port`, `Measures`, `Limits` and `Tells`."""

from __future__ import annotations

from datetime import datetime

from cim.model.devices import DeviceKind, Mode, Nameplate, ProgrammeState, Setpoint
from cim.model.errors import BadInput
from cim.model.readings import Kind
from devices.port.errors import DeviceFault
from devices.s2.port import ResourceManagerPort
from devices.s2.rm_state import PPBC


class AppliancePort(ResourceManagerPort):
    """One S2 resource manager that offers PPBC: a washing machine, a dishwasher.

    A START of more than 0 W schedules the programme that is ready, now; one of 0 W, and a release, leave it to the
    appliance. What has begun runs to its end: a setpoint's expiry ends nothing, and a second START changes nothing. Its
    news are its programmes, its reading is its power.
    """

    _wanted, _kinds = (PPBC,), (Kind.POWER,)

    async def open(self, now: datetime) -> Nameplate:
        """Wait for the handshake; its rating is the most that it forecasts to draw, or that of its programme."""
        details, machine = await self._connect(now, "PPBC"), self._machine
        foretold = bool(details.provides_forecast)
        await self._wait_for(
            lambda: Kind.POWER in machine.last.values and (machine.forecast_peak_w is not None or not foretold)
        )
        steps = () if machine.programme is None else machine.programme.steps
        return Nameplate(
            DeviceKind.APPLIANCE,
            details.manufacturer or "",
            details.model or "",
            details.serial_number or "",
            max_consumption_w=round(max([0.0, machine.forecast_peak_w or 0.0, *(watts for _, watts in steps)])),
        )

    async def command(self, setpoint: Setpoint, valid_until: datetime, now: datetime) -> None:
        """Start the programme that is ready, if the setpoint says so and it has not begun."""
        if valid_until <= now:
            raise BadInput(f"valid_until of {self.name}: {valid_until.isoformat()} is over; expected a later instant")
        if setpoint.mode is not Mode.START or setpoint.power_w < 0:
            raise BadInput(
                f"setpoint of {self.name}: {setpoint.mode} {setpoint.power_w} W does not fit; expected a start, >= 0 W"
            )
        machine = self._machine
        machine.now = now
        await self._control(PPBC, setpoint.mode)
        programme = machine.programme
        if setpoint.power_w == 0 or (programme is not None and programme.state is not ProgrammeState.READY):
            return
        if programme is None or machine.profile is None:
            raise DeviceFault(f"appliance {self.name} has no programme ready; expected one to start")
        frames, awaited = machine.start()
        await self._await(frames, awaited, f"{setpoint.mode} of programme {programme.identity}")
        if not await self._wire.deliver([], self._has_begun):
            raise DeviceFault(f"appliance {self.name} does not say that its programme runs; expected it to have begun")

    def _has_begun(self) -> bool:
        programme = self._machine.programme
        return programme is not None and programme.state is not ProgrammeState.READY

    async def release(self, now: datetime) -> None:
        """Nothing is held: what is ready waits for its latest start, what runs runs on."""
        self._machine.now = now
