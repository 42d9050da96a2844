"""The pages in a real browser (Debian's Chromium): log-in, drawing, slider, proof, keyboard, phone, dark, live; no other host."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from cim.platform.publications.measured import DeviceLost
from portal.screens.catalogue import catalogue
from tests.worlds.served_site import DSO_USER, HOME_USER, PASSWORD, Served, served_site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One played day, served to all tests of this file."""
    with served_site(tmp_path_factory.mktemp("served")) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, where this machine has it."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is missing: `apt-get install chromium`, or `make tools`")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


def entered(browser: Browser, site: Served, user: str, path: str, **context: object) -> Page:
    """A page after the log-in's form; what the browser complains of, and other hosts, fail the test at `close`."""
    page = browser.new_context(**context).new_page()  # type: ignore[arg-type]
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith((site.url, "data:")) else wrong.append(asked.url))
    page.set_default_timeout(60_000)  # the machine may be busy
    page.goto(f"{site.url}{path}")
    page.fill("#name", user)
    page.fill("#password", PASSWORD)
    page.click("button")
    page.wait_for_url(f"**{path.partition('?')[0]}*")
    page.wrong = wrong  # type: ignore[attr-defined]
    return page


def close(page: Page) -> None:
    """End it; nothing may have been complained of."""
    assert page.wrong == []  # type: ignore[attr-defined]
    page.context.close()


def test_the_grid_is_drawn_and_moved_through_by_its_slider(browser: Browser, site: Served) -> None:
    """The feeder and its charts are drawn; the slider shows another quarter-hour without loading the page."""
    page = entered(browser, site, DSO_USER, "/dso/pages/grid")
    page.wait_for_selector("[data-chart] svg")
    page.evaluate("window.same = true")
    page.locator("#time").focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#feeder .figure:has-text('ISP 61')")
    assert "isp=61" in page.url
    assert page.evaluate("window.same")
    assert page.evaluate("document.activeElement.id") == "time"
    close(page)


def test_a_proof_is_checked_by_the_browser_itself(browser: Browser, site: Served) -> None:
    """The proof of a record is sound under the head; under another head, or with a changed record, it is refused."""
    page = entered(browser, site, DSO_USER, "/dso/pages/ledger")
    page.click("#records td a >> nth=0")
    page.wait_for_selector("#proof-told[data-sound=true]")
    assert page.locator("#proof-steps li").count() >= 3
    held = page.input_value("[name=head]")
    page.fill("[name=head]", ("0" if held[0] != "0" else "1") + held[1:])
    page.click("#proof button")
    page.wait_for_selector("#proof-told[data-sound=false]")
    page.fill("[name=head]", held)

    def changed(route: Route) -> None:
        proof = json.loads(route.fetch().text())
        one = proof.get("proofs", [proof])[0]
        last = one["entry"][-1]
        one["entry"] = one["entry"][:-1] + ("0" if last != "0" else "1")
        route.fulfill(json=proof)

    page.route("**/ledger/proof?*", changed)
    page.click("#proof button")
    page.wait_for_selector("#proof-told:has-text('REFUSED: the proof')")
    close(page)


def proof_page(browser: Browser, site: Served) -> Page:
    """The ledger's page after a proof of a record was found sound."""
    page = entered(browser, site, DSO_USER, "/dso/pages/ledger")
    page.click("#records td a >> nth=0")
    page.wait_for_selector("#proof-told[data-sound]")
    return page


def test_a_proofs_signatures_are_checked_by_the_browser_itself(browser: Browser, site: Served) -> None:
    """Who signed record and head is said; another key, another's co-signature or a changed record's signature is refused."""
    page = proof_page(browser, site)
    said = page.inner_text("#proof-steps")
    assert "the record is signed by" in said
    assert "(Ed25519)" in said
    assert "checked who signed both" in page.inner_text("#proof-told")
    verdict = """async (change) => {
      const { checkSignatures } = await import("/pages/signatures.js");
      const form = document.getElementById("proof");
      const asked = new URLSearchParams({ kind: form.elements.kind.value, key: form.elements.key.value });
      const proof = await (await fetch(`${form.dataset.proof}?${asked}`)).json(), told = [];
      const flip = (text) => (text[0] === "0" ? "1" : "0") + text.slice(1);
      if (change === "key") proof.parties[0].public = flip(proof.parties[0].public);
      if (change === "cosignature") proof.cosignatures[0].value = flip(proof.cosignatures[0].value);
      if (change === "record") proof.entry = proof.entry.slice(0, -2) + (proof.entry.endsWith("00") ? "01" : "00");
      if (change === "history") proof.key_history = {};
      return [await checkSignatures(proof, (good, words) => told.push(words)), told.at(-1)];
    }"""
    assert page.evaluate(verdict, "")[0] is True
    for change, words in (
        ("key", "with this key is no party"),
        ("cosignature", "does not fit the head and its key"),
        ("record", "does not fit the record and its key"),
    ):
        good, last = page.evaluate(verdict, change)
        assert good is False
        assert words in last
    assert page.evaluate(verdict, "history")[0] is None, (
        "which key counted then is not known here, so nothing is claimed"
    )
    close(page)


