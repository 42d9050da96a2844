"""How the report looks: one colour for each kind and case, and figures that follow the reader's light or dark mode."""

from __future__ import annotations

import html

import plotly.graph_objects as go
from plotly.io.json import to_json_plotly

from agents.planning.elements.registry import ELEMENT_KINDS
from environment.physics import UnitKind

_COLOURS = {"heat_pump": "#e0604c", "ev": "#9467d6", "battery": "#1fa187", "pv": "#e8a91d", "chp": "#a0714a"}
WITHOUT = "#e07b39"
WITH = "#3b82f6"
LIMIT = "#e02f44"
QUIET = "#8a93a3"
REASONS = {
    "utilisation": "#1fa187", "capacity": "#3b82f6", "penalty": "#e02f44", "curtailment": "#f2a33a", "make-whole": "#8b5cf6",
}  # fmt: skip
SERIES = (
    "#3b82f6", "#1fa187", "#e8a91d", "#e0604c", "#9467d6", "#a0714a", "#3aa6c9", "#7fae3f", "#d4679d", "#5b6bb5",
    "#c98b2b", "#4f9d69", "#b25d5d", "#7d8fa9",
)  # fmt: skip
KINDS = {  # by the physics' name of a kind, in the order of figures: its label and its colour
    UnitKind.LOAD.value: ("load", QUIET),
    **{
        kind.balance: (kind.label, _COLOURS.get(kind.balance, SERIES[number]))
        for number, kind in enumerate(ELEMENT_KINDS.values())
    },
}
_DEVICE_KINDS = {kind.kind.value: kind.balance for kind in ELEMENT_KINDS.values()}  # a site file's word -> physics'
_CONFIG = {"displaylogo": False, "responsive": True, "showTips": False}


def kind_of(device_kind: str) -> str:
    """A site file's or contract's kind of device as the physics names it."""
    return _DEVICE_KINDS.get(device_kind, device_kind)


def label(kind: str) -> str:
    """A kind in words."""
    return KINDS.get(kind, (text(kind), QUIET))[0]


def colour(kind: str) -> str:
    """A kind's colour."""
    return KINDS.get(kind, (kind, QUIET))[1]


def text(value: object) -> str:
    """Anything as text that is safe in HTML; plotly reads HTML in its labels too."""
    return html.escape(str(value))


def pale(colour_: str, alpha: float = 0.18) -> str:
    """A colour `#rrggbb` with transparency."""
    red, green, blue = (int(colour_[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def figure(name: str, caption: str, fig: go.Figure, height: int = 380, note: str = "") -> str:
    """A figure as HTML; `name` is its id in the page, `caption` says what it shows and `note` how to read it."""
    fig.update_layout(
        height=height,
        template=go.layout.Template(),
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 12},
        margin={"l": 62, "r": 18, "t": 26, "b": 48},
        hovermode=fig.layout.hovermode or "x unified",
        hoverlabel={"bgcolor": "#ffffff", "font": {"color": "#1c2430"}},
        bargap=0.05,
    )
    if fig.layout.legend.orientation is None:
        fig.update_layout(legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0})
    fig.update_xaxes(showgrid=True, gridcolor="#d8dde6", zeroline=False, automargin=True)
    fig.update_yaxes(showgrid=True, gridcolor="#d8dde6", zerolinecolor="#8a93a3", automargin=True)
    drawn = fig.to_plotly_json()
    parts = ",".join(to_json_plotly(part) for part in (drawn["data"], drawn["layout"], _CONFIG))
    words = f"<p class=note>{note}</p>" if note else ""
    return (
        f'<figure><figcaption>{text(caption)}</figcaption><div id="{name}" class=plot style="height:{height}px" '
        f'role=img aria-label="{text(caption)}"></div>{words}'
        f'<script>Plotly.newPlot("{name}",{parts})</script></figure>'
    )
