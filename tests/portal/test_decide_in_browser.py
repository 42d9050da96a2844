"""What the DSO's engineers decide by a click (a dispute, a day that is settled now) and what an owner's override came to,
in a real browser, before real roles that answer; refusals stand where they were asked for."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from agents.roles.dispute_messages import MeteringRepeated
from agents.roles.prosumer.held_orders import HeldOrders
from cim.platform.access.audit import AuditLog
from cim.platform.mailbox.mailbox import Mailbox
from cim.platform.mailbox.requests import MAILBOX, RequestAnswered
from cim.platform.publications.incidents import ElementOverridden
from cim.platform.publications.measured import ReadingsTaken
from cim.platform.publications.settlement import DisputeDecided, SettlementTold, last_revisions
from market.uftp import Metering
from portal.actions import ActionSite
from portal.shift_log import ShiftLog
from tests.portal.test_screens_in_browser import browser, close, entered  # noqa: F401 - the fixture
from tests.roles.test_roles_disputes import five_percent_more
from tests.worlds.miniature import Miniature
from tests.worlds.players import DAY
from tests.worlds.served_site import DSO_USER, HOME_USER, Served, served_site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
PATIENCE_S = 60.0


class Desk:
    """A played market whose parties are asked through a mailbox."""

    def __init__(self, folder: Path, spoil: Any, until: datetime) -> None:
        self.market = Miniature(folder / "ledger.db", spoil=self._spoiled)
        self._spoil, self._answers, self.mailbox = spoil, list[RequestAnswered](), Mailbox(folder / "mailbox.sqlite")
        self.now, self._count = until, 10_000
        self.market.play(until)
        kept = AuditLog(folder / "acts.sqlite"), ShiftLog(folder / "shift.sqlite")
        self.actions = ActionSite(self.mailbox, "dso.example", lambda: self.now, *kept)

    def _spoiled(self, sender: str, to: str, message: Any) -> Any:
        if isinstance(message, RequestAnswered):
            self._answers.append(message)
            return None
        return self._spoil(sender, to, message)

    def hand(self, site: Served) -> None:
        """Give what was asked to whom it is for, and the answer and what it publishes to the site; within a minute."""
        begun = time.monotonic()
        while not self.mailbox.waiting:
            assert time.monotonic() - begun < PATIENCE_S, "nobody has asked for anything"
            time.sleep(0.05)
        before = len(self.market.published)
        for letter in self.mailbox.deal(self._count, lambda _: 0):
            self._count += 1
            to = letter.recipient.removesuffix(".example")
            self.market.hear(MAILBOX, to, self._count, letter.request, self.now)
        for answer in self._answers:
            self.mailbox.answered(answer, self.now)
        self._answers.clear()
        self._tell(site, before)

    def go_on(self, site: Served, until: datetime) -> None:
        """Play on; the site is told what is published meanwhile."""
        before = len(self.market.published)
        self.market.go_on(until)
        self.now = site.site.now = until
        self._tell(site, before)

    def _tell(self, site: Served, before: int) -> None:
        for agent, publication in self.market.published[before:]:
            if not isinstance(publication, ReadingsTaken):
                site.publish(agent, publication)


def between(desk: Desk) -> list[SettlementTold]:
    """The settlements of the DSO with the first aggregator, revision by revision."""
    told = desk.market.told(SettlementTold)
    return [one for one in told if (one.buyer, one.seller) == ("dso.example", "agr.example")]


def clicked(page: Page, form: str) -> str:
    """Click a form's button; what the form says at last."""
    page.click(f"{form} button")
    return form + " [role=status]"


def test_a_dispute_that_no_meter_decides_is_decided_by_a_click(browser: Browser, tmp_path: Path) -> None:  # noqa: F811
    """Both copies stand against each other; the engineer says whose count and why: a decision with those words, a revision of
    the settlement, and no form any more."""

    def spoil(sender: str, to: str, message: Any) -> Any:
        if (sender, to) in {("home-a", "agr"), ("home-b", "agr")} and isinstance(message, Metering):
            return five_percent_more(message)
        if isinstance(message, MeteringRepeated):
            return replace(message, meterings=tuple(five_percent_more(five_percent_more(m)) for m in message.meterings))
        return message

    desk = Desk(tmp_path, spoil, DAY.end + timedelta(hours=6))
    assert [one.for_people for one in desk.market.told(DisputeDecided)][-1]
    revisions = len(between(desk))
    with served_site(tmp_path, desk.market, desk.actions, desk.now) as site:
        page = entered(browser, site, DSO_USER, "/dso/pages/settlements")
        page.on("dialog", lambda dialog: dialog.accept())
        form = "#disputes form[data-action='/dso/actions/dispute']"
        page.select_option(f"{form} [name=counts]", "dso.example")
        page.fill(f"{form} [name=words]", "the meter was read on the spot")
        clicked(page, form)
        desk.hand(site)
        page.wait_for_selector(
            "#disputes td:has-text('the copies of dso.example count: the meter was read on the spot')"
        )
        page.wait_for_selector(form, state="detached")
        close(page)
    assert [one.revision for one in between(desk)] == list(range(1, revisions + 2))


