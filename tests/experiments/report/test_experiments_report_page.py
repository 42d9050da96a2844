"""The report is one file that opens offline, tells everything and trusts no text it shows."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

from cim.platform.publications.base import Publication
from cim.platform.publications.grid import SafetyAnalysed, SafetyCaseFound
from cim.platform.publications.settlement import SettlementTold
from cim.platform.publications.trading import AskedIsp, FlexOffered, FlexRequested, OrderPlaced
from environment.sites import load_site
from experiments.report import write_report
from experiments.report.data import RunData
from experiments.report.explaining import explain
from experiments.report.page import render
from tests.experiments.report.conftest import DSO, EAST, POINT

Make = Callable[..., RunData]


@pytest.fixture(scope="module")
def page(material: Make) -> str:
    """The page of the day made by hand, without plotly's own script."""
    return render(material()).replace(get_plotlyjs(), "")


def test_report_is_one_file(material: Make, tmp_path: Path) -> None:
    """What is written holds plotly once and everything else it needs."""
    data = material()
    path = tmp_path / "report.html"
    write_report(path, data.result, data.columns, data.grids, data.summary)
    assert path.read_text(encoding="utf-8").count(get_plotlyjs()) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]


def test_report_loads_nothing(page: str) -> None:
    """Nothing refers to the network, and the page forbids its browser to try."""
    assert not re.search(r"<script[^>]+src|<link|<img|@import|url\(|https?://", page)
    assert "default-src 'none'" in page


def test_report_escapes_texts(material: Make) -> None:
    """A site's title, a fault and a dispute are shown as text, in tables as in figures."""
    site = load_site("strem")
    points = tuple(point.model_copy(update={"title": "<img src=x>"}) for point in site.congestion_points)
    odd = site.model_copy(update={"title": "<script>alert(1)</script> & Co", "congestion_points": points})
    page = render(material(site=odd)).replace(get_plotlyjs(), "")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Co" in page
    assert "no answer &lt;x&gt;" in page
    assert "ours &lt;1&gt;, yours 2" in page
    assert "<img" not in page


def test_report_explains_what_is_left(page: str) -> None:
    """A limit still broken is told with the whole chain from forecast to delivery."""
    assert (
        "expected the point&#x27;s branch at 110.0 % and still saw a need of 20.0 kW. Low-voltage grid rural1 (160 kVA "
        "transformer): 20.0 kW asked in all, 20.0 offered, 20.0 ordered, 12.0 delivered. It was ordered, but 8.0 kW of "
        "it were not delivered."
    ) in page


@pytest.mark.parametrize(
    ("gone", "verdict"),
    [
        ((SafetyAnalysed,), "No safety analysis"),
        ((FlexRequested, FlexOffered, OrderPlaced, SettlementTold), "nothing was asked"),
        ((FlexOffered, OrderPlaced, SettlementTold), "could not offer as much"),
        ((OrderPlaced, SettlementTold), "less was ordered than asked for"),
    ],
)
def test_explanation_names_the_link_that_fell_short(
    material: Make, gone: tuple[type[Publication], ...], verdict: str
) -> None:
    """Wherever the chain ends, the sentence says so."""
    data = material(without=gone)
    assert verdict in explain(data, data.with_.violations[0])


def test_explanation_of_an_element_nobody_watches(material: Make) -> None:
    """A limit outside all congestion points is told as that."""
    data = material()
    assert "no congestion point" in explain(data, replace(data.with_.violations[0], element="elsewhere"))


def test_report_shows_what_may_be_lost(material: Make) -> None:
    """A case as it was looked at last, in its worst ISP; a day that is not the run's is left out."""
    at, day = datetime(2016, 5, 19, 12, tzinfo=UTC), date(2016, 5, 20)
    loading = (20.0,) * 52 + (140.5,) + (20.0,) * 43

    def case(told_at: datetime, of: date, name: str, broken: tuple[int, ...]) -> tuple[str, SafetyCaseFound]:
        found = SafetyCaseFound(
            told_at, POINT, of, name, ("cable <1>",) * 96, loading, ("far",) * 96, (1.0421,) * 96, broken
        )
        return "dso", found

    more = (
        case(at, day, "unit lost, 10 %", ()),
        case(at + timedelta(hours=12), day, "unit lost, 10 %", (53,)),
        case(at, date(2016, 5, 21), "tomorrow", (53,)),
    )
    page = render(material(more=more))
    words = " ".join(re.sub(r"<[^>]+>", " ", page[page.index("Safety analysis of what may be lost") :]).split())
    assert "unit lost, 10 % 1 " in words
    assert "13:00 cable &lt;1&gt; 140.5 far 1.0421" in words
    assert "unit lost, 10 % 0 " not in words
    assert "tomorrow" not in words.split("What went wrong", maxsplit=1)[0]


def test_quiet_run_still_reports(material: Make) -> None:
    """A run in which nothing was published gives a page that says so instead of empty figures."""
    page = render(material(without=(Publication,)))
    assert "Nothing was paid." in page
    assert "No split was needed." in page
    assert "No safety analysis" in page


def test_rows_left_out_are_counted(material: Make) -> None:
    """Tables are capped with a note of how many rows are missing."""
    at = datetime(2016, 5, 19, 12, tzinfo=UTC)
    asked = (AskedIsp(53, "Requested", 20_000, 30_000),)
    more = [("dso", FlexRequested(at, f"m-{k}", DSO, EAST, POINT, date(2016, 5, 20), 1, at, asked)) for k in range(199)]
    assert "52 more rows are left out here" in render(material(more=tuple(more)))


@pytest.mark.parametrize(
    ("day", "days", "buckets"),
    [(date(2016, 5, 20), 2, 192), (date(2016, 5, 1), 10, 240), (date(2016, 3, 27), 1, 92), (date(2016, 1, 1), 60, 60)],
)
def test_figures_cover_the_whole_span(material: Make, day: date, days: int, buckets: int) -> None:
    """However many days there are, every ISP is in a figure, on an axis that never runs backwards."""
    data = material(day, days)
    time = data.time
    assert len(time.gather(np.arange(time.count))) == len(time.starts()) == buckets
    assert time.gather(np.ones(time.count), "sum").sum() == time.count
    assert time.starts(closed=True) == sorted(time.starts(closed=True))
    assert len(render(data)) > 1_000_000


def test_local_time_on_the_axis(material: Make) -> None:
    """A day begins at midnight; where the clocks change, the ticks tell true local time."""
    steady, changing = material().time, material(date(2016, 3, 27)).time
    assert str(steady.starts()[0]) == "2016-05-20 00:00:00"
    assert "ticktext" not in steady.axis()
    axis = changing.axis()
    ticks = dict(zip(axis["ticktext"], axis["tickvals"], strict=True))
    assert str(ticks["27 Mar<br>06:00"]) == "2016-03-27 05:00:00"


def test_settled_power_stands_in_its_isp(material: Make) -> None:
    """What was delivered is drawn in the ISP and on the day it was settled for."""
    data: RunData = material(days=2)
    orders = [order for _, order in data.settled(data.dso_settlements)]
    row = data.spread(orders, "delivered_flex_power_w")
    assert row.sum() == row[52] == 12.0
