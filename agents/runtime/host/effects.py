"""Carries out what roles want of the world (devices, jobs, the ledger) and brings back the outcomes.

After a crash the same effects are carried out again, so each must bear it: a setpoint written twice is the same
setpoint, a record that is there already is passed over, a job is pure, and reading again is reading.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import structlog

from agents.roles.effects import Append, CloseBlock, Command, Compute, Cosign, Effect, Poll, Release
from agents.roles.events import Commanded, Computed, Event, Measured
from agents.runtime.host.hosted_agent import AgentEvent, FailedEvent
from agents.runtime.host.ledger_effects import LedgerEffects
from agents.runtime.host.pauses import pauses
from cim.model.devices import Nameplate, News
from cim.model.errors import ProgrammingFault
from cim.model.readings import Kind, Quality, Reading
from devices.port.capabilities import limits_of
from devices.port.errors import DeviceError
from devices.port.measures import Measures
from devices.port.port import Port
from devices.port.tells import Tells
from market.ledger.errors import NotRecorded

Executor = Callable[[str, tuple[Any, ...]], Awaitable[Any]]
AgentEffect = tuple[str, Effect]  # agent, what it wants
Told = list[tuple[str, Event]]
_log = structlog.get_logger(__name__)


class EffectRunner:
    """Devices side by side, jobs, then the ledger in one order.

    Args:
        ports: by device name.
        executor: carries out `Compute` jobs.
        ledger_effects: the ledger, where its keeper lives here.
        clock: what time it really is, where time does not stand still while a host works; None in simulated time.

    Attributes:
        patient: a ledger whose disk is full is waited for, as a journal is; otherwise that ends the run.
        trouble: why the ledger is waited for, or None.
    """

    def __init__(
        self,
        ports: dict[str, Port],
        executor: Executor,
        ledger_effects: LedgerEffects | None,
        clock: Callable[[], datetime] | None,
    ) -> None:
        self.ports = ports
        # What each can do, found once: a check against a protocol costs as much as many a reading.
        self._tells = {device: port for device, port in ports.items() if isinstance(port, Tells)}
        self._measures = {device: port for device, port in ports.items() if isinstance(port, Measures)}
        self._executor, self._ledger_effects, self._clock = executor, ledger_effects, clock
        self.patient = False
        self.trouble: str | None = None
        self.noted: dict[str, tuple[News, ...]] = {}  # news from before a crash, not yet drained

    async def open(self, devices: tuple[str, ...], now: datetime) -> dict[str, Nameplate | DeviceError]:
        """Connect them side by side; what each says it is, or why not."""
        opened = await asyncio.gather(*(self.ports[d].open(now) for d in devices), return_exceptions=True)
        for plate in opened:
            if isinstance(plate, BaseException) and not isinstance(plate, DeviceError):
                raise plate
        return dict(zip(devices, opened, strict=True))  # type: ignore[arg-type]

    async def carry_out(
        self, effects: list[AgentEffect], now: datetime, seconds: dict[str, float]
    ) -> list[tuple[str, AgentEvent]]:
        """All of it; returns the outcomes by agent, in order; a job that failed is a `FailedEvent` beside its own."""
        told: list[tuple[str, AgentEvent]] = []
        devices: dict[str, list[AgentEffect]] = {}
        for name, effect in effects:
            if isinstance(effect, Poll | Command | Release):
                devices.setdefault(effect.device, []).append((name, effect))
        if devices:
            begun = time.perf_counter()
            for outcomes in await self._side_by_side([self._steer(wanted, now) for wanted in devices.values()]):
                told += outcomes
            seconds["wire"] = seconds.get("wire", 0.0) + time.perf_counter() - begun
        for name, effect in effects:
            if isinstance(effect, Compute):
                begun = time.perf_counter()
                try:
                    told.append((name, Computed(effect.reference, await self._executor(effect.job, effect.arguments))))
                except Exception as error:  # whatever it is, one job must not end a host, now and after each restart
                    fault = f"{type(error).__name__}: {error}"
                    told.append((name, FailedEvent(name, now, effect, fault)))
                    told.append((name, Computed(effect.reference, None, fault)))
                seconds[effect.job] = seconds.get(effect.job, 0.0) + time.perf_counter() - begun
        records = [(name, e) for name, e in effects if isinstance(e, Append | CloseBlock | Cosign)]
        if records:
            begun = time.perf_counter()
            if self._ledger_effects is None:
                raise ProgrammingFault(f"{records[0][0]} keeps a ledger, but its host has none")
            told += await self._recorded(self._ledger_effects, records, now)
            seconds["ledger"] = seconds.get("ledger", 0.0) + time.perf_counter() - begun
        return told

    async def _recorded(self, ledger: LedgerEffects, records: Sequence[AgentEffect], now: datetime) -> Told:
        """The outcomes; the whole is repeated where the disk was full, and what was recorded already is passed over.

        Raises:
            NotRecorded: it is full, and nobody waits.
        """
        waits = pauses()
        while True:
            try:
                told = list(ledger.carry_out(records, now))
            except NotRecorded as error:
                if not self.patient:
                    raise
                if self.trouble is None:
                    _log.warning("ledger", reason=str(error), so="it is tried again until there is room")
                self.trouble = str(error)
                await asyncio.sleep(next(waits))
            else:
                self.trouble = None
                return told

    async def _side_by_side(self, steered: Sequence[Awaitable[Told]]) -> list[Told]:
        return [await steered[0]] if len(steered) == 1 else await asyncio.gather(*steered)

    async def _steer(self, effects: list[AgentEffect], now: datetime) -> Told:
        """One device's effects, one after the other; a fault is an outcome, never the end of the host."""
        told: Told = []
        for name, effect in effects:
            if isinstance(effect, Poll):
                told.append((name, await self._measure(effect.device, now)))
            elif isinstance(effect, Command):
                told.append((name, Commanded(effect.device, effect.setpoint, await self._command(effect, now))))
            elif isinstance(effect, Release):
                told.append((name, Commanded(effect.device, None, await self._release(effect, now))))
        return told

    async def _command(self, effect: Command, now: datetime) -> str | None:
        if self._clock is not None and self._clock() >= effect.valid_until:
            # The host stood still (its journal was away): what was right then may be wrong now.
            return f"{effect.device}: the setpoint was valid until {effect.valid_until.isoformat()}, which is over"
        # A device counts a setpoint's life from when it is written, which may be long after it was wanted.
        written = now if self._clock is None else max(now, self._clock())
        try:
            await limits_of(self.ports[effect.device]).command(effect.setpoint, effect.valid_until, written)
        except DeviceError as error:
            return str(error)
        return None

    async def _release(self, effect: Release, now: datetime) -> str | None:
        try:
            await limits_of(self.ports[effect.device]).release(now)
        except DeviceError as error:
            return str(error)
        return None

    async def _measure(self, device: str, now: datetime) -> Measured:
        measures = self._measures.get(device)
        try:
            if device in self._tells:
                await self._tells[device].sync(now)
            readings = () if measures is None else await measures.measure(now)
        except DeviceError as error:
            absent = (Reading(device, Kind.POWER, 0.0, now, Quality.ABSENT),)
            return Measured(device, absent, self._news(device), str(error))
        lost = bool(readings) and all(reading.quality is Quality.ABSENT for reading in readings)
        return Measured(device, readings, self._news(device), f"{device}: no reading" if lost else None)

    def _news(self, device: str) -> tuple[News, ...]:
        noted, told = self.noted.pop(device, ()), self._tells[device].drain() if device in self._tells else ()
        return (*noted, *(news for news in told if news not in noted))  # a device that got no answer repeats it

    async def close(self) -> None:
        """Let go of all devices and the ledger."""
        for port in self.ports.values():
            await port.close()
        if self._ledger_effects is not None:
            self._ledger_effects.close()
