"""A host's roles decide: what they send, publish and want done is collected into a step; what fails is put aside."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from operator import itemgetter

from agents.roles.effects import Arm, Disarm, Effect, Publish, Send
from agents.roles.events import Received
from agents.runtime.envelope import Envelope
from agents.runtime.host.hosted_agent import AgentEvent, FailedEvent, HostedAgent
from agents.runtime.host.rounds import Step
from agents.runtime.host.timers import Timers
from cim.codec.codec import tag_of
from cim.model.errors import ProgrammingFault
from cim.platform.publications.incidents import HandlingFailed

_AGENT = itemgetter(0)


class Dispatcher:
    """Lets agents handle events and messages.

    Args:
        hosted_agents: who lives in this host.
        neighbours: the agents of the whole site: a message to anybody else is a fault of its role.
        timers: where what they arm is kept.

    Attributes:
        seconds: where the time of this round went, by part; of the host, and new with each round.
    """

    def __init__(self, hosted_agents: dict[str, HostedAgent], neighbours: Mapping[str, str], timers: Timers) -> None:
        self._hosted_agents, self._neighbours, self._timers = hosted_agents, neighbours, timers
        self.seconds: dict[str, float] = {}

    def decide(self, events: dict[str, list[AgentEvent]], inbox: list[Envelope], now: datetime) -> Step:
        """Let the roles decide; what touches the world is returned, and not done yet.

        An agent's own outcomes and timers come before its messages; what one agent does concerns no other in this step.
        """
        begun = time.perf_counter()
        happened: list[tuple[str, AgentEvent]] = []
        step = Step(happened, inbox)
        if events:
            self._happen(events, happened, step, now)
            begun = self._clocked("market", begun)
        if inbox:
            self._hear(inbox, step, now)
            self._clocked(_label(inbox[0][4]), begun)
        # Whose messages came first is an accident of names; what is published and carried out goes by agent.
        if len(step.published) > 1:
            step.published.sort(key=_AGENT)
        if len(step.effects) > 1:
            step.effects.sort(key=_AGENT)
        return step

    def _happen(
        self, events: dict[str, list[AgentEvent]], happened: list[tuple[str, AgentEvent]], step: Step, now: datetime
    ) -> None:
        for name in sorted(events):
            hosted_agent = self._hosted_agents[name]
            for index, event in enumerate(events[name]):
                happened.append((name, event))
                if isinstance(event, FailedEvent):
                    hosted_agent.put_aside(event)
                    step.published.append((name, _failure(event)))
                    continue
                effects = hosted_agent.handle(event, now)
                if effects or effects is None:
                    self._take(hosted_agent, effects, index, step, now)

    def _hear(self, inbox: list[Envelope], step: Step, now: datetime) -> None:
        send, known, agent = step.outbox.append, self._neighbours, None
        for number, envelope in enumerate(inbox):
            if envelope[0] != agent:  # the mail of one agent stands together
                agent = envelope[0]
                hosted_agent = self._hosted_agents[agent]
                take, address = hosted_agent.take, hosted_agent.address
            effects = take(envelope, now)
            if not effects:
                if effects is None:
                    self._take(hosted_agent, effects, -1 - number, step, now)
            elif len(effects) == 1 and type(effect := effects[0]) is Send and effect.to in known:
                send(address(effect.to, effect.message))
            else:
                self._take(hosted_agent, effects, -1 - number, step, now)

    def _take(
        self, hosted_agent: HostedAgent, effects: list[Effect] | None, index: int, step: Step, now: datetime
    ) -> None:
        if effects:
            effects = self._possible(hosted_agent, effects, now)
        if effects is None:
            failed = hosted_agent.failed_events[-1]
            step.failed.append((hosted_agent.name, index, failed))
            step.published.append((hosted_agent.name, _failure(failed)))
            return
        send, address = step.outbox.append, hosted_agent.address
        for effect in effects:
            if isinstance(effect, Send):
                send(address(effect.to, effect.message))
            elif isinstance(effect, Arm):
                timer, at = effect.timer, effect.at
                hosted_agent.timers[timer] = at
                self._timers.arm(hosted_agent.name, timer, at)
                step.armed.append((hosted_agent.name, at, timer))
            elif isinstance(effect, Disarm):
                if hosted_agent.timers.pop(effect.timer, None) is not None:
                    self._timers.disarm(hosted_agent.name, effect.timer)
                    step.armed.append((hosted_agent.name, None, effect.timer))
            elif isinstance(effect, Publish):
                step.published.append((hosted_agent.name, effect.publication))
            else:
                step.effects.append((hosted_agent.name, effect))

    def _possible(self, hosted_agent: HostedAgent, effects: list[Effect], now: datetime) -> list[Effect] | None:
        """The effects; None where a message is for nobody: then the role failed, like one that raises."""
        known = self._neighbours
        for effect in effects:
            if type(effect) is Send and effect.to not in known:
                fault = ProgrammingFault(
                    f"{tag_of(effect.message)} to {effect.to!r}, whom nobody knows; expected an agent"
                )
                hosted_agent.undo(fault, now)
                return None
        return effects

    def _clocked(self, label: str, begun: float) -> float:
        now = time.perf_counter()
        self.seconds[label] = self.seconds.get(label, 0.0) + now - begun
        return now


def _failure(failed: FailedEvent) -> HandlingFailed:
    sender = failed.event.sender if isinstance(failed.event, Received) else None
    return HandlingFailed(failed.at, tag_of(getattr(failed.event, "message", failed.event)), sender, failed.error)


def _label(message: object) -> str:
    """Under what a role's own time is booked: the split among members, or everything else it decides."""
    return "dispatch" if tag_of(message).startswith("vpp.") else "market"
