"""A day under the market without the columns beside it and the report, and a corner of Strem for what needs no whole site.

The corner is cut from the site's own file: four connections with devices of every protocol under both aggregators. A day
of it costs a quarter of one at Strem, and flexibility is ordered on it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cim.platform.memory_store import MemoryStore
from cim.platform.store import Store
from environment import sites
from environment.district import PUBLISHED, district
from experiments.run.columns.column import column_of
from experiments.run.run import RunResult, run_site
from experiments.run.settings import RunSettings
from market.ledger.verify import verify
from market.rules import Control
from market.settlement.payments import balance

SEED = 7
_CONNECTIONS = ("farm-1", "farm-4", "household-1", "care-centre")
_MOST_LOADING_PCT = 60  # fewer connections congest a weaker grid


def corner_of_strem(folder: Path) -> Path:
    """The corner's site file, written to a folder."""
    return _part_of_strem(folder / "corner.yaml", _CONNECTIONS, _MOST_LOADING_PCT)


def park_beside_field(folder: Path) -> Path:
    """A CONSTRUCTED site: Strem's charging park, PV field and one farm alone on a feeder that is too weak for the field.

    At Strem batteries and plants are cheaper than its few vehicles and nearly all that is ordered; here there is nothing
    but sun to curtail beside them.
    """
    return _part_of_strem(folder / "park.yaml", ("charging-park", "pv-field", "farm-2"), 44)


def _part_of_strem(path: Path, connections: tuple[str, ...], most_loading_pct: int) -> Path:
    site = yaml.safe_load((Path(sites.__file__).parent / "strem.yaml").read_text(encoding="utf-8"))
    site["prosumers"] = [prosumer for prosumer in site["prosumers"] if prosumer["name"] in connections]
    for whole in ("community", "islanding"):  # what is said of all of Strem holds for no part of it
        site.pop(whole, None)
    site["limits"]["max_loading_pct"]["value"] = most_loading_pct
    path.write_text(yaml.safe_dump(site, sort_keys=False), encoding="utf-8")
    return path


def market_day(
    site: str | Path, out: Path, store: Store | None = None, control: Control = Control.MARKET, **settings: Any
) -> RunResult:
    """A day of a site (its default one) in this process, with the tests' seed and a ledger in `out`; without sockets by default."""
    out.mkdir(exist_ok=True)
    chosen: dict[str, Any] = {"runtime": "local", "wire": "direct", "agents_per_actor": 1, "day": None, **settings}
    settled = RunSettings(site=str(site), days=1, seed=SEED, out=out, **chosen)
    store = store or MemoryStore(keep_readings=False)
    return run_site(settled, out / "ledger.db", store, control, lambda _: None)


def head_and_money(out: Path, result: RunResult) -> tuple[str, dict[str, int]]:
    """The head of its ledger, verified, and what each party gained, as the summary has them."""
    money = balance(column_of(result).payments)
    return (verify(out / "ledger.db").head or b"").hex(), {**money, "sum": sum(money.values())}


def two_grids_apart(folder: Path) -> Path:
    """A district of two grids without a congestion point above both: sites in two parts that share nothing but the parties."""
    path = folder / "apart.yaml"
    made: dict[str, Any] = district(18, 1, PUBLISHED)
    points = made["congestion_points"]
    made["congestion_points"] = [{**point, "parent": None} for point in points if point["parent"] is not None]
    path.write_text(yaml.dump(made, Dumper=yaml.CSafeDumper, sort_keys=False), encoding="utf-8")
    return path


def park_with_one_charger(folder: Path) -> Path:
    """The same park, whose first two stations are the EVSEs of one OCPP charging station that carries one of them and a half.

    At the second one another profile's vehicles come, so that both have one on the morning of 2016-04-15.
    """
    path = park_beside_field(folder)
    site = yaml.safe_load(path.read_text(encoding="utf-8"))
    park = next(prosumer for prosumer in site["prosumers"] if prosumer["name"] == "charging-park")
    for number, device in enumerate(park["devices"][:2], start=1):
        device["evse"] = {"station": "charger", "number": number}
    park["devices"][1] |= {"column": "HLS_A_3.7", "weeks_later": {"value": 3, "assumed": True}}
    park["charging_stations"] = [{"name": "charger", "limit_w": {"value": 33_000, "assumed": True}}]
    path.write_text(yaml.safe_dump(site, sort_keys=False), encoding="utf-8")
    return path
