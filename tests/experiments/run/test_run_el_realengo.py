"""El Realengo runs: what its site file says of the year is so, and a corner of its day is planned, traded and settled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from cim.platform.memory_store import MemoryStore
from cim.platform.publications.settlement import SettlementTold
from cim.platform.publications.trading import OrderPlaced
from cim.platform.store import values
from environment import sites
from environment.sites import known_sites, load_site
from experiments.cli.sites import SITE_HELP, SITES
from experiments.run.columns.year_needs import Season, year_needs
from experiments.run.run import RunResult
from tests.worlds.market_days import head_and_money, market_day

SITE = load_site("el_realengo")
_CORNER = ("cooperative", *(f"home-{number:02d}" for number in (2, 3, 5, 10, 17, 22, 47, 52)))
_MOST_LOADING_PCT = 10  # fewer connections congest a smaller transformer


@pytest.fixture(scope="module")
def corner(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunResult, MemoryStore]:
    """The plant with its battery and eight homes with heat pumps, a washing machine and charging stations, on the default day."""
    folder = tmp_path_factory.mktemp("corner")
    raw = yaml.safe_load((Path(sites.__file__).parent / "el_realengo.yaml").read_text(encoding="utf-8"))
    raw["prosumers"] = [prosumer for prosumer in raw["prosumers"] if prosumer["name"] in _CORNER]
    community = raw["community"]
    community["members"] = [member for member in community["members"] if member["prosumer"] in _CORNER]
    raw["limits"]["max_loading_pct"]["value"] = _MOST_LOADING_PCT
    (folder / "corner.yaml").write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    store = MemoryStore()
    return folder, market_day(folder / "corner.yaml", folder / "out", store), store


def test_the_site_file_says_what_the_year_says() -> None:
    """Season, hours, share and energy of the DSO's option are those of `iles days needs el_realengo`."""
    found, market = year_needs("el_realengo", 95), SITE.market
    assert found is not None
    season = market.dso_option_season
    told = season.first_month, season.last_month, season.from_hour, season.to_hour
    assert Season(*(int(rating.value) for rating in told)) == found.season
    share, energy = market.dso_option_share_down, market.outside_options.over_limit_kwh_per_year
    assert share.value == pytest.approx(found.median_share, abs=0.0005)
    assert energy.value == pytest.approx(found.moved_kwh, abs=5)
    assert {rating.source for rating in (*told, share, energy)} == {"year"}


def test_a_corner_of_its_day_is_traded_and_settled(corner: tuple[Path, RunResult, MemoryStore]) -> None:
    """Flexibility is ordered and settled with both sides agreed; all money adds up to nothing; the ledger verifies."""
    folder, result, store = corner
    assert values(store, OrderPlaced)
    assert values(store, SettlementTold)
    head, money = head_and_money(folder / "out", result)  # verifies the ledger
    assert head
    assert sum(money.values()) == 0
    assert money["dso.el-realengo.example"] < 0


def test_its_sun_is_malagas_on_that_day(corner: tuple[Path, RunResult, MemoryStore]) -> None:
    """The plant could give between 4.5 and 8 kWh for each kilowatt on a day of August, none at night."""
    _, result, _ = corner
    sun_w = np.abs(result.devices.available_w["cooperative.pv"])
    assert 4.5 < sun_w.sum() / 4 / 120_000 < 8
    assert not sun_w[:20].any()


def test_help_lists_the_sites_there_are() -> None:
    """What `iles run --help` names is what ships."""
    assert known_sites() == SITES
    assert all(f"`{name}`" in SITE_HELP for name in SITES)
