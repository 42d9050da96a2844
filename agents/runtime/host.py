"""A host: some agents in one process, their mailboxes and timers, and the hands that carry out their effects.

The same host serves every runtime: alone with one agent in a Ray actor, or with thousands of them.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from agents.roles.base import MarketRules
from agents.roles.contract import (
    Append,
    Arm,
    CloseBlock,
    Command,
    Commanded,
    Compute,
    Computed,
    Connected,
    Cosign,
    Effect,
    Event,
    Fired,
    Measured,
    Poll,
    Publish,
    Received,
    Release,
    Send,
    Started,
)
from agents.runtime.casting import AgentSpec, build_role
from agents.runtime.envelope import Envelope, Outcome
from agents.runtime.journal import Journal, NoJournal
from agents.runtime.shelf import Shelf
from cim.model.codec import tag_of
from cim.model.errors import ProgrammingFault
from cim.model.readings import Kind, Quality, Reading
from devices.port import DeviceError, Port

Executor = Callable[[str, tuple[Any, ...]], Awaitable[Any]]


class Host:
    """Agents that share a process.

    Args:
        specs: who lives here.
        rules: the market's.
        ports: the device port of each agent that has one, by device name.
        executor: carries out `Compute` jobs.
        shelf: the ledger, where the ledger keeper lives here.
        incarnation: how often this host was started before; its messages must not look like those of an earlier life.
    """

    def __init__(
        self,
        specs: tuple[AgentSpec, ...],
        rules: MarketRules,
        ports: dict[str, Port],
        executor: Executor,
        shelf: Shelf | None = None,
        journal: Journal | None = None,
        incarnation: int = 0,
    ) -> None:
        self.specs = {spec.name: spec for spec in sorted(specs, key=lambda spec: spec.name)}
        self.roles = {name: build_role(spec, rules) for name, spec in self.specs.items()}
        self.ports = ports
        self._executor = executor
        self._shelf = shelf
        self._journal = journal or NoJournal()
        self._timers: list[tuple[datetime, str, str]] = []
        self._armed: dict[tuple[str, str], datetime] = {}
        self._sequence = dict.fromkeys(self.roles, incarnation << 32)
        self._seen: dict[tuple[str, str], int] = {}
        self._own: dict[str, list[Event]] = {}  # outcomes of effects, not yet handled

    async def open(self, now: datetime, allow_missing: bool = False) -> tuple[str, ...]:
        """Connect every device and tell its agent; returns a sentence for each one that does not answer.

        Raises:
            DeviceError: the first that does not answer, unless `allow_missing`.
        """
        for name in self.roles:
            self._own[name] = [Started()]
        opened = await asyncio.gather(
            *(self.ports[device].open(now) for device in self._devices()), return_exceptions=True
        )
        missing: list[str] = []
        for (device, agent), plate in zip(self._devices().items(), opened, strict=True):
            if isinstance(plate, DeviceError) and allow_missing:
                missing.append(str(plate))
            elif isinstance(plate, BaseException):
                raise plate
            else:
                self._own[agent].append(Connected(device, plate))
        return tuple(missing)

    def _devices(self) -> dict[str, str]:
        return {spec.device: name for name, spec in self.specs.items() if spec.device is not None}

    async def close(self) -> None:
        """Let go of all devices and the ledger."""
        for port in self.ports.values():
            await port.close()
        if self._shelf is not None:
            self._shelf.close()

    async def work(self, now: datetime, inbox: tuple[Envelope, ...]) -> Outcome:
        """One round: work off everything that is due, in an order that depends on nothing but the messages."""
        seconds: dict[str, float] = {}
        outbox: list[Envelope] = []
        published: list[tuple[str, str, Any]] = []
        events = self._due(now, inbox)
        while events:
            # Outcomes of an agent's own effects concern nobody else, so they need not wait for the next round.
            hands = self._handle(events, now, outbox, published, seconds)
            await self._carry_out(hands, now, seconds)
            events = self._due(now, ())
        return Outcome(tuple(outbox), tuple(published), self._next(), seconds)

    def _handle(
        self,
        events: dict[str, list[Event]],
        now: datetime,
        outbox: list[Envelope],
        published: list[tuple[str, str, Any]],
        seconds: dict[str, float],
    ) -> list[tuple[str, Effect]]:
        """Let the roles decide; what they send and publish is collected, what touches the world is returned."""
        hands: list[tuple[str, Effect]] = []
        for name in sorted(events):
            role = self.roles[name]
            sent: list[Envelope] = []
            for event in events[name]:
                begun = time.perf_counter()
                effects = role.handle(event, now)
                part = _part(event)
                seconds[part] = seconds.get(part, 0.0) + time.perf_counter() - begun
                for effect in effects:
                    if isinstance(effect, Send):
                        self._sequence[name] += 1
                        sent.append(Envelope(effect.to, name, self._sequence[name], effect.message))
                    elif isinstance(effect, Arm):
                        self._arm(name, effect)
                    elif isinstance(effect, Publish):
                        published.append((name, effect.topic, effect.value))
                    else:
                        hands.append((name, effect))
            if self._journal.durable:
                self._journal.append(name, role.snapshot(), tuple(sent))
            outbox += sent
        return hands

    def _due(self, now: datetime, inbox: tuple[Envelope, ...]) -> dict[str, list[Event]]:
        """Events by agent: outcomes of its own effects, then timers, then messages by (sender, sequence)."""
        events, self._own = self._own, {}
        while self._timers and self._timers[0][0] <= now:
            at, name, timer = heapq.heappop(self._timers)
            if self._armed.get((name, timer)) == at:  # a timer that was moved leaves its old entry behind
                del self._armed[name, timer]
                events.setdefault(name, []).append(Fired(timer))
        for envelope in sorted(inbox, key=lambda e: (e.to, e.sender, e.sequence)):
            key = (envelope.to, envelope.sender)
            if envelope.sequence <= self._seen.get(key, 0):
                continue
            self._seen[key] = envelope.sequence
            received = Received(envelope.sender, envelope.sequence, envelope.message)
            events.setdefault(envelope.to, []).append(received)
        return events

    def _arm(self, name: str, effect: Arm) -> None:
        self._armed[name, effect.timer] = effect.at
        heapq.heappush(self._timers, (effect.at, name, effect.timer))

    def _next(self) -> datetime | None:
        while self._timers and self._armed.get(self._timers[0][1:]) != self._timers[0][0]:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    async def _carry_out(self, hands: list[tuple[str, Effect]], now: datetime, seconds: dict[str, float]) -> None:
        """Everything that touches the world: devices side by side, jobs, then the ledger in one order."""
        devices: dict[str, list[tuple[str, Effect]]] = {}
        for name, effect in hands:
            if isinstance(effect, Poll | Command | Release):
                devices.setdefault(effect.device, []).append((name, effect))
        if devices:
            begun = time.perf_counter()
            await asyncio.gather(*(self._steer(effects, now) for effects in devices.values()))
            seconds["wire"] = seconds.get("wire", 0.0) + time.perf_counter() - begun
        for name, effect in hands:
            if isinstance(effect, Compute):
                begun = time.perf_counter()
                result = await self._executor(effect.job, effect.arguments)
                seconds[effect.job] = seconds.get(effect.job, 0.0) + time.perf_counter() - begun
                self._tell(name, Computed(effect.reference, result))
        begun = time.perf_counter()
        records = [(name, e) for name, e in hands if isinstance(e, Append | CloseBlock | Cosign)]
        if records:
            if self._shelf is None:
                raise ProgrammingFault(f"{records[0][0]} keeps a ledger, but its host has none")
            for name, event in self._shelf.carry_out(records, now):
                self._tell(name, event)
            seconds["ledger"] = seconds.get("ledger", 0.0) + time.perf_counter() - begun

    def _tell(self, name: str, event: Event) -> None:
        self._own.setdefault(name, []).append(event)

    async def _steer(self, effects: list[tuple[str, Effect]], now: datetime) -> None:
        """One device's effects, one after the other; a fault is an outcome, never the end of the host."""
        for name, effect in effects:
            if isinstance(effect, Poll):
                self._tell(name, await self._measure(effect.device, now))
            elif isinstance(effect, Command):
                fault = await self._try(
                    lambda e=effect: self.ports[e.device].command(e.setpoint, e.valid_until, now)  # type: ignore[misc]
                )
                self._tell(name, Commanded(effect.device, effect.setpoint, fault))
            elif isinstance(effect, Release):
                fault = await self._try(lambda e=effect: self.ports[e.device].release(now))  # type: ignore[misc]
                self._tell(name, Commanded(effect.device, None, fault))

    async def _measure(self, device: str, now: datetime) -> Measured:
        port = self.ports[device]
        try:
            await port.sync(now)
            readings = await port.measure(now)
        except DeviceError as error:
            return Measured(device, (Reading(device, Kind.POWER, 0.0, now, Quality.ABSENT),), port.drain(), str(error))
        lost = bool(readings) and all(reading.quality is Quality.ABSENT for reading in readings)
        return Measured(device, readings, port.drain(), f"{device}: no reading" if lost else None)

    @staticmethod
    async def _try(action: Callable[[], Awaitable[None]]) -> str | None:
        try:
            await action()
        except DeviceError as error:
            return str(error)
        return None


def _part(event: Event) -> str:
    """Under what a role's own time is booked: the split among members, or everything else it decides."""
    if isinstance(event, Received) and tag_of(event.message).startswith("vpp."):
        return "dispatch"
    return "market"
