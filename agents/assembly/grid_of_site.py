"""The DSO's config: its network, its congestion points and who is connected where."""

from __future__ import annotations

from collections.abc import Callable

from agents.assembly.market_terms import dso_config
from agents.assembly.tariffs_of_site import tariff_of
from agents.planning.elements.registry import element_kind
from agents.planning.grid_safety.assessment import PointGrid
from agents.roles.dso.config import DsoConfig, GridConnection, PlantConnection
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind, Mode
from environment.feeder import Network
from environment.sites.network import build_limits, build_network
from environment.sites.schema import Prosumer, Site


def usage_point(site: Site, prosumer: str) -> str:
    """The entity address (USEF) of a prosumer's connection."""
    prefix = site.congestion_points[0].id.rpartition(":")[0]
    return f"{prefix}:{prosumer}"


def contracted_w(prosumer: Prosumer, least_w: int) -> int:
    """The size of a connection: what it could draw or give at most, and never below `least_w`."""
    load = 0.0 if prosumer.base_load is None else prosumer.base_load.peak_w.value
    devices = [device.capability for device in prosumer.devices]
    used = load + sum(can.consumption_w for can in devices if can.sizes_connection)
    made = sum(can.generation_w for can in devices)
    return max(round(max(used, made)), least_w)


def carries_w(prosumer: Prosumer) -> int:
    """The most that can flow through a prosumer's connection, either way: everything behind it at its rating."""
    load = 0.0 if prosumer.base_load is None else prosumer.base_load.peak_w.value
    devices = [device.capability for device in prosumer.devices]
    return round(load + sum(max(can.consumption_w, can.generation_w) for can in devices))


def site_dso_config(site: Site, metered_kw: Callable[[str], tuple[Floats, ...]]) -> DsoConfig:
    """What the DSO of a site is told; `metered_kw` gives the known days of a prosumer's connection."""
    network = build_network(site)
    least_w = round(site.market.smallest_connection_w.value)
    connections = tuple(
        GridConnection(
            usage_point=usage_point(site, p.name),
            node=p.node,
            congestion_point=p.congestion_point,
            aggregator=p.aggregator,
            contracted_w=contracted_w(p, least_w),
            history_kw=metered_kw(p.name),
            history_kvar=metered_kw(f"{p.name}.reactive"),
            carries_w=carries_w(p),
        )
        for p in site.prosumers
    )
    return dso_config(
        site,
        market=site.iles.name,
        ledger=site.ledger.name,
        network=network,
        limits=build_limits(site),
        points=point_grids(site, network),
        connections=connections,
        aggregators=tuple(party.name for party in site.aggregators),
        plants=plant_connections(site),
    )


def plant_connections(site: Site) -> tuple[PlantConnection, ...]:
    """The connections with PV or wind, which a DSO may limit."""
    found = []
    for prosumer in site.prosumers:
        kinds = [(device, element_kind(DeviceKind(device.kind))) for device in prosumer.devices]
        rated_w = sum(d.capability.generation_w for d, kind in kinds if kind.generates and kind.mode is Mode.LIMIT)
        if rated_w:
            points = site.points_above(prosumer.congestion_point)
            ean, tariff = usage_point(site, prosumer.name), tariff_of(site, prosumer.name)
            found.append(PlantConnection(ean, prosumer.name, points, round(rated_w), tariff))
    return tuple(found)


def point_grids(site: Site, network: Network) -> tuple[PointGrid, ...]:
    """What of the network belongs to each congestion point; those without one below them first."""
    ends = {line.name: (line.from_node, line.to_node) for line in network.lines}
    ends |= {item.name: (item.hv_node, item.lv_node) for item in network.transformers}
    below = {point.id: _beyond(network.slack_node, ends, point.branch) for point in site.congestion_points}
    grids = []
    for point in site.congestion_points:
        inner: set[str] = set()
        for child in site.congestion_points:
            if child.parent == point.id:
                inner |= below[child.id]
        own = below[point.id] - inner
        branches = [name for name, (a, b) in ends.items() if name == point.branch or (a in own and b in own)]
        grids.append(
            PointGrid(
                point.id,
                point.branch,
                tuple(sorted(below[point.id])),
                tuple(sorted(own)),
                tuple(sorted(branches)),
            )
        )
    return tuple(sorted(grids, key=lambda grid: (len(grid.below), grid.identity)))


def _beyond(slack: str, ends: dict[str, tuple[str, str]], cut: str) -> set[str]:
    """The nodes that lose the slack when a branch is cut."""
    reached, edge = {slack}, [slack]
    while edge:
        node = edge.pop()
        for name, (a, b) in ends.items():
            if name == cut or node not in (a, b):
                continue
            other = b if node == a else a
            if other not in reached:
                reached.add(other)
                edge.append(other)
    return {node for pair in ends.values() for node in pair} - reached
