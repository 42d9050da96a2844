"""`iles island`: one outage of Strem as page and JSON, and many of them, resumable."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from cim.model.errors import BadInput
from cim.platform.parquet_store import ParquetStore
from cim.platform.publications.island import IslandLed
from cim.platform.publications.measured import DeviceBack
from cim.platform.publications.site import SiteDescribed
from cim.platform.published import published
from environment.outages import Cause, Outage, Purpose
from experiments.cli.island import island
from experiments.island.agents_run import ride_with_agents
from experiments.island.model import IslandSite, island_site
from experiments.island.ride import needed_of, ride_through
from experiments.island.study import calibrated, drawn, run_outages, verdict


@pytest.fixture(scope="module")
def model() -> IslandSite:
    """Strem."""
    return island_site("strem")


EVENING = datetime(2016, 12, 20, 17, 7, tzinfo=UTC)


def test_an_hour_with_the_plant_running_is_served_whole(model: IslandSite) -> None:
    """Half full and with CHP nobody notices but by the frequency, and the island finds back to mains."""
    ride = ride_through(model, Outage(EVENING, 3600, Cause.OWN), stored_wh=250_000, battery_w=0, traced=True)
    assert ride.served
    assert ride.resynchronised
    assert ride.blackouts == 0
    assert np.allclose(ride.served_wh, ride.demand_wh, rtol=0.01)
    assert ride.trace is not None
    assert len(ride.trace) == ride.seconds >= 3600 + 60
    assert abs(ride.trace[600, 0] - 50) < 0.05


def test_without_the_plant_what_is_not_promised_is_shed_and_the_promised_served(model: IslandSite) -> None:
    """A summer night without CHP: industry goes first, the care centre and the homes stay."""
    night = datetime(2016, 7, 5, 22, 10, tzinfo=UTC)
    ride = ride_through(model, Outage(night, 5400, Cause.OWN, chp_ready=False), stored_wh=160_000, battery_w=0)
    assert ride.possible
    assert ride.served
    assert ride.served_wh[2] < 0.5 * ride.demand_wh[2]
    assert any("Industry: shed" in what for _, what in ride.log)


def test_what_cannot_be_served_goes_dark_and_is_counted(model: IslandSite) -> None:
    """An empty battery, no CHP, night: everything unserved, back on mains once they are stable."""
    ride = ride_through(model, Outage(EVENING, 1800, Cause.OWN, chp_ready=False), stored_wh=10_000, battery_w=0)
    assert not ride.served
    assert ride.served_wh.sum() < 0.01 * ride.demand_wh.sum()
    assert ride.resynchronised
    assert 1800 <= ride.seconds <= 1800 + 180


def test_a_black_start_follows_a_breakdown(model: IslandSite) -> None:
    """With energy left, an island that was let go dark is started again by the battery, stage by stage."""
    told: list[bool] = []

    def lead(facts, seen, ahead):  # type: ignore[no-untyped-def]
        from agents.planning.islanding.control import IslandOrders, decide

        told.append(seen.lit)
        if len(told) == 3:
            return IslandOrders((False,) * 4, 0.0, 0.0, start=False, hold_hz=50.0, close=False, stop=True)
        return decide(facts, seen, ahead)

    ride = ride_through(model, Outage(EVENING, 3600, Cause.OWN), stored_wh=250_000, battery_w=0, lead=lead, traced=True)
    assert told[:5] == [True, True, True, False, True]
    assert [what for _, what in ride.log if "black start" in what] == ["black start by the battery"]
    assert ride.resynchronised
    assert ride.trace is not None
    assert ride.trace[-200, 6:].tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("at", "minutes", "chp_ready", "stored_wh"),
    [
        (datetime(2016, 5, 20, 10, 7, tzinfo=UTC), 20, True, 250_000),  # the sun trips and comes back
        (datetime(2016, 7, 5, 22, 10, tzinfo=UTC), 50, False, 90_000),  # stages are shed one after the other
        (EVENING, 30, False, 40_000),  # it goes dark
    ],
)
def test_agents_do_what_the_plan_says(
    model: IslandSite, at: datetime, minutes: int, chp_ready: bool, stored_wh: float
) -> None:
    """Led by messages, the island moves second by second as when the same decisions are called directly."""
    outage = Outage(at, 60.0 * minutes + 17, Cause.OWN, chp_ready)
    direct = ride_through(model, outage, stored_wh=stored_wh, battery_w=0, traced=True)
    ride, messages = ride_with_agents(model, outage, stored_wh=stored_wh, battery_w=0)
    assert messages > 8 * minutes
    assert ride.log == direct.log
    assert ride.trace is not None
    assert direct.trace is not None
    assert np.array_equal(ride.trace, direct.trace)


def test_a_unit_without_a_link_is_led_around(model: IslandSite) -> None:
    """A stage's switchgear and the inverters fall silent: the others are led on, and the promised loads are served."""
    outage = Outage(EVENING, 1200, Cause.OWN)
    ride, _ = ride_with_agents(model, outage, stored_wh=250_000, battery_w=0, silent=("stage-3", "inverters"))
    assert ride.served
    assert ride.resynchronised
    with pytest.raises(BadInput, match="silent: nobody is no unit of the island; expected some of mains-breaker"):
        ride_with_agents(model, outage, stored_wh=250_000, battery_w=0, silent=("nobody",))


