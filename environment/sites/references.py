"""Which names in a site file point nowhere or are used twice; works on the raw file, so that no fault hides another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cim.model.errors import BadInput
from environment.profiles.library import load, load_grid


def _items(raw: Any, key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The mappings in the list `raw[key]`, with their places; nothing where the shape is wrong (said elsewhere)."""
    found = raw.get(key) if isinstance(raw, dict) else None
    for index, item in enumerate(found if isinstance(found, list) else []):
        if isinstance(item, dict):
            yield index, item


def _texts(raw: Any, key: str, field: str = "name") -> list[str]:
    return [item[field] for _, item in _items(raw, key) if isinstance(item.get(field), str)]


class _Checker:
    def __init__(self) -> None:
        self.faults: list[str] = []

    def known(self, place: str, value: Any, expected: list[str] | None) -> None:
        """`value` must be one of `expected`; None means that what it points into could not be read."""
        if expected is not None and isinstance(value, str) and value not in expected:
            self.faults.append(f"{place}: value {value!r}: expected one of {', '.join(expected) or 'nothing (none)'}")

    def once(self, place: str, names: list[str]) -> None:
        for index, name in enumerate(names):
            if name in names[:index]:
                self.faults.append(f"{place}: value {name!r}: expected every name once")


def reference_faults(raw: dict[str, Any]) -> list[str]:
    """One sentence for each dangling reference and each name used twice."""
    check = _Checker()
    columns = _columns(check, raw)
    nodes, branches = _network(check, raw)
    points = _texts(raw, "congestion_points", "id")
    check.once("congestion_points", points)
    for index, point in _items(raw, "congestion_points"):
        check.known(f"congestion_points[{index}].branch", point.get("branch"), branches)
        check.known(f"congestion_points[{index}].parent", point.get("parent"), points)
        if point.get("parent") is not None and point.get("parent") == point.get("id"):
            check.faults.append(f"congestion_points[{index}].parent: value {point['id']!r}: expected another point")
    aggregators = _texts(raw, "aggregators")
    parties = [
        raw[key]["name"]
        for key in ("dso", "iles", "ledger")
        if isinstance(raw.get(key), dict) and isinstance(raw[key].get("name"), str)
    ]
    check.once("names of parties and prosumers", [*parties, *aggregators, *_texts(raw, "prosumers")])
    for index, prosumer in _items(raw, "prosumers"):
        place = f"prosumers[{index}]"
        check.known(f"{place}.node", prosumer.get("node"), nodes)
        check.known(f"{place}.congestion_point", prosumer.get("congestion_point"), points)
        check.known(f"{place}.aggregator", prosumer.get("aggregator"), aggregators)
        base_load = prosumer.get("base_load")
        if isinstance(base_load, dict):
            check.known(f"{place}.base_load.column", base_load.get("column"), columns)
        for number, device in _items(prosumer, "devices"):
            check.known(f"{place}.devices[{number}].column", device.get("column"), columns)
        check.once(f"{place}.devices", ["meter", *_texts(prosumer, "devices")])
    sources = raw.get("sources")
    if isinstance(sources, dict):
        _sources(check, raw, "", list(sources))
    return check.faults


def _columns(check: _Checker, raw: dict[str, Any]) -> list[str] | None:
    try:
        return [name for name in load(raw["profiles"]).columns if not name.endswith(".q")]
    except BadInput as error:
        check.faults.append(f"profiles: value {raw['profiles']!r}: {error}")
    except (KeyError, TypeError):
        pass  # a missing or ill-typed key is told by the schema
    return None


def _network(check: _Checker, raw: dict[str, Any]) -> tuple[list[str] | None, list[str] | None]:
    network = raw.get("network")
    if not isinstance(network, dict):
        return None, None
    own = _texts(network, "nodes")
    nodes: list[str] | None = list(own)
    branches: list[str] | None = _texts(network, "lines") + _texts(network, "transformers")
    low = network.get("low_voltage")
    if isinstance(low, dict):
        check.known("network.low_voltage.at", low.get("at"), own)
        try:
            grid = load_grid(low["pack"])
            nodes = own + [item["name"] for item in grid["nodes"] if item["name"] != grid["slack_node"]]
            branches = (branches or []) + [item["name"] for item in (*grid["lines"], *grid["transformers"])]
        except BadInput as error:
            check.faults.append(f"network.low_voltage.pack: value {low['pack']!r}: {error}")
            nodes = branches = None
        except (KeyError, TypeError):
            nodes = branches = None
    check.known("network.slack_node", network.get("slack_node"), own)
    for key, ends in (("lines", ("from_node", "to_node")), ("transformers", ("hv_node", "lv_node"))):
        for index, item in _items(network, key):
            for end in ends:
                check.known(f"network.{key}[{index}].{end}", item.get(end), own)
    check.once("network.nodes", nodes or own)
    check.once("network: lines and transformers", branches or [])
    return nodes, branches


def _sources(check: _Checker, raw: Any, place: str, sources: list[str]) -> None:
    if isinstance(raw, list):
        for index, item in enumerate(raw):
            _sources(check, item, f"{place}[{index}]", sources)
    elif isinstance(raw, dict):
        if "value" in raw:
            check.known(f"{place}.source", raw.get("source"), sources)
            return
        for key, item in raw.items():
            if key != "sources":
                _sources(check, item, f"{place}.{key}" if place else str(key), sources)
