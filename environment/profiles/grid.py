"""The grid of a profile pack: its network, and the units that the pack's publisher puts at its nodes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from environment.feeder.elements import Line, Network, Node, Transformer
from environment.profiles.library import pack_dir


@dataclass(frozen=True, slots=True)
class PackedUnit:
    """A load, generator or storage of the published grid.

    Attributes:
        node: where it is connected.
        p_w: its rating, a magnitude; `profile` is per unit of it.
        profile: the profile's name in the same pack (SimBench ships none for storages).
        q_var: rating of a load's reactive power; `<profile>.q` is per unit of it.
        energy_wh, efficiency: of a storage.
    """

    name: str
    node: str
    p_w: float
    profile: str
    q_var: float = 0.0
    energy_wh: float = 0.0
    efficiency: float = 1.0


@dataclass(frozen=True, slots=True)
class PackedGrid:
    """What `import_grid` wrote to `grid.json`.

    Attributes:
        code: the grid's code at its publisher.
        network: fed from the pack's own external grid.
        coordinates: node -> (longitude, latitude) in degrees (WGS 84), of those whose publisher places them.
    """

    code: str
    network: Network
    loads: tuple[PackedUnit, ...]
    sgens: tuple[PackedUnit, ...]
    storages: tuple[PackedUnit, ...]
    coordinates: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@lru_cache(maxsize=8)
def load_grid(name: str) -> PackedGrid:
    """The grid of pack `name`.

    Raises:
        BadInput: there is no such pack.
    """
    raw = json.loads((pack_dir(name) / "grid.json").read_text(encoding="utf-8"))
    network = Network(
        tuple(Node(**item) for item in raw["nodes"]),
        tuple(Line(**item) for item in raw["lines"]),
        tuple(Transformer(**item) for item in raw["transformers"]),
        raw["slack_node"],
        raw["slack_voltage_pu"],
    )
    loads, sgens, storages = (
        tuple(PackedUnit(**item) for item in raw[kind]) for kind in ("loads", "sgens", "storages")
    )
    places = {node: (float(lon), float(lat)) for node, (lon, lat) in raw.get("coordinates", {}).items()}
    return PackedGrid(raw["code"], network, loads, sgens, storages, places)
