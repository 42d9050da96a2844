"""The data platform's pages: search, the queries it offers, the playground, how its modules are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from cim.model.errors import BadInput
from cim.platform.access.consents import Purpose
from cim.platform.orchestrator.status import DataStatus
from cim.platform.search.document import FACETS, Search
from portal.screens.markup import Figure, Html, figures, link, mark, note, section, table, text
from portal.screens.page import Parts
from portal.screens.seen import Seen

_NONE = "This portal serves no data."
_PLAYGROUND: Final = Path(__file__).parent / "static" / "playground.html"


def search(seen: Seen) -> Parts:
    """Search with facets; hits and counts are of what the visitor may find."""
    words, field = seen.query.get("words", ""), seen.query.get("field", "")
    form = Html(
        '<form method="get" class="asked" role="search" data-keep="asked">'
        '<label>Words <input type="search" name="words" size="40" maxlength="400" '
        f'value="{text(words)}"></label><button>Search</button></form>'
    )
    if seen.data is None:
        return (section("Search", note(_NONE), name="search"),)
    name, colon, wanted = field.partition(":")
    if field and (not colon or name not in FACETS):
        raise BadInput(f"field: {field[:60]!r}; expected one of {', '.join(FACETS)}, a colon and a word")
    asked = Search(words, {name: wanted} if field else None, hits=seen.rows or 200)
    found = seen.data().search(seen.visitor.who, asked, Purpose.OPERATION)
    chips = []
    for facet, counts in found.facets.items():
        shown = " ".join(
            link(f"{word} ({count})", "", words=words, field=f"{facet}:{word}")
            for word, count in list(counts.items())[:12]
            if word
        )
        if shown:
            chips.append(f"<p class='chips'><b>{text(facet)}</b> {shown}</p>")
    rows = ((one.title, one.kind, one.place, one.device, one.owner, one.quality) for one in found.hits)
    return (
        form,
        section(
            "Found",
            Html("".join(chips)),
            table(
                f"{found.count:,} found",
                ("title", "kind", "place", "device", "owner", "quality"),
                rows,
                "Nothing that you may find has these words.",
                seen.rows,
            ),
            name="found",
        ),
    )


def queries(seen: Seen) -> Parts:
    """The query endpoints that the visitor may call."""
    if seen.data is None:
        return (section("Queries", note(_NONE), name="queries"),)
    offered = seen.data().offered(seen.visitor.who)
    rows = (
        (
            one.name,
            one.title,
            one.dataset,
            ", ".join(f"{p.name}: {p.type}" for p in one.parameters) or "none",
            Html(f"<code>/data/q/{text(one.name)}</code>"),
        )
        for one in offered
    )
    return (
        section(
            "Query endpoints",
            table(
                "For your role",
                ("name", "title", "dataset", "parameters", "address"),
                rows,
                "No query is offered to your role yet; the playground tries one of your own.",
                seen.rows,
            ),
            note(
                "Answers are JSON, CSV or Parquet (?format=), in pages; they hold the rows and columns that your role may see."
            ),
            name="queries",
        ),
    )


def playground(seen: Seen) -> Parts:
    """The page to try a query."""
    if seen.data is None:
        return (section("Playground", note(_NONE), name="playground"),)
    return (section("Playground", Html(_PLAYGROUND.read_text()), name="playground"),)


def accesses(seen: Seen) -> Parts:
    """The record of accesses: everybody's for an administrator, else the visitor's own."""
    if seen.data is None:
        return (section("Accesses", note(_NONE), name="accesses"),)
    found = seen.data().log(seen.visitor.who, 200)
    rows = (
        (
            str(one["at"])[:19].replace("T", " "),
            str(one["who"]),
            str(one.get("act", "")),
            str(one.get("what", "")),
            mark("allowed", "good") if one.get("allowed") else mark("refused", "bad"),
            str(one.get("reason", "")),
        )
        for one in found
    )
    return (
        section(
            "Accesses",
            table(
                "Newest first",
                ("at (UTC)", "who", "act", "what", "", "reason"),
                rows,
                "Nobody has asked for anything yet.",
                seen.rows,
            ),
            name="accesses",
        ),
    )


def status_page(look: Callable[[], DataStatus]) -> Callable[[Seen], Parts]:
    """The page of the platform's modules."""

    def make(seen: Seen) -> Parts:
        found = look()
        tones = {"ok": "good", "failing": "bad"}
        modules = (
            (
                one.name,
                mark(one.state, tones.get(one.state, "")),
                None if one.good_at is None else seen.local(one.good_at),
                one.said or one.error,
                one.good,
                one.failures,
            )
            for one in found.modules
        )
        return (
            section(
                "Modules",
                figures(
                    Figure("modules", len(found.modules)),
                    Figure(
                        "failing",
                        sum(one.state == "failing" for one in found.modules),
                        "",
                        "bad" if any(one.state == "failing" for one in found.modules) else "good",
                    ),
                ),
                table(
                    "Modules of the data platform",
                    ("module", "state", "last good run (local)", "said", "good runs", "failures in a row"),
                    modules,
                    "No module has run in this folder: a finished run files its data once, at its end.",
                ),
                name="modules",
            ),
            section(
                "Tables",
                table(
                    "Tables",
                    ("table", "rows", "MB", "files", "to be sorted"),
                    ((one.name, one.rows, one.bytes / 1e6, one.files, one.uncompacted) for one in found.tables),
                    "There is no table yet.",
                ),
                table(
                    "Quarantine",
                    ("source", "records", "deliveries"),
                    ((one.source, one.records, one.deliveries) for one in found.quarantine),
                    "Nothing is in quarantine.",
                ),
                name="tables",
            ),
        )

    return make
