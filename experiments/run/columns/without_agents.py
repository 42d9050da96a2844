"""Columns that physics alone gives: nobody tells a device anything."""

from __future__ import annotations

from environment.physics.world import World
from environment.profiles.library import load
from environment.sites import load_site
from experiments.run.columns.column import Column
from experiments.run.run import OPENING_HOUR, span
from experiments.run.settings import RunSettings


def run_idle(settings: RunSettings) -> Column:
    """Nothing is controlled: batteries rest, vehicles charge at once, rooms follow their thermostats."""
    site = load_site(settings.site)
    first, last = span(site, settings)
    world = World(site, load(site.profiles), first.next(-1).at(OPENING_HOUR), settings.seed, batteries_rest=True)
    world.advance(last.end)
    start, end = first.start, last.end
    return Column(world.truth(start, end), world.truth_by_kind(start, end), world.device_truth(start, end))
