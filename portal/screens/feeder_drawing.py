"""The feeder as SVG: nodes coloured by voltage, branches by loading; each says its name and value to who points at it."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass

from cim.model.arrays import Floats
from portal.screens.markup import Html, text
from portal.sources import Drawing

STEP_X, STEP_Y, EDGE = 150, 46, 40
MAP = (760.0, 640.0)  # at most, of the part with coordinates
BESIDE = 120  # a step of what stands beside it
_NAMED = 40  # nodes: on a map of more, names would cover one another
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
    sheet = sheet_of(drawing)
    connected = dict.fromkeys(sheet.places, 0)
    for name in drawing.node_of.values():
        connected[name] = connected.get(name, 0) + 1
    limiting = {branch: point for point, branch in drawing.point_branches.items()}
    parts = [] if sheet.scale is None else [_scale_bar(sheet, sheet.scale)]
    for number, branch in enumerate(drawing.branches):
        (x1, y1), (x2, y2) = sheet.places[branch.from_node], sheet.places[branch.to_node]
        value = float(loading_pct[number])
        words = f"{branch.name}: {_words(value, '%', 1)} of {branch.rated_va / 1000:.0f} kVA"
        classes = f"branch {branch.kind} {loading_class(value, drawing.max_loading_pct)}"
        x, y = x1 + (x2 - x1) / 2, y2
        line = f'<path d="M{x1:.0f} {y1:.0f} H{x:.0f} V{y2:.0f} H{x2:.0f}"/>'
        if sheet.scale is not None:  # as the crow flies: nobody publishes where cables run
            y = y1 + (y2 - y1) / 2
            line = f'<path d="M{x1:.0f} {y1:.0f} L{x2:.0f} {y2:.0f}"/>'
        if branch.kind == "transformer":
            line += f'<circle cx="{x - 6:.0f}" cy="{y:.0f}" r="9"/><circle cx="{x + 6:.0f}" cy="{y:.0f}" r="9"/>'
        label = ""
        if branch.name in limiting:
            side, below, anchor = 0.0, 26 if branch.kind == "transformer" else 18, "middle"
            if sheet.scale is not None:  # beside it: most branches lead downwards, and names stand right of their nodes
                side, below, anchor = -20 if branch.kind == "transformer" else -8, 4, "end"
            at = f'x="{x + side:.0f}" y="{y + below:.0f}" text-anchor="{anchor}"'
            label = f"<text {at}>{_words(value, '%', 0)}</text>"
        parts.append(f'<g class="{classes}"><title>{html.escape(words)}</title>{line}{label}</g>')
    kind = "feeder" if sheet.scale is None else "feeder map"
    named = sheet.scale is None or len(drawing.nodes) <= _NAMED
    for number, node in enumerate(drawing.nodes):
        x, y = sheet.places[node.name]
        value = float(voltage_pu[number])
        words = f"{node.name}: {_words(value, 'pu', 4)} of {_volts(node.nominal_v)}, {connected[node.name]} connections"
        size = (7 if connected[node.name] else 4) * (1.0 if named else 0.6)
        state = voltage_class(value, drawing)
        shown = html.escape(node.name if len(node.name) < 16 else f"{node.name[:14]}…")
        label = f'<text x="{x + 10:.0f}" y="{y - 8:.0f}">{shown}</text>'
        parts.append(
            f'<g class="node {state}"><title>{html.escape(words)}</title>'
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{size:.0f}"/>'
            f"{label if named or not node.surveyed or state in ('high', 'over') else ''}</g>"
        )
    return Html(
        f'<div class="wide" role="region" tabindex="0" aria-label="drawing of the feeder">'
        f'<svg class="{kind}" viewBox="0 0 {sheet.width:.0f} {sheet.height:.0f}" role="img" '
        f'width="{sheet.width:.0f}" height="{sheet.height:.0f}"><title>{text(what)}</title>{"".join(parts)}</svg></div>'
    )


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where nodes stand on the drawing, in its own units.

    Attributes:
        scale: units for a metre, where some stand at their coordinates; the map begins at `left`.
    """

    places: Mapping[str, tuple[float, float]]
    width: float
    height: float
    scale: float | None = None
    left: float = 0.0


def sheet_of(drawing: Drawing) -> Sheet:
    """Nodes with coordinates on a map, north up, and the others beside it; all in a plan where nobody has any."""
    surveyed = [node for node in drawing.nodes if node.surveyed]
    others = [node for node in drawing.nodes if not node.surveyed]
    if not surveyed:
        places = {node.name: (EDGE + STEP_X * node.x, EDGE + STEP_Y * node.y) for node in others}
        width = max(x for x, _ in places.values()) + EDGE + 110
        return Sheet(places, width, max(y for _, y in places.values()) + EDGE)
    first = 2 * EDGE  # room for a branch's loading beside it
    left = first + (0 if not others else BESIDE * (1 + max(node.x for node in others)))
    east, south = (max(getattr(node, way) for node in surveyed) for way in ("x", "y"))
    scale = min(MAP[0] / max(east, 1.0), MAP[1] / max(south, 1.0))
    places = {node.name: (left + scale * node.x, EDGE + scale * node.y) for node in surveyed}
    bottom = EDGE + scale * south
    deep = max((node.y for node in others), default=0.0)
    step = min(2.0 * STEP_Y, max(STEP_Y, (bottom - EDGE) / max(deep, 1.0)))
    places |= {node.name: (first + BESIDE * node.x, EDGE + step * node.y) for node in others}
    height = max(bottom, EDGE + step * deep) + EDGE + 34
    return Sheet(places, left + scale * east + EDGE + 110, height, scale, left)


def _scale_bar(sheet: Sheet, scale: float) -> str:
    """So many metres as a bar below the map, and where north is."""
    metres = max(
        one for one in (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000) if one * scale < 190 or one == 10
    )
    x, y = sheet.left, sheet.height - 16
    words = f"{metres} m" if metres < 1_000 else f"{metres // 1_000} km"
    return (
        f'<g class="scale"><path d="M{x:.0f} {y - 5:.0f} v5 h{metres * scale:.0f} v-5"/>'
        f'<text x="{x + metres * scale + 8:.0f}" y="{y:.0f}">{words}, north is up</text></g>'
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
