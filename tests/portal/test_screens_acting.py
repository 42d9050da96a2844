"""What acts stands on the pages, for who may act, on a living site alone; and what came of it: works, supply, overrides, bills."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cim.platform.access.audit import AuditLog
from cim.platform.access.principals import Role
from cim.platform.mailbox.mailbox import Mailbox
from cim.platform.publications.agreements import (
    AssetsRegistered,
    ConnectionSwitched,
    ContractAgreed,
    ContractEnded,
    RegisteredAsset,
    TemplatePublished,
)
from cim.platform.publications.base import IspPower, Publication
from cim.platform.publications.grid import (
    ConsumptionHeldBack,
    ConsumptionLimited,
    MicrogridEnvelope,
    MicrogridLimited,
    SupplyInterrupted,
    SupplyRestored,
    WorksDeclared,
)
from cim.platform.publications.incidents import ElementOverridden, MessageLapsed
from cim.platform.publications.sessions import SessionConcluded
from cim.platform.publications.settlement import DisputeDecided, SettledIsp, SettledOrder, SettlementTold
from cim.platform.publications.trading import FlexOffered, OfferedOption, OrderPlaced
from portal.actions import ActionSite
from portal.app import create_app
from portal.screens.supply import Interruption, indices, interruptions
from portal.shift_log import ShiftLog
from portal.sources import PageSources
from tests.portal.test_screens_pages import DAY, OWNER, TwoNodes, site
from tests.worlds.doubles import BEARER, NOON, TOKEN, client

OPTIONS = (OfferedOption("a", 700, (IspPower(60, 5_000, 2),)), OfferedOption("b", 900, (IspPower(60, 8_000, 2),)))
OFFER = FlexOffered(NOON, "offer-1", "dso.test", "east.test", "ean.1", DAY, NOON + timedelta(minutes=30), "r-1", "EUR", OPTIONS,
                    for_people=True)  # fmt: skip
WORKS = WorksDeclared(
    NOON, "number-1", "ean.1", NOON, NOON + timedelta(hours=1), 0, True, "running", ("ean.farm-1",), "a joint"
)
CUT = SupplyInterrupted(NOON - timedelta(minutes=30), "number-1", "ean.1", True, ("ean.farm-1",), "a joint")


def fetch(folder: Path, path: str, *told: Publication, headers: dict[str, str] = BEARER, lives: bool = True) -> str:
    """A page of a site whose store has this, too."""
    made = site()
    for one in told:
        made.store.put("dso", one)
    shift_log = ShiftLog(folder / "shift.sqlite")
    actions = ActionSite(
        Mailbox(folder / "m.sqlite"), "dso.test", lambda: NOON, AuditLog(folder / "audit.sqlite"), shift_log
    )
    app = create_app(
        made,
        TOKEN,
        parties={"p" * 43: "farm-1.test", "e" * 43: "east.test", "w" * 43: "west.test"},
        roles={"farm-1.test": Role.PROSUMER, "east.test": Role.AGGREGATOR, "west.test": Role.AGGREGATOR},
        sources=PageSources(folder / "readings", TwoNodes(), None),
        actions=actions if lives else None,
    )

    async def asked() -> httpx.Response:
        async with client(app) as caller:
            return await caller.get(path, headers=headers)

    answer = asyncio.run(asked())
    assert answer.status_code == 200, answer.text
    return answer.text


def part(text: str, name: str) -> str:
    """One section of a page."""
    found = re.search(rf'<section id="{name}">.*?</section>', text, re.DOTALL)
    assert found, name
    return found[0]


def test_an_offer_that_waits_for_people_can_be_ordered_option_by_option(tmp_path: Path) -> None:
    """Each option has its form with the offer's and its own reference; one that the agent chooses of, is ordered, revoked or over
    has none."""
    standing = part(fetch(tmp_path, "/dso/pages/act", OFFER), "standing")
    assert standing.count('data-action="/dso/actions/order"') == 2
    assert 'name="option" value="b"' in standing
    assert "17:00–17:30" not in standing
    order = OrderPlaced(
        NOON, "o-1", "dso.test", "east.test", "ean.1", DAY, 700, "EUR", (IspPower(60, 5_000, 2),), None, "offer-1"
    )
    revoked = MessageLapsed(NOON, "FlexOffer", "offer-1", "east", "dso", "the seller has revoked it")
    for other in (
        (replace(OFFER, for_people=False),),
        (replace(OFFER, expires=NOON),),
        (OFFER, order),
        (OFFER, revoked),
    ):
        assert "data-action" not in part(fetch(tmp_path, "/dso/pages/act", *other), "standing")


@pytest.mark.parametrize(
    "path", ["/dso/pages/act", "/dso/pages/works", "/dso/pages/settlements", "/market/pages/devices"]
)
def test_where_nobody_lives_nothing_acts(tmp_path: Path, path: str) -> None:
    """A finished run has no form that would be sent to nobody."""
    dispute = DisputeDecided(NOON, DAY, "dso.test", "farm-1.test", ("o-1",), (), "people decide", (), True)
    assert "data-action" not in fetch(tmp_path, path, OFFER, WORKS, dispute, lives=False)


def test_works_can_be_declared_and_ended_by_the_dso_and_are_seen_by_whom_they_concern(tmp_path: Path) -> None:
    """The DSO has both forms; a party sees works at its own connection alone, without forms."""
    text = fetch(tmp_path, "/dso/pages/works", WORKS)
    assert 'data-action="/dso/actions/works-end"' in part(text, "works")
    assert 'data-offset="+00:00"' in part(text, "declare")
    over = fetch(tmp_path, "/dso/pages/works", WORKS, replace(WORKS, state="over"))
    assert "works-end" not in over
    other = fetch(tmp_path, "/market/pages/works", WORKS, headers=OWNER)
    assert "a joint" not in other
    assert "data-action" not in other


def test_an_aggregator_sees_works_on_the_days_of_its_contract_with_a_home(tmp_path: Path) -> None:
    """The home goes over on the 22nd: works of that day are the new one's to see, those of today the old one's."""
    asset = RegisteredAsset("farm-9.pv", "pv", "farm-9.test", "ean.farm-9", "ean.1", 0, 5000, False, True)
    agreed = ContractAgreed(
        NOON, "c-old", "east.test", "farm-9.test", date(2025, 6, 1), date(2025, 6, 30), tuple(range(1, 8)), 0, 1440, 15, (), 5_000,
        -5_000, 1, "day", 4, 4, 100, 200, 300, "fixed", "EUR",
    )  # fmt: skip
    gone_over = (
        AssetsRegistered(NOON, (asset,)),
        agreed,
        ContractEnded(NOON, "c-old", DAY, "east.test"),
        replace(agreed, contract_id="c-new", buyer="west.test", start_date=DAY + timedelta(days=1)),
    )
    today = replace(WORKS, number="number-2", usage_points=("ean.farm-9",), words="works of today")
    later = replace(today, number="number-3", begin=NOON + timedelta(days=1), end=None, words="works of tomorrow")
    seen = {
        who: fetch(
            tmp_path, "/market/pages/works", *gone_over, today, later, headers={"Authorization": f"Bearer {who * 43}"}
        )
        for who in "ew"
    }
    assert ("works of today" in seen["e"], "works of tomorrow" in seen["e"]) == (True, False)
    assert ("works of today" in seen["w"], "works of tomorrow" in seen["w"]) == (False, True)


def test_a_prosumer_can_ask_for_another_aggregator_and_sees_what_was_agreed(tmp_path: Path) -> None:
    """The form offers who else has published a template, from the first day with notice; the DSO has no form, and both see it."""
    template = TemplatePublished(
        NOON,
        "west.test",
        "household-daily",
        1,
        tuple(range(1, 8)),
        0,
        1440,
        4,
        "day",
        4,
        4,
        100,
        200,
        300,
        "fixed",
        True,
    )
    agreed = ContractAgreed(
        NOON, "c-1", "east.test", "farm-1.test", date(2025, 6, 1), date(2025, 6, 30), tuple(range(1, 8)), 0, 1440, 15, (), 5_000,
        -5_000, 1, "day", 4, 4, 100, 200, 300, "fixed", "EUR",
    )  # fmt: skip
    told = (template, replace(template, publisher="east.test"), agreed)
    form = part(fetch(tmp_path, "/market/pages/contracts", *told, headers=OWNER), "aggregator")
    assert 'data-action="/market/actions/aggregator"' in form
    assert 'min="2025-06-23"' in form
    assert re.findall(r'<option value="([^"]*)"', form) == ["west.test"]
    midnight = datetime(2025, 6, 24, 22, tzinfo=UTC)
    made = ConnectionSwitched(NOON, "ean.farm-1", "farm-1.test", "east.test", "west.test", date(2025, 6, 25), midnight)
    for headers, acts in ((OWNER, True), (BEARER, False)):
        shown = part(fetch(tmp_path, "/market/pages/contracts", *told, made, headers=headers), "aggregator")
        assert "2025-06-25" in shown
        assert ("data-action" in shown) == acts
    other = {"Authorization": f"Bearer {'e' * 43}"}
    assert "2025-06-25" in fetch(tmp_path, "/market/pages/contracts", *told, made, headers=other)
    assert 'id="aggregator"' not in fetch(tmp_path, "/market/pages/contracts", *told, headers=other)
    assert "data-action" not in fetch(tmp_path, "/market/pages/contracts", *told, headers=OWNER, lives=False)


def test_supply_counts_what_was_declared_and_reported_alone(tmp_path: Path) -> None:
    """The one customer is without supply for half an hour so far: 30 minutes and one interruption; back after 40 it is 40."""
    before = fetch(tmp_path, "/dso/pages/supply")
    assert "None since" in before
    running = fetch(tmp_path, "/dso/pages/supply", CUT)
    assert re.search(r"SAIDI</dt>\s*<dd>30\.0", running)
    assert re.search(r"SAIFI</dt>\s*<dd>1\.00", running)
    assert "goes on" in running
    back = SupplyRestored(NOON + timedelta(minutes=10), "number-1", ("ean.farm-1",))
    assert re.search(r"SAIDI</dt>\s*<dd>40\.0", fetch(tmp_path, "/dso/pages/supply", CUT, back))


def test_indices_are_those_of_ieee_1366() -> None:
    """Of ten customers three are off for 60 minutes, one for 10, five for 4 (momentary), and two still, for 20."""
    cuts = [
        Interruption(replace(CUT, at=NOON - timedelta(hours=5), usage_points=("a", "b", "c")), NOON - timedelta(hours=4)),
        Interruption(replace(CUT, at=NOON - timedelta(hours=3), usage_points=("a",)), NOON - timedelta(minutes=170)),
        Interruption(replace(CUT, at=NOON - timedelta(hours=2), usage_points=tuple("abcde")), NOON - timedelta(minutes=116)),
        Interruption(replace(CUT, at=NOON - timedelta(minutes=20), usage_points=("f", "g")), None),
    ]  # fmt: skip
    found = indices(cuts, 10, NOON)
    assert (found.saidi_min, found.saifi, found.maifi) == ((180 + 10 + 40) / 10, 0.6, 0.5)
    assert found.caidi_min == pytest.approx(230 / 6)
    assert indices([], 10, NOON).caidi_min is None
    paired = interruptions([CUT], [SupplyRestored(NOON, "number-2", ()), SupplyRestored(NOON, "number-1", ())])
    assert [one.end for one in paired] == [NOON]


def test_an_owner_keeps_and_gives_back_and_sees_what_it_cost(tmp_path: Path) -> None:
    """The forms are the owner's alone; what was promised stands in kWh; what is over cannot be given back."""
    kept = ElementOverridden(NOON, "farm-1.pv", "farm-1.test", NOON + timedelta(hours=1), 1_500)
    text = part(fetch(tmp_path, "/market/pages/devices", kept, headers=OWNER), "overrides")
    assert text.count('data-action="/market/actions/keep"') == 2
    assert ">1.5<" in text
    over = replace(kept, until=NOON)
    assert part(fetch(tmp_path, "/market/pages/devices", over, headers=OWNER), "overrides").count("data-action") == 1
    assert "data-action" not in part(fetch(tmp_path, "/market/pages/devices", kept), "overrides")


