"""The DSO acts on a living site in a real browser: it asks, sees offers, orders one, watches it delivered and settled, and checks
the order's proof in the browser itself; the same by HTTP alone, as docs/portal.md has it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from cim.platform.access.principals import Role
from portal.auth.users import FILE, UserBook
from tests.worlds.market_days import SEED, corner_of_strem
from tests.worlds.served_site import DSO_USER, PASSWORD, QUICK

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow
DAY = "2016-05-20"
MIDNIGHT = datetime(2016, 5, 19, 22, tzinfo=UTC)  # at which it begins
SPEED = 3_000  # the 26 hours to the settlement in half a minute
PATIENCE_S = 240
PATIENCE_MS = 1000 * PATIENCE_S


@dataclass
class Living:
    """A living corner of Strem."""

    url: str
    folder: Path

    def get(self, path: str) -> object:
        """A route's answer, as the operator."""
        headers = {"Authorization": f"Bearer {(self.folder / 'portal.token').read_text().strip()}"}
        return httpx.get(f"{self.url}{path}", headers=headers, timeout=60).raise_for_status().json()

    @property
    def now(self) -> datetime:
        """The site's time, UTC."""
        return datetime.fromisoformat(httpx.get(f"{self.url}/health", timeout=60).json()["now"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """Begun at 23:00 of the evening before; stopped at the end."""
    place = tmp_path_factory.mktemp("living")
    folder = place / "site"
    folder.mkdir()
    UserBook(folder / FILE, QUICK).add(DSO_USER, Role.DSO, "dso.strem.example", PASSWORD, one_time=False)
    options = {"--date": DAY, "--start": "23", "--days": "2", "--seed": SEED, "--speed": SPEED, "--runtime": "local", "--port": "0",
               "--folder": folder}  # fmt: skip
    command = [sys.executable, "-m", "experiments.cli.main", "up", str(corner_of_strem(place))]
    command += [str(word) for option in options.items() for word in option]
    told = place / "told"
    with told.open("wb") as out:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "COLUMNS": "200"}
        up = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True, env=environment)
    try:
        begun = time.monotonic()
        while (found := re.search(r"portal at (http://\S+?),", told.read_text())) is None:
            assert up.poll() is None, told.read_text()
            assert time.monotonic() - begun < PATIENCE_S, told.read_text()
            time.sleep(0.2)
        yield Living(found[1], folder)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(up.pid, signal.SIGTERM)
        up.wait(60)


@pytest.fixture
def page(site: Living) -> Iterator[Page]:
    """Chromium, where this machine has it, logged in as the DSO's engineer."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is missing: `apt-get install chromium`, or `make tools`")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        made = browser.new_context().new_page()
        made.set_default_timeout(PATIENCE_MS)
        made.on("dialog", lambda dialog: dialog.accept())
        made.goto(f"{site.url}/dso/pages/act")
        made.fill("#name", DSO_USER)
        made.fill("#password", PASSWORD)
        made.click("button")
        made.wait_for_url("**/dso/pages/act")
        yield made
        browser.close()


def ordered(site: Living, page: Page) -> str:
    """Ask for flexibility from noon on, choose the first option that comes, and order it: the order's reference."""
    form = "#act-flexibility "
    button = "#standing form button >> nth=0"
    for _ in range(3):  # offers that came and went while this machine was busy are asked for once more
        first = min(max(48, int((site.now - MIDNIGHT) / timedelta(minutes=15)) + 16), 90)
        page.fill(f"{form}[name=period]", DAY)
        page.select_option(f"{form}[name=first_isp]", str(first))
        page.select_option(f"{form}[name=last_isp]", str(first + 3))
        page.fill(f"{form}[name=power_w]", "3")
        page.select_option(f"{form}[name=choose_minutes]", "240")
        page.click(f"{form}button")
        page.wait_for_selector("#answers tbody tr:has-text('flexibility') .mark.good")
        with suppress(Exception):
            page.wait_for_selector(button, timeout=40_000)
            page.click(button, timeout=5_000)
            page.wait_for_selector("#answers tbody tr:has-text('goes to')", timeout=20_000)
            break
    done = page.wait_for_selector("#answers tbody tr:has-text('goes to')")
    assert done is not None
    found = re.search(r"order ([0-9a-f-]{36}) goes to", done.inner_text())
    assert found
    return found[1]


def test_the_dso_asks_chooses_orders_and_sees_it_delivered_settled_and_proven(site: Living, page: Page) -> None:
    """From the form to the proof, on a site that lives meanwhile; works that it declares are counted when they come."""
    page.goto(f"{site.url}/dso/pages/works")
    begin = site.now + timedelta(hours=8)  # the machine may be busy; local time is two hours later
    page.fill("[name=begin]", f"{begin + timedelta(hours=2):%Y-%m-%dT%H:%M}")
    page.fill("[name=end]", f"{begin + timedelta(hours=2, minutes=30):%Y-%m-%dT%H:%M}")
    page.fill("[name=carries_pct]", "0")
    page.fill("[name=words]", "a joint is renewed")
    page.click("#act-declare button")
    page.wait_for_selector("#works tbody tr:has-text('a joint is renewed')")
    page.goto(f"{site.url}/dso/pages/act")
    order = ordered(site, page)
    page.goto(f"{site.url}/dso/pages/trading")
    page.wait_for_selector(f"#orders tbody tr:has([title='{order}'])")
    page.goto(f"{site.url}/dso/pages/supply")
    page.wait_for_selector("#supply tbody tr:has-text('a joint is renewed'):not(:has-text('goes on'))")
    saidi = page.inner_text("#supply .figure:has(dt:text-is('SAIDI')) dd")
    assert 0 < float(saidi.split()[0]) <= 30.0
    page.goto(f"{site.url}/dso/pages/trading")
    page.wait_for_selector(f"#orders tbody tr:has([title='{order}']):has-text('delivered')")
    page.goto(f"{site.url}/dso/pages/settlements")
    page.wait_for_selector(f"#settled-orders tbody tr:has([title='{order}'])")
    page.goto(f"{site.url}/dso/pages/ledger?rows=all")
    page.click(f"#records tr:has-text('{order}'):has-text('flex-order') a >> nth=0")  # once its block is closed
    page.wait_for_selector("#proof-told[data-sound=true]")
    (record,) = [one for one in site.get("/dso/state")["orders"] if one["reference"] == order]  # type: ignore[index]
    assert record["status"] == "settled"
