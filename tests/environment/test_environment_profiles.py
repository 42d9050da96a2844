"""Profiles: true UTC, a whole year, clear errors, sessions that keep the profile's energy."""

import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from environment.profiles.grid import load_grid
from environment.profiles.library import QUARTER, load
from environment.profiles.sessions import sessions_of, uncontrolled
from environment.profiles.simbench_import import import_grid, utc_instants

PACK = "simbench-rural1"


def test_pack_covers_the_local_year_2016_in_utc() -> None:
    """The pack holds 35,136 quarter-hours from local midnight to local midnight."""
    profiles = load(PACK)
    assert (profiles.count, profiles.first) == (35136, datetime(2015, 12, 31, 23, tzinfo=UTC))
    assert profiles.last == datetime(2016, 12, 31, 23, tzinfo=UTC)
    assert load(PACK) is profiles


def test_both_clock_changes_become_true_utc() -> None:
    """Local times with a gap in spring and a doubled hour in autumn become instants a quarter-hour apart."""
    spring = ["27.03.2016 01:30", "27.03.2016 01:45", "27.03.2016 03:00"]
    assert utc_instants(spring) == [datetime(2016, 3, 27, 0, 30, tzinfo=UTC) + k * QUARTER for k in range(3)]
    autumn = ["30.10.2016 02:30", "30.10.2016 02:45", "30.10.2016 02:00", "30.10.2016 02:15"]
    assert utc_instants(autumn)[2] == datetime(2016, 10, 30, 1, 0, tzinfo=UTC)
    with pytest.raises(BadInput, match=r"time\[1\]: '27.03.2016 02:00'"):
        utc_instants(["27.03.2016 01:45", "27.03.2016 02:00"])


@pytest.mark.parametrize("change", [datetime(2016, 3, 27, tzinfo=UTC), datetime(2016, 10, 30, tzinfo=UTC)])
def test_the_sun_does_not_jump_when_clocks_change(change: datetime) -> None:
    """PV's centre of gravity within the UTC day stays where it is across both clock changes."""
    profiles = load(PACK)
    noons = []
    for start in (change - timedelta(days=21), change + timedelta(days=1)):
        day = profiles.series("PV5", start, start + timedelta(days=20)).reshape(20, 96).sum(axis=0)
        noons.append((day * np.arange(96) / 4).sum() / day.sum())
    assert abs(noons[1] - noons[0]) < 0.5


@pytest.mark.parametrize(
    ("column", "start", "end", "says"),
    [
        ("PV99", 0, 4, "profile column: 'PV99'"),
        ("PV5", -4, 4, "is outside the profiles"),
        ("PV5", 0, 40000, "is outside the profiles"),
        ("PV5", 0.5, 4, "does not begin a quarter-hour"),
    ],
)
def test_what_a_pack_does_not_hold_is_said_in_one_sentence(column: str, start: float, end: float, says: str) -> None:
    """An unknown column, or a span outside the year, is a BadInput naming it."""
    profiles = load(PACK)
    with pytest.raises(BadInput, match=says):
        profiles.series(column, profiles.first + start * QUARTER, profiles.first + end * QUARTER)


def test_unknown_pack_names_the_known_ones() -> None:
    """A pack that does not exist is refused with the names that do."""
    with pytest.raises(BadInput, match=PACK):
        load("no-such-pack")


def test_grid_is_rural1() -> None:
    """The packed grid has SimBench rural1's elements, in SI units."""
    grid = load_grid(PACK)
    assert grid.code == "1-LV-rural1--2-no_sw"
    assert (len(grid.network.nodes), len(grid.network.lines), len(grid.network.transformers)) == (15, 13, 1)
    assert (len(grid.loads), len(grid.sgens), len(grid.storages)) == (28, 8, 5)
    assert grid.network.transformers[0].rated_va == 160000
    assert {unit.profile for unit in (*grid.loads, *grid.sgens)} <= set(load(PACK).columns)
    assert {unit.node for unit in (*grid.loads, *grid.sgens, *grid.storages)} <= set(grid.network.node_names)


def test_import_without_simbench_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the optional extra the importer names it, and leaves nothing behind."""
    monkeypatch.setitem(sys.modules, "simbench", None)
    with pytest.raises(BadInput, match=r"iles\[simbench\]"):
        import_grid("1-LV-rural1--2-no_sw", tmp_path / "pack")
    assert not (tmp_path / "pack").exists()


runs = st.lists(st.tuples(st.integers(1, 40), st.lists(st.floats(0.05, 1.0), min_size=1, max_size=12)), max_size=8)


@given(runs, st.floats(0, 23.75))
def test_sessions_keep_energy_and_order(pieces: list[tuple[int, list[float]]], hour: float) -> None:
    """Sessions hold the profile's energy, do not overlap, and leave time enough to charge it."""
    profile = np.array([value for gap, run in pieces for value in [0.0] * gap + run] + [0.0] * 4)
    first = datetime(2016, 3, 26, 12, tzinfo=UTC)
    found = sessions_of(profile, first, 11000.0, hour, "Europe/Vienna")
    assert sum(session.energy_wh for session in found) == pytest.approx(profile.sum() * 11000 / 4)
    for session, after in pairwise(found):
        assert session.departure_s <= after.start_s
    for session in found:
        assert session.start_s + session.energy_wh / 11000 * 3600 <= session.departure_s + 1e-6
    power_w = uncontrolled(found, first, profile.size + 200, 11000.0)
    assert power_w.sum() / 4 == pytest.approx(profile.sum() * 11000 / 4)
    assert power_w.max(initial=0) <= 11000 + 1e-6