def test_a_dispute_that_no_meter_decides_is_answered_once(tmp_path: Path) -> None:
    """The DSO's page has its form until people have decided; a party's page has none."""
    asked = DisputeDecided(NOON, DAY, "dso.test", "farm-1.test", ("o-1",), (), "people decide", (), True)
    text = fetch(tmp_path, "/dso/pages/settlements", asked)
    assert text.count('data-action="/dso/actions/dispute"') == 1
    decided = replace(asked, meters=("ean.farm-1",), for_people=False)
    assert "data-action" not in fetch(tmp_path, "/dso/pages/settlements", asked, decided)
    assert "data-action" not in fetch(tmp_path, "/market/pages/settlements", asked, headers=OWNER)


def test_a_limit_of_consumption_shows_what_it_holds_back_and_what_was_ordered_against_it(tmp_path: Path) -> None:
    """Two homes' devices and energies summed under its number; it holds until its end, or until another word on its point."""
    limit = ConsumptionLimited(
        NOON - timedelta(minutes=5),
        "limit-1",
        "ean.1",
        30,
        NOON + timedelta(minutes=10),
        ("ean.farm-1", "ean.farm-2"),
        2_000,
    )
    held = ConsumptionHeldBack(NOON - timedelta(minutes=5), "limit-1", "ean.farm-1", 2, 1_500, 500)
    told = (limit, held, replace(held, usage_point="ean.farm-2", devices=1, planned_wh=700, ordered_wh=0))
    row = re.findall(r"<tr>.*?</tr>", part(fetch(tmp_path, "/dso/pages/act", *told), "limit"))[-1]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
    assert cells[2:] == ["30 %", "2025-06-21 12:10", "2", "3", "2.2", "2.0", '<span class="mark warn">holds</span>']
    lifted = replace(limit, at=NOON, number="limit-2", consumption_pct=None, against_wh=0)
    for after in (lifted, replace(limit, at=NOON, number="limit-3", consumption_pct=0)):
        rows = re.findall(r"<tr>.*?</tr>", part(fetch(tmp_path, "/dso/pages/act", *told, after), "limit"))
        assert "over</span>" in rows[-1]
    assert "Nobody" in part(fetch(tmp_path, "/dso/pages/act"), "limit")


