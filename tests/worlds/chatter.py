"""Small agents that do a bit of everything, whose whole simulation fits into some dozens of rounds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agents.assembly.roles import agent_spec
from agents.roles.effects import Arm, Command, Compute, Disarm, Effect, Poll, Publish, Send, Timer
from agents.roles.events import Commanded, Connected, Measured, Started
from agents.roles.identity import AgentIdentity
from agents.roles.messages import DeviceSchedule, Filed, Receipt
from agents.roles.part import Part, on
from agents.roles.role import Role
from agents.runtime.agent_spec import AgentSpec
from cim.codec.codec import decode, wire
from cim.model.devices import Mode, Setpoint
from cim.platform.publications.base import Publication
from market.rules import MarketRules
from tests.worlds.players import AHEAD, FIRST, key

ROLE = "tests.worlds.chatter:Chatterer"
MINUTE = timedelta(minutes=1)


@wire("test.Ticked")
@dataclass(frozen=True, slots=True)
class Ticked(Publication):
    """A tick was heard."""

    number: int


@wire("test.Steered")
@dataclass(frozen=True, slots=True)
class Steered(Publication):
    """A command came back, with its fault."""

    fault: str


@wire("test.Chat")
@dataclass(frozen=True, slots=True)
class Chat:
    """A text that is answered `hops` times; `boom` is one that no agent can bear, `lost` is answered to nobody."""

    text: str
    hops: int = 0


@wire("test.ChatterConfig")
@dataclass(frozen=True, slots=True)
class ChatterConfig:
    """Whom an agent greets, how many minutes it ticks, whether it files a record at each tick, the device it has."""

    greets: tuple[str, ...] = ()
    ticks: int = 0
    files: bool = False
    device: str = ""


@wire("test.Memory")
@dataclass(slots=True)
class Memory:
    """All it has heard, in order; and how often the last event was begun."""

    heard: tuple[str, ...] = ()
    begun: int = 0


@wire("test.timer.tick")
@dataclass(frozen=True, slots=True)
class Tick(Timer):
    """Another minute."""

    number: int


@wire("test.timer.nap")
@dataclass(frozen=True, slots=True)
class Nap(Timer):
    """At once, in another step of the same round."""

    number: int


@wire("test.Sum")
@dataclass(frozen=True, slots=True)
class Sum:
    """What a job is about."""

    number: int


@wire("test.TickFiled")
@dataclass(frozen=True, slots=True)
class TickFiled:
    """What a record is about."""

    number: int


class Chatting(Part[Memory]):
    """Greets, answers, ticks, measures, computes, files."""

    def __init__(self, me: AgentIdentity, config: ChatterConfig) -> None:
        super().__init__(me, Memory())
        self.config = config

    def _hear(self, *what: Any) -> None:
        self.state.begun += 1
        self.state.heard = (*self.state.heard, " ".join(map(str, what)))

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """Greet, and begin to tick."""
        self._hear("started")
        greetings: list[Effect] = [Send(peer, Chat(f"hello {k}", 2)) for peer in self.config.greets for k in (1, 2)]
        return [*greetings, *([Arm(Tick(1), now + MINUTE)] if self.config.ticks else [])]

    @on(Connected)
    def connected(self, event: Connected, now: datetime) -> list[Effect]:
        """Its device is there."""
        self._hear("connected", event.device)
        return [Poll(event.device)]

    @on(Chat)
    def chat(self, message: Chat, sender: str, now: datetime) -> list[Effect]:
        """Remember it, then fail at it, or answer."""
        self._hear(sender, message.text, message.hops)
        if message.text == "boom":
            raise ValueError("that was too much")
        if message.text == "calm":
            return [Disarm(Tick(1))]
        to = "nobody" if message.text == "lost" else sender
        return [Send(to, Chat(message.text, message.hops - 1))] if message.hops else []

    @on(DeviceSchedule)
    def schedule(self, message: DeviceSchedule, sender: str, now: datetime) -> list[Effect]:
        """A message on the lane of safety: steer the device."""
        self._hear(sender, "limits", message.setpoints[0].power_w)
        if not self.config.device:
            return []
        return [Command(self.config.device, message.setpoints[0], now + 5 * MINUTE)]

    @on(Tick)
    def tick(self, timer: Tick, now: datetime) -> list[Effect]:
        """Everything an agent can want, at one instant."""
        number = timer.number
        self._hear("tick", number)
        wants: list[Effect] = [Publish(Ticked(now, number)), Compute(Sum(number), "twice", (number,))]
        wants += [Send(peer, Chat(f"at tick {number}", 1)) for peer in self.config.greets]
        if self.config.device:
            wants += [Poll(self.config.device)]
        elif self.config.greets:
            wants += [Send(self.config.greets[0], limit(-number))]
        if self.config.files:
            record = self.me.record("tick", f"{self.me.name} {number}", str(number), now)
            wants += [Send("ledger", Filed(TickFiled(number), (record,)))]
        if number < self.config.ticks:
            wants += [Arm(Tick(number + 1), now + MINUTE)]
        return wants

    @on(Sum)
    def summed(self, reference: Sum, result: int, now: datetime) -> list[Effect]:
        """A timer that is due at once: another step of the same round."""
        self._hear("sum", reference.number, result)
        return [Arm(Nap(reference.number), now)]

    @on(Nap)
    def nap(self, timer: Nap, now: datetime) -> list[Effect]:
        """Tell the others, in the round's last step."""
        self._hear("nap", timer.number)
        return [Send(peer, Chat(f"napped {timer.number}")) for peer in self.config.greets]

    @on(Measured)
    def measured(self, event: Measured, now: datetime) -> list[Effect]:
        """Steer what was measured."""
        self._hear("measured", *(type(news).__name__ for news in event.news), event.fault or "")
        return [Command(event.device, Setpoint(Mode.LIMIT, -100 - len(self.state.heard)), now + 5 * MINUTE)]

    @on(Commanded)
    def commanded(self, event: Commanded, now: datetime) -> list[Effect]:
        """It is done, or why not."""
        self._hear("commanded", event.fault or "")
        return [Publish(Steered(now, event.fault or ""))]

    @on(TickFiled)
    def receipt(self, receipt: Receipt, sender: str, now: datetime) -> list[Effect]:
        """A record is durable."""
        self._hear("filed", f"r{receipt.reference.number}", receipt.fault or "")  # type: ignore[attr-defined]  # TickFiled
        return []


