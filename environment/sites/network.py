"""The feeder of a site as plain values: its own nodes and branches, and the low-voltage grid below them."""

from __future__ import annotations

from dataclasses import replace

from environment.feeder.elements import Line, Network, Node, Transformer
from environment.feeder.limits import Limits
from environment.feeder.volt_var import QvInverter, qv_inverter
from environment.profiles.grid import load_grid
from environment.sites.devices import BatteryUnit, Pv, Wind
from environment.sites.ratings import Rating
from environment.sites.schema import FeederLine, Site


def build_network(site: Site) -> Network:
    """The whole feeder of `site`; the pack's external grid is replaced by the feeder's node `low_voltage.at`."""
    network = site.network
    nodes = [Node(node.name, node.nominal_v.value) for node in network.nodes]
    lines = [_line(line) for line in network.lines]
    transformers = [
        Transformer(
            item.name,
            item.hv_node,
            item.lv_node,
            item.rated_va.value,
            item.hv_v.value,
            item.lv_v.value,
            item.uk_pct.value,
            item.copper_loss_w.value,
            item.iron_loss_w.value,
            item.i0_pct.value,
            item.clock,
            item.tap_position,
            item.tap_step_pct.value if item.tap_step_pct else 0.0,
        )
        for item in network.transformers
    ]
    if network.low_voltage is not None:
        below = load_grid(network.low_voltage.pack).network
        join = {below.slack_node: network.low_voltage.at}
        nodes += [node for node in below.nodes if node.name not in join]
        for line in below.lines:
            start, end = (join.get(node, node) for node in (line.from_node, line.to_node))
            lines.append(replace(line, from_node=start, to_node=end))
        for packed in below.transformers:
            trafo = _rated(packed, network.low_voltage.transformer_va)
            high, low = (join.get(node, node) for node in (trafo.hv_node, trafo.lv_node))
            transformers.append(replace(trafo, hv_node=high, lv_node=low))
    return Network(tuple(nodes), tuple(lines), tuple(transformers), network.slack_node, network.slack_voltage_pu.value)


def build_coordinates(site: Site) -> dict[str, tuple[float, float]]:
    """Node -> (longitude, latitude) in degrees (WGS 84), of those that have one: by the site file, or by the pack's publisher.

    The node in place of a pack's external grid is the site's own, so the publisher's place is not its.
    """
    network = site.network
    found = {node.name: (node.at.lon_deg.value, node.at.lat_deg.value) for node in network.nodes if node.at is not None}
    if network.low_voltage is not None:
        below = load_grid(network.low_voltage.pack)
        found |= {node: place for node, place in below.coordinates.items() if node != below.network.slack_node}
    return found


def build_ties(site: Site) -> tuple[Line, ...]:
    """The normally open lines of `site`, which are no part of `build_network`."""
    return tuple(_line(line) for line in site.network.ties)


def build_inverters(site: Site) -> tuple[QvInverter, ...]:
    """The inverters of `site` that answer voltage with reactive power: of PV, wind and batteries, where `volt_var` is given."""
    rule = site.volt_var
    if rule is None:
        return ()
    return tuple(
        qv_inverter(prosumer.node, device.rated_w.value, rule.oversize.value, rule.curve)
        for prosumer in site.prosumers
        for device in prosumer.devices
        if isinstance(device, Pv | Wind | BatteryUnit)
    )


def _line(line: FeederLine) -> Line:
    length_km = line.length_km.value
    return Line(
        line.name,
        line.from_node,
        line.to_node,
        line.r_ohm_per_km.value * length_km,
        line.x_ohm_per_km.value * length_km,
        line.c_nf_per_km.value * length_km,
        line.rated_a.value,
    )


def _rated(packed: Transformer, rated_va: Rating | None) -> Transformer:
    """A pack's transformer, or one of the same kind and another size."""
    if rated_va is None:
        return packed
    size = rated_va.value / packed.rated_va
    return replace(
        packed,
        rated_va=rated_va.value,
        copper_loss_w=packed.copper_loss_w * size,
        iron_loss_w=packed.iron_loss_w * size,
    )


def build_limits(site: Site) -> Limits:
    """The limits of `site` as plain values."""
    band = site.limits
    return Limits(band.min_voltage_pu.value, band.max_voltage_pu.value, band.max_loading_pct.value)