def test_the_need_of_an_outage_is_for_its_own_minutes(model: IslandSite) -> None:
    """Twice as long needs more; with the plant nothing is needed."""
    short, long = (Outage(EVENING, seconds, Cause.OWN, chp_ready=False) for seconds in (600, 1200))
    assert 0 < needed_of(model, short) < needed_of(model, long)
    assert needed_of(model, Outage(EVENING, 1200, Cause.OWN)) == 0.0


def test_many_outages_are_resumed_where_they_were(model: IslandSite, tmp_path: Path) -> None:
    """What is kept is not run again, a line cut off by a stop is; other outages are refused."""
    plan, reserve = calibrated(model, 1, 0.95)
    assert reserve.calibrated_share >= 0.95
    assert reserve.ratio <= 1.2
    outages = drawn(model, 6, 1, Purpose.JUDGING)
    kept, told = tmp_path / "rows.jsonl", []
    rows = run_outages(model, plan, outages, kept, told.append)
    assert len(told) == 6
    text = kept.read_text(encoding="utf-8")
    kept.write_text(text[:-40], encoding="utf-8")
    again = run_outages(model, plan, outages, kept, told.append)
    assert again == rows
    assert len(told) == 7
    assert kept.read_text(encoding="utf-8") == text
    with pytest.raises(BadInput, match="other outages or another plan"):
        run_outages(model, plan, outages[:5], kept, told.append)
    found = verdict(rows)
    assert found.outages == 6
    assert found.served <= found.possible <= 6


def test_a_village_with_sun_and_battery_alone_lives_through_a_morning() -> None:
    """El Realengo without a CHP plant: a sunny morning of an hour from a battery a quarter full."""
    village = island_site("el_realengo")
    morning = datetime(2019, 5, 15, 9, 20, tzinfo=UTC)
    ride = ride_through(village, Outage(morning, 3600, Cause.OWN), stored_wh=50_000, battery_w=0)
    assert ride.served
    assert ride.resynchronised
    assert ride.left_wh > 50_000


def test_one_outage_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Page and JSON say the same: served by priority, frequency, what happened."""
    island("strem", at="2016-05-20T18:30", minutes=5, stored_pct=50.0, outages=None, seed=1, confidence=None, out=tmp_path,
           without_chp=False, announced=False, silent=None)  # fmt: skip
    found = json.loads((tmp_path / "island.json").read_text(encoding="utf-8"))
    assert found["served"] is True
    assert [row["priority"] for row in found["by_priority"]] == [1, 2, 3, 4]
    assert 47 < found["lowest_hz"] <= 50 <= found["highest_hz"] < 52.5
    page = (tmp_path / "island.html").read_text(encoding="utf-8")
    assert "Frequency of the island" in page
    assert "Care centre (promised)" in page
    assert "priority 1: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("at", "outages", "said"),
    [
        (None, None, "expected either --at"),
        ("2016-05-20T18:30", 5, "expected either --at"),
        ("soon", None, "is no local time"),
        ("2016-01-02T10:00", None, "is outside; expected"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(at: str | None, outages: int | None, said: str, tmp_path: Path) -> None:
    """A missing, doubled, unreadable or unknown time is told before anything is run."""
    with pytest.raises(BadInput, match=said):
        island("strem", at=at, minutes=5, stored_pct=50.0, outages=outages, seed=1, confidence=None, out=tmp_path,
               without_chp=False, announced=False, silent=None)  # fmt: skip


def run_of(folder: Path, site: str = "strem") -> Path:
    """A finished run of 20 May."""
    store = ParquetStore(folder)
    begin = datetime(2016, 5, 19, 10, tzinfo=UTC)
    store.put("iles", SiteDescribed(begin, site, "Europe/Vienna", 15, "dso", (), ()))
    store.put("pv", DeviceBack(datetime(2016, 5, 21, 10, tzinfo=UTC), "pv"))
    store.close()
    (folder / "summary.json").write_text("{}")
    return folder


def into(folder: Path, out: Path, at: str = "2016-05-20T18:30") -> None:
    """`iles island` with a run's folder."""
    island("strem", at=at, minutes=5, stored_pct=50.0, outages=None, seed=1, confidence=None, out=out,
           without_chp=False, announced=False, silent=None, into=folder)  # fmt: skip


def test_what_the_manager_tells_of_an_island_is_put_into_a_run(tmp_path: Path) -> None:
    """From armed to one with mains again, within the outage's time, once; readings of the island's units are not."""
    folder = run_of(tmp_path / "run")
    for _ in range(2):
        into(folder, tmp_path / "out")
    told = published(folder, IslandLed)
    start = datetime(2016, 5, 20, 16, 30, tzinfo=UTC)
    assert [one.state for one in told if one.state != "island"] == ["on mains", "mains are back", "resynchronised"]
    assert told[0].at == start
    assert {one.lost_at for one in told[1:-1]} == {start}
    assert told[0].stages[0].title == "Care centre"
    assert not list((folder / "telemetry").glob("*.parquet"))


@pytest.mark.parametrize(
    ("site", "at", "said"),
    [
        ("strem", "2016-05-25T18:30", "expected an outage within that time"),
        ("el-realengo", "2016-05-20T18:30", "is a run of"),
    ],
)
def test_an_island_goes_into_no_run_that_it_was_not_in(site: str, at: str, said: str, tmp_path: Path) -> None:
    """Another time or another site: refused before anything is run."""
    with pytest.raises(BadInput, match=said):
        into(run_of(tmp_path / "run", site), tmp_path / "out", at)
    assert not (tmp_path / "out").exists()