def test_the_microgrids_section_shows_what_it_could_do_and_which_limit_holds(tmp_path: Path) -> None:
    """Its newest envelope in kW and how much of it is known; a fail-safe is marked; both forms stand there from the start."""
    text = part(fetch(tmp_path, "/dso/pages/act"), "microgrid")
    for kind in ("setpoint", "limit"):
        assert text.count(f'data-action="/dso/actions/microgrid-{kind}"') == 1
    assert "Nobody has told yet" in text
    rows = tuple((watts,) * 96 for watts in (10_000, 6_500, 18_000))
    old = MicrogridEnvelope(NOON - timedelta(hours=1), DAY, *rows, (), 4, 2, None)
    limit = MicrogridLimited(NOON, "limit-1", 11_000, 15, True, None, True, 8_000)
    text = part(
        fetch(tmp_path, "/dso/pages/act", old, replace(old, at=NOON, told=3, delivered_pct=90), limit), "microgrid"
    )
    assert "3 of 4 portfolios have told; of what was ordered lately 90 % was delivered" in text
    assert "6.5" in text
    cells = re.findall(r"<td[^>]*>(.*?)</td>", re.findall(r"<tr>.*?</tr>", text)[-1])
    assert cells[1:6] == ['<span class="mark bad">fail-safe</span>', "11.0", "15 %", "8.0", "yes"]


