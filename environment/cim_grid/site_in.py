"""A CIM grid as a site file that runs: the grid and its loads as the file says them, everything else assumed and marked so."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from cim.codec.rdf.reading import CimModel
from cim.model.errors import BadInput
from environment.cim_grid.connections_in import Row, Slugs, assumed, cim, connections, homes
from environment.cim_grid.grid_in import CimGrid, grid_of, neighbours
from environment.sites.loader import SiteFaults, load_site, parse_site
from environment.sites.ratings import Part
from environment.sites.schema import Site

_TEMPLATE = "strem"  # whose market terms, tariffs and limits are taken over, all as assumptions
_HEAD = """# Made by `iles cim import` from {files}.
# What has `source: cim` stands in those files (powers of loads are taken as their peaks); all else is assumed: whose
# power follows which profile, market terms, tariffs and limits (those of {template}), homes. Change what you know better.
"""


def site_from_cim(model: CimModel, name: str, files: str, home_count: int) -> tuple[Site, str, CimGrid]:
    """(the site, its file's text, the grid it stands on).

    Args:
        model: the CIM model.
        name: of the site: lower case, digits, hyphens.
        files: what the model was read from, for the file's own words.
        home_count: homes with PV, battery and heat pump to add at the buses of the lowest voltage.

    Raises:
        BadInput: the model is no grid that a site can stand on, or its site file would have faults (the first is told).
    """
    grid = grid_of(model)
    template = load_site(_TEMPLATE)
    slugs = Slugs()
    node_names = {node.name: slugs.of(node.name) for node in grid.network.nodes}
    branch_slugs = Slugs()
    branch_names = {branch: branch_slugs.of(branch) for branch in grid.network.branch_names}
    point_of, points = _congestion_points(grid, name, branch_names)
    rows = _prosumers(model, grid, home_count)
    taken = Slugs()
    for party in ("dso", "iles", "ledger", "agr-1", "agr-2"):
        taken.of(party)
    for point in points:  # a congestion point's meter has its name
        taken.of(str(point["id"]).rpartition(":")[2])
    prosumers = [
        {
            "name": taken.of(title),
            "node": node_names[node],
            "congestion_point": point_of[node],
            "aggregator": f"agr-{index % 2 + 1}",
        }
        | row
        for index, (title, node, row) in enumerate(rows)
    ]
    said: Row = {
        "name": name,
        "title": f"{name} (from CIM)",
        "country": template.country,
        "timezone": template.timezone,
        "currency": template.currency,
        "isp_minutes": template.isp_minutes,
        "control_interval_s": template.control_interval_s,
        "default_day": template.default_day,
        "profiles": template.profiles,
        "sources": {"cim": f"CIM RDF/XML: {files}"},
        "network": _network(grid, node_names, branch_names),
        "limits": _assumed(template.limits),
        "congestion_points": points,
        **{key: {"name": key, "domain": f"{key}.{name}.example"} for key in ("dso", "iles", "ledger")},
        "aggregators": [{"name": f"agr-{n}", "domain": f"agr-{n}.{name}.example"} for n in (1, 2)],
        "batteries": _assumed(template.batteries),
        "buildings": _assumed(template.buildings),
        "market": _assumed(template.market),
        "flexibility_costs": _assumed(template.flexibility_costs),
        "tariffs": _assumed(template.tariffs),
        "prosumers": prosumers,
    }
    body: str = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
    text = _HEAD.format(files=files, template=_TEMPLATE) + body
    try:
        return parse_site(text, f"{name}.yaml"), text, grid
    except SiteFaults as error:
        more = f" ({len(error.faults) - 1} more faults)" if len(error.faults) > 1 else ""
        raise BadInput(f"CIM model: no site file can be made of it: {error.faults[0]}{more}") from error


def _prosumers(model: CimModel, grid: CimGrid, home_count: int) -> list[tuple[str, str, Row]]:
    """What the model has, then homes at the buses of the lowest voltage, except the source's."""
    lowest_v = min(node.nominal_v for node in grid.network.nodes)
    nodes = [n.name for n in grid.network.nodes if n.nominal_v == lowest_v and n.name != grid.network.slack_node]
    if home_count and not nodes:
        raise BadInput("CIM model: has no node below its source; expected one for the homes to stand at")
    rows = connections(model, grid) + homes(home_count, nodes, lambda name: name)
    at_source = [title for title, node, _ in rows if node == grid.network.slack_node]
    if at_source:
        raise BadInput(f"CIM equipment {at_source[0][:60]!r}: stands at the source's node; expected it below a branch")
    if not rows:
        raise BadInput("CIM model: nothing in it draws or generates; expected EnergyConsumers, or --homes above 0")
    return rows


def _congestion_points(grid: CimGrid, name: str, branches: Mapping[str, str]) -> tuple[dict[str, str], list[Row]]:
    """(the congestion point of each node, all of them): one at each branch that leaves the source, for what is behind it."""
    network = grid.network
    ends = [(line.name, line.from_node, line.to_node) for line in network.lines]
    ends += [(trafo.name, trafo.hv_node, trafo.lv_node) for trafo in network.transformers]
    by_node: dict[str, str] = {}
    points: list[Row] = []
    queue: list[str] = []
    for branch, one, other in ends:
        if network.slack_node in (one, other):
            first = other if one == network.slack_node else one
            if first not in by_node:
                identifier = f"ea1.2016-01.example.{name}:{branches[branch]}"
                points.append(
                    {"id": identifier, "title": f"behind {branch}", "branch": branches[branch], "parent": None}
                )
                by_node[first] = identifier
                queue.append(first)
    beside = neighbours(network.lines, network.transformers)
    for node in queue:
        for beyond in beside[node]:
            if beyond not in by_node and beyond != network.slack_node:
                by_node[beyond] = by_node[node]
                queue.append(beyond)
    return by_node, points


def _network(grid: CimGrid, nodes: Mapping[str, str], branches: Mapping[str, str]) -> Row:
    network = grid.network
    lines: list[Row] = []
    for line in network.lines:
        km = grid.length_km.get(line.name) or 1.0
        lines.append(
            {
                "name": branches[line.name],
                "from_node": nodes[line.from_node],
                "to_node": nodes[line.to_node],
                "length_km": cim(km) if grid.length_km.get(line.name) else assumed(km),
                "r_ohm_per_km": cim(line.r_ohm / km),
                "x_ohm_per_km": cim(line.x_ohm / km),
                "c_nf_per_km": cim(line.c_nf / km),
                "rated_a": assumed(line.rated_a) if line.name in grid.assumed_ratings else cim(line.rated_a),
            }
        )
    transformers: list[Row] = [
        {
            "name": branches[item.name],
            "hv_node": nodes[item.hv_node],
            "lv_node": nodes[item.lv_node],
            **{
                key: cim(getattr(item, key))
                for key in ("rated_va", "hv_v", "lv_v", "uk_pct", "copper_loss_w", "iron_loss_w", "i0_pct")
            },
            "clock": item.clock,
            "tap_position": item.tap_position,
            "tap_step_pct": cim(item.tap_step_pct),
        }
        for item in network.transformers
    ]
    return {
        "slack_node": nodes[network.slack_node],
        "slack_voltage_pu": cim(network.slack_voltage_pu),
        "low_voltage": None,
        "nodes": [{"name": nodes[node.name], "nominal_v": cim(node.nominal_v)} for node in network.nodes],
        "lines": lines,
        "transformers": transformers,
    }


def _assumed(part: Part) -> object:
    """A part of the template with every number assumed: what was so at another site is not known here."""
    return _without_sources(part.model_dump(mode="json", exclude_none=True))


def _without_sources(said: object) -> object:
    if isinstance(said, list):
        return [_without_sources(item) for item in said]
    if isinstance(said, dict):
        if "value" in said:
            return {"value": said["value"], "assumed": True}
        return {key: _without_sources(item) for key, item in said.items()}
    return said
