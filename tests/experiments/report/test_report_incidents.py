"""The report's section on what went wrong: a row for each incident, with what it did to the money, and the summary's counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from plotly.offline import get_plotlyjs

from cim.platform.publications.agreements import AssetsRegistered, RegisteredAsset
from cim.platform.publications.base import IspPower, Publication
from cim.platform.publications.families import FAMILIES
from cim.platform.publications.grid import FeedInAccounted, FeedInLimited, PrognosisReplaced, SellerJudged
from cim.platform.publications.incidents import (
    ElementOverridden,
    ElementSuspended,
    HandlingFailed,
    MemoryLost,
    MessageLapsed,
    MetersDisagree,
    PointNotMetered,
    RuleBroken,
    SiteNotMetered,
    WorkFailed,
)
from cim.platform.publications.ledger import HeadRefused, HistorySplit, RecordRefused
from cim.platform.publications.measured import CommandRefused, DeviceBack, DeviceLost, ReadingRefused
from cim.platform.publications.settlement import DisputeDecided
from cim.platform.publications.trading import OrderPlaced, OrderRefused
from experiments.report import incidents
from experiments.report.data import RunData
from experiments.report.page import render
from experiments.run.incidents import as_told
from experiments.run.incidents.figures import incident_figures
from experiments.run.incidents.incident import Incident, IncidentKind, spans
from experiments.run.incidents.reader import incidents_of
from tests.experiments.report.conftest import DSO, EAST, POINT
from tests.experiments.report.reading import read

Make = Callable[..., RunData]
Told = tuple[str, Publication]
DAY = date(2016, 5, 20)
AT = datetime(2016, 5, 20, 11, tzinfo=UTC)  # 13:00 at Strem, when ISP 53 begins
FARM, EAN = "farm-1.strem.example", "ea1.farm-1"


def assets() -> Told:
    """Who owns the battery that was settled in ISP 53, and a plant that was not."""
    rows = tuple(
        RegisteredAsset(f"farm-1.{what}", what, FARM, EAN, POINT, 20_000, -20_000, True, True)
        for what in ("battery", "pv")
    )
    return "iles", AssetsRegistered(AT - timedelta(days=1), rows)


def found(material: Make, *more: Told) -> list[Incident]:
    """The incidents of the day made by hand, on which nothing went wrong, with these beside it."""
    result = material(without=(DeviceLost,)).result
    for agent, told in more:
        result.store.put(agent, told)
    return incidents_of(result.store, result.site_agents.rules, DSO)


def test_a_day_on_which_nothing_went_wrong_says_so(material: Make) -> None:
    """No row and no sentence on money."""
    assert found(material) == []
    assert incidents.section(material(without=(DeviceLost,))) == "<p class=note>What went wrong: none.</p>"


@pytest.mark.parametrize(
    ("minutes", "money"),
    [
        (0, "3.0 kWh of its elements paid, 2.0 kWh fined"),
        (1, "its elements are neither paid nor fined for it"),  # of an ISP that had begun something was seen
    ],
)
def test_what_a_lost_device_was_paid_for_while_it_was_gone(material: Make, minutes: int, money: str) -> None:
    """Only ISPs that lie wholly in the outage count; the money is that of the settlements, not what it should be."""
    gone = AT + timedelta(minutes=minutes)
    lost = "farm-1.battery", DeviceLost(gone, "farm-1.battery", "no answer")
    back = "farm-1.battery", DeviceBack(AT + timedelta(hours=1), "farm-1.battery")
    (one,) = found(material, assets(), lost, back)
    assert (one.at, one.kind, one.who, one.money) == (gone, IncidentKind.DEVICE_LOST, "farm-1.battery", money)
    assert one.what == "to 2016-05-20 14:00: no answer"


def test_a_lost_meter_stands_for_all_behind_it(material: Make) -> None:
    """A connection's meter is no element: what is settled of any of its prosumer's elements counts; others' do not."""
    lost = DeviceLost(AT, "farm-1.meter", "no answer")
    (mine,) = found(material, assets(), ("farm-1", lost))
    assert mine.what == "to the end: no answer"
    assert mine.money.startswith("3.0 kWh of its elements paid")
    (others,) = found(material, assets(), ("farm-2", lost))
    assert others.money == "it has no elements"


