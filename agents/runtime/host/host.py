"""A host: some agents in one process, worked in rounds, exactly once.

The order is: receive, drop if seen, handle, ONE durable append (state and what it led to), send, acknowledge. So the
host may die at any instant: whoever comes back goes on behind the last append, and a round that was asked for twice is
answered twice the same. The same host serves every runtime: with one agent in a Ray actor, or with thousands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

from agents.roles.events import Connected, Fired, Recalled, Started
from agents.runtime.agent_spec import AgentSpec, build_role
from agents.runtime.envelope import Batch, Envelope, Outcome, Task
from agents.runtime.host.dispatch import Dispatcher
from agents.runtime.host.effects import AgentEffect, EffectRunner, Executor
from agents.runtime.host.health import AgentHealth, HostHealth
from agents.runtime.host.hosted_agent import AgentEvent, HostedAgent
from agents.runtime.host.inbox import take_in, whole
from agents.runtime.host.ledger_effects import LedgerEffects
from agents.runtime.host.rounds import Round
from agents.runtime.host.step_log import StepLog
from agents.runtime.host.timers import Timers
from agents.runtime.journal import Journal, NoJournal
from cim.model.devices import News
from cim.model.errors import ProgrammingFault
from devices.port.errors import DeviceError
from devices.port.port import Port
from devices.port.tells import Tells
from market.rules import MarketRules

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
# Events that a host keeps in memory to make its roles anew after a failure: of all agents, and of one at least and most.
_SINCE, _LEAST, _MOST = 200_000, 4, 256


class Host:
    """Agents that share a process.

    Args:
        specs: who lives here.
        rules: the market's.
        ports: the device port of each agent that has one, by device name.
        executor: carries out `Compute` jobs.
        neighbours: the host of every other agent of the site, and this host's own name for those who live here.
        ledger_effects: the ledger, where the ledger keeper lives here.
        journal: where steps are made durable.
        first_round: in which agents that have no past begin.
        mailbox: how many messages an agent takes in a round; what is over waits at the sender.
        clock: the real time, where it goes on while the host works.
        point: called at each named point of a round; the seam for crashes on purpose.
    """

    def __init__(
        self,
        specs: tuple[AgentSpec, ...],
        rules: MarketRules,
        ports: dict[str, Port],
        executor: Executor,
        neighbours: Mapping[str, str],
        *,
        ledger_effects: LedgerEffects | None = None,
        journal: Journal | None = None,
        first_round: int = 0,
        mailbox: int = 10_000,
        clock: Callable[[], datetime] | None = None,
        point: Callable[[str], None] | None = None,
    ) -> None:
        self.specs = {spec.name: spec for spec in sorted(specs, key=lambda spec: spec.name)}
        most = max(_LEAST, min(_MOST, _SINCE // max(len(specs), 1)))
        self.hosted_agents = {
            name: HostedAgent(name, partial(build_role, spec, rules), first_round, most)
            for name, spec in self.specs.items()
        }
        self.effect_runner = EffectRunner(ports, executor, ledger_effects, clock)
        self._neighbours, self._mailbox, self._point = neighbours, mailbox, point or (lambda _: None)
        self._step_log = StepLog(journal or NoJournal(), self.hosted_agents)
        self.effect_runner.patient = self._step_log.durable
        self._timers = Timers()
        self._local: list[Envelope] = []  # for agents here, from the last round
        self._own: dict[str, list[AgentEvent]] = {}  # outcomes of effects, not yet handled
        self._dispatcher = Dispatcher(self.hosted_agents, neighbours, self._timers)
        self._now = _NEVER
        self.fresh: tuple[str, ...] = ()  # once open: the agents that have no past here

    # ---- the beginning -------------------------------------------------------------------------------------------------

    async def open(self, now: datetime, allow_missing: bool = False) -> tuple[str, ...]:
        """Rebuild the agents from the journal (or let them begin), and connect every device.

        Returns a sentence for each device that does not answer; an agent with a past learns that from its next reading, and
        one whose device was never there before is told of it now.

        Raises:
            DeviceError: the first that does not answer at the beginning, unless `allow_missing`.
        """
        self._now = now
        await self._step_log.restore()
        self._local = self._step_log.own_mail()
        for name, agent in self.hosted_agents.items():
            for timer, at in agent.timers.items():
                self._timers.arm(name, timer, at)
        self.effect_runner.noted = self._step_log.noted()
        self.fresh = tuple(name for name, agent in self.hosted_agents.items() if agent.begins)
        self._own = {name: [Started()] for name in self.fresh}
        devices = {spec.device: name for name, spec in self.specs.items() if spec.device is not None}
        for device in devices:
            if isinstance(port := self.effect_runner.ports[device], Tells):
                port.listen(partial(self._note, device))
        missing: list[str] = []
        for device, plate in (await self.effect_runner.open(tuple(devices), now)).items():
            name = devices[device]
            if isinstance(plate, DeviceError):
                if name in self.fresh and not allow_missing:
                    raise plate
                missing.append(str(plate))
            elif name in self.fresh or self.hosted_agents[name].role.waits:
                self._own.setdefault(name, []).append(Connected(device, plate))
        return tuple(missing)

    def recall(self, past: Mapping[str, Recalled]) -> None:
        """Give agents without a memory what the ledger knows of them, in place of a beginning; before the first round."""
        for name, event in past.items():
            if self.hosted_agents[name].role.recovers:
                self._own[name] = [event if isinstance(e, Started) else e for e in self._own[name]]

    def _note(self, device: str, news: News) -> None:
        self._step_log.note(device, news, self._now)  # kept before it is acknowledged to the device

    async def close(self) -> str | None:
        """Let go of all devices, the ledger and the journal; returns why its agents' last states are not in the journal."""
        await self.effect_runner.close()
        return self._step_log.close()

    # ---- rounds --------------------------------------------------------------------------------------------------------

    async def resume(self) -> tuple[Outcome, ...]:
        """End a round that a crash cut off; returns all outcomes that may not have reached their receivers.

        The last of them says how the host is now.
        """
        if self._step_log.open is not None:
            await self._finish(self._step_log.open, [])
        kept = tuple(self._outcome(kept) for kept in self._step_log.unsettled())
        last = 0 if self._step_log.last is None else self._step_log.last.number
        return (*kept, self._outcome(Round(last, self._now)))

    async def work(self, now: datetime, task: Task) -> Outcome:
        """One round: work off everything that is due, in an order that depends on nothing but the messages."""
        self._dispatcher.seconds = {}
        self._now = now
        opened = self._step_log.open
        if opened is not None:
            if opened.number != task.number:
                raise ProgrammingFault(f"round {task.number} was asked for, but round {opened.number} was not resumed")
            return self._outcome(await self._finish(opened, []))
        done = self._step_log.last
        if done is not None and task.number <= done.number:
            if task.number < done.number:
                raise ProgrammingFault(f"round {task.number} was asked for after round {done.number}")
            return self._outcome(done)
        if done is None and task.number > 1:
            # The site has a past that this host does not know: its peers must not take its messages for old ones.
            for agent in self.hosted_agents.values():
                if agent.begins:
                    agent.first_round = agent.first_round or task.number
        self._point("received")
        current = Round(task.number, now)
        events, inbox, taken = self._due(now, task)
        self._step_log.begin(current, 0 if self._local else task.settled)
        current.taken, current.handled = taken, len(inbox)
        return self._outcome(await self._finish(current, inbox, events))

    async def _finish(
        self, current: Round, inbox: list[Envelope], events: dict[str, list[AgentEvent]] | None = None
    ) -> Round:
        """Handle, append, carry out, and again with the outcomes until there are none."""
        effects: list[AgentEffect] = list(current.effects)
        events = events or {}
        while True:
            if events or inbox:
                step = self._dispatcher.decide(events, inbox, current.now)
                self._point("handled")
                await self._step_log.append(current, step, not (step.effects or self._timers.waiting(current.now)))
                self._point("appended")
                effects, here = step.effects, self.hosted_agents
                self._local += [envelope for envelope in step.outbox if envelope[0] in here]
            if effects:
                for name, event in await self.effect_runner.carry_out(effects, current.now, self._dispatcher.seconds):
                    self._own.setdefault(name, []).append(event)
                self._point("carried")
            effects, inbox = [], []
            if not self._own and not self._timers.waiting(current.now):
                break
            events, self._own = self._own, {}
            self._fire(current.now, events)
        self._step_log.end(current)
        self._point("finished")
        return current

    def _fire(self, now: datetime, events: dict[str, list[AgentEvent]]) -> None:
        for name, timer in self._timers.due(now):
            # Before anything is handled: an event that comes first may arm the same timer anew.
            self.hosted_agents[name].timers.pop(timer, None)
            events.setdefault(name, []).append(Fired(timer))

    def _due(
        self, now: datetime, task: Task
    ) -> tuple[dict[str, list[AgentEvent]], list[Envelope], tuple[tuple[str, int], ...]]:
        """Outcomes of an agent's own effects, then timers; the messages that are new, in order; the parcels taken whole."""
        events, self._own = self._own, {}
        self._fire(now, events)
        mail, self._local = self._local, []
        for parcel in task.parcels:
            mail += parcel.opened()
        here = self.hosted_agents
        fresh, left = take_in(mail, here, self._mailbox, task.complete) if mail else (mail, set())
        if left:
            self._local = [envelope for envelope in mail if envelope[1] in here and envelope[:4] in left]
        return events, fresh, whole(task.parcels, left)

    def health(self) -> HostHealth:
        """How its agents are, and whether the journal keeps what it is given."""
        waiting = Counter(envelope[0] for envelope in self._local)
        agents = tuple(
            AgentHealth(
                name, self.specs[name].kind, agent.handled, waiting[name], agent.failed_events, agent.last_at,
                self.specs[name].device, agent.role.forgotten,
            )
            for name, agent in self.hosted_agents.items()
        )  # fmt: skip
        log = self._step_log
        trouble = log.trouble or self.effect_runner.trouble
        return HostHealth(agents, log.durable, log.entries, log.rewritten, trouble, log.recovery)

    def _outcome(self, current: Round) -> Outcome:
        mail: dict[str, list[Envelope]] = {}
        neighbours, hosted_agents = self._neighbours, self.hosted_agents
        for envelope in current.outbox:
            if envelope[0] not in hosted_agents:
                mail.setdefault(neighbours[envelope[0]], []).append(envelope)
        parcels: dict[str, tuple[Envelope, ...] | Batch] = {host: tuple(envelopes) for host, envelopes in mail.items()}
        more, seconds = (
            bool(self._local or self._own),
            self._dispatcher.seconds,
        )  # the next round has seconds of its own
        return Outcome(
            current.number, parcels, current.taken, more, tuple(current.published), self._timers.next(), seconds,
            current.handled,
        )  # fmt: skip