def test_a_browser_without_ed25519_says_that_signatures_are_not_checked(browser: Browser, site: Served) -> None:
    """The hashes are checked all the same, and nothing is said to be signed."""
    page = entered(browser, site, DSO_USER, "/dso/pages/ledger")
    page.add_init_script(
        """const own = SubtleCrypto.prototype.importKey;
        SubtleCrypto.prototype.importKey = function (format, key, algorithm, ...rest) {
          if (algorithm.name === "Ed25519") throw new DOMException("Unrecognized name.", "NotSupportedError");
          return own.call(this, format, key, algorithm, ...rest);
        };"""
    )
    page.click("#records td a >> nth=0")
    page.wait_for_selector("#proof-told[data-sound=true]")
    assert "Its signatures are not checked" in page.inner_text("#proof-told")
    said = page.inner_text("#proof-steps")
    assert "? this browser's Web Crypto has no Ed25519" in said
    assert "is signed by" not in said
    close(page)


def test_by_keyboard_alone(browser: Browser, site: Served) -> None:
    """The first stop leads past the menu; the menu's pages are reached and opened with Tab and Enter."""
    page = entered(browser, site, DSO_USER, "/dso/pages/now")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    page.goto(f"{site.url}/dso/pages/now")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Grid":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/dso/pages/grid")
    close(page)


def test_every_page_fits_a_phone_in_the_dark(browser: Browser, site: Served) -> None:
    """No page of the DSO is wider than a phone, all are dark where the system is, and none is refused or empty."""
    page = entered(
        browser, site, DSO_USER, "/dso/pages/now", viewport={"width": 390, "height": 844}, color_scheme="dark"
    )
    for path in catalogue(None):
        page.goto(f"{site.url}{path}", wait_until="load")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        assert page.locator("#main section, #main .note").count(), path
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(map(int, re.findall(r"\d+", background)[:3])) < 150
    page.click("#theme")
    page.reload()
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(map(int, re.findall(r"\d+", light)[:3])) > 600
    close(page)


def test_a_page_is_whole_without_scripts(browser: Browser, site: Served) -> None:
    """Without scripts the log-in works, the feeder is drawn, and the charts' numbers stand there as tables."""
    page = entered(browser, site, DSO_USER, "/dso/pages/grid", java_script_enabled=False)
    assert page.locator("svg.feeder .branch").count() == 1
    assert page.locator("noscript table").count() >= 1 or "lowest, % of rating" in page.content()
    close(page)


def test_what_goes_wrong_is_seen_live(browser: Browser, site: Served) -> None:
    """A device that is lost stands among the alarms within three seconds, without the page being loaded again."""
    page = entered(browser, site, DSO_USER, "/dso/pages/alarms")
    page.evaluate("window.same = true")
    page.wait_for_selector("#live-state:has-text('live')")
    site.publish("home-b", DeviceLost(site.site.now - timedelta(minutes=1), "home-b.pv", "it does not answer"))
    page.wait_for_selector("text=home-b.pv: it does not answer", timeout=3_000)
    assert page.evaluate("window.same")
    close(page)


def test_the_wall_is_read_from_afar_and_changes_by_itself(browser: Browser, site: Served) -> None:
    """At 1,920 pixels no word is below 30 and no figure below 60, nothing lies outside, and what goes wrong comes by itself."""
    page = entered(browser, site, DSO_USER, "/wall", viewport={"width": 1920, "height": 1080})
    page.wait_for_selector("[data-chart] svg")
    page.evaluate("window.same = true")
    small = """() => [...document.querySelectorAll("main *")]
      .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()) && one.checkVisibility()
        && !["title", "script", "style"].includes(one.localName))
      .filter((one) => !one.closest("svg") || one.closest("svg.feeder"))
      .map((one) => parseFloat(getComputedStyle(one).fontSize))"""
    assert min(page.evaluate(small)) >= 30
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('.big b')).fontSize)") >= 60
    assert page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [
        1920,
        1080,
    ]
    site.publish("home-d", DeviceLost(site.site.now - timedelta(minutes=2), "home-d.pv", "it does not answer"))
    page.wait_for_selector(".bad:has-text('home-d.pv: it does not answer')")
    assert page.evaluate("window.same")
    page.wait_for_function("document.getElementById('live-state').textContent.startsWith('as of')")
    close(page)


def test_a_prosumer_sees_its_own_and_gives_and_takes_back_a_consent(browser: Browser, site: Served) -> None:
    """No page of the grid operator is in its menu; a consent that it gives stands there, and is withdrawn by a click."""
    page = entered(browser, site, HOME_USER, "/market/pages/consents")
    assert "Grid operator" not in page.inner_text("#menu")
    page.fill("[name=assignee]", "agr.example")
    page.click("#consent button")
    page.wait_for_selector(".mark.good:has-text('holds')")
    page.click("[data-withdraw]")
    page.wait_for_selector(".mark:has-text('withdrawn')")
    close(page)
