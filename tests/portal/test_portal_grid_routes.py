"""The grid over a span in numbers: forecast with quantiles, worst state, who loads a branch, and what more power would do."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from cim.platform.access.principals import Role
from cim.platform.publications.grid import PortfolioBand
from portal.app import create_app
from portal.sources import PageSources
from tests.portal.test_screens_pages import DAY, OWNER, TwoNodes, site
from tests.worlds.doubles import BEARER, NOON, TOKEN, FakeSite, client

ENGINEER = {"Authorization": f"Bearer {'d' * 43}"}
BAND = PortfolioBand(NOON, "east.test", "ean.1", DAY, (-20_000,) * 96, (150_000,) * 96, (200_000,) * 96)


def ask(
    folder: Path, path: str, headers: dict[str, str] = BEARER, made: FakeSite | None = None, grid: bool = True
) -> httpx.Response:
    """One answer."""
    sources = PageSources(
        folder / "readings", TwoNodes() if grid else None, None, {} if grid else {"grid": "No network"}
    )
    tokens = {"p" * 43: "farm-1.test", "d" * 43: "dso.test"}
    roles = {"farm-1.test": Role.PROSUMER, "dso.test": Role.DSO}
    app = create_app(made or site(), TOKEN, parties=tokens, roles=roles, sources=sources)

    async def asked() -> httpx.Response:
        async with client(app) as caller:
            return await caller.get(path, headers=headers)

    return asyncio.run(asked())


def banded() -> FakeSite:
    """The site of the pages' tests, of whose seller the DSO has told a band of -20 to 200 kW."""
    made = site()
    made.store.put("dso", BAND)
    return made


def test_a_span_is_told_day_by_day_with_quantiles_of_voltages(tmp_path: Path) -> None:
    """150 kW foretold: 150 % and 0.85 pu; quantiles 0.8, 0.85 and 1.02 pu of the band; of the next day nothing is known."""
    told = ask(
        tmp_path,
        f"/dso/forecast?first={DAY}&last={DAY + timedelta(days=1)}&node=end&branch=line-1",
        ENGINEER,
        banded(),
    )
    assert told.status_code == 200
    today, tomorrow = told.json()["days"]
    assert (today["known"][0], today["known"][90]) == ("not known", "expected")
    assert (today["highest_loading_pct"][0], today["highest_loading_pct"][90]) == (None, 150.0)
    assert today["bands_told_at"] == NOON.isoformat().replace("+00:00", "Z")
    (node,), (branch,), (point,) = today["nodes"], today["branches"], today["points"]
    assert node["voltage_pu"][90] == pytest.approx(0.85)
    assert [node["quantiles"][one][90] for one in ("low", "median", "high")] == [0.8, 0.85, 1.02]
    assert [today["lowest_voltage_quantiles"][one][90] for one in ("low", "median", "high")] == [0.8, 0.85, 1.0]
    assert [branch["at_forecasts"][f"at_{one}_pct"][90] for one in (10, 50, 90)] == [20.0, 150.0, 200.0]
    assert (point["point"], point["limit_pct"], point["loading_pct"][90]) == ("ean.1", 99.0, 150.0)
    assert (tomorrow["known"], tomorrow["bands_told_at"], tomorrow["nodes"][0]["quantiles"]) == (
        ["not known"] * 96,
        None,
        None,
    )


def test_the_worst_of_a_span_and_of_its_bands(tmp_path: Path) -> None:
    """150 % is highest by the prognoses, 200 % with the forecasts at 90 %; 0.8 pu is undercut with a chance of 10 %."""
    yesterday = DAY - timedelta(days=1)
    told = ask(tmp_path, f"/dso/worst?first={yesterday}&last={DAY}", ENGINEER, banded()).json()
    worst = told["loading_pct"]
    assert (worst["where"], worst["value"], worst["period"], worst["within"]) == ("line-1", 150.0, str(DAY), False)
    assert told["loading_at_forecasts_pct"]["value"] == 200.0
    assert (told["lowest_voltage_10_pu"]["value"], told["lowest_voltage_10_pu"]["within"]) == (0.8, False)
    assert (told["highest_voltage_90_pu"]["value"], told["highest_voltage_90_pu"]["where"]) == (1.02, "end")
    assert 0 < told["isps_over"] < 96
    plain = ask(tmp_path, f"/dso/worst?first={DAY}", ENGINEER).json()
    assert plain["loading_at_forecasts_pct"] is None


