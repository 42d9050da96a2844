"""Line plots as SVG text, with linear or logarithmic axes: files that a page of documentation shows as they are."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

_WIDTH, _HEIGHT = 640, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 150, 36, 52
_COLOURS = ("#3b82f6", "#e0604c", "#1fa187", "#e8a91d", "#9467d6", "#8a93a3")

Series = Mapping[str, Sequence[tuple[float, float]]]


def line_plot(title: str, x_label: str, y_label: str, series: Series, *, logarithmic: bool) -> str:
    """A plot of some lines with their points; `logarithmic` holds for both axes, where only values above 0 are drawn."""
    lines = {name: [(x, y) for x, y in line if not logarithmic or (x > 0 and y > 0)] for name, line in series.items()}
    lines = {name: line for name, line in lines.items() if line}
    across = _Axis([x for line in lines.values() for x, _ in line], _LEFT, _WIDTH - _RIGHT, logarithmic)
    up = _Axis([y for line in lines.values() for _, y in line], _HEIGHT - _BOTTOM, _TOP, logarithmic)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="20" font-size="14">{html.escape(title)}</text>',
    ]
    for value in across.ticks():
        x = across.place(value)
        parts.append(f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{_HEIGHT - _BOTTOM}" stroke="#d8dde6"/>')
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{_words(value)}</text>')
    for value in up.ticks():
        y = up.place(value)
        parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#d8dde6"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_words(value)}</text>')
    for number, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        places = [(across.place(x), up.place(y)) for x, y in sorted(line)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        y = _TOP + 14 + 18 * number
        parts.append(f'<rect x="{_WIDTH - _RIGHT + 12}" y="{y - 9}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{_WIDTH - _RIGHT + 28}" y="{y}">{html.escape(name)}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 12}" text-anchor="middle">{html.escape(x_label)}</text>')
    parts.append(
        f'<text transform="translate(16 {(_TOP + _HEIGHT - _BOTTOM) / 2}) rotate(-90)" text-anchor="middle">'
        f"{html.escape(y_label)}</text>"
    )
    return "\n".join([*parts, "</svg>", ""])


class _Axis:
    """Values between two places of the drawing."""

    def __init__(self, values: Sequence[float], start: float, end: float, logarithmic: bool) -> None:
        self._start, self._end, self._logarithmic = start, end, logarithmic
        low, high = min(values, default=1.0), max(values, default=10.0)
        if logarithmic:
            self._low, self._high = float(math.floor(math.log10(low))), float(math.ceil(math.log10(high)))
        else:
            self._low, self._high = min(low, 0.0), high
        if self._high <= self._low:
            self._high = self._low + 1

    def place(self, value: float) -> float:
        """Where a value stands."""
        number = math.log10(value) if self._logarithmic else value
        return self._start + (number - self._low) / (self._high - self._low) * (self._end - self._start)

    def ticks(self) -> list[float]:
        """Powers of ten, or about five round numbers."""
        if self._logarithmic:
            return [10.0**power for power in range(int(self._low), int(self._high) + 1)]
        rough = (self._high - self._low) / 5
        size = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * size for factor in (1, 2, 5, 10) if factor * size >= rough)
        first, last = math.ceil(self._low / step), math.floor(self._high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def _words(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"
