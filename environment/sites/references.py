"""Which names in a site file point nowhere or are used twice; works on the raw file, so that no fault hides another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cim.model.errors import BadInput
from environment.feeder.elements import Network
from environment.profiles.grid import load_grid
from environment.profiles.library import load


def _items(raw: object, key: str) -> Iterator[tuple[int, dict[str, object]]]:
    """The mappings in the list `raw[key]`, with their places; nothing where the shape is wrong (said elsewhere)."""
    found = raw.get(key) if isinstance(raw, dict) else None
    for index, item in enumerate(found if isinstance(found, list) else []):
        if isinstance(item, dict):
            yield index, item


def _texts(raw: object, key: str, field: str = "name") -> list[str]:
    """The text `field` of each mapping in the list `raw[key]`."""
    return [text for _, item in _items(raw, key) if isinstance(text := item.get(field), str)]


def _text(raw: object, key: str) -> str | None:
    """The text `raw[key]`; None where there is none."""
    found = raw.get(key) if isinstance(raw, dict) else None
    return found if isinstance(found, str) else None


class _Checker:
    """Collects the faults."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def known(self, place: str, value: object, expected: list[str] | None) -> None:
        """`value` must be one of `expected`; None means that what it points into could not be read."""
        if expected is not None and isinstance(value, str) and value not in expected:
            self.faults.append(f"{place}: value {value!r}: expected one of {', '.join(expected) or 'nothing (none)'}")

    def once(self, place: str, names: list[str]) -> None:
        """No name may stand twice."""
        seen: set[str] = set()
        for name in names:
            if name in seen:
                self.faults.append(f"{place}: value {name!r}: expected every name once")
            seen.add(name)


_PARTIES = ("dso", "iles", "ledger", "meter_data_company")


def reference_faults(raw: Mapping[str, object]) -> list[str]:
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
    meters = [point.rpartition(":")[2] for point in points]
    check.once("names of meters (of prosumers and congestion points)", [*_texts(raw, "prosumers"), *meters])
    aggregators = _texts(raw, "aggregators")
    parties = [name for key in _PARTIES if (name := _text(raw.get(key), "name")) is not None]
    check.once("names of parties and prosumers", [*parties, *aggregators, *_texts(raw, "prosumers")])
    domains = [text for key in _PARTIES if (text := _text(raw.get(key), "domain")) is not None]
    check.once("domains of parties", [*domains, *_texts(raw, "aggregators", "domain")])
    check.once("EANs of connections", _texts(raw, "prosumers", "ean"))
    customers = _customers(raw)
    for index, prosumer in _items(raw, "prosumers"):
        place = f"prosumers[{index}]"
        check.known(f"{place}.node", prosumer.get("node"), nodes)
        check.known(f"{place}.kind", prosumer.get("kind"), customers)
        check.known(f"{place}.congestion_point", prosumer.get("congestion_point"), points)
        check.known(f"{place}.aggregator", prosumer.get("aggregator"), aggregators)
        base_load = prosumer.get("base_load")
        if isinstance(base_load, dict):
            _shape(check, f"{place}.base_load", base_load, columns)
        for number, device in _items(prosumer, "devices"):
            _shape(check, f"{place}.devices[{number}]", device, columns)
        check.once(f"{place}.devices", ["meter", *_texts(prosumer, "devices")])
    units = [f"{p.get('name')}.{name}" for _, p in _items(raw, "prosumers") for name in _texts(p, "devices")]
    for index, restriction in _items(raw, "restrictions"):
        check.known(f"restrictions[{index}].unit", restriction.get("unit"), units)
    check.once("restrictions: units", _texts(raw, "restrictions", "unit"))
    _switches(check, raw, aggregators)
    _community(check, raw)
    sources = raw.get("sources")
    if isinstance(sources, dict):
        _sources(check, raw, "", list(sources))
    return check.faults


def _switches(check: _Checker, raw: Mapping[str, object], aggregators: list[str]) -> None:
    """Who changes its aggregator: a prosumer to an aggregator of the site, once on a day, and never to the one it has then."""
    holders = {p.get("name"): p.get("aggregator") for _, p in _items(raw, "prosumers")}
    found: dict[object, list[tuple[str, int, object]]] = {}
    for index, switch in _items(raw, "switches"):
        check.known(f"switches[{index}].prosumer", switch.get("prosumer"), [str(name) for name in holders])
        check.known(f"switches[{index}].to", switch.get("to"), aggregators)
        found.setdefault(switch.get("prosumer"), []).append((str(switch.get("day")), index, switch.get("to")))
    for prosumer, switches in found.items():
        days, holder = [day for day, _, _ in switches], holders.get(prosumer)
        check.once(f"switches: days of {prosumer}", days)
        for _, index, to in sorted(switches, key=lambda switch: switch[:2]):
            if to == holder:
                check.faults.append(f"switches[{index}].to: value {to!r}: expected another aggregator than it has then")
            holder = to


