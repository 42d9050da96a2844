"""The DSO's config: its network, its congestion points and who is connected where."""

from __future__ import annotations

from collections.abc import Callable

from agents.assembly.market_terms import dso_config
from agents.assembly.providers import connection_of
from agents.assembly.tariffs_of_site import tariff_of
from agents.planning.elements.registry import element_kind
from agents.planning.grid_safety.assessment import PointGrid
from agents.roles.dso.config import DsoConfig, GridConnection, PlantConnection
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind, Mode
from environment.feeder import Network
from environment.sites.network import build_inverters, build_limits, build_network, build_ties
from environment.sites.ratings import Rating
from environment.sites.schema import Prosumer, Site
from market.contracts.connection_terms import ConnectionTerms, FlexibleConnection, LimitOnCall


def usage_point(site: Site, prosumer: str) -> str:
    """The entity address (USEF) of a prosumer's connection: by its EAN, or by one of the site's own."""
    ean = site.prosumer(prosumer).ean
    if ean is not None:
        return f"ean.{ean}"
    prefix = site.congestion_points[0].id.rpartition(":")[0]
    return f"{prefix}:{prosumer}"


def connection_terms(prosumer: Prosumer) -> ConnectionTerms:
    """What is agreed of a prosumer's connection beside the market."""
    agreed = prosumer.connection
    flexible, on_call = agreed.flexible, agreed.limit_on_call
    return ConnectionTerms(
        max_import_w=_watts(agreed.max_usage.import_w),
        max_export_w=_watts(agreed.max_usage.export_w),
        flexible=None
        if flexible is None
        else FlexibleConnection(
            firm_import_w=int(flexible.firm_import_w.value),
            firm_export_w=int(flexible.firm_export_w.value),
            non_firm_import_w=int(flexible.non_firm_import_w.value),
            non_firm_export_w=int(flexible.non_firm_export_w.value),
            first_month=int(flexible.first_month.value),
            last_month=int(flexible.last_month.value),
            start_minute=60 * int(flexible.from_hour.value),
            end_minute=60 * int(flexible.to_hour.value),
            notice_min=int(flexible.notice_minutes.value),
        ),
        on_call=None
        if on_call is None
        else LimitOnCall(
            least_export_w=int(on_call.least_export_w.value),
            expires_min=int(on_call.expires_minutes.value),
            fail_safe_export_w=int(on_call.fail_safe_export_w.value),
        ),
    )


def _watts(rating: Rating | None) -> int | None:
    return None if rating is None else int(rating.value)


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


def limitable_w(prosumer: Prosumer) -> tuple[int, ...]:
    """Ratings of a prosumer's devices that a limit of consumption in an emergency holds: all that draw, but programmes."""
    rated_w = (
        device.capability.consumption_w
        for device in prosumer.devices
        if element_kind(DeviceKind(device.kind)).mode is not Mode.START
    )
    return tuple(round(watts) for watts in rated_w if watts > 0)


def largest_unit(prosumer: Prosumer) -> tuple[str, int]:
    """The unit of a prosumer with the largest rating, either way, and that rating in watts; of equal ones the first."""
    ratings = [
        (max(can.consumption_w, can.generation_w), prosumer.device_name(device))
        for device in prosumer.devices
        for can in (device.capability,)
    ]
    if not ratings:
        return "", 0
    rated_w, name = max(ratings, key=lambda rating: rating[0])
    return name, round(rated_w)


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
            terms=connection_terms(p),
            owner=p.name,
            switches=connection_of(site, p.name).switches,
            largest_unit=largest_unit(p)[0],
            largest_unit_w=largest_unit(p)[1],
            limitable_w=limitable_w(p),
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
        ties=build_ties(site),
        inverters=build_inverters(site),
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
            found.append(
                PlantConnection(ean, prosumer.name, points, round(rated_w), tariff, connection_terms(prosumer))
            )
    return tuple(found)


def point_grids(site: Site, network: Network) -> tuple[PointGrid, ...]:
    """What of the network belongs to each congestion point; those without one below them first."""
    ends = {line.name: (line.from_node, line.to_node) for line in network.lines}
    ends |= {item.name: (item.hv_node, item.lv_node) for item in network.transformers}
    ways: dict[str, list[tuple[str, str]]] = {}
    for name, (a, b) in ends.items():
        ways.setdefault(a, []).append((name, b))
        ways.setdefault(b, []).append((name, a))
    below = {point.id: _beyond(network.slack_node, ways, point.branch) for point in site.congestion_points}
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


def _beyond(slack: str, ways: dict[str, list[tuple[str, str]]], cut: str) -> set[str]:
    """The nodes that lose the slack when a branch is cut."""
    reached, edge = {slack}, [slack]
    while edge:
        for name, other in ways.get(edge.pop(), ()):
            if name != cut and other not in reached:
                reached.add(other)
                edge.append(other)
    return ways.keys() - reached
