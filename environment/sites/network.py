"""The feeder of a site as plain values: its own nodes and branches, and the low-voltage grid below them."""

from __future__ import annotations

from dataclasses import replace

from environment.feeder.elements import Line, Network, Node, Transformer
from environment.feeder.limits import Limits
from environment.profiles.grid import load_grid
from environment.sites.ratings import Rating
from environment.sites.schema import Site


def build_network(site: Site) -> Network:
    """The whole feeder of `site`; the pack's external grid is replaced by the feeder's node `low_voltage.at`."""
    network = site.network
    nodes = [Node(node.name, node.nominal_v.value) for node in network.nodes]
    lines = [
        Line(
            line.name,
            line.from_node,
            line.to_node,
            line.r_ohm_per_km.value * line.length_km.value,
            line.x_ohm_per_km.value * line.length_km.value,
            line.c_nf_per_km.value * line.length_km.value,
            line.rated_a.value,
        )
        for line in network.lines
    ]
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
