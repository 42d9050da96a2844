"""The driver of a building gateway: S2 as `Port`, `Measures`, `Limits` and `Tells` (see `devices.port`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from s2python.common import ControlType

from cim.model.devices import DeviceKind, Mode, Nameplate, Setpoint
from cim.model.errors import BadInput
from cim.model.readings import Kind
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.s2 import ombc, pebc
from devices.s2.actuators import power_range, powers_in_words
from devices.s2.operation import Setting
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
        actuators = machine.description.actuators if machine.control is FRBC and machine.description else ()
        await self._wait_for(
            lambda: (
                all(kind in machine.last.values for kind in kinds)
                and all(actuator.id in machine.operation.active for actuator in actuators)
            )
        )
        low_w, high_w = 0.0, 0.0
        if machine.control is FRBC:
            low_w, high_w = power_range(machine.steered())
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
        what = f"{setpoint.mode} {setpoint.power_w} W"
        try:
            if wanted is PEBC:
                await self._await(*machine.limit(setpoint.power_w, valid_until), what)
                return
            settings = self._settings(wanted, setpoint.power_w, valid_until)
        except Refused as refusal:
            raise DeviceFault(f"gateway {self.name}: {refusal.text}; expected another setpoint") from refusal
        await self._await(*machine.returning(valid_until), f"the end of {what}")
        frames, awaited = machine.instructed(settings, valid_until)
        await self._await(frames, awaited, what)
        # The actuator's status is a message of its own, behind the one that told STARTED: it may still be on its way.
        begun = [s for s, told in zip(settings, awaited, strict=True) if machine.outcomes.get(told) == "STARTED"]
        active = machine.operation.active
        if not await self._wire.deliver([], lambda: all(active.get(one.actuator) == one.mode for one in begun)):
            raise DeviceFault(f"gateway {self.name} reads back another operation mode; expected the commanded one")

    def _fitting(self, setpoint: Setpoint) -> ControlType:
        """The control type for a setpoint: OMBC where it is offered and the proper one is not."""
        wanted, machine = FRBC if setpoint.mode is Mode.TARGET else PEBC, self._machine
        if machine.offers(wanted) or not machine.offers(OMBC):
            return wanted
        if setpoint.power_w < 0:
            raise BadInput(f"setpoint of {self.name}: {setpoint.power_w} W does not fit OMBC; expected 0 W or more")
        return OMBC

    def _settings(self, control: ControlType, power_w: int, until: datetime) -> list[Setting]:
        """The mode of each actuator. Raises `Refused` (OMBC) or `BadInput` (FRBC) where it cannot run so."""
        machine = self._machine
        if control is OMBC:
            return [machine.setting_at_most(power_w, until)]
        found = machine.settings(power_w, until)
        if found is None:
            raise BadInput(
                f"setpoint of {self.name}: {power_w} W is outside what the device can run at; "
                f"expected {powers_in_words(machine.steered())}"
            )
        return found

    async def release(self, now: datetime) -> None:
        """Back to the device's own rule, as soon as its timers allow it, and to FRBC where it is offered."""
        self._machine.now = now
        frames, awaited = self._machine.release()
        await self._await(frames, awaited, "release")
        await self._await(self._machine.released(), [], "release")
        if self._machine.control is not FRBC and self._machine.offers(FRBC):
            await self._wire.deliver(self._machine.select(FRBC), lambda: self._machine.ready)
