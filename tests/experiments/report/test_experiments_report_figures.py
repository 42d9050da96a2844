"""The report's figures and tables carry the numbers of the day they were made of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from plotly.offline import get_plotlyjs

from cim.platform.publications.agreements import ContractAgreed, ContractElement
from cim.platform.publications.settlement import (
    OrderAnswer,
    SettledIsp,
    SettledOrder,
    SettlementAnswered,
    SettlementTold,
)
from experiments.report import bills
from experiments.report.data import RunData
from experiments.report.page import render
from tests.experiments.report.conftest import BRANCH, DSO, EAST, EVENT, POINT
from tests.experiments.report.reading import Report, read

Make = Callable[..., RunData]
TITLE = "Low-voltage grid rural1 (160 kVA transformer)"
AT = datetime(2016, 5, 19, 12, tzinfo=UTC)
DAY = date(2016, 5, 20)


def seen(data: RunData) -> Report:
    """A run's page as its reader sees it."""
    return read(render(data).replace(get_plotlyjs(), ""))


@pytest.fixture(scope="module")
def report(material: Make) -> Report:
    """The page of the day made by hand."""
    return seen(material())


def at_event(values: list[float]) -> dict[int, float]:
    """Where a row is not nothing."""
    return {index: value for index, value in enumerate(values) if value}


def test_every_section_and_figure_is_there_and_draws_something(report: Report) -> None:
    """Eight sections; each figure has traces with points, and each axis with numbers says its unit."""
    assert report.sections == ["columns", "power", "grid", "delivery", "money", "incidents", "dispatch", "trading"]
    names = "columns kinds pcc loading voltage members elements change flows gains admm seconds"
    assert set(report.figures) == {f"fig-{name}" for name in names.split()}
    for name, (traces, layout) in report.figures.items():
        drawn = [trace for trace in traces if trace["type"] == "sankey" or any(v is not None for v in trace["y"])]
        assert drawn, name
        titles = [axis.get("title", {}).get("text") for key, axis in layout.items() if key.startswith("yaxis")]
        assert name == "fig-flows" or any(titles), name


def test_tiles_say_what_the_day_came_down_to(report: Report) -> None:
    """Limits, energy, money and trades as the summary and the publications have them."""
    shown = {name: report.tiles[name] for name in ("limits broken", "delivered", "missing", "paid", "trading")}
    assert shown == {
        "limits broken": "2 → 1", "delivered": "3.00 kWh", "missing": "2.00 kWh", "paid": "1.8000 EUR", "trading": "1 / 1 / 1",
    }  # fmt: skip


def test_what_was_traded_is_a_row_each(report: Report) -> None:
    """Request, offer and order with both ends, ISPs, energy (20 kW in a quarter-hour) and price."""
    at, rest = "2016-05-19 14:00", [TITLE, "2016-05-20", "1", "5.00"]
    assert report.tables["Requests, offers and orders"].rows == [
        [at, "request", "dso → agr-east", *rest, "–"],
        [at, "offer", "agr-east → dso", *rest, "3.0000"],
        [at, "order", "dso → agr-east", *rest, "3.0000"],
    ]


def test_who_delivered_what_stands_in_its_isp(report: Report) -> None:
    """12 of 20 kW in the ordered ISP and nothing elsewhere, by prosumer as by element; the table has the energies."""
    for figure, name in (("fig-members", "farm-1"), ("fig-elements", "batteries")):
        assert at_event(report.trace(figure, name)["y"]) == {EVENT: 12.0}
        assert at_event(report.trace(figure, "ordered")["y"]) == {EVENT: 20.0}
    table = report.tables["What each member was ordered and delivered"]
    assert table.rows == [["farm-1", "batteries", "1", "5.00", "3.00", "60.0%", "2.00"]]
    assert table.total == ["all", "", "1", "5.00", "3.00", "", "2.00"]


def test_loadings_with_and_without_are_drawn_against_the_limit(report: Report) -> None:
    """Two ISPs at 120 % without flexibility, one with it; the table counts what was removed and what is left."""
    own = [trace for trace in report.figures["fig-loading"][0] if max(trace["y"]) == 120.0]
    over = {trace["name"]: [k for k, value in enumerate(trace["y"]) if value > 100] for trace in own}
    assert over == {"without flexibility": [EVENT, EVENT + 1], "with flexibility": [EVENT]}
    assert set(report.trace("fig-loading", "limit")["y"]) == {100.0}
    table = report.tables["Limits broken, by element (percent of rating, or per unit)"]
    assert table.rows == [[BRANCH, "overload", "2", "1", "1", "0", "120.0", "120.0"]]


def test_money_of_all_parties_sums_to_zero(report: Report) -> None:
    """Each party's row by reason, and a total of nothing; the bars are the same amounts."""
    table = report.tables["Money of each party (received − paid)"]
    assert {row[0]: row[-1] for row in table.rows} == {"dso": "-1.8000", "agr-east": "1.8000"}
    assert set(table.total[1:]) == {"0.0000"}
    bars = [t for t in report.figures["fig-gains"][0] if t["name"] == "utilisation"]
    assert sorted(amount for trace in bars for amount in trace["y"]) == [-1.8, 0, 0, 1.8]
    (flow,) = report.figures["fig-flows"][0]
    assert flow["node"]["label"] == ["dso", "agr-east"]
    assert flow["link"]["value"] == [1.8]


