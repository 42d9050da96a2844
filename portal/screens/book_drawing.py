"""An order book as SVG: steps of power, cheapest first, as high as their price; what is asked for is a line across."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from portal.screens.book_rounds import Step
from portal.screens.markup import Html, digits, text

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM, _RIGHT = 760, 300, 56, 24, 44, 16

BOOK_LEGEND = Html(
    '<ul class="legend book-legend"><li class="ordered">ordered</li><li class="stands">stands</li><li class="gone">expired or not '
    'chosen</li><li class="asked">asked for</li></ul>'
)


def steps_drawn(steps: Sequence[Step], asked_w: float, what: str, unit: str) -> Html:
    """The book.

    Args:
        steps: cheapest first.
        what: is shown, as its title; unit: of the prices.
    """
    if not steps:
        return Html("")
    most_kw = max(sum(one.power_w for one in steps), asked_w) / 1000 * 1.04
    high = max(one.price_ct_per_kwh for one in steps)
    low = min(0.0, *(one.price_ct_per_kwh for one in steps))
    top = high + (high - low) * 0.12 or 1.0
    wide, tall = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(kw: float) -> float:
        return _LEFT + wide * kw / most_kw

    def y(price: float) -> float:
        return _TOP + tall * (top - price) / (top - low)

    parts = []
    for price in _ticks(low, top):
        parts.append(
            f'<g class="tick"><path d="M{_LEFT} {y(price):.1f} H{_WIDTH - _RIGHT}"/>'
            f'<text x="{_LEFT - 6}" y="{y(price) + 4:.1f}" text-anchor="end">{digits(price, 0 if top > 20 else 1)}</text></g>'
        )
    for kw in _ticks(0.0, most_kw):
        parts.append(
            f'<text class="axis" x="{x(kw):.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">'
            f"{digits(kw, 0 if most_kw > 20 else 1)}</text>"
        )
    up = 0.0
    for one in steps:
        kw = one.power_w / 1000
        first, price = x(up), one.price_ct_per_kwh
        up += kw
        words = f"{one.seller}: {kw:.1f} kW at {price:.2f} {unit}, {one.state}"
        above, below = y(max(price, 0.0)), y(min(price, 0.0))
        parts.append(
            f'<g class="step {html.escape(one.state)}"><title>{html.escape(words)}</title><rect x="{first:.1f}" y="{above:.1f}" '
            f'width="{max(x(up) - first, 0.5):.1f}" height="{max(below - above, 1.0):.1f}"/></g>'
        )
    if asked_w > 0:
        at = x(asked_w / 1000)
        side = "end" if at > _WIDTH / 2 else "start"
        parts.append(
            f'<g class="asked"><title>asked for: {asked_w / 1000:.1f} kW</title><path d="M{at:.1f} {_TOP - 6} V{y(low):.1f}"/>'
            f'<text x="{at + (-6 if side == "end" else 6):.1f}" y="{_TOP + 2}" text-anchor="{side}">'
            f"asked for: {digits(asked_w / 1000, 1)} kW</text></g>"
        )
    return Html(
        '<div class="wide" role="region" tabindex="0" aria-label="order book">'
        f'<svg class="book" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" width="{_WIDTH}" height="{_HEIGHT}">'
        f"<title>{text(what)}</title>{''.join(parts)}"
        f'<text class="axis" x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 8}" text-anchor="end">kW, cheapest step first</text>'
        f'<text class="axis" x="4" y="12">{text(unit)}</text></svg></div>'
    )


def _ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers between two."""
    raw = max(high - low, 1e-9) / 5
    size = 10.0 ** math.floor(math.log10(raw))
    step = size * next(one for one in (1, 2, 5, 10) if one * size >= raw)
    return [step * k for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
