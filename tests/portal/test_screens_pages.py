"""The pages that people see: none is empty, each role sees its own, every text is escaped, and nothing comes from elsewhere."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType

import httpx
import numpy as np
import pytest

from cim.model.arrays import Floats
from cim.platform.access.principals import Role
from cim.platform.publications.grid import ExchangeForecast, SafetyAnalysed, SafetyCaseFound
from cim.platform.publications.measured import DeviceLost
from cim.platform.publications.settlement import PaymentRow, PaymentsMade
from cim.platform.publications.site import Party, SiteDescribed, WatchedPoint
from cim.platform.publications.trading import PrognosisTaken
from pilot.page_sources import LedgerFile
from portal.app import create_app
from portal.screens.catalogue import catalogue
from portal.screens.routes import _file
from portal.sources import Drawing, DrawnBranch, DrawnNode, GridFlow, PageSources
from tests.worlds import players
from tests.worlds.doubles import BEARER, NOON, TOKEN, FakeSite, client
from tests.worlds.undisturbed import undisturbed

DAY = date(2025, 6, 21)
OWNER = {"Authorization": f"Bearer {'p' * 43}"}
EVIL = "<script>alert(1)</script>"


class TwoNodes:
    """A grid of one line that loads by 1 % a kilowatt."""

    drawing = Drawing(
        nodes=(DrawnNode("source", 0, 0, 20_000), DrawnNode("end", 1, 0, 20_000)),
        branches=(DrawnBranch("line-1", "source", "end", "line", 100_000),),
        node_of={"farm-1": "end"},
        points_of={"farm-1": ("ean.1",)},
        meter_of={"farm-1": "farm-1.meter"},
        kind_of={"farm-1.pv": "pv"},
        point_branches={"ean.1": "line-1"},
        titles={"ean.1": "the feeder", "farm-1": f"Farm {EVIL}"},
        min_voltage_pu=0.9,
        max_voltage_pu=1.1,
        max_loading_pct=100,
    )

    def flow(
        self,
        power_w: Mapping[str, Floats],
        reactive_var: Mapping[str, Floats],
        more_w: Mapping[str, Floats] = MappingProxyType({}),
    ) -> GridFlow:
        """Loading by power alone."""
        power = power_w["farm-1"] + more_w.get("end", 0.0)
        return GridFlow(
            np.stack([np.ones_like(power), 1 - power / 1e6], axis=1), np.abs(power)[:, None] / 1000, power, power * 0
        )


def site() -> FakeSite:
    """A site with a point, a prognosis and an analysis of today, and a device with a wicked name."""
    made = FakeSite()
    parties = (Party("dso", "dso.test"), Party("farm-1", "farm-1.test"))
    made.store.put(
        "iles",
        SiteDescribed(
            NOON - timedelta(days=1), "strem", "UTC", 15, "dso.test", parties, (WatchedPoint("ean.1", "line-1", 99.0),)
        ),
    )
    made.store.put("dso", PrognosisTaken(NOON, "p-1", "east.test", "ean.1", DAY, 1, tuple([150_000] * 96)))
    made.store.put("dso", SafetyAnalysed(NOON, "ean.1", DAY, tuple([-50_000] * 96), tuple([150.0] * 96)))
    made.store.put("iles", ExchangeForecast(NOON, DAY, tuple([120_000] * 96)))
    made.store.put("farm-1", DeviceLost(NOON, EVIL, "no answer"))
    payment = PaymentRow("dso.test", "farm-1.test", 12_345, "curtailment", "farm-1 2025-06-21", "EUR")
    made.store.put("dso", PaymentsMade(NOON, (payment, replace(payment, payee="other.test"))))
    return made


def fetch(folder: Path, path: str, headers: dict[str, str], grid: bool = True) -> tuple[int, str]:
    """One page."""
    sources = PageSources(
        folder / "readings", TwoNodes() if grid else None, None, {} if grid else {"grid": "No network"}
    )
    app = create_app(
        site(), TOKEN, parties={"p" * 43: "farm-1.test"}, roles={"farm-1.test": Role.PROSUMER}, sources=sources
    )

    async def asked() -> httpx.Response:
        async with client(app) as caller:
            return await caller.get(path, headers=headers)

    answer = asyncio.run(asked())
    assert "script-src 'self'" in answer.headers["content-security-policy"] or answer.status_code >= 400
    return answer.status_code, answer.text


@pytest.mark.parametrize("path", list(catalogue(None)))
def test_no_page_is_empty(tmp_path: Path, path: str) -> None:
    """Every page of a young site answers, and each of its parts says something."""
    status, text = fetch(tmp_path, path, BEARER)
    assert status == 200
    parts = re.split(r'<div class="part" data-part="\d+">', text)[1:]
    assert parts
    for part in parts:
        assert len(re.sub(r"<[^>]+>|\s", "", part)) > 3


@pytest.mark.parametrize("path", ["/dso/pages/now", "/dso/pages/grid", "/dso/pages/points", "/dso/pages/exchange"])
def test_without_a_network_a_page_says_so(tmp_path: Path, path: str) -> None:
    """Where the network is not known the grid's pages say so in a sentence, and stay whole."""
    status, text = fetch(tmp_path, path, BEARER, grid=False)
    assert status == 200
    assert "No network" in text


