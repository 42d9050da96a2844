"""Tables and charts as files for spreadsheets: all rows, whole numbers, one's own rows alone, and no formula."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from datetime import UTC, date, datetime
from html import unescape
from pathlib import Path

import httpx
import pytest

from cim.platform.access.principals import Role
from cim.platform.publications.measured import DeviceLost
from portal.app import create_app
from portal.screens.markup import Html, Line, chart, digits, mark, table
from portal.screens.sheets import Making, Sheet, making
from portal.sources import PageSources
from tests.portal.test_screens_pages import EVIL, OWNER, TwoNodes, site
from tests.worlds.doubles import BEARER, NOON, TOKEN, client


def fetch(folder: Path, path: str, headers: dict[str, str] = BEARER) -> httpx.Response:
    """An answer of a site with 150 lost devices and an evil one."""
    made = site()
    for number in range(150):
        made.store.put("farm-1", DeviceLost(NOON, f"device-{number}", "no answer"))
    made.store.put("farm-1", DeviceLost(NOON, "=1+1", "no answer"))
    sources = PageSources(folder / "readings", TwoNodes(), None)
    app = create_app(
        made, TOKEN, parties={"p" * 43: "farm-1.test"}, roles={"farm-1.test": Role.PROSUMER}, sources=sources
    )

    async def asked() -> httpx.Response:
        async with client(app) as caller:
            return await caller.get(path, headers=headers)

    return asyncio.run(asked())


def links(text: str) -> list[str]:
    """Where a page's sheets are."""
    return [unescape(one) for one in re.findall(r'class="sheet" download href="([^"]+)"', text)]


def test_every_table_and_chart_of_a_page_is_a_file_with_all_its_rows(tmp_path: Path) -> None:
    """The page of alarms shows 100 rows; its file has every one, its names as they are, and what looks like a formula quoted."""
    page = fetch(tmp_path, "/dso/pages/alarms").text
    path = next(one for one in links(page) if "All" in one)
    assert "(the first 100;" in page
    answer = fetch(tmp_path, path)
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="alarms-all-newest-first.csv"'
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert len(rows) == 1 + 152
    assert rows[0] == ["at (local)", "kind", "told by", "what"]
    assert rows[1][0] == "2025-06-21T12:00:00+00:00"
    assert any(EVIL in row[3] for row in rows)
    (formula,) = [row[3] for row in rows if "1+1" in row[3]]
    assert formula == "'=1+1: no answer"


def test_a_charts_numbers_are_fetched_for_the_day_that_is_shown(tmp_path: Path) -> None:
    """96 quarter-hours with their offset, of the day in the address."""
    path = next(
        one for one in links(fetch(tmp_path, "/dso/pages/exchange?day=2025-06-21").text) if "day=2025-06-21" in one
    )
    rows = list(csv.reader(io.StringIO(fetch(tmp_path, path).text)))
    assert (len(rows), rows[0][0], rows[1][0]) == (97, "at", "2025-06-21T00:00:00+00:00")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/dso/pages/alarms.csv?table=All%2C+newest+first", OWNER, 403),
        ("/dso/pages/alarms.csv?table=All%2C+newest+first", {}, 401),
        ("/dso/pages/alarms.csv?table=None", BEARER, 404),
        ("/dso/pages/alarms.csv", BEARER, 404),
        ("/dso/pages/nowhere.csv?table=x", BEARER, 404),
        ("/dso/pages/grid.csv?table=x&day=yesterday", BEARER, 422),
    ],
)
def test_what_is_not_there_or_not_ones_own_is_no_file(
    tmp_path: Path, path: str, headers: dict[str, str], status: int
) -> None:
    """A sentence in its place, and the same rights as the page."""
    answer = fetch(tmp_path, path, headers)
    assert answer.status_code == status
    assert "<" not in answer.json()["detail"]


def test_a_party_fetches_its_own_rows_alone(tmp_path: Path) -> None:
    """Of two payments the one that it got."""
    path = next(one for one in links(fetch(tmp_path, "/market/pages/money", OWNER).text) if "Flows" in one)
    text = fetch(tmp_path, path, OWNER).text
    assert "farm-1" in text
    assert "other.test" not in text


def test_cells_are_written_for_programs() -> None:
    """Numbers with all their digits, no thousands; marks as words; forms and what is not known as nothing."""
    row = (1234.56789, -7, None, float("nan"), date(2026, 5, 1), datetime(2026, 5, 1, 12, tzinfo=UTC), mark("over", "bad"),
           Html("<form><button>Order</button></form>"), "a, \"b\"", digits(1234.5, 2))  # fmt: skip
    text = Sheet("t", tuple(map(str, range(len(row)))), [row]).csv()
    assert list(csv.reader(io.StringIO(text)))[1] == [
        "1234.56789", "-7", "", "", "2026-05-01", "2026-05-01T12:00:00+00:00", "over", "", 'a, "b"', "1,234.50",
    ]  # fmt: skip


def test_outside_a_page_nothing_is_offered_and_the_first_of_a_caption_counts() -> None:
    """Pieces of pages are made by themselves, too; two tables of one caption are one file."""
    assert "sheet" not in table("t", ("a",), [(1,)], "none")
    page = Making("/dso/pages/x", {"day": "2026-05-01"}, "t")
    with making(page):
        table("t", ("a",), [(n,) for n in range(300)], "none", 5)
        table("t", ("a",), [(7,)], "none")
        chart("c", "other", "kW", [datetime(2026, 5, 1, tzinfo=UTC)], [Line("power", [1.0])])
    assert page.found is not None
    assert [row[0] for row in page.found.rows] == list(range(300))
