"""The frame around every page: the menu of the visitor's role, light and dark, and what screen readers and keyboards need."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from portal.screens.catalogue import AREAS
from portal.screens.markup import Html, text
from portal.screens.page import Screen
from portal.screens.seen import Visitor

STATIC: Final = Path(__file__).parent / "static"
# What a page may do: load its own scripts and styles, ask this site, and send forms to it. Nothing from other hosts.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


@cache
def mark_of(name: str) -> str:
    """A few digits that change with a file's bytes, so that a browser keeps it as long as it is the same."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def framed(
    screen: Screen | None,
    screens: Iterable[Screen],
    visitor: Visitor,
    site: str,
    parts: Iterable[str],
    live: bool,
    zone: str = "UTC",
) -> str:
    """A whole page.

    Args:
        screen: which; None of one that is not there.
        screens: all that the visitor may open.
        live: whether it is fetched again when something has changed.
        zone: of the site's local time (IANA).
    """
    title = screen.title if screen else "Not here"
    body = "".join(f'<div class="part" data-part="{number}">{part}</div>' for number, part in enumerate(parts))
    # A first part of the page's own name needs no second heading.
    shown = body.replace(f"<h2>{text(title)}</h2>", "", 1)
    out = ' · <a href="/logout">log out</a>' if visitor.csrf else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{text(title)} · {text(site)} · ILES</title>
<link rel="icon" href="/pages/icon.svg?v={mark_of("icon.svg")}" type="image/svg+xml">
<link rel="stylesheet" href="/pages/screens.css?v={mark_of("screens.css")}">
<script src="/pages/theme.js?v={mark_of("theme.js")}"></script>
<script src="/pages/screens.js?v={mark_of("screens.js")}" type="module"></script>
</head>
<body data-zone="{text(zone)}"{' data-live="/live"' if live else ""}>
<a class="skip" href="#main">To the content</a>
<header>
<a class="brand" href="/">ILES <span>{text(site)}</span></a>
<p class="state" id="live-state" role="status" aria-live="off"></p>
<button type="button" id="theme" aria-label="Light or dark">◐</button>
<details class="menu" id="menu"><summary>Menu</summary>{_menu(screen, screens)}
<p class="who">{text(visitor.name)}, {text(visitor.role.value)}{out}</p></details>
</header>
<main id="main" tabindex="-1">
<h1>{text(title)}</h1>
{shown}
</main>
</body>
</html>
"""


def _menu(here: Screen | None, screens: Iterable[Screen]) -> Html:
    areas: dict[str, list[str]] = {}
    for one in screens:
        current = ' aria-current="page"' if here is not None and one.path == here.path else ""
        areas.setdefault(one.area, []).append(f'<li><a href="{one.path}"{current}>{text(one.title)}</a></li>')
    lists = "".join(
        f'<h2 id="area-{area}">{AREAS[area]}</h2><ul aria-labelledby="area-{area}">{"".join(items)}</ul>'
        for area, items in areas.items()
    )
    return Html(f'<nav aria-label="Pages">{lists}</nav>')