def test_what_was_settled_without_a_kept_device_stands_with_it(tmp_path: Path) -> None:
    """Of three settled quarter-hours two lie in the time: what they promised, delivered, lacked, and the order's penalty; given
    back in between, one; of a revision the last counts; not settled is told as such."""
    kept = ElementOverridden(NOON, "farm-1.pv", "farm-1.test", NOON + timedelta(minutes=30), 2_000)
    isps = tuple(SettledIsp(isp, 0, 4_000, 1_000, 1_000, 3_000) for isp in (49, 50, 51))
    order = SettledOrder("o-1", "farm-1.pv", DAY, 300, 500, -200, isps)
    told = SettlementTold(NOON, "s-2", "east.test", "farm-1.test", DAY, DAY, 2, "EUR", (order,))
    first = replace(told, reference="s-1", revision=1, orders=(replace(order, penalty_e4=9_999),))

    def cells(*more: Publication) -> list[str]:
        text = part(fetch(tmp_path, "/market/pages/devices", kept, *more, headers=OWNER, lives=False), "overrides")
        return re.findall(r"<td[^>]*>(.*?)</td>", re.findall(r"<tr>.*?</tr>", text)[-1])[3:]

    assert cells(first, told) == ["2.0", "0.5", "1.5", "0.05 ", '<span class="mark warn">kept</span>']
    back = ElementOverridden(NOON + timedelta(minutes=10), "farm-1.pv", "farm-1.test", None, 0)
    assert cells(told, back)[1:3] == ["0.2", "0.8"]
    assert cells(back)[1:] == ["–", "–", "–", '<span class="mark warn">not settled yet</span>']


