"""The portal's pages and CSV files, which no OpenAPI document has: asked by everybody, with queries that make sense and not."""

from __future__ import annotations

import asyncio
import csv
import html
import io
import random
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import httpx

from experiments.faults.portal_fuzz import CALLERS, FuzzReport
from experiments.faults.portal_site import FuzzedSite
from portal.screens.catalogue import catalogue
from portal.screens.sheets import TABLE
from portal.screens.wall import PATH as WALL

_STATUSES: Final = frozenset({200, 401, 403, 404, 422})
_ANY: Final = (
    *(
        "",
        "0",
        "-1",
        "1",
        "96",
        "97",
        "1e9",
        "all",
        "null",
        "NaN",
        "'; --",
        "<b>",
        "\x00",
        "\u00e4\u20ac\U0001f600",
        "../..",
    ),
    *("a" * 3000, "9" * 400),
)
_OF: Final[Mapping[str, Sequence[str]]] = {
    "day": ("2026-05-20", "2026-05-21", "1970-01-01", "9999-12-31", "0001-01-01", "2026-02-30", "20260520"),
    "isp": ("1", "48", "96", "100"),
    "span": ("day", "week", "3", "365"),
    "rows": ("all", "12"),
    "point": ("nowhere",),
    "connection": ("farm-1", "nobody"),
    "home": ("farm-1", "nobody"),
    "invoice": ("2026-05/1",),
    "kind": ("flex-order", "contract"),
    "key": ("x",),
    "node": ("LV1.101 Bus 1", "busbar", "nowhere"),
    "kw": ("11", "-5", "12"),
    "round": ("2026-05-20T10:00:00+00:00", "yesterday"),
    "text": ("farm", "power kWh"),
    "query": ("power",),
}  # fmt: skip


def fuzz_pages(site: FuzzedSite, examples: int, seed: int, report: FuzzReport) -> None:
    """Ask for each page, and for the files that it offers, so often; what comes is noted in the report.

    Args:
        examples: of each page, and as many of its files.
    """
    draws = random.Random(seed)  # noqa: S311 - what is drawn is no secret
    asyncio.run(_all(site, examples, draws, report))


async def _all(site: FuzzedSite, examples: int, draws: random.Random, report: FuzzReport) -> None:
    transport = httpx.ASGITransport(site.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://portal") as client:
        for path in (*catalogue(None), WALL):
            sheets: list[dict[str, str]] = []
            for number in range(examples):
                query = {} if number == 0 else _query(draws)
                who = CALLERS[number % len(CALLERS)]
                text = await _ask(client, site, path, query, who, report)
                links = re.findall(r'href="([^"]+\.csv\?[^"]+)"', text)
                sheets += [dict(parse_qsl(urlsplit(html.unescape(link)).query)) for link in links]
            for number in range(examples):
                query = dict(draws.choice(sheets)) if sheets and draws.random() < 0.8 else {TABLE: draws.choice(_ANY)}
                if draws.random() < 0.3:
                    query |= _query(draws)
                await _ask(client, site, f"{path}.csv", query, CALLERS[number % len(CALLERS)], report)


def _query(draws: random.Random) -> dict[str, str]:
    names = draws.sample(sorted(_OF), draws.randint(0, 4))
    return {name: draws.choice(_OF[name] if draws.random() < 0.6 else _ANY) for name in names}


async def _ask(
    client: httpx.AsyncClient, site: FuzzedSite, path: str, query: Mapping[str, str], who: str, report: FuzzReport
) -> str:
    """The text of an answer; what is wrong with it is reported, the first thing of each path."""
    label = f"GET {path}"
    report.calls[label] += 1
    shown = {} if who == "nobody" else {"Authorization": f"Bearer {site.tokens[who]}"}
    answer = await client.get(path, params=dict(query), headers=shown)
    report.statuses[answer.status_code] += 1
    fault = _fault(path, answer.status_code, answer.headers.get("content-type", ""), answer.text)
    if fault is not None:
        report.failures.setdefault(label, f"{fault}; asked by {who} with {dict(query)!r}"[:2000])
    return answer.text if answer.status_code == 200 else ""


def _fault(path: str, status: int, kind: str, text: str) -> str | None:
    """What is wrong with an answer, or None: its status, its kind, or that it is not whole."""
    if status not in _STATUSES:
        return f"status {status}; expected one of {sorted(_STATUSES)}"
    if status == 200 and path.endswith(".csv"):
        lengths = {len(row) for row in csv.reader(io.StringIO(text))}
        return (
            None if kind.startswith("text/csv") and len(lengths) == 1 else f"no table: {kind}, rows of {lengths} cells"
        )
    if status == 200 and not (kind.startswith("text/html") and text.rstrip().endswith("</html>")):
        return f"no whole page: {kind}, ends with {text[-40:]!r}"
    return None
