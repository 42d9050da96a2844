"""One outage led by agents: the ILES manager and an agent for each unit, by messages, in rounds of simulated time."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from agents.assembly.island_agents import IslandLinks, island_agents, units_of
from agents.runtime.agent_spec import AgentGroup
from agents.runtime.local import LocalRuntime
from agents.runtime.scheduler import RoundScheduler, Sink
from cim.model.errors import BadInput
from devices.simulators.island_units import IslandUnitsWorld
from environment.outages import Outage
from environment.physics.island_event import IslandEvent
from experiments.island.model import IslandSite
from experiments.island.ride import GIVES_UP_S, Ride, Watch, expectations_of


def ride_with_agents(
    model: IslandSite,
    outage: Outage,
    *,
    stored_wh: float,
    battery_w: float,
    seed: int = 1,
    silent: tuple[str, ...] = (),
    hear: Sink = lambda _agent, _told: None,
) -> tuple[Ride, int]:
    """As `ride.ride_through`, with agents; also how many messages they sent.

    Args:
        hear: what agents publish, (agent, publication).
        silent: units whose link is lost when mains are.

    Raises:
        BadInput: one of `silent` is no unit.
    """
    plan = model.plan
    model.quarter(outage.start)
    event = IslandEvent(
        model.year, model.limits, outage, stored_wh=stored_wh, battery_w=battery_w,
        separation_s=plan.separation_s.value, traced=True,
    )  # fmt: skip
    watch = Watch(model, event)
    units = IslandUnitsWorld(event, units_of(plan, event))
    unknown = [name for name in silent if name not in units.unit_ports]
    if unknown:
        known = ", ".join(units.unit_ports)
        raise BadInput(f"silent: {', '.join(unknown)} is no unit of the island; expected some of {known}")
    group = island_agents(model.site, plan, event, model.facts, expectations_of(model, outage), seed)
    messages = asyncio.run(_run(group, _Clock(units, watch, silent), outage, hear))
    return watch.ride(event.trace, stored_wh), messages


class _Clock:
    """The units' world, watched; the run ends when the island is one with mains again."""

    def __init__(self, units: IslandUnitsWorld, watch: Watch, silent: tuple[str, ...]) -> None:
        self.units, self._watch, self._silent = units, watch, silent
        self.over: Callable[[], None] = lambda: None

    async def advance(self, to: datetime) -> None:
        """Move on to an instant."""
        event = self.units.event
        if to <= event.now:
            return
        self._watch.before()
        await self.units.advance(to)
        self._watch.after()
        for name in self._silent:
            self.units.unit_ports[name].silence(True)
        if not event.lost:
            self.over()


async def _run(group: AgentGroup, clock: _Clock, outage: Outage, hear: Sink) -> int:
    """How many messages were sent."""
    with tempfile.TemporaryDirectory() as folder:
        runtime = LocalRuntime(group, IslandLinks(clock.units), Path(folder) / "ledger.db")
        end = outage.end + timedelta(seconds=GIVES_UP_S)
        scheduler = RoundScheduler(runtime, clock, outage.start, end, hear)
        clock.over = scheduler.stop
        await runtime.open(outage.start)
        try:
            await scheduler.run()
        finally:
            await runtime.close()
        return scheduler.messages
