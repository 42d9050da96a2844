"""The lightest role: it sends back what it is sent, so that what is measured is the runtime and not a decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.roles.effects import Arm, Effect, Send, Timer
from agents.roles.events import Started
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.role import Role
from cim.codec.codec import wire
from cim.model.arrays import Floats
from market.rules import MarketRules


@wire("echo.Config")
@dataclass(frozen=True, slots=True)
class EchoConfig:
    """Whom it plays with.

    Attributes:
        peer: the agent it sends its first messages to; empty: it only answers.
        balls: how many messages it sends at the start; each goes back and forth.
        hops: how often a message is sent on before it is dropped.
        values: payload of each message.
        waves: how often it throws: at the start, then each second once more.
    """

    peer: str
    balls: int
    hops: int
    values: Floats
    waves: int = 1


@wire("echo.Ball")
@dataclass(slots=True)
class Ball:
    """A message with a profile as its payload, and how many hops are left to it."""

    hops: int
    values: Floats


@wire("echo.State")
@dataclass(slots=True)
class EchoState:
    """What it remembers."""

    caught: int = 0
    waves: int = 0


@wire("echo.timer.throw")
@dataclass(frozen=True, slots=True)
class ThrowAgain(Timer):
    """The next wave is due."""


class Echo(Part[EchoState]):
    """Catches balls and throws them back."""

    def __init__(self, me: AgentIdentity, config: EchoConfig) -> None:
        super().__init__(me, EchoState())
        self.config = config

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """Throw the first balls."""
        return self.throw(ThrowAgain(), now) if self.config.peer else []

    @on(ThrowAgain)
    def throw(self, timer: ThrowAgain, now: datetime) -> list[Effect]:
        """Throw a wave of balls."""
        config = self.config
        self.state.waves += 1
        more: list[Effect] = [Arm(ThrowAgain(), now + timedelta(seconds=1))] if self.state.waves < config.waves else []
        ball = Ball(config.hops, config.values)
        return [*(Send(config.peer, ball) for _ in range(config.balls)), *more]

    @on(Ball)
    def caught(self, message: Ball, sender: str, now: datetime) -> list[Effect]:
        """Throw it back, as long as it has hops left."""
        self.state.caught += 1
        return [Send(sender, Ball(message.hops - 1, message.values))] if message.hops > 1 else []


class EchoRole(Role):
    """An agent that only echoes."""

    def __init__(self, name: str, rules: MarketRules, key: bytes, config: EchoConfig) -> None:
        me = AgentIdentity(name, rules, key)
        super().__init__(me, Echo(me, config))