def test_a_contracts_life_has_its_own_orders_alone(tmp_path: Path) -> None:
    """Of two contracts between the same parties each shows the orders under it."""
    agreed = ContractAgreed(
        NOON, "contract-1", "dso.test", "east.test", date(2025, 6, 1), date(2025, 7, 1), tuple(range(1, 8)), 0, 1440, 15, (), 5_000,
        -5_000, 1, "day", 4, 4, 100, 200, 300, "fixed", "EUR",
    )  # fmt: skip
    order = OrderPlaced(
        NOON, "order-1", "dso.test", "east.test", "ean.1", DAY, 700, "EUR", (IspPower(60, 5_000),), "contract-1"
    )
    told = (
        agreed,
        replace(agreed, contract_id="contract-2"),
        order,
        replace(order, order_reference="order-2", contract_id=None),
    )
    life = part(fetch(tmp_path, "/market/pages/contracts?contract=contract-1", *told), "life")
    assert "order-1" in life
    assert "order-2" not in life
    assert "order-1" not in part(fetch(tmp_path, "/market/pages/contracts?contract=contract-2", *told), "life")


def test_what_was_re_dispatched_is_told_by_what_was_missing(tmp_path: Path) -> None:
    """4 kW missing in two quarter-hours, 3 of them found: 2 kWh missing, 1.5 found; a split for an offer is none."""
    held = SessionConcluded(
        NOON, "s-1", "east", "hold", "ean.1", DAY, 60, ("farm-1",), "converged", 3, (), (4.0, 4.0, -9.0), (1e6, 1e6, 9.0),
        (3.0, 3.0, -5.0),
    )  # fmt: skip
    order = OrderPlaced(NOON, "o-1", "dso.test", "east.test", "ean.1", DAY, 700, "EUR", (IspPower(60, 5_000, 2),))
    text = part(fetch(tmp_path, "/dso/pages/events", order, held, replace(held, purpose="offer")), "redispatch")
    assert re.search(r"missing of promises</dt>\s*<dd>2\.0", text)
    assert re.search(r"found among other members</dt>\s*<dd>1\.5", text)
    assert text.count("in part") == 1