def test_what_was_ordered_where_nobody_metered(material: Make) -> None:
    """Of 5 kWh in ISP 53 12 kW were delivered and 8 missed; 4 kW in ISP 54 were ordered and never settled."""
    order = OrderPlaced(AT, "r-2", DSO, EAST, POINT, DAY, 9_000, "EUR", (IspPower(54, 4_000),))
    told = PointNotMetered(AT, EAST, POINT, DAY, (EAN,), ("farm-1.pv",), (53, 54, 60))
    (one,) = found(material, ("dso", order), ("dso", told))
    assert one.money == "6.0 kWh ordered there: 3.0 kWh paid, 2.0 kWh fined, 1.0 kWh neither"
    assert (one.who, one.neither_wh) == ("agr-east", 1000)
    assert one.what == f"{POINT} on 2016-05-20, ISPs 53–54, 60: {EAN}, farm-1.pv"
    (quiet,) = found(material, ("dso", PointNotMetered(AT, EAST, POINT, DAY, (EAN,), (), (1, 2))))
    assert (quiet.money, quiet.neither_wh) == ("nothing was ordered there", 0)


def test_a_sub_meter_that_lies_is_shown_with_what_it_was_paid(material: Make) -> None:
    """The balance found ISPs 1 to 3: of those nothing is settled; had it been 53, it would say what was."""
    lie = MetersDisagree(AT, EAN, DAY, (1, 2, 3), "expected otherwise")
    (one,) = found(material, assets(), ("farm-1", lie))
    assert (one.who, one.what) == (EAN, "on 2016-05-20, ISPs 1–3: expected otherwise")
    assert one.money == "its elements are neither paid nor fined for it"
    (paid,) = found(material, assets(), ("farm-1", MetersDisagree(AT, EAN, DAY, (53,), "x")))
    assert paid.money == "3.0 kWh of its elements paid, 2.0 kWh fined"


def test_a_doubted_seller_is_shown_with_the_prognoses_replaced(material: Make) -> None:
    """Two after the judgement count, one before and another's do not; that it is believed again is a row of its own."""
    judged = [SellerJudged(AT + timedelta(days=k), EAST, DAY, k == 0, 130_000, 100_000) for k in (0, 2)]
    replaced = [
        PrognosisReplaced(AT + timedelta(hours=hours), seller, POINT, DAY, 1, (0,) * 96)
        for seller, hours in ((EAST, -1), (EAST, 1), (EAST, 2), ("west", 3))
    ]
    first, second = found(material, *(("dso", one) for one in (*judged, *replaced)))
    assert (first.who, first.money) == ("agr-east", "orders stand on the DSO's own prognosis: 2 replaced")
    assert first.what == "up to 2016-05-20: 130.0 kWh of feed-in foretold, 100.0 kWh metered"
    assert second.money == "believed again"


def test_the_dsos_own_limits_are_counted_a_day(material: Make) -> None:
    """Two connections in two ISPs, one of them tightened and one lifted; who did not account for it is named as unpaid."""
    limits = [
        FeedInLimited(AT, place, POINT, DAY, isp, limit_w, AT)
        for place, isp, limit_w in (("a", 53, -900), ("a", 53, -800), ("a", 54, -800), ("b", 53, -100), ("b", 53, None))
    ]
    account = FeedInAccounted(AT, "a", DAY, 1_500, 0, 1_234)
    (one,) = found(material, *(("dso", told) for told in (*limits, account)))
    assert one.what == "on 2016-05-20: 2 connections in 2 ISPs"
    assert one.money == "1.5 kWh held back, 0.1234 EUR paid; nothing for 1 that did not account for it"
    assert (one.times, one.paid_e4) == (3, 1_234)


