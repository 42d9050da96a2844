"""The feeder as SVG: nodes coloured by voltage, branches by loading; each says its name and value to who points at it."""

from __future__ import annotations

import html
import math

from cim.model.arrays import Floats
from portal.screens.markup import Html, text
from portal.sources import Drawing

STEP_X, STEP_Y, EDGE = 150, 46, 40
MOST = 1_500  # nodes; beyond that a drawing says nothing any more


def drawn(drawing: Drawing, voltage_pu: Floats, loading_pct: Floats, what: str) -> Html:
    """The feeder in one ISP.

    Args:
        voltage_pu, loading_pct: of nodes and branches; NaN where nothing is known.
        what: is shown, as its title.
    """
    if len(drawing.nodes) > MOST:
        return Html(
            f'<p class="note">{len(drawing.nodes):,} nodes are too many to draw; the tables below list the worst.</p>'
        )
    place = {node.name: (EDGE + STEP_X * node.x, EDGE + STEP_Y * node.y) for node in drawing.nodes}
    width = max(x for x, _ in place.values()) + EDGE + 110
    height = max(y for _, y in place.values()) + EDGE
    connected = dict.fromkeys(place, 0)
    for name in drawing.node_of.values():
        connected[name] = connected.get(name, 0) + 1
    limiting = {branch: point for point, branch in drawing.point_branches.items()}
    parts = []
    for number, branch in enumerate(drawing.branches):
        (x1, y1), (x2, y2) = place[branch.from_node], place[branch.to_node]
        value = float(loading_pct[number])
        words = f"{branch.name}: {_words(value, '%', 1)} of {branch.rated_va / 1000:.0f} kVA"
        classes = f"branch {branch.kind} {loading_class(value, drawing.max_loading_pct)}"
        middle = x1 + (x2 - x1) / 2
        line = f'<path d="M{x1:.0f} {y1:.0f} H{middle:.0f} V{y2:.0f} H{x2:.0f}"/>'
        if branch.kind == "transformer":
            line += f'<circle cx="{middle - 6:.0f}" cy="{y2:.0f}" r="9"/><circle cx="{middle + 6:.0f}" cy="{y2:.0f}" r="9"/>'
        label = ""
        if branch.name in limiting:
            below = y2 + (26 if branch.kind == "transformer" else 18)
            label = f'<text x="{middle:.0f}" y="{below:.0f}" text-anchor="middle">{_words(value, "%", 0)}</text>'
        parts.append(f'<g class="{classes}"><title>{html.escape(words)}</title>{line}{label}</g>')
    for number, node in enumerate(drawing.nodes):
        x, y = place[node.name]
        value = float(voltage_pu[number])
        words = f"{node.name}: {_words(value, 'pu', 4)} of {_volts(node.nominal_v)}, {connected[node.name]} connections"
        size = 7 if connected[node.name] else 4
        shown = html.escape(node.name if len(node.name) < 16 else f"{node.name[:14]}…")
        parts.append(
            f'<g class="node {voltage_class(value, drawing)}"><title>{html.escape(words)}</title>'
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{size}"/>'
            f'<text x="{x + 10:.0f}" y="{y - 8:.0f}">{shown}</text></g>'
        )
    return Html(
        f'<div class="wide" role="region" tabindex="0" aria-label="drawing of the feeder">'
        f'<svg class="feeder" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'width="{width:.0f}" height="{height:.0f}"><title>{text(what)}</title>{"".join(parts)}</svg></div>'
    )


LEGEND = Html(
    '<ul class="legend"><li class="low">loading below 60 %</li><li class="some">60 to 90 %</li><li class="high">90 % to '
    'the limit</li><li class="over">above the limit, or voltage outside the band</li><li class="unknown">not known</li></ul>'
)


def loading_class(value_pct: float, limit_pct: float) -> str:
    """How far a branch is from its limit, as a word that the style sheet colours."""
    if not math.isfinite(value_pct):
        return "unknown"
    share = value_pct / limit_pct
    return "over" if share > 1 else "high" if share > 0.9 else "some" if share > 0.6 else "low"


def voltage_class(value_pu: float, drawing: Drawing) -> str:
    """How far a node is from the band's nearer edge, likewise."""
    if not math.isfinite(value_pu):
        return "unknown"
    edge = drawing.max_voltage_pu if value_pu > 1 else drawing.min_voltage_pu
    share = (value_pu - 1) / (edge - 1) if edge != 1 else 0.0
    return "over" if share > 1 else "high" if share > 0.9 else "some" if share > 0.6 else "low"


def _words(value: float, unit: str, digits: int) -> str:
    return f"{value:.{digits}f} {unit}" if math.isfinite(value) else "not known"


def _volts(volts: float) -> str:
    return f"{volts / 1000:g} kV" if volts >= 1000 else f"{volts:g} V"
