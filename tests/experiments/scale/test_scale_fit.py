"""Laws of cost by size, what is made of them, and how they are shown."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from experiments.scale.fit import fitted
from experiments.scale.page import plots, table, write_results
from experiments.scale.study import gives_way, law_of
from experiments.scale.svg import line_plot

SIZES = (10, 100, 1_000, 10_000, 100_000)


@pytest.mark.parametrize(("floor", "factor", "exponent"), [(0.0, 2e-3, 1.0), (0.5, 1e-4, 1.2), (0.0, 3.0, 0.5)])
def test_a_law_is_found_again(floor: float, factor: float, exponent: float) -> None:
    """Of costs that follow a law, the fit says within 3 % what a size that was held out costs."""
    costs = {size: floor + factor * size**exponent for size in (*SIZES, 30, 3_000)}
    law = fitted({size: costs[size] for size in SIZES}, {size: costs[size] for size in (30, 3_000)})
    assert law is not None
    assert law.exponent == pytest.approx(exponent, abs=0.03)
    assert law.off == {30: pytest.approx(1.0, abs=0.03), 3_000: pytest.approx(1.0, abs=0.03)}


def test_a_law_that_does_not_hold_is_told() -> None:
    """A held-out size that costs three times what the law says is shown as three."""
    law = fitted({size: 0.001 * size for size in SIZES}, {3_000: 9.0})
    assert law is not None
    assert law.off[3_000] == pytest.approx(3.0, rel=0.05)


def test_too_little_makes_no_law() -> None:
    """Two sizes say nothing of an exponent, and nothing that costs nothing has one."""
    assert fitted({10: 1.0, 100: 2.0}) is None
    assert fitted({10: 0.0, 100: 2.0, 1000: 3.0}) is None


def test_laws_are_fitted_on_powers_of_ten_and_checked_between() -> None:
    """Of a table, 30 and 300 are held out."""
    found = {"day": {str(size): {"seconds": 0.1 * size} for size in (10, 30, 100, 300, 1000)}}
    law = law_of(found, "day", "seconds")
    assert law is not None
    assert set(law.off) == {30, 300}


def test_the_least_share_at_which_something_gives_way() -> None:
    """The first that does, by grid and market; None where none does."""
    found = {
        f"pv-{share}": {"grid_gives_way": int(share >= 75), "market_gives_way": 0} for share in (10, 25, 50, 75, 100)
    }
    assert gives_way(found, "pv") == {"grid": 75, "market": None}
    assert gives_way(found, "ev") == {"grid": None, "market": None}


def test_a_plot_puts_decades_at_equal_distances() -> None:
    """On logarithmic axes 10, 100 and 1,000 are equally far from each other, and what is not above 0 is left out."""
    drawn = ET.fromstring(
        line_plot("a < b", "x", "y", {"one": [(10, 1), (100, 10), (1000, 100), (5, 0)]}, logarithmic=True)
    )
    places = [float(dot.get("cx", "")) for dot in drawn.iter("{http://www.w3.org/2000/svg}circle")]
    assert len(places) == 3
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.2)


def test_results_are_written_as_table_page_and_plots(tmp_path: Path) -> None:
    """Every table that there is has its rows in the order of sizes; files open by themselves."""
    found = {
        "day": {"100": {"seconds": 9.0, "rss_mb": 300.0}, "10": {"seconds": 1.0, "rss_mb": 200.0}},
        "penetration": {"pv-10": {"needed_kwh": 1.0, "grid_gives_way": 1}},
    }
    write_results(tmp_path, found)
    assert {path.name for path in tmp_path.iterdir()} >= {"scale.json", "scale.html", "scale.md", "day.svg"}
    lines = table(found, "day").splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:4]] == ["10", "100"]
    assert "pv: the grid gives way at 10 %, the market at none." in table(found, "penetration")
    for drawing in plots(found).values():
        ET.fromstring(drawing)