def test_the_wall_shows_the_grid_and_asks_for_nothing(tmp_path: Path) -> None:
    """For the grid operator: feeder, loading now, orders and alarms, with nothing to click or fill in; a prosumer is 403."""
    status, text = fetch(tmp_path, "/wall", BEARER)
    assert status == 200
    assert '<svg class="feeder"' in text
    assert "1 device lost" in text
    assert "None runs, none is to come." in text
    assert EVIL not in text
    assert not re.search(r"<(a|form|button|input|select)\b", re.sub(r"<a class=\"sheet\".*?</a>", "", text))
    assert fetch(tmp_path, "/wall", OWNER)[0] == 403
    without = fetch(tmp_path, "/wall", BEARER, grid=False)
    assert without[0] == 200
    assert "No network" in without[1]


def test_texts_are_escaped(tmp_path: Path) -> None:
    """A name that holds a script is shown as text, in tables, titles and selections."""
    for path in ("/dso/pages/alarms", "/dso/pages/points", "/market/pages/devices"):
        _, text = fetch(tmp_path, path, BEARER)
        assert EVIL not in text
        assert "&lt;script&gt;" in text


def test_a_loading_above_the_limit_is_red_and_says_its_unit(tmp_path: Path) -> None:
    """150 kW foretold on a line of 100 kVA: 150 % and beyond the limit, in the drawing and in the table."""
    status, text = fetch(tmp_path, f"/dso/pages/grid?day={DAY}&isp=90", BEARER)
    assert status == 200
    assert 'class="branch line over"' in text
    assert "line-1: 150.0 % of 100 kVA" in text
    assert "beyond the limit" in text


def test_who_has_heard_of_news_is_not_shown_what_was_made_before(tmp_path: Path) -> None:
    """A page is kept for a second by the event that its visitor had last; what is no event's identity makes none anew."""
    made = site()
    app = create_app(made, TOKEN, sources=PageSources(tmp_path / "readings", TwoNodes(), None, {}))

    async def asked(caller: httpx.AsyncClient, news: str) -> bool:
        return "a late device" in (await caller.get("/dso/pages/alarms", headers={**BEARER, "X-News": news})).text

    async def run() -> list[bool]:
        async with client(app) as caller:
            before = [await asked(caller, news) for news in ("0a0b0c0d-1", "<b>")]
            made.store.put("farm-1", DeviceLost(NOON, "a late device", "no answer"))
            return [*before, *[await asked(caller, news) for news in ("0a0b0c0d-1", "<i>", "0a0b0c0d-2")]]

    assert asyncio.run(run()) == [False, False, False, False, True]


def test_what_may_be_lost_is_a_table_of_the_points_page(tmp_path: Path) -> None:
    """Each case in its worst ISP: of those that break a limit the one that is loaded most, else of all; the worst case first."""
    made = site()
    for case, loading, broken in (("quiet, 10 %", 40.0, ()), ("meter lost, 90 %", 131.5, (41,))):
        rows = [20.0] * 96
        rows[40], rows[60] = loading, 300.0 if broken == () else 20.0
        told = SafetyCaseFound(
            NOON, "ean.1", DAY, case, ("line-1",) * 96, tuple(rows), ("n2",) * 96, (0.9876,) * 96, broken
        )
        made.store.put("dso", told)
    app = create_app(made, TOKEN, sources=PageSources(tmp_path / "readings", TwoNodes(), None, {}))

    async def asked() -> httpx.Response:
        async with client(app) as caller:
            return await caller.get(f"/dso/pages/points?day={DAY}", headers=BEARER)

    text = re.sub(r"<[^>]+>", " ", asyncio.run(asked()).text)
    words = " ".join(text[text.index("Cases of") :].split())
    assert words.index("meter lost, 90 % 1 ") < words.index("quiet, 10 % 0 ")
    assert "10:00 line-1 131.5 n2 0.9876 beyond a limit" in words
    assert "15:00 line-1 300" in words


