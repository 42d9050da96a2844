"""A home changes its aggregator at a midnight: the old one keeps its days, the new one has the days from then on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from cim.model.readings import Kind
from cim.platform.access.attributes import READINGS
from cim.platform.access.control import AccessControl
from cim.platform.access.groups import groups_for, groups_of
from cim.platform.access.policies import Policies
from cim.platform.access.principals import Handover, Marketed, PrincipalBook, Role, UsagePoint
from cim.platform.access.streams import StreamSight
from cim.platform.provisioning.definition import Aggregation, Definition, Filter, Measure
from cim.platform.provisioning.engine import Engine
from cim.platform.provisioning.provision import Page, Provision
from cim.platform.provisioning.rate import RateLimit
from cim.platform.provisioning.relations import ReadingsRelation, Relation, TableRelation
from cim.platform.readings.batch import ReadingBatch
from cim.platform.readings.table import ReadingsTable
from tests.worlds.access import HOMES, NOW, readings

MIDNIGHT = datetime(2026, 4, 30, 22, tzinfo=UTC)  # local, in Vienna
QUARTER = timedelta(minutes=15)
MOVED = UsagePoint("home", "owner", "old", "cp", "dso", handovers=(Handover(MIDNIGHT, "new"),))
STAYED = UsagePoint("other", "someone", "old", "cp", "dso")
BACK = UsagePoint(
    "back", "third", "old", "cp", "dso",
    handovers=(Handover(MIDNIGHT - timedelta(days=1), "new"), Handover(MIDNIGHT, "old")),
)  # fmt: skip
ROWS = Definition(name="rows", attributes=("usage_point", "begin", "aggregator"))


def table() -> pa.Table:
    """Of each home and a battery behind it, the last two quarter-hours before midnight and the first two after it."""
    (row,) = readings().slice(0, 1).to_pylist()
    rows = [
        row | {"usage_point": home, "meter": meter, "begin": MIDNIGHT + quarter * QUARTER, "value": float(quarter)}
        for home in ("home", "other", "back")
        for meter in (home, f"{home}.battery")
        for quarter in (-2, -1, 0, 1)
    ]
    return pa.Table.from_pylist(rows, schema=readings().schema)


def book() -> PrincipalBook:
    """Those of the three homes."""
    return PrincipalBook((MOVED, STAYED, BACK))


@pytest.fixture(params=["table", "readings"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Provision:
    """Queries over the rows in memory, and over a readings table."""
    access = AccessControl.open(tmp_path / "data", book(), lambda: NOW)
    relation: Relation = TableRelation(READINGS, table(), access.book.usage_points)
    if request.param == "readings":
        with ReadingsTable(tmp_path / "readings") as kept:
            kept.append(ReadingBatch(table().drop_columns(["revision"])), "test", 1)
        relation = ReadingsRelation(tmp_path / "readings", access.book.usage_points)
    return Provision(access, {"readings": relation}, Engine(access.key), RateLimit())


def seen(site: Provision, who: str, home: str) -> list[tuple[int, str]]:
    """The quarter-hours of a home that somebody sees, counted from midnight, each with whose it was; each meter once."""
    rows = site.ask(who, ROWS, {}, Page()).table.to_pylist()
    return sorted(
        ((row["begin"] - MIDNIGHT) // QUARTER, row["aggregator"]) for row in rows if row["usage_point"] == home
    )


def test_each_aggregator_sees_its_own_days_of_a_home(site: Provision) -> None:
    """Up to the last quarter-hour before midnight the old one, from the first one on the new one; meter and device alike."""
    before, after = (
        [(-2, "old"), (-2, "old"), (-1, "old"), (-1, "old")],
        [(0, "new"), (0, "new"), (1, "new"), (1, "new")],
    )
    assert seen(site, "old", "home") == before
    assert seen(site, "new", "home") == after
    assert seen(site, "owner", "home") == before + after
    assert len(seen(site, "dso", "home")) == 4
    assert len(seen(site, "old", "other")) == 8
    assert seen(site, "new", "other") == []


def test_who_gets_a_home_back_sees_both_its_times(site: Provision) -> None:
    """The day in between is the other one's alone."""
    assert [quarter for quarter, _ in seen(site, "new", "back")] == [-2, -2, -1, -1]
    assert [quarter for quarter, _ in seen(site, "old", "back")] == [0, 0, 1, 1]


def test_sums_and_filters_reach_no_other_days(site: Provision) -> None:
    """What is summed of a home is of the asker's days, and a filter by the other's name finds nothing."""
    sums = Definition(
        name="sums",
        aggregation=Aggregation(by=("usage_point",), measures=(Measure(function="sum", column="value", name="sum"),)),
        filters=(Filter(column="meter", test="==", value="home"),),
    )
    assert site.ask("old", sums, {}, Page()).table["sum"].to_pylist() == [-3.0]
    assert site.ask("new", sums, {}, Page()).table["sum"].to_pylist() == [1.0]
    others = Definition(
        name="others", attributes=("begin",), filters=(Filter(column="aggregator", test="==", value="new"),)
    )
    assert site.ask("old", others, {}, Page()).table.num_rows == 0


