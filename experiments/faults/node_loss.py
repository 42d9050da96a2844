"""A Ray node lost on purpose: a day of a site on several nodes of one machine, one of which dies while orders are delivered.

Its agents must come back on the others, and the day must end as the undisturbed one: same ledger, same events.
"""

from __future__ import annotations

import random
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cim.platform.memory_store import MemoryStore
from experiments.faults.activation import Activation, greatest_activation
from experiments.faults.comparison import Uneven, differences, heads, uneven
from experiments.faults.ray_nodes import RayNodes
from experiments.run.run import RunResult, run_site
from experiments.run.settings import RunSettings
from market.rules import Control

_MIDST_S = 0.1  # so long at most after an instant's work has begun the node dies: within the first of its rounds


@dataclass(frozen=True)
class Moved:
    """An agent that was on the node that was killed.

    Attributes:
        delivering: it was, or helped with, delivering an order.
        to: the node it is on now, counted from 1; None: it was not back when the day ended.
        away_s: from the kill until its host worked again; None likewise.
    """

    agent: str
    delivering: bool
    to: int | None
    away_s: float | None


@dataclass(frozen=True)
class NodeLoss:
    """The outcome of a day with a lost node.

    Attributes:
        nodes: how many agents were on each before.
        killed: the node that was killed, counted from 1.
        at: the instant whose work it died in, within the ISP that begins at `isp`.
        noticed_s: from the kill until the first death was noticed.
        lost, doubled: agents that handled fewer or more events than on the undisturbed day: (agent, without, with).
        heads: of the ledger without and with the loss.
    """

    nodes: tuple[int, ...]
    killed: int
    at: datetime | None
    isp: datetime
    moved: tuple[Moved, ...]
    noticed_s: float
    lost: Uneven
    doubled: Uneven
    heads: tuple[str, str]

    @property
    def slowest_s(self) -> float:
        """The longest that an agent was away."""
        return max((one.away_s for one in self.moved if one.away_s is not None), default=0.0)

    @property
    def faults(self) -> tuple[str, ...]:
        """A sentence for each promise that was not kept."""
        found = differences((*self.lost, *self.doubled), self.heads, "the loss of a node")
        gone = [one.agent for one in self.moved if one.to is None]
        stayed = [one.agent for one in self.moved if one.to == self.killed]
        if gone:
            found.append(f"{len(gone)} agents were not back when the day ended: {', '.join(gone)}")
        if stayed:
            found.append(f"{len(stayed)} agents live on the node that was killed: {', '.join(stayed)}")
        if not any(one.delivering for one in self.moved):
            found.append(f"nobody who delivered an order was on node {self.killed}: its loss proves nothing")
        return tuple(found)


class NodeKiller:
    """Kills a node while the work of an instant is done, and notes where its hosts come back.

    Args:
        at: from this instant on.
        delay_s: after an instant's work has begun.
    """

    def __init__(self, nodes: RayNodes, at: datetime, delay_s: float) -> None:
        self._nodes, self._due, self._delay_s = nodes, at, delay_s
        self._thread = ThreadPoolExecutor(1)
        self._killing: Future[float] | None = None
        self._known = 0
        self.node = nodes.ids[1]
        self.at: datetime | None = None
        self.host_of: dict[str, str] = {}
        self.before: dict[str, str] = {}  # host -> node
        self.after: dict[str, str] = {}
        self.back: dict[str, tuple[float, float]] = {}  # host -> seconds from the kill: noticed, working again

    def __call__(self, runtime: Any, now: datetime) -> None:
        """Called at each instant, before it is worked off."""
        if self._killing is None and now >= self._due:
            locations = runtime.locations()
            self.at, self._known, self.host_of = now, len(runtime.revivals), dict(runtime.host_of)
            self.before = {host: node for host, (node, _) in locations.items()}
            processes = [process for node, process in locations.values() if node == self.node]
            self._killing = self._thread.submit(self._kill, processes)
        elif self._killing is not None and not self.after:
            self._look(runtime, self._killing.result())

    def _kill(self, processes: list[int]) -> float:
        time.sleep(self._delay_s)
        begun = time.monotonic()
        self._nodes.kill(self.node, processes)
        return begun

    def _look(self, runtime: Any, killed_at: float) -> None:
        """Once all its hosts are back, note where they are now."""
        for revival in runtime.revivals[self._known :]:
            worked = revival.at - killed_at
            self.back.setdefault(revival.host, (worked - revival.seconds, worked))
        if all(host in self.back for host, node in self.before.items() if node == self.node):
            self.after = {host: node for host, (node, _) in runtime.locations().items()}


def run(settings: RunSettings, count: int, say: Any) -> NodeLoss:
    """The day undisturbed (in one process), then on `count` nodes of which the second is killed.

    Args:
        say: called with a sentence about what is being done, and with each instant.

    Raises:
        BadInput: fewer than two nodes, or a day on which nothing is ordered.
    """
    instants: list[datetime] = []
    out = settings.out
    say("the undisturbed day")
    quiet = replace(settings, runtime="local", wire="direct", durable=False)
    clean = run_site(quiet, out / "clean.db", MemoryStore(keep_readings=False), Control.MARKET, instants.append)
    activation = greatest_activation(out / "clean.db")
    within = [instant for instant in instants if activation.start <= instant < activation.end]
    delay_s = random.Random(settings.seed).uniform(0.0, _MIDST_S)  # noqa: S311 - failures are drawn, not secrets
    say(f"starting {count} Ray nodes")
    with RayNodes(count, out / "ray.log") as nodes:
        killer = NodeKiller(nodes, within[len(within) // 2], delay_s)
        failed = run_site(
            replace(settings, durable=True),
            out / "ledger.db",
            MemoryStore(keep_readings=False),
            Control.MARKET,
            say,
            killer,
        )
        return _compared(clean, failed, killer, nodes.ids, activation, out)


def _compared(
    clean: RunResult, failed: RunResult, killer: NodeKiller, ids: tuple[str, ...], activation: Activation, out: Path
) -> NodeLoss:
    domains = clean.site_agents.rules.domains
    sellers = {name for name, domain in domains.items() if domain in activation.sellers}
    number = {node: place for place, node in enumerate(ids, start=1)}
    was_on = {agent: killer.before[host] for agent, host in killer.host_of.items()}
    moved = []
    for agent in sorted(agent for agent, node in was_on.items() if node == killer.node):
        host = killer.host_of[agent]
        _, away = killer.back.get(host, (None, None))
        delivering = agent.partition(".")[0] in sellers  # a seller, or an agent of one of its devices
        moved.append(Moved(agent, delivering, number.get(killer.after.get(host, "")), away))
    lost, doubled = uneven(clean, failed)
    return NodeLoss(
        tuple(sum(node == one for node in was_on.values()) for one in ids),
        number[killer.node],
        killer.at,
        activation.start,
        tuple(moved),
        min((noticed for noticed, _ in killer.back.values()), default=0.0),
        lost,
        doubled,
        heads(out / "clean.db", out / "ledger.db"),
    )
