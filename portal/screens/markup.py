"""Small pieces of HTML: every text is escaped, every table and chart has its caption and its units."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain, islice
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from cim.model.arrays import Floats
from portal.screens.sheets import address, fetched, offer

ROWS = 100  # of a table on a page; the whole is behind a link


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()
    is_html = True


class Digits(Html):
    """A number that is written out already; it stands right in a table."""

    __slots__ = ()


Cell = str | int | float | date | datetime | None


def text(value: Cell) -> Html:
    """A value as HTML: escaped, a number with at most one decimal and its thousands told apart, nothing as a dash."""
    if isinstance(value, Html):
        return value
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return Html("–")
    if isinstance(value, float):
        return digits(value, 1)
    if isinstance(value, int):
        return Html(f"{value:,}".replace("-", "−"))
    if isinstance(value, datetime):
        return Html(value.strftime("%Y-%m-%d %H:%M"))
    return Html(html.escape(value if isinstance(value, str) else value.isoformat()))


def digits(value: float, places: int, plus: bool = False) -> Digits:
    """A number with so many decimals; a zero has no sign."""
    written = f"{value:{'+' if plus else ''},.{places}f}"
    if not float(written.replace(",", "")):
        written = written.lstrip("+-")
    return Digits(written.replace("-", "−"))


def short(reference: str) -> Html:
    """A long reference by its beginning; the whole is its title."""
    return text(reference) if len(reference) <= 12 else tag("code", f"{reference[:8]}…", title=reference)


def join(parts: Iterable[str]) -> Html:
    """Pieces of HTML one behind the other."""
    return Html("\n".join(parts))


def tag(name: str, content: str = "", /, **attributes: str) -> Html:
    """An element; an attribute's trailing underscore is dropped, inner ones become hyphens."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{html.escape(value)}"' for key, value in attributes.items())
    return Html(f"<{name}{given}>{text(content)}</{name}>")


def note(words: str) -> Html:
    """A sentence beside what is shown."""
    return tag("p", words, class_="note")


def link(shown: str, path: str, /, **query: str | int) -> Html:
    """A link; what stands in the query is encoded."""
    return tag("a", shown, href=path + (f"?{urlencode(query)}" if query else ""))


def lately(since: datetime | None, **query: str) -> Html:
    """That a page shows no more than what was told since then, and where all of it is; nothing where it does.

    Args:
        query: what else the page was asked for.
    """
    return (
        Html("")
        if since is None
        else note(Html(f"What was told since {since:%Y-%m-%d}; {link('all', '', rows='all', **query)}."))
    )


