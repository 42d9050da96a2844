"""A district as a site file: Strem's market and parties, copies of its low-voltage grid, its rows dealt anew.

What is drawn by the seed: which of a grid's connections have what, which published row each follows, and by how many weeks
its days are shifted (sun is everybody's, so PV is not). What is ASSUMED beside that is marked so in the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
import yaml

from cim.model.errors import BadInput
from environment.district.copies import Raw, network_of, node_of, point_of, points_of
from environment.district.mix import KINDS, PUBLISHED, Mix
from environment.profiles.grid import load_grid
from environment.sites.loader import shipped_text, strict_yaml

TEMPLATE = "strem"  # whose rows, market, prices and tariffs a district has
MOST = 100_000
GRIDS_A_PAIR = 20  # assumed: two aggregators compete for the connections of so many grids, about 260
_WEEKS = 4  # assumed: days are those of this week or of one of the next three
_SHIFTED = ("station", "gateway")
# What the template says of itself alone: who shares energy there, how it goes on as an island, whose keys change.
_OF_THE_TEMPLATE = (
    "community",
    "islanding",
    "key_changes",
    "restrictions",
    "network",
    "congestion_points",
    "prosumers",
)


def district(prosumers: int, seed: int, mix: Mix = PUBLISHED) -> Raw:
    """The site file, as the mapping that its YAML holds.

    Args:
        prosumers: how many connections; the last copy of the grid may have free ones.
        seed: same number, seed and mix, same district.

    Raises:
        BadInput: fewer than one prosumer, or more than anybody has memory for.
    """
    if not 1 <= prosumers <= MOST:
        raise BadInput(f"prosumers: {prosumers}; expected 1 to {MOST}")
    template = strict_yaml(shipped_text(TEMPLATE))
    assert isinstance(template, dict)  # noqa: S101 - it ships with ILES, and tests read it
    low_voltage = template["network"]["low_voltage"]
    packed = load_grid(low_voltage["pack"]).network
    homes = [p for p in template["prosumers"] if p["node"] in packed.node_names]
    name = f"district-{prosumers}"
    prefix = f"ea1.2016-01.at.{name}"
    copies = -(-prosumers // len(homes))
    pairs = -(-copies // GRIDS_A_PAIR)
    site = {key: value for key, value in deepcopy(template).items() if key not in _OF_THE_TEMPLATE}
    site |= {
        "name": name,
        "title": f"District of {prosumers} prosumers (seed {seed})",
        "market": _assumed_here(site["market"]),
        "network": network_of(packed, copies, template["network"]["slack_voltage_pu"]["value"]),
        "congestion_points": points_of(prefix, copies),
        "aggregators": [
            {"name": f"agr-{number}", "domain": f"agr-{number}.{name}.example"} for number in range(1, 2 * pairs + 1)
        ],
        "prosumers": _prosumers(homes, prosumers, np.random.default_rng([seed, prosumers]), mix, prefix),
    }
    for key in ("dso", "iles", "ledger", "meter_data_company"):
        site[key]["domain"] = f"{site[key]['name']}.{name}.example"
    return site


def write_district(path: Path, prosumers: int, seed: int, mix: Mix = PUBLISHED) -> None:
    """Write it where `iles run` can read it, whole or not at all."""
    text = yaml.dump(
        district(prosumers, seed, mix), Dumper=_dumper(), sort_keys=False, default_flow_style=None, width=160
    )
    draft = path.with_name(path.name + ".part")
    draft.write_text(
        f"# Made by `iles district {prosumers} --seed {seed}`; see environment/district/.\n{text}", encoding="utf-8"
    )
    draft.replace(path)


def _dumper() -> type[yaml.SafeDumper]:
    """Without anchors: what stands twice in a site file is written twice."""
    base: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return type("_Plain", (base,), {"ignore_aliases": lambda self, data: True})  # noqa: ARG005


def _assumed_here(value: object) -> object:
    """A part of the template whose figures were found for its own year: here they are assumed."""
    if isinstance(value, dict):
        if value.get("source") == "year":
            return {"value": value["value"], "assumed": True}
        return {key: _assumed_here(item) for key, item in value.items()}
    return value


def _prosumers(homes: Sequence[Raw], count: int, draw: np.random.Generator, mix: Mix, prefix: str) -> list[Raw]:
    decks = {kind: _Deck(_rows(homes, kind), draw) for kind in KINDS}
    had = {kind: sum(any(d["kind"] == kind for d in _devices(home)) for home in homes) for kind in KINDS}
    found: list[Raw] = []
    for first in range(0, count, len(homes)):
        copy, here = first // len(homes) + 1, homes[: count - first]
        devices: list[list[Raw]] = [[] for _ in here]
        for kind in KINDS:
            share = mix.share(kind, had[kind], len(homes))
            # So many up to here that over the whole district the share is kept, however small a grid is.
            wanted = round(share * (first + len(here))) - round(share * first)
            chosen = draw.permutation(len(here)).tolist()
            if kind == "battery":  # behind PV first
                chosen.sort(key=lambda place: not any(d["kind"] == "pv" for d in devices[place]))
            for place in chosen[:wanted]:
                devices[place].append({**decks[kind].next(), "name": kind})
        pair = (copy - 1) // GRIDS_A_PAIR
        for place, home in enumerate(here):
            found.append(
                {
                    "name": f"p-{first + place + 1}",
                    "title": f"Prosumer {first + place + 1}",
                    "kind": home["kind"],
                    "node": node_of(copy, str(home["node"])),
                    "congestion_point": point_of(prefix, copy),
                    "aggregator": f"agr-{2 * pair + 1 + (first + place) % 2}",
                    "base_load": _shifted(home["base_load"], draw),
                    "devices": [
                        _shifted(device, draw) if device["kind"] in _SHIFTED else device for device in devices[place]
                    ],
                }
            )
    return found


class _Deck:
    """Rows dealt in the order of a shuffle; when all are dealt they are shuffled again, so that each is had equally often."""

    def __init__(self, rows: Sequence[Raw], draw: np.random.Generator) -> None:
        self._rows, self._draw = rows, draw
        self._left: list[int] = []

    def next(self) -> Raw:
        if not self._left:
            self._left = self._draw.permutation(len(self._rows)).tolist()
        return deepcopy(self._rows[self._left.pop()])


def _devices(home: Mapping[str, object]) -> list[Raw]:
    devices = home["devices"]
    assert isinstance(devices, list)  # noqa: S101 - of the template, which tests read
    return devices


def _rows(homes: Sequence[Raw], kind: str) -> list[Raw]:
    return [device for home in homes for device in _devices(home) if device["kind"] == kind]


def _shifted(row: object, draw: np.random.Generator) -> Raw:
    """The same row, some weeks later."""
    assert isinstance(row, dict)  # noqa: S101 - of the template, which tests read
    weeks = int(draw.integers(_WEEKS))
    return {**row, "weeks_later": {"value": weeks, "assumed": True}} if weeks else dict(row)