AS_TOLD: list[tuple[Told, IncidentKind, str, str]] = [
    (("x", CommandRefused(AT, "farm-1.pv", "register locked")), IncidentKind.COMMAND_REFUSED, "farm-1.pv", "register locked"),
    (("x", ReadingRefused(AT, "farm-1.pv", "its counter falls")), IncidentKind.READING_REFUSED, "farm-1.pv", "its counter falls"),
    (("x", OrderRefused(AT, "o-1", EAST, "too late")), IncidentKind.ORDER_REFUSED, "agr-east", "o-1: too late"),
    (("dso", RecordRefused(AT, "ledger", "orders o-1", "key is taken")), IncidentKind.NOT_RECORDED, "ledger",
     "orders o-1: key is taken"),
    (("iles", RuleBroken(AT, "farm-1", "iles", "assets of others")), IncidentKind.RULE_BROKEN, "farm-1", "assets of others"),
    (("x", HeadRefused(AT, 2, "ledger", "agr-east", "no chain")), IncidentKind.HEAD_REFUSED, "ledger", "agr-east: no chain"),
    (("agr-east", HistorySplit(AT, 2, "ledger", "ab" * 32, "cd" * 32, "dso", "agr-east")), IncidentKind.HEAD_REFUSED,
     "ledger", "agr-east: two heads of block 2, abababababab and cdcdcdcdcdcd"),
    (("x", MemoryLost(AT, "farm-1", ("orders", "plans"))), IncidentKind.MEMORY_LOST, "farm-1", "orders; plans"),
    (("farm-1", HandlingFailed(AT, "uftp.FlexOrder", "agr", "KeyError: 1")), IncidentKind.HANDLING_FAILED, "farm-1",
     "uftp.FlexOrder: KeyError: 1"),
    (("dso", WorkFailed(AT, "dso", "safety analysis", "p 2016-05-20", "LinAlgError: singular")), IncidentKind.WORK_FAILED,
     "dso", "safety analysis, p 2016-05-20: LinAlgError: singular"),
    (("dso", MessageLapsed(AT, "DPrognosis", "m", "agr-east", "dso", "Power: -9e6 W")), IncidentKind.NOT_TAKEN, "agr-east",
     "DPrognosis to dso: Power: -9e6 W"),
    (("x", ElementSuspended(AT, "farm-1.pv", 300, 288, True)), IncidentKind.SUSPENDED, "farm-1.pv",
     "not metered in 300 ISPs of 30 days; 288 are allowed"),
    (("farm-1", ElementOverridden(AT, "farm-1.pv", "farm-1", AT + timedelta(hours=2), 250)), IncidentKind.OVERRIDDEN, "farm-1.pv",
     "until 2016-05-20 15:00; 0.25 kWh of it were promised"),
    (("farm-1", ElementOverridden(AT, "farm-1.pv", "farm-1", None, 0)), IncidentKind.OVERRIDDEN, "farm-1.pv", "given back"),
    (("dso", SiteNotMetered(AT, DAY, (1, 2, 9))), IncidentKind.SITE_NOT_METERED, "dso", "on 2016-05-20, ISPs 1–2, 9"),
]  # fmt: skip


@pytest.mark.parametrize(("told", "kind", "who", "what"), AS_TOLD, ids=[str(kind) for _, kind, _, _ in AS_TOLD])
def test_every_kind_of_trouble_has_a_row(material: Make, told: Told, kind: IncidentKind, who: str, what: str) -> None:
    """Who and why as they were told, and a sentence on the money."""
    (one,) = found(material, told)
    assert (one.kind, one.who, one.what, one.times) == (kind, who, what, 1)
    assert one.money