def test_why_a_point_is_red(tmp_path: Path) -> None:
    """One connection of 150 kW at 1 % a kilowatt is all of the 150 %, in an ISP that is expected."""
    told = ask(tmp_path, f"/dso/why?point=ean.1&day={DAY}&isp=90", ENGINEER).json()
    assert (told["loading_pct"], told["limit_pct"], told["known"], told["connections"]) == (150.0, 99.0, "expected", 1)
    (one,) = told["contributors"]
    assert (one["connection"], one["power_w"], one["sensitivity_pct_per_kw"], one["contribution_pct"]) == (
        "farm-1",
        150_000,
        1.0,
        150.0,
    )


def test_what_more_power_would_do(tmp_path: Path) -> None:
    """100 kW less at a connection take its line from 150 to 50 %, and out of the red in every ISP; a node is asked for likewise."""
    for where in ("farm-1", "end"):
        told = ask(tmp_path, f"/dso/what-if?node={where}&power_w=-100000&day={DAY}", ENGINEER).json()
        assert told["node"] == "end"
        assert told["before"]["highest_loading_pct"]["value"] == 150.0
        assert told["after"]["highest_loading_pct"]["value"] == 50.0
        assert told["before"]["isps_over"] > 0 == told["after"]["isps_over"]
        assert told["after"]["node_voltage_pu"][90] == pytest.approx(0.95)
        assert told["after"]["node_voltage_pu"][0] is None, "nothing is known of the morning"


@pytest.mark.parametrize(
    ("path", "word"),
    [
        (f"/dso/forecast?first={DAY}&last={DAY + timedelta(days=14)}", "last"),
        (f"/dso/forecast?first={DAY}&last={DAY - timedelta(days=1)}", "last"),
        ("/dso/forecast?node=nowhere", "node"),
        ("/dso/forecast?branch=nowhere", "branch"),
        ("/dso/worst?first=0001-01-01", "day"),
        ("/dso/why?point=nowhere", "point"),
        (f"/dso/why?point=ean.1&day={DAY}&isp=97", "isp"),
        (f"/dso/why?point=ean.1&day={DAY - timedelta(days=9)}", "day"),
        ("/dso/what-if?node=nowhere&power_w=1", "node"),
        ("/dso/what-if?node=end&power_w=1e99", "power_w"),
    ],
)
def test_a_question_without_sense_is_422_and_names_its_field(tmp_path: Path, path: str, word: str) -> None:
    """One sentence: which field, which value, what was expected."""
    told = ask(tmp_path, path)
    assert told.status_code == 422
    assert told.json()["detail"].startswith(f"{word}: ")


PATHS = ("/dso/forecast", "/dso/worst", "/dso/why?point=ean.1", "/dso/what-if?node=end&power_w=1")


@pytest.mark.parametrize("path", PATHS)
def test_only_the_grid_operator_asks_and_without_a_network_it_is_told_so(tmp_path: Path, path: str) -> None:
    """A prosumer is 403; where the network is not known it is 404 with the reason."""
    assert ask(tmp_path, path, OWNER).status_code == 403
    without = ask(tmp_path, path, ENGINEER, grid=False)
    assert (without.status_code, without.json()["detail"]) == (404, "No network; so no grid is drawn.")


def test_a_change_that_the_grid_cannot_carry_is_told(tmp_path: Path) -> None:
    """50 MW at the end of Strem's feeder have no power flow: 422 that says so, not a fault of the portal."""
    from experiments.faults.portal_site import NOON as THEN
    from experiments.faults.portal_site import fuzzed_site

    made = fuzzed_site(tmp_path)
    headers = {"Authorization": f"Bearer {made.tokens['operator']}"}

    async def asked() -> httpx.Response:
        async with client(made.app) as caller:
            return await caller.get(
                f"/dso/what-if?node=LV1.101 Bus 1&power_w=50000000&day={THEN.date()}", headers=headers
            )

    told = asyncio.run(asked())
    assert told.status_code == 422
    assert told.json()["detail"].startswith("power_w: the grid cannot carry 50,000,000 W more at LV1.101 Bus 1")


def test_the_pages_show_the_bands(tmp_path: Path) -> None:
    """The point's page has voltage and loading with what was told at noon; the grid's page the edges; without a band it says so."""
    made = banded()
    text = ask(tmp_path, f"/dso/pages/points?day={DAY}", made=made).text
    assert "forecasts at 10 %, told 21 Jun 12:00" in text
    assert "Voltage at end on 2025-06-21" in text
    assert '"10 %, told 21 Jun 12:00"' in text
    assert "lowest node, 10 %" in ask(tmp_path, f"/dso/pages/grid?day={DAY}", made=made).text
    assert "No band was told of this day" in ask(tmp_path, f"/dso/pages/points?day={DAY}").text
    assert "90 %, told" in ask(tmp_path, f"/dso/pages/connection?connection=farm-1&day={DAY}", made=made).text
