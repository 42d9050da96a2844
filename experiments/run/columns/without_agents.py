"""Columns that physics alone gives: nobody tells a device anything."""

from __future__ import annotations

from datetime import datetime

from cim.platform.memory_store import MemoryStore
from environment.physics.world import World
from environment.profiles.library import load
from environment.sites import load_site
from experiments.run.columns.column import Column
from experiments.run.columns.peak import advance_metered, peak_loading_pct
from experiments.run.run import OPENING_HOUR, span
from experiments.run.settings import RunSettings


def run_idle(settings: RunSettings) -> Column:
    """Nothing is controlled: batteries rest, vehicles charge at once, rooms follow their thermostats."""
    site = load_site(settings.site)
    first, last = span(site, settings)
    world = World(site, load(site.profiles), first.next(-1).at(OPENING_HOUR), settings.seed, batteries_rest=True)
    store = MemoryStore()
    advance_metered(world, first.start, store)
    advance_metered(world, last.end, store)
    return column_of_world(world, store, first.start, last.end)


def column_of_world(world: World, store: MemoryStore, start: datetime, end: datetime) -> Column:
    """What a world that was lived through in control intervals (`advance_metered`) shows of a span."""
    return Column(
        world.truth(start, end),
        world.truth_by_kind(start, end),
        world.device_truth(start, end),
        peak_loading_pct=peak_loading_pct(world.site, store, start, end),
    )