def test_a_session_is_drawn_round_by_round(report: Report) -> None:
    """Both residuals of each round; one of nothing is left out of the logarithmic axis; the table has band and sum."""
    primal, dual = report.figures["fig-admm"][0]
    assert (primal["y"], dual["y"]) == ([10.0, 0.01], [10.0, None])
    (row,) = report.tables["Sessions of the virtual power plants"].rows
    told = ["agr-east", "offer", TITLE, "2016-05-20", "1", "1", "converged", "2", "20.00", "53", "18.00", "2.00"]
    assert row == [*told, "102.0", "100.0", "2.00%"]
    (together,) = report.tables["Requests that led to an order, all sellers together"].rows
    assert together == [TITLE, "1", "55.00", "50.00", "10.00%"]


def test_the_forecast_of_the_day_before_is_beside_what_happened(report: Report) -> None:
    """90 kW of export expected and found in every ISP."""
    assert set(report.trace("fig-pcc", "forecast of the day before")["y"]) == {-90.0}
    assert set(report.trace("fig-pcc", "with flexibility")["y"]) == {-90.0}


def test_the_band_of_the_day_before_is_beside_what_happened(report: Report) -> None:
    """From 100 to 80 kW of export, told before the day began."""
    low = report.trace("fig-pcc", "10-90 % band of the day before")
    assert (set(low["y"]), low["fill"]) == ({-100.0}, "tonexty")
    (high,) = [trace for trace in report.figures["fig-pcc"][0] if set(trace["y"]) == {-80.0}]
    assert len(high["y"]) == len(low["y"])


def test_what_flexibility_changed_is_energy_by_kind(report: Report) -> None:
    """Half a kilowatt less of PV over a whole day is 12 kWh less, in figure and table."""
    assert sum(report.trace("fig-change", "PV")["y"]) * 0.25 == -12.0
    assert report.tables["Energy shifted and curtailed"].rows == [["PV", "0.00", "12.00", "-12.00", "–", "0.00"]]


def test_a_dispute_is_never_among_the_rows_left_out(material: Make) -> None:
    """Behind 150 orders that were accepted, the disputed one comes first in its table."""
    isps = (SettledIsp(EVENT + 1, 0, 1_000, 1_000, 1_000, 0),)
    orders = tuple(SettledOrder(f"x-{k}", POINT, DAY, 10, 0, 10, isps) for k in range(150))
    accepted = SettlementAnswered(
        AT, "m-9", DSO, "west.strem.example", tuple(OrderAnswer(o.order_reference, "Accepted", None) for o in orders)
    )
    told = SettlementTold(AT, "m-9", DSO, "west.strem.example", DAY, DAY, 1, "EUR", orders)
    page = render(material(more=(("dso", told), ("agr-east", accepted)))).replace(get_plotlyjs(), "")
    table = read(page).tables["Settlement between DSO and aggregators, order by order"]
    assert table.column("answer")[:2] == ["Disputed", "Accepted"]
    assert table.column("dispute")[0] == "ISP 53 actual_power_w: ours <1>, yours 2"
    assert "51 more rows are left out here" in page


def test_a_contract_is_shown_with_all_its_parameters(material: Make) -> None:
    """Days, hours, elements and prices in the units of the head."""
    contract = ContractAgreed(
        AT, contract_id="0123456789", buyer=DSO, seller=EAST, start_date=DAY, end_date=date(2017, 5, 19),
        days_of_week=(1, 2, 3, 4, 5), start_minute=420, end_minute=1_080, isp_minutes=15,
        elements=(ContractElement("farm-1.battery", "battery", 20_000, -20_000),), amount_up_w=20_000, amount_down_w=-10_000,
        max_activations=4, counted_per="day", max_runtime_isps=16, recovery_isps=2, penalty_e4_per_kwh=5_000,
        capacity_price_e4_per_kw_day=100, volume_price_e4_per_kwh=2_500, activation_price="maximum", currency="EUR",
    )  # fmt: skip
    (row,) = seen(material(more=(("dso", contract),))).tables["Flexibility contracts, all parameters"].rows
    assert row == [
        "01234567", "dso", "agr-east", "2016-05-20", "2017-05-19", "Mo Tu We Th Fr", "07:00–18:00", "15 min",
        "farm-1.battery (battery, -20…+20 kW)", "20.00", "-10.00", "4 per day", "16", "2", "0.5000", "0.0100", "0.2500",
        "maximum",
    ]  # fmt: skip


def test_who_is_worse_off_by_more_than_a_cent_a_day_is_named(material: Make) -> None:
    """101 ten-thousandths more than under local rules: one day's cent is passed, that of two days is not."""
    assert "Against local rules alone worse off by more than a cent a day: farm-1." in bills.section(material())
    assert "nobody is worse off by more than a cent a day" in bills.section(material(days=2))