class Chatterer(Role):
    """An agent that does nothing but chat."""

    def __init__(self, name: str, rules: MarketRules, key: bytes, config: ChatterConfig) -> None:
        me = AgentIdentity(name, rules, key)
        super().__init__(me, Chatting(me, config))


def memory(role: Role) -> Memory:
    """All that a chatterer remembers."""
    return role.part(Chatting).state


def memory_in(snapshot: bytes) -> Memory:
    """All that a chatterer remembers, from its snapshot."""
    states: dict[str, Memory] = decode(snapshot)[2]
    return states[Chatting.__name__]


def limit(power_w: int) -> DeviceSchedule:
    """The same limit all day, on the lane of safety."""
    return DeviceSchedule("farm-a.pv", FIRST, (Setpoint(Mode.LIMIT, power_w),) * 96)


def chatterer(name: str, device: bool = False, **config: Any) -> AgentSpec:
    """A chatterer; its name must be one of the market's, which has keys for them."""
    if not device:
        return AgentSpec(name, "chatterer", ROLE, key(name), ChatterConfig(**config))
    return AgentSpec(name, "chatterer", ROLE, key(name), ChatterConfig(device=name, **config), name)


def four_agents(ticks: int = 2) -> tuple[AgentSpec, ...]:
    """Four agents that greet each other, tick, steer a device, and file records with a ledger keeper."""
    return (
        chatterer("agr", greets=("farm-a.pv", "dso"), ticks=ticks, files=True),
        chatterer("dso", greets=("agr", "farm-a"), ticks=1),
        chatterer("farm-a", greets=("farm-a.pv", "agr")),
        chatterer("farm-a.pv", device=True, greets=("farm-a",), ticks=ticks),
        agent_spec("ledger", "ledger-keeper", key("ledger"), ()),
    )


# Local mail on the first host; mail between hosts both ways; the ledger and the device on different ones.
HOSTS = {"agr": "one", "dso": "one", "farm-a": "two", "farm-a.pv": "two", "ledger": "one"}
START, END = AHEAD, AHEAD + timedelta(hours=1)


async def twice(job: str, arguments: tuple[Any, ...]) -> Any:
    """Their only job; 13 is one that fails."""
    await asyncio.sleep(0)
    if arguments[0] == 13:
        raise ArithmeticError("no result for 13")
    return arguments[0] * 2