def section(title: str, *content: str, name: str = "") -> Html:
    """A part of a page with its heading."""
    inside = tag("h2", title) + join(content)
    return tag("section", Html(inside), **({"id": name} if name else {}))


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that stands for itself: label, value, unit, and `good`, `bad` or `` (neither)."""

    label: str
    value: Cell
    unit: str = ""
    tone: str = ""


def figures(*shown: Figure) -> Html:
    """Numbers side by side."""
    cells = (
        f'<div class="figure {text(one.tone)}"><dt>{text(one.label)}</dt>'
        f"<dd>{text(one.value)}{f' <span>{text(one.unit)}</span>' if one.unit else ''}</dd></div>"
        for one in shown
    )
    return Html(f'<dl class="figures">{"".join(cells)}</dl>')


def mark(words: str, tone: str) -> Html:
    """A state in a word; its colour says no more than the word does."""
    return tag("span", words, class_=f"mark {tone}")


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Cell]], none: str, rows_shown: int = ROWS) -> Html:
    """Rows under a caption; numbers stand right.

    Args:
        head: with the units.
        none: the sentence that stands here where there are no rows.
    """
    if fetched(caption):
        rows = list(rows)
        offer(caption, head, rows)
    taken = list(islice(rows, rows_shown + 1)) if rows_shown else list(rows)
    if not taken:
        return join((tag("h3", caption), note(none)))
    more = len(taken) > rows_shown > 0
    right = {place for row in taken for place, value in enumerate(row) if _is_number(value)}
    lines = "".join(
        f"<tr>{''.join(_cell(value, place in right) for place, value in enumerate(row))}</tr>"
        for row in taken[: rows_shown or None]
    )
    heads = "".join(
        f'<th scope="col"{" class=n" if place in right else ""}>{text(one)}</th>' for place, one in enumerate(head)
    )
    caption_ = text(caption) + (
        f" (the first {rows_shown}; {link('all', '', rows='all')})" if more else f" ({len(taken):,})"
    )
    return Html(
        f'<div class="wide" role="region" tabindex="0" aria-label="{html.escape(caption)}"><table>'
        f"<caption><span>{caption_}{_sheet(caption)}</span></caption><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _sheet(caption: str) -> str:
    """The link to what is shown as a file."""
    path = address(caption)
    if path is None:
        return ""
    return f' <a class="sheet" download href="{html.escape(path)}" aria-label="{html.escape(caption)} as CSV">CSV</a>'


def _cell(value: Cell, number: bool) -> str:
    if _is_number(value) or (number and value is None):
        return f'<td class="n">{text(value)}</td>'
    if isinstance(value, Html) or not isinstance(value, str) or len(value) <= 28:
        return f"<td>{text(value)}</td>"
    return f'<td class="{"long" if len(value) > 60 else "mid"}">{text(value)}</td>'


def _is_number(value: Cell) -> bool:
    return isinstance(value, int | float | Digits)


@dataclass(frozen=True, slots=True)
class Line:
    """A row of numbers in a chart; NaN is a gap.

    Attributes:
        look: `step` (a mean over each interval), `bar` (stacked), `limit` (dashed), `quiet` (what was expected).
    """

    name: str
    values: Sequence[float] | Floats
    look: str = "step"


def chart(name: str, title: str, unit: str, at: Sequence[datetime], lines: Sequence[Line], words: str = "") -> Html:
    """A chart over time with its unit; without scripts its lowest, mean and highest values stand there as a table.

    Args:
        name: unique on the page.
        at: the beginning of each interval, in the site's local time.
    """
    shown = {
        "unit": unit,
        "at": [one.strftime("%Y-%m-%d %H:%M") for one in at],
        "lines": [
            {"name": one.name, "look": one.look, "values": [_number(value) for value in one.values]} for one in lines
        ],
    }
    if fetched(title):
        offer(
            title,
            ("at", *(f"{one.name}, {unit}" for one in lines)),
            zip(at, *(map(float, one.values) for one in lines), strict=True),
        )
    data = json.dumps(shown, allow_nan=False).replace("<", "\\u003c")
    rows = chain.from_iterable([_extremes(one, unit)] for one in lines)
    spoken = "; ".join(f"{name}: {low} to {high} {unit}" for name, low, _, high in map(_row, lines))
    return Html(
        f'<figure><figcaption>{text(title)}, {text(unit)}{_sheet(title)}</figcaption><div class="chart" role="img" '
        f'aria-label="{html.escape(f"{title}. {spoken}")}" data-chart="chart-{html.escape(name)}"></div>'
        f'<script type="application/json" id="chart-{html.escape(name)}">{data}</script>'
        f"<noscript>{table(title, ('', f'lowest, {unit}', f'mean, {unit}', f'highest, {unit}'), rows, 'Nothing yet.')}"
        f"</noscript>{note(words) if words else ''}</figure>"
    )


def _number(value: float) -> float | None:
    return round(float(value), 3) if math.isfinite(value) else None


def _row(line: Line) -> tuple[str, Html, Html, Html]:
    known = [float(value) for value in line.values if math.isfinite(value)]
    if not known:
        return line.name, text(None), text(None), text(None)
    return line.name, text(min(known)), text(sum(known) / len(known)), text(max(known))


def _extremes(line: Line, _unit: str) -> Sequence[Cell]:
    return _row(line)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values that a visitor picks: its name in the query, its label, and (value, words) of each."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    chosen: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A form that only asks: it changes the address, nothing else, so it needs no protection."""

    choices: Sequence[Choice]
    button: str = "Show"
    kept: Mapping[str, str] = field(default_factory=dict)

    def html(self) -> Html:
        """As a row of selections."""
        fields = "".join(
            f'<label>{text(one.label)} <select name="{html.escape(one.name)}">'
            + "".join(
                f'<option value="{html.escape(value)}"{" selected" if value == one.chosen else ""}>{text(words)}</option>'
                for value, words in one.options
            )
            + "</select></label>"
            for one in self.choices
        )
        kept = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in self.kept.items()
        )
        return Html(f'<form method="get" class="asked">{fields}{kept}<button>{text(self.button)}</button></form>')


def options(values: Iterable[tuple[str, str]], chosen: str = "") -> Html:
    """What a selection offers: (value, words) of each."""
    return Html(
        "".join(
            f'<option value="{text(value)}"{" selected" if value == chosen else ""}>{text(words)}</option>'
            for value, words in values
        )
    )


def acting(path: str, keep: str, fields: str, button: str, sure: str = "") -> Html:
    """A form that acts by script, under a number of its own; it stays as it is filled in when the page is fetched again.

    Args:
        path: where it is sent, as JSON.
        keep: unique on the page.
        sure: what is asked before.
    """
    asked = f' data-sure="{html.escape(sure)}"' if sure else ""
    return Html(
        f'<div data-keep="{html.escape(keep)}"><form class="asked" data-action="{html.escape(path)}"'
        f' id="act-{html.escape(keep)}"{asked}>{fields}<button>{text(button)}</button>'
        '<p role="status" class="note"></p></form></div>'
    )


def hidden(name: str, value: str) -> Html:
    """A field that nobody fills in."""
    return Html(f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">')


def kw(power_w: float) -> float:
    """Watts as kilowatts."""
    return power_w / 1000


def money(amount_e4: int, currency: str) -> Digits:
    """Ten-thousandths of the currency unit as an amount with its currency."""
    places = 4 if 0 < abs(amount_e4) < 100 else 2
    return Digits(f"{digits(amount_e4 / 10_000, places)} {html.escape(currency)}")


def local(at: datetime, zone: ZoneInfo) -> datetime:
    """An instant in the site's local time."""
    return at.astimezone(zone)