def _community(check: _Checker, raw: Mapping[str, object]) -> None:
    """Who shares energy: prosumers of the site, each once, under the law of the site's country, near enough to each other."""
    community, prosumers = raw.get("community"), _texts(raw, "prosumers")
    if not isinstance(community, dict):
        return
    country = _text(raw, "country")
    if country is not None:
        check.known("community.law", community.get("law"), [country])
    points = {item.get("name"): item.get("congestion_point") for _, item in _items(raw, "prosumers")}
    known = set(_texts(raw, "congestion_points", "id"))
    found = {str(points.get(name)) for name in _texts(community, "members", "prosumer")} & known
    if community.get("kind") == "eeg-local" and len(found) > 1:
        names = ", ".join(sorted(found))
        check.faults.append(f"community.kind: value 'eeg-local': expected members at one congestion point, not {names}")
    for index, member in _items(community, "members"):
        check.known(f"community.members[{index}].prosumer", member.get("prosumer"), prosumers)
    plants = community.get("plants")
    named = [name for name in plants if isinstance(name, str)] if isinstance(plants, list) else []
    for index, plant in enumerate(named):
        check.known(f"community.plants[{index}]", plant, prosumers)
    check.once("community: members and plants", [*_texts(community, "members", "prosumer"), *named])


def _shape(check: _Checker, place: str, raw: dict[str, object], columns: list[str] | None) -> None:
    """The profiles that a load or device follows."""
    check.known(f"{place}.column", raw.get("column"), columns)
    for index, strand in _items(raw, "others"):
        check.known(f"{place}.others[{index}].column", strand.get("column"), columns)


def _customers(raw: Mapping[str, object]) -> list[str] | None:
    """The kinds of customer that have a tariff; None where that cannot be read, or none has one (the schema says so)."""
    found: list[str] = []
    for _, tariff in _items(raw.get("tariffs"), "customers"):
        kinds = tariff.get("customers")
        found += [kind for kind in kinds if isinstance(kind, str)] if isinstance(kinds, list) else []
    return found or None


def _columns(check: _Checker, raw: Mapping[str, object]) -> list[str] | None:
    """The active-power profiles of the site's pack; None where it cannot be read."""
    pack = _text(raw, "profiles")
    if pack is None:
        return None  # the schema says so
    try:
        return [name for name in load(pack).columns if not name.endswith(".q")]
    except BadInput as error:
        check.faults.append(f"profiles: value {pack!r}: {error}")
        return None


def _network(check: _Checker, raw: Mapping[str, object]) -> tuple[list[str] | None, list[str] | None]:
    """The names of all nodes and branches, those of the low-voltage grid included; None where they cannot be read."""
    network = raw.get("network")
    if not isinstance(network, dict):
        return None, None
    own = _texts(network, "nodes")
    nodes: list[str] | None = list(own)
    branches: list[str] | None = _texts(network, "lines") + _texts(network, "transformers")
    low = network.get("low_voltage")
    if isinstance(low, dict):
        check.known("network.low_voltage.at", low.get("at"), own)
        below = _low_voltage(check, _text(low, "pack"))
        nodes = None if below is None else own + [name for name in below.node_names if name != below.slack_node]
        branches = None if below is None else (branches or []) + list(below.branch_names)
    check.known("network.slack_node", network.get("slack_node"), own)
    for key, ends in (("lines", ("from_node", "to_node")), ("transformers", ("hv_node", "lv_node"))):
        for index, item in _items(network, key):
            for end in ends:
                check.known(f"network.{key}[{index}].{end}", item.get(end), own)
    check.once("network.nodes", nodes or own)
    for index, tie in _items(network, "ties"):
        for end in ("from_node", "to_node"):
            check.known(f"network.ties[{index}].{end}", tie.get(end), nodes)
    check.once("network: lines and transformers", (branches or []) + _texts(network, "ties"))
    return nodes, branches


def _low_voltage(check: _Checker, pack: str | None) -> Network | None:
    """The network of a pack; None where there is none."""
    if pack is None:
        return None  # the schema says so
    try:
        return load_grid(pack).network
    except BadInput as error:
        check.faults.append(f"network.low_voltage.pack: value {pack!r}: {error}")
        return None


def _sources(check: _Checker, raw: object, place: str, sources: list[str]) -> None:
    """Each `source` of a rating, at any depth, must be one of `sources`."""
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