def test_a_correction_that_comes_later_is_the_old_ones(tmp_path: Path) -> None:
    """A new revision of a day before the change is seen by who had the home on that day, and by the new one not at all."""
    access = AccessControl.open(tmp_path / "data", book(), lambda: NOW)
    first = table().drop_columns(["revision"])
    mended = first.slice(0, 1).set_column(5, "value", pa.array([777.0]))
    with ReadingsTable(tmp_path / "readings") as kept:
        kept.append(ReadingBatch(first), "test", 1)
        kept.append(ReadingBatch(mended), "test", 2)
    relation = ReadingsRelation(tmp_path / "readings", access.book.usage_points)
    site = Provision(access, {"readings": relation}, Engine(access.key), RateLimit())
    values = Definition(name="values", attributes=("value",))
    assert 777.0 in site.ask("old", values, {}, Page()).table["value"].to_pylist()
    assert 777.0 not in site.ask("new", values, {}, Page()).table["value"].to_pylist()


def test_a_stream_follows_the_instant_of_each_reading(tmp_path: Path) -> None:
    """Of one block the rows before midnight go to the old one, those from midnight on to the new one."""
    access = AccessControl.open(tmp_path, book(), lambda: NOW)
    block = [
        {
            "usage_point": "home",
            "meter": "home",
            "kind": Kind.POWER.value,
            "value": 1.0,
            "at": at.isoformat(),
            "quality": "GOOD",
        }
        for at in (MIDNIGHT - QUARTER, MIDNIGHT, MIDNIGHT + QUARTER)
    ]
    told = {
        who: [
            datetime.fromisoformat(str(row["at"]))
            for row in StreamSight(access, who, "readings", "operation").rows(block)
        ]
        for who in ("old", "new")
    }
    assert told == {"old": [MIDNIGHT - QUARTER], "new": [MIDNIGHT, MIDNIGHT + QUARTER]}


@pytest.mark.parametrize(
    ("first", "last", "finders"),
    [
        (-2, -1, {"old"}), (-2, 0, {"old", "new"}), (0, 1, {"new"}), (-2, 1, {"old", "new"}),
    ],
)  # fmt: skip
def test_a_series_is_found_by_whoever_marketed_its_home_meanwhile(first: int, last: int, finders: set[str]) -> None:
    """Beside them by its owner; by nobody else."""
    groups = set(groups_for(MOVED, device=True, first=MIDNIGHT + first * QUARTER, last=MIDNIGHT + last * QUARTER))
    found = {who for who in ("old", "new", "owner", "someone") if groups & set(groups_of(book().principal(who)))}
    assert found == finders | {"owner"}


def test_a_stream_follows_a_change_that_is_agreed_while_it_is_heard(tmp_path: Path) -> None:
    """The book learns of it, and rows after the instant go to the new one; learned twice it is once."""
    access = AccessControl.open(tmp_path, PrincipalBook((MOVED, STAYED)), lambda: NOW)
    row = {
        "usage_point": "other",
        "meter": "other",
        "kind": Kind.POWER.value,
        "value": 1.0,
        "at": MIDNIGHT.isoformat(),
        "quality": "GOOD",
    }
    old, new = (StreamSight(access, who, "readings", "operation") for who in ("old", "new"))
    assert (len(old.rows([row])), len(new.rows([row]))) == (1, 0)
    for _ in range(2):
        access.book.hand_over("other", Handover(MIDNIGHT, "new"))
    assert (len(old.rows([row])), len(new.rows([row]))) == (0, 1)
    (stayed,) = (point for point in access.book.usage_points if point.usage_point == "other")
    assert stayed.handovers == (Handover(MIDNIGHT, "new"),)
    access.book.hand_over("other", Handover(MIDNIGHT + QUARTER, "third"))
    assert access.book.principal("third").role is Role.AGGREGATOR


def test_times_follow_each_other_without_a_gap() -> None:
    """Every instant has one aggregator; a home that never changes has one for all time."""
    assert STAYED.marketed() == (Marketed("old", None, None),)
    earlier = MIDNIGHT - timedelta(days=1)
    assert BACK.marketed() == (
        Marketed("old", None, earlier),
        Marketed("new", earlier, MIDNIGHT),
        Marketed("old", MIDNIGHT, None),
    )
    moment = timedelta(microseconds=1)
    instants = (MIDNIGHT - moment, MIDNIGHT, MIDNIGHT + moment)
    assert [MOVED.aggregator_at(at) for at in instants] == ["old", "new", "new"]
    assert {book().principal(who).role for who in ("old", "new")} == {Role.AGGREGATOR}


def test_without_a_change_a_query_has_no_condition_of_time(tmp_path: Path) -> None:
    """A district where nobody changes is read as fast as before: the join is by usage point alone."""
    access = AccessControl.open(tmp_path, PrincipalBook([STAYED]), lambda: NOW)
    assert Policies.read().decide(access.book.principal("old"), READINGS, "operation").denied == ""
    import duckdb

    with (
        duckdb.connect() as connection,
        TableRelation(READINGS, readings(), [STAYED]).opened(connection, HOMES) as opened,
    ):
        assert "since" not in opened.text
    with (
        duckdb.connect() as connection,
        TableRelation(READINGS, readings(), [MOVED]).opened(connection, HOMES) as opened,
    ):
        assert "since" in opened.text
