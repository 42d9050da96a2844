"""Columns beside the market in which agents steer: the same days, devices and agents under other rules."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from cim.platform.memory_store import MemoryStore
from environment.sites import load_site
from experiments.run.columns.column import Column, column_of
from experiments.run.run import run_site
from experiments.run.settings import RunSettings
from market.rules import Control


def run_agents(settings: RunSettings, control: Control) -> Column:
    """One column, in this process and without sockets: the outcome depends on neither runtime nor wire."""
    with tempfile.TemporaryDirectory(prefix="iles-") as folder:
        quiet = replace(settings, runtime="local", wire="direct", durable=False)
        points = load_site(settings.site).congestion_points
        store = MemoryStore(keep_readings=frozenset(point.meter for point in points))
        return column_of(run_site(quiet, Path(folder) / "ledger.db", store, control, lambda _: None))