@pytest.mark.parametrize(
    ("meters", "money"),
    [(("ean.a", "a.pv"), "settled by the right data of ean.a, a.pv"), ((), "as the buyer settled it; people decide")],
)
def test_a_dispute_is_a_row_with_its_decision(material: Make, meters: tuple[str, ...], money: str) -> None:
    """Who sold, to whom, of how many orders and why; whether the money moved."""
    told = DisputeDecided(AT, DAY, DSO, EAST, ("o-1", "o-2"), meters, "two of three agree")
    (one,) = found(material, ("dso", told))
    assert (one.kind, one.who, one.money) == (IncidentKind.DISPUTED, "agr-east", money)
    assert one.what == "with dso on 2016-05-20 about 2 orders: two of three agree"


def test_no_family_of_incidents_is_left_out() -> None:
    """Whatever a module of incidents, refusals and losses may tell is read here; a new family has to be added."""
    modules = ("incidents", "ledger", "measured")
    told = {family for family in FAMILIES.values() if family.__module__.rpartition(".")[2] in modules}
    shown = {type(told) for (_, told), *_ in AS_TOLD} | {DeviceLost, DeviceBack, MetersDisagree, PointNotMetered}
    assert {family.__name__ for family in told - shown} == {"BlockClosed"}
    assert set(as_told._FAMILIES) <= shown


def test_what_is_told_again_and_again_is_one_row(material: Make) -> None:
    """Ten refusals of one device with other numbers are a row with the first's words; another reason is another row."""
    refusals = [
        MessageLapsed(AT + timedelta(minutes=k), "Metering", f"m-{k}", "farm-1", "dso", f"{k}000 W; at most 5 W")
        for k in range(10)
    ]
    late = MessageLapsed(AT, "Metering", "m-99", "farm-1", "dso", "2016-05-18 is settled")
    rows = found(material, *(("dso", told) for told in (*reversed(refusals), late)))
    assert {(one.what, one.times, one.at) for one in rows} == {
        ("Metering to dso: 0000 W; at most 5 W", 10, AT),
        ("Metering to dso: 2016-05-18 is settled", 1, AT),
    }


def test_the_page_has_them_in_order_of_time_and_sums_the_money(material: Make) -> None:
    """The device lost on the day before comes first; what is neither paid nor fined and what the DSO paid stand above."""
    order = OrderPlaced(AT, "r-2", DSO, EAST, POINT, DAY, 9_000, "EUR", (IspPower(54, 4_000),))
    more = (
        ("dso", order),
        ("dso", PointNotMetered(AT, EAST, POINT, DAY, (EAN,), (), (54,))),
        ("dso", FeedInLimited(AT - timedelta(minutes=5), "a", POINT, DAY, 53, -900, AT)),
        ("dso", FeedInAccounted(AT + timedelta(days=1), "a", DAY, 1_500, 0, 1_234)),
    )
    page = render(material(more=more)).replace(get_plotlyjs(), "")
    assert "1.00 kWh that the DSO had ordered are neither paid nor fined" in page
    assert "The DSO paid 0.1234 EUR for what it limited itself." in page
    table = read(page).tables["What went wrong"]
    assert table.column("what") == ["device or meter lost", "feed-in limited", "not metered"]
    assert table.column("first at")[1:] == ["2016-05-20 12:55", "2016-05-20 13:00"]


def test_the_summary_counts_by_kind(material: Make) -> None:
    """Times, energy and money of each kind that there was."""
    order = OrderPlaced(AT, "r-2", DSO, EAST, POINT, DAY, 9_000, "EUR", (IspPower(54, 4_000),))
    blind = PointNotMetered(AT, EAST, POINT, DAY, (EAN,), (), (54,))
    figures = incident_figures(found(material, ("dso", order), ("dso", blind), ("dso", blind), AS_TOLD[0][0]))
    assert {str(kind): tuple(one.model_dump().values()) for kind, one in figures.items()} == {
        "not metered": (2, 2000, 0),
        "command refused": (1, 0, 0),
    }


def test_isps_are_written_as_runs() -> None:
    """Runs of ISPs as first and last, single ones as they are."""
    assert spans((1, 2, 3, 7, 9, 10)) == "1–3, 7, 9–10"
    assert spans(()) == ""
