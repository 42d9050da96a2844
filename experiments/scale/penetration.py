"""More and more PV, vehicles, batteries or heat pumps in a small district: until its grid, or its market, gives way."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

from environment.district import Mix, write_district
from experiments.bench.figures import Figures

KINDS = {  # by what grows: the device in a site file, and the day on which it weighs most
    "pv": ("pv", date(2016, 5, 20)),
    "battery": ("battery", date(2016, 5, 20)),
    "ev": ("station", date(2016, 1, 19)),
    "heat_pump": ("gateway", date(2016, 1, 19)),
}
SHARES = (10, 25, 50, 75, 100)
PROSUMERS = 26  # two low-voltage grids
KEPT_PCT = 2.0  # of what had to be moved: if more is left over the limits, the grid has given way


def mix_of(kind: str, share: int) -> Mix:
    """The published mix, but so many of one kind."""
    return Mix(**{KINDS[kind][0]: float(share)})


def measure_penetration(kind: str, share: int, seed: int) -> Figures:
    """The day with nothing controlled and with the market, at a share of connections that have a kind of device.

    `needed_kwh` is what would have to be moved with nothing controlled for no congestion point to be beyond its limit, and
    `left_kwh` what still would with the market (quarter-hour means). `ordered_kwh` is what the DSO bought, `curtailed_kwh`
    what it took by its own right because offers were not enough.
    """
    from cim.platform.memory_store import MemoryStore
    from cim.platform.publications.trading import OrderPlaced
    from environment.sites import load_site
    from experiments.run.columns.column import column_of
    from experiments.run.columns.figures import paid_by
    from experiments.run.columns.without_agents import run_idle
    from experiments.run.grid import evaluate
    from experiments.run.run import run_site
    from experiments.run.settings import RunSettings
    from market.rules import Control

    with tempfile.TemporaryDirectory(prefix="iles-scale-") as name:
        folder = Path(name)
        site = folder / f"district-{PROSUMERS}.yaml"
        write_district(site, PROSUMERS, seed, mix_of(kind, share))
        settings = RunSettings(str(site), KINDS[kind][1], 1, seed, "local", "direct", 1, folder)
        idle = run_idle(settings)
        meters = frozenset(point.meter for point in load_site(str(site)).congestion_points)
        store = MemoryStore(keep_readings=meters)
        result = run_site(settings, folder / "ledger.db", store, Control.MARKET, lambda _: None)
        column = column_of(result)
        before, after = evaluate(result.site, idle.truth), evaluate(result.site, column.truth)
        dso = result.site.dso.domain
        orders = [told.publication for told in store.told(OrderPlaced) if told.publication.buyer == dso]
        ordered_wh = sum(abs(row.power_w) * row.duration for order in orders for row in order.isps) / 4
        needed_wh, left_wh = before.over_limit_wh, after.over_limit_wh
        curtailed_wh = sum(column.accounted_wh.values())
        return {
            "needed_kwh": needed_wh / 1000,
            "left_kwh": left_wh / 1000,
            "ordered_kwh": ordered_wh / 1000,
            "curtailed_kwh": curtailed_wh / 1000,
            "dso_cost": paid_by(column, dso) / 10_000,
            "loading_before_pct": before.figures["max_loading_pct"],
            "loading_pct": after.figures["max_loading_pct"],
            "min_voltage_pu": after.figures["min_voltage_pu"],
            "max_voltage_pu": after.figures["max_voltage_pu"],
            "unserved_ev_kwh": column.devices.unserved_ev_wh / 1000,
            "grid_gives_way": int(left_wh > KEPT_PCT / 100 * needed_wh and left_wh > 0),
            "market_gives_way": int(curtailed_wh > ordered_wh),
        }