def test_eleven_kilowatts_more(tmp_path: Path) -> None:
    """What if: 11 kW more at the only connection take the line from 150 to 161 %."""
    _, text = fetch(tmp_path, f"/dso/pages/points?day={DAY}", BEARER)
    assert "150.0 → 161.0" in text


@pytest.mark.parametrize(
    ("path", "status"),
    [("/dso/pages/now", 403), ("/market/pages/money", 200), ("/data/pages/queries", 200), ("/market/pages/none", 404)],
)
def test_a_prosumer_opens_its_own_pages_alone(tmp_path: Path, path: str, status: int) -> None:
    """A prosumer's token opens market and data; the grid operator's pages are neither opened nor in its menu."""
    found, text = fetch(tmp_path, path, OWNER)
    assert found == status
    assert "/dso/pages/" not in text


def test_a_party_sees_its_own_money_alone(tmp_path: Path) -> None:
    """Of two payments the prosumer sees the one it got; the operator sees both."""
    _, own = fetch(tmp_path, "/market/pages/money", OWNER)
    _, everybodys = fetch(tmp_path, "/market/pages/money", BEARER)
    assert "1.23 EUR" in own
    assert "other.test" not in own
    assert "other.test" in everybodys


@pytest.mark.parametrize(
    "query",
    ["day=yesterday", "isp=0", "isp=97", "isp=x", "span=1000", "day=9999-99-99", "day=0001-01-01", "day=9999-12-31"],
)
def test_a_question_without_sense_is_answered_in_a_sentence(tmp_path: Path, query: str) -> None:
    """What cannot be shown is refused with 422 and the field's name, inside the page's frame."""
    status, text = fetch(tmp_path, f"/dso/pages/grid?{query}", BEARER)
    assert status == 422
    assert f"{query.partition('=')[0]}: " in text
    assert "<nav" in text


@pytest.mark.parametrize(
    "name",
    [
        "screens.css",
        "screens.js",
        "charts.js",
        "proof.js",
        "hashes.js",
        "signatures.js",
        "theme.js",
        "icon.svg",
        "echarts/index.js",
    ],
)
def test_what_pages_load_is_here(name: str) -> None:
    """Scripts, styles and ECharts are files of this installation, and ours name no other host."""
    found = _file(name)
    assert found is not None
    if not name.startswith("echarts/"):
        assert not re.search(rb"https?://(?!www\.w3\.org/)", found[0])


@pytest.mark.parametrize(
    "name", ["../routes.py", "..%2Froutes.py", "echarts/../echart.py", "playground.html", ".hidden.js", "nope.js", ""]
)
def test_nothing_else_is_served(name: str) -> None:
    """No path leads out of the two folders, and no other kind of file is handed out."""
    assert _file(name) is None


def test_an_invoice_is_a_page_to_print_for_who_issues_or_receives_it(tmp_path: Path) -> None:
    """The bills of a played day stand in the ledger; a home prints its own, under a policy that lets nothing in; others are 404."""
    undisturbed(players.DAY.end + timedelta(hours=8), tmp_path / "ledger.db").ledger.close()
    ledger = LedgerFile(tmp_path / "ledger.db")
    everybodys = ledger.invoices(None)
    home = next(one.issuer for one in everybodys if one.issuer.startswith("home-") and one.lines)
    mine = next(one for one in everybodys if one.issuer == home)
    other = next(one for one in everybodys if home not in (one.issuer, one.recipient))
    assert ledger.invoices(home) == tuple(one for one in everybodys if home in (one.issuer, one.recipient))
    sources = PageSources(tmp_path / "readings", None, ledger)
    tokens = {"p" * 43: home}
    app = create_app(site(), TOKEN, parties=tokens, roles={home: Role.PROSUMER}, sources=sources)

    async def asked() -> None:
        async with client(app) as caller:
            page = await caller.get("/market/pages/bills", headers=OWNER)
            assert mine.number in page.text
            assert other.number not in page.text
            printed = await caller.get("/market/invoice", params={"number": mine.number}, headers=OWNER)
            assert f"<title>Invoice {mine.number}" in printed.text
            assert re.search(r"style-src 'sha256-[^']+'; base-uri 'none'", printed.headers["content-security-policy"])
            refused = await caller.get("/market/invoice", params={"number": other.number}, headers=OWNER)
            assert refused.status_code == 404

    asyncio.run(asked())