def test_a_day_is_settled_now_by_a_click_and_a_second_time_is_refused_where_it_was_asked(
    browser: Browser,  # noqa: F811
    tmp_path: Path,
) -> None:
    """One home's meter data has not come, so the day waits: nothing is settled; clicked, it is, with what came, and the page of
    settlements shows it. Clicked again the form itself says why not."""

    def spoil(sender: str, to: str, message: Any) -> Any:
        return None if sender == "home-d" and isinstance(message, Metering) else message

    desk = Desk(tmp_path, spoil, DAY.end + timedelta(minutes=30))
    assert not [one for one in desk.market.told(SettlementTold) if one.buyer == "dso.example"]
    with served_site(tmp_path, desk.market, desk.actions, desk.now) as site:
        page = entered(browser, site, DSO_USER, "/dso/pages/act")
        form = "#act-settle"
        assert page.input_value(f"{form} [name=period]") == DAY.key
        clicked(page, form)
        desk.hand(site)
        page.wait_for_selector(f"{form} [role=status]:has-text('accepted: {DAY.key} is settled')")
        clicked(page, form)
        desk.hand(site)
        page.wait_for_selector(f"{form} [role=status]:has-text('refused: period: {DAY.key} is settled already')")
        page.goto(f"{site.url}/dso/pages/settlements")
        page.wait_for_selector("#settlements tbody tr:has-text('agr')")
        close(page)
    assert [one for one in desk.market.told(SettlementTold) if one.buyer == "dso.example"]


def test_an_owner_keeps_a_device_under_order_and_sees_what_it_missed_and_paid(
    browser: Browser,  # noqa: F811
    tmp_path: Path,
) -> None:
    """The answer says how many kWh are ordered of it; once settled, its row has them, with what was delivered all the same,
    what was missing, and the penalty: not zero, and as settled."""
    desk = Desk(tmp_path, lambda _sender, _to, message: message, DAY.at(11))
    held, battery = desk.market.roles["home-a"].part(HeldOrders), "home-a.bat"
    running = DAY.isp_of(desk.now)
    ordered = np.flatnonzero(held.moved_kw(battery, DAY)[running - 1 : running + 11])
    assert len(ordered), "the battery must be under order for this to show anything"
    with served_site(tmp_path, desk.market, desk.actions, desk.now) as site:
        page = entered(browser, site, HOME_USER, "/market/pages/devices")
        page.select_option("#act-keep [name=element]", battery)
        page.select_option("#act-keep [name=minutes]", "180")
        status = clicked(page, "#act-keep")
        desk.hand(site)
        page.wait_for_selector(f"{status}:has-text('kWh are ordered of it until then, and count as not delivered')")
        desk.go_on(site, DAY.end + timedelta(hours=8))
        page.goto(f"{site.url}/market/pages/devices")
        row = page.wait_for_selector(f"#overrides tbody tr:has-text('{battery}'):has(.mark:text-is('settled'))")
        assert row is not None
        cells = [cell.inner_text() for cell in row.query_selector_all("td")]
        close(page)
    (told,) = desk.market.told(ElementOverridden)
    rows = [
        row
        for one in last_revisions(desk.market.told(SettlementTold))
        for row in one.orders
        if row.congestion_point == battery
    ]
    kept = [isp for row in rows for isp in row.isps if running <= isp.start < running + 12]
    missing_wh = sum(isp.power_deficiency_w * isp.duration for isp in kept) / 4
    assert told.promised_wh > 0
    assert missing_wh > 0
    assert cells[3:6:2] == [f"{told.promised_wh / 1000:.1f}", f"{missing_wh / 1000:.1f}"]
    assert float(cells[6].split()[0]) > 0
