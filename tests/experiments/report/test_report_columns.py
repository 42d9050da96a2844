"""The report's first section: the columns, and what is honestly to be said of them."""

from __future__ import annotations

import pytest

from experiments.report.data import RunData
from experiments.report.page import render
from tests.experiments.report.conftest import Make
from tests.experiments.report.reading import Report, read


@pytest.fixture(scope="module")
def page(material: Make) -> str:
    """The page of the made-up day."""
    return render(material())


@pytest.fixture(scope="module")
def report(page: str) -> Report:
    """The same, read."""
    return read(page)


def changed(data: RunData, **relief: object) -> RunData:
    """The same run with another relief."""
    summary = data.summary | {"relief": data.summary["relief"] | relief}
    return RunData(data.result, data.columns, data.grids, summary)


def test_the_table_has_every_column(report: Report) -> None:
    """Each figure that all columns have is a row, each column a column of it, money in the currency unit."""
    table = next(table for caption, table in report.tables.items() if caption.startswith("The same days in 4 ways"))
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["above limits, each kVAh once, kVAh"] == ["0.00", "16.00", "0.00", "8.00"]
    assert rows["the DSO's cost"] == ["0.0000", "0.0000", "0.4000", "1.8000"]
    assert rows["CO2 of what was taken, kg"] == ["–"] * 4
    assert "import_wh" not in rows


def test_one_plot_has_the_loading_of_all_columns(report: Report) -> None:
    """Idle, local and market stand in one figure with the limit; where the grid was not calculated there is no line."""
    names = {trace["name"] for trace in report.figures["fig-columns"][0]}
    assert names == {"idle", "local", "market", "limit"}


def test_it_says_why_local_rules_are_worse_than_rest(page: str) -> None:
    """Local is 16 kVAh further above limits than idle in two ISPs; the batteries' 1 kWh and its direction are named."""
    assert "16.00 kVAh further above its limits" in page
    assert "In the 2 ISPs where that is so, owners' rules move batteries -1.0 kWh" in page


def test_it_names_what_makes_the_market_dear(material: Make, page: str) -> None:
    """Nine times curtailment's cost needs its causes in money; twice needs none; no relief is said as such."""
    assert "at 22.5 ct each, 9.0 times what curtailing alone costs" in page
    assert "the largest causes: power held &lt;ready&gt;: 1.2000 EUR" in page
    cheap = render(changed(material(), market_ct_per_kwh=5.0, times_curtailment=2.0, causes=[]))
    assert "at 5.0 ct each, 2.0 times" in cheap
    assert "largest causes" not in cheap
    assert "There was nothing to relieve" in render(changed(material(), market_ct_per_kwh=None))


def test_it_names_the_kinds_paid_for_more_than_they_did(report: Report, page: str) -> None:
    """Batteries were settled for 3 kWh and moved 2: that stands in a warning; PV moved more than it was paid for."""
    table = next(table for caption, table in report.tables.items() if caption.startswith("Settled with members beside"))
    assert [row[4] for row in table.rows] == ["1.50", "0.25"]
    assert "Paid for more than 1.1 times what they did: batteries." in page


def test_it_says_what_the_market_was_worth_and_what_a_kilowatt_hour_cost(page: str) -> None:
    """By hand: welfare 1.40 EUR below curtailment's and 1.80 below local's; 36 ct against 7.14, and the site file's 300 %."""
    assert "-1.4000 EUR against the DSO's curtailment alone, -1.8000 EUR against local rules" in page
    assert (
        "delivered cost the DSO 36.00 ct, each that it took by its own right 7.14 ct. It takes offers of up to 3 times"
        in page
    )
    assert "(last_resort_pct 300)" in page


def test_what_is_not_known_is_not_said(material: Make) -> None:
    """Without an order there is no price to compare, and without readings no peak."""
    data = changed(material(), order_ct_per_kwh=None, with_losses_ct_per_kwh=None)
    data.summary["columns"]["market"]["peak_loading_pct"] = None
    page = render(data)
    assert "by its own right 7.14 ct" not in page
    assert "With losses of aggregators added" not in page
    assert "At a congestion point" not in page


def test_it_says_what_each_aggregator_lost(page: str) -> None:
    """The aggregator got 1.80 EUR from the DSO, paid its members 2.70, and lost 0.90; relief has a price with that in it."""
    assert "agr-east lost 0.9000 EUR (1.8000 from the DSO, 2.7000 to its members)" in page
    assert "With losses of aggregators added, relief cost 33.8 ct each kVAh" in page


def test_it_takes_what_was_not_used_apart(page: str) -> None:
    """9 kWh of sun: 4 by the DSO's right, 3 ordered, 2 unasked, with their worth; biogas is named beside them."""
    assert (
        "the DSO took 4.00 by its own right, 3.00 were ordered and delivered, and 2.00 were held back unasked" in page
    )
    assert "worth 0.1640 EUR of feed-in" in page
    assert "CHP made 3.50 kWh less than under local rules" in page


def test_it_tells_the_mean_of_an_isp_from_that_of_a_control_interval(page: str) -> None:
    """Tile and sentence say that limits are checked on a quarter-hour's mean; the highest over 5 minutes stands beside."""
    assert "15-minute mean; limit 100 %" in page
    assert "the highest is 101.0 %. At a congestion point's meter" in page
    assert "the highest over 5 minutes was 115.5 % of" in page
